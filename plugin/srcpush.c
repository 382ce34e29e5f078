#include "srcpush.h"

#include "srcwhy.h"

#define GST_CAT_DEFAULT clipmoe_src_debug

#define PATIENCE G_USEC_PER_SEC

struct _SrcPush {
  GstPushSrc parent;
  SrcLane *lane;
  gint silent; /* atomic */
  /* under the object lock */
  char *uri;
  GstClockTime latency;
  /* streaming thread */
  GstCaps *caps;
  GstClockTime until; /* running time of what has come, pictures and gaps; valid once there was a picture */
};

G_DEFINE_TYPE (SrcPush, src_push, GST_TYPE_PUSH_SRC)

static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

static gboolean
unlock (GstBaseSrc *base) {
  src_lane_set_flushing (SRC_PUSH (base)->lane, TRUE);
  return TRUE;
}

static gboolean
unlock_stop (GstBaseSrc *base) {
  src_lane_set_flushing (SRC_PUSH (base)->lane, FALSE);
  return TRUE;
}

static gboolean
start (GstBaseSrc *base) {
  return unlock_stop (base);
}

static gboolean
stop (GstBaseSrc *base) {
  gst_clear_caps (&SRC_PUSH (base)->caps);
  SRC_PUSH (base)->until = GST_CLOCK_TIME_NONE;
  return unlock (base);
}

/* What the camera sends is what comes: caps are set with the first buffer. */
static gboolean
negotiate (GstBaseSrc *base) {
  return TRUE;
}

/* Who waits for what a picture does not bring learns that the time has passed without one. */
static void
push_gap (SrcPush *self) {
  GstClockTime now = gst_element_get_current_running_time (GST_ELEMENT (self)), from = self->until;
  if (!g_atomic_int_get (&self->silent) || !GST_CLOCK_TIME_IS_VALID (from) ||
      !GST_CLOCK_TIME_IS_VALID (now) || now <= from)
    return;
  self->until = now;
  gst_pad_push_event (GST_BASE_SRC_PAD (self), gst_event_new_gap (from, now - from));
}

/* @buffer has the times of the segment, which are running times. */
static void
note_time (SrcPush *self, const GstBuffer *buffer) {
  GstClockTime time = GST_BUFFER_PTS (buffer);
  if (GST_CLOCK_TIME_IS_VALID (time))
    self->until = time + (GST_BUFFER_DURATION_IS_VALID (buffer) ? GST_BUFFER_DURATION (buffer) : 0);
}

static GstFlowReturn
create (GstPushSrc *push, GstBuffer **buffer) {
  SrcPush *self = SRC_PUSH (push);
  GstCaps *caps = NULL;
  SrcLanePop popped;
  while ((popped = src_lane_pop (self->lane, PATIENCE, buffer, &caps)) == SRC_LANE_NOTHING)
    push_gap (self);
  if (popped != SRC_LANE_BUFFER)
    return popped == SRC_LANE_ENDED ? GST_FLOW_EOS : GST_FLOW_FLUSHING;
  gboolean ok = TRUE;
  if (!self->caps || !gst_caps_is_equal (self->caps, caps)) {
    GST_INFO_OBJECT (self, "what comes is %" GST_PTR_FORMAT, caps);
    gst_caps_replace (&self->caps, caps);
    ok = gst_base_src_set_caps (GST_BASE_SRC (self), caps);
  }
  gst_caps_unref (caps);
  if (ok) {
    note_time (self, *buffer);
    return GST_FLOW_OK;
  }
  gst_clear_buffer (buffer);
  return GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (self)) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
}

static gboolean
query (GstBaseSrc *base, GstQuery *query) {
  SrcPush *self = SRC_PUSH (base);
  gboolean ours = TRUE;
  GST_OBJECT_LOCK (self);
  if (GST_QUERY_TYPE (query) == GST_QUERY_URI && self->uri)
    gst_query_set_uri (query, self->uri);
  else if (GST_QUERY_TYPE (query) == GST_QUERY_LATENCY)
    gst_query_set_latency (query, TRUE, self->latency, GST_CLOCK_TIME_NONE);
  else
    ours = FALSE;
  GST_OBJECT_UNLOCK (self);
  return ours || GST_BASE_SRC_CLASS (src_push_parent_class)->query (base, query);
}

GstElement *
src_push_new (const char *name, SrcLane *lane) {
  SrcPush *self = g_object_new (SRC_TYPE_PUSH, "name", name, NULL);
  self->lane = src_lane_ref (lane);
  return GST_ELEMENT (self);
}

void
src_push_set_silent (SrcPush *self, gboolean silent) {
  g_atomic_int_set (&self->silent, silent);
}

void
src_push_set_answers (SrcPush *self, const char *uri, GstClockTime latency) {
  GST_OBJECT_LOCK (self);
  g_free (self->uri);
  self->uri = g_strdup (uri);
  self->latency = latency;
  GST_OBJECT_UNLOCK (self);
}

static void
finalize (GObject *object) {
  SrcPush *self = SRC_PUSH (object);
  g_free (self->uri);
  src_lane_unref (self->lane);
  G_OBJECT_CLASS (src_push_parent_class)->finalize (object);
}

static void
src_push_init (SrcPush *self) {
  gst_base_src_set_live (GST_BASE_SRC (self), TRUE);
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_TIME);
  self->until = GST_CLOCK_TIME_NONE;
}

static void
src_push_class_init (SrcPushClass *klass) {
  GstBaseSrcClass *base = GST_BASE_SRC_CLASS (klass);
  G_OBJECT_CLASS (klass)->finalize = finalize;
  gst_element_class_set_static_metadata (GST_ELEMENT_CLASS (klass), "Camera's output", "Source/Video",
                                         "Part of clipmoesrc", "The clipmoe authors");
  gst_element_class_add_static_pad_template (GST_ELEMENT_CLASS (klass), &src_template);
  base->start = start;
  base->stop = stop;
  base->unlock = unlock;
  base->unlock_stop = unlock_stop;
  base->negotiate = negotiate;
  base->query = query;
  GST_PUSH_SRC_CLASS (klass)->create = create;
}
