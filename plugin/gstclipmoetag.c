/**
 * SECTION:element-clipmoetag
 * @title: clipmoetag
 *
 * Looks at video with CLIP or CLIP-MoE and attaches what it sees, in words of your own, to the buffers as the
 * custom meta `ClipmoeTags`. The pixels pass untouched.
 *
 * ## Example
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=30 ! clipmoetag labels="dog,test card" post-messages=all !
 * fakesink
 * ]|
 */
#include "gstclipmoetag.h"

#include "clipmoeframe.h"
#include "clipmoemeta.h"
#include "tagcontrol.h"
#include "tagframe.h"
#include "tagmodel.h"
#include "tagopen.h"
#include "tagreport.h"
#include "tagstats.h"
#include "tagstill.h"
#include "tagstream.h"

#define GST_CAT_DEFAULT clipmoe_tag_debug

G_DEFINE_TYPE (GstClipmoeTag, gst_clipmoe_tag, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (clipmoetag, "clipmoetag", GST_RANK_NONE, GST_TYPE_CLIPMOE_TAG,
                                       clipmoe_meta_register ())

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (CLIPMOE_FRAME_FORMATS)));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (CLIPMOE_FRAME_FORMATS)));

static void
gst_clipmoe_tag_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (object);
  GST_OBJECT_LOCK (self);
  gboolean known = tag_settings_set (&self->settings, id, value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
gst_clipmoe_tag_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (object);
  TagSession *open = id == TAG_PROP_STATS || id == TAG_PROP_ENGINE_STATS ? tag_open_get (self) : NULL;
  TagStatsEngine engine = {0};
  gboolean known = TRUE;
  if (open) {
    tag_model_describe (self, open, FALSE);
    clipmoe_mailbox_get_stats (open->mailbox, &engine.waiting_ms, &engine.waiting_ms_p95, &engine.share);
    clipmoe_engine_get_stats (open->engine, &engine.runs, &engine.pictures, &engine.waiting, &engine.streams,
                              &engine.batch);
  }
  tag_session_unref (open);
  GST_OBJECT_LOCK (self);
  if (id == TAG_PROP_STATS) {
    TagStatsWords words = {.mode = tag_mode_name (self->running_mode),
                           .clock = tag_clock_source_name (self->clock_source),
                           .tier = self->tier,
                           .precision = self->precision,
                           .reason = self->reason,
                           .model = self->model_id};
    g_value_take_boxed (value, tag_stats_describe (&self->stats, &words, &engine));
  } else if (id == TAG_PROP_ENGINE_STATS) {
    g_value_take_boxed (value, tag_stats_describe_engine (&engine));
  } else {
    known = tag_settings_get (&self->settings, id, value);
  }
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

/* Whether looks are waited for. */
static void
set_flushing (GstClipmoeTag *self, gboolean flushing) {
  TagSession *open = tag_open_get (self);
  if (open)
    clipmoe_mailbox_set_flushing (open->mailbox, flushing);
  tag_session_unref (open);
}

/* Waits for the looks that were handed over. */
static void
drain (GstClipmoeTag *self) {
  TagSession *open = tag_open_get (self);
  if (open)
    clipmoe_mailbox_drain (open->mailbox);
  tag_session_unref (open);
}

/* The model is open before a pad is active, and until none is: no buffer and no event meets half an element.
 * The base class's start() would be too late, since a pad takes data while it is being activated. */
static GstStateChangeReturn
gst_clipmoe_tag_change_state (GstElement *element, GstStateChange transition) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (element);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !tag_model_open (self))
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) /* the streaming thread must come out of a wait */
    set_flushing (self, TRUE);
  GstStateChangeReturn changed =
      GST_ELEMENT_CLASS (gst_clipmoe_tag_parent_class)->change_state (element, transition);
  gboolean failed = changed == GST_STATE_CHANGE_FAILURE;
  if ((transition == GST_STATE_CHANGE_READY_TO_PAUSED && failed) ||
      (transition == GST_STATE_CHANGE_PAUSED_TO_READY && !failed))
    tag_model_close (self);
  else if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    set_flushing (self, FALSE);
  return changed;
}

static gboolean
gst_clipmoe_tag_set_caps (GstBaseTransform *base, GstCaps *in, GstCaps *out) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  GST_OBJECT_LOCK (self);
  tag_trouble_new_caps (&self->trouble);
  GST_OBJECT_UNLOCK (self);
  tag_still_forget (self);
  /* A look in flight owns its pixels and its time, so it may finish whatever comes next. */
  return gst_video_info_from_caps (&self->info, in);
}

static gboolean
gst_clipmoe_tag_sink_event (GstBaseTransform *base, GstEvent *event) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  const GstSegment *segment;
  const char *id;
  guint group = 0;
  gboolean same;
  GstTagList *tags;
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START: /* not on the streaming thread, which may be waiting for a look */
    set_flushing (self, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    tag_stream_jump (self);
    tag_clock_restart (&self->clock);
    set_flushing (self, FALSE);
    break;
  case GST_EVENT_SEGMENT:
    gst_event_parse_segment (event, &segment);
    self->new_segment = TRUE;
    /* live demuxers send the same one again, which is no jump */
    if (segment->format == GST_FORMAT_TIME && !gst_segment_is_equal (segment, &base->segment))
      tag_clock_restart (&self->clock);
    break;
  case GST_EVENT_STREAM_START: /* one file after another: the last look of the first is its own */
    gst_event_parse_stream_start (event, &id);
    gst_event_parse_group_id (event, &group); /* one file played twice has one id, and two groups */
    self->asked_uri = FALSE;
    same = g_strcmp0 (id, self->stream_id) == 0;
    if (!same || group != self->group) {
      drain (self);
      tag_report_send_last (self);
      tag_stream_start (self, same);
      tag_report_send_events (self);
      g_free (self->stream_id);
      self->stream_id = g_strdup (id);
      self->group = group;
    }
    break;
  case GST_EVENT_EOS:
    drain (self);
    tag_report_send_last (self);
    tag_stream_end_events (self);
    tag_report_send_events (self);
    tag_report_end (self);
    break;
  case GST_EVENT_GAP:
    tag_stream_gap (self, event);
    break;
  case GST_EVENT_CUSTOM_DOWNSTREAM_OOB: /* any thread */
    event = tag_control_name_camera (self, event);
    break;
  case GST_EVENT_TAG:
    gst_event_parse_tag (event, &tags);
    gst_video_orientation_from_tag (tags, &self->tag_orientation);
    break;
  default:
    break;
  }
  return GST_BASE_TRANSFORM_CLASS (gst_clipmoe_tag_parent_class)->sink_event (base, event);
}

static gboolean
gst_clipmoe_tag_src_event (GstBaseTransform *base, GstEvent *event) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  tag_control_obey (self, event);
  if (GST_EVENT_TYPE (event) == GST_EVENT_QOS) {
    GstQOSType type;
    GstClockTimeDiff diff;
    GstClockTime timestamp;
    gdouble proportion;
    gst_event_parse_qos (event, &type, &proportion, &diff, &timestamp);
    GST_OBJECT_LOCK (self);
    self->proportion = proportion;
    if (type == GST_QOS_TYPE_THROTTLE || !GST_CLOCK_TIME_IS_VALID (timestamp))
      ; /* asks for fewer frames, says nothing of lateness */
    else if (diff > 0)
      self->earliest = timestamp + 2 * (GstClockTime)diff;
    else
      self->earliest = timestamp > (GstClockTime)-diff ? timestamp - (GstClockTime)-diff : 0;
    GST_OBJECT_UNLOCK (self);
  }
  return GST_BASE_TRANSFORM_CLASS (gst_clipmoe_tag_parent_class)->src_event (base, event);
}

static gboolean
gst_clipmoe_tag_query (GstBaseTransform *base, GstPadDirection direction, GstQuery *query) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  if (!GST_BASE_TRANSFORM_CLASS (gst_clipmoe_tag_parent_class)->query (base, direction, query))
    return FALSE;
  if (direction == GST_PAD_SRC && GST_QUERY_TYPE (query) == GST_QUERY_LATENCY) {
    gboolean live;
    GstClockTime low, high;
    gst_query_parse_latency (query, &live, &low, &high);
    GST_OBJECT_LOCK (self);
    TagMode mode = self->running_mode; /* what it does counts, not what it is set to do the next time */
    if (mode == TAG_MODE_AUTO)
      mode = self->settings.mode;
    if (mode == TAG_MODE_AUTO)
      mode = live ? TAG_MODE_LATEST : TAG_MODE_SYNC;
    GstClockTime own = mode == TAG_MODE_SYNC ? self->stats.latency : 0;
    self->asked_latency = TRUE;
    self->told_latency = mode == TAG_MODE_SYNC;
    GST_OBJECT_UNLOCK (self);
    gst_query_set_latency (query, live, low + own, GST_CLOCK_TIME_IS_VALID (high) ? high + own : high);
  }
  return TRUE;
}

/* The buffers pass as they are, so what may be on them is for downstream to say, and for nobody else: a crop
 * that nobody there knows would show another part of the frame. */
static gboolean
gst_clipmoe_tag_propose_allocation (GstBaseTransform *base, GstQuery *decide, GstQuery *query) {
  return gst_pad_peer_query (GST_BASE_TRANSFORM_SRC_PAD (base), query);
}

static GstFlowReturn
gst_clipmoe_tag_transform_ip (GstBaseTransform *base, GstBuffer *buffer) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  TagSession *open = tag_open_get (self);
  if (!open)
    return GST_FLOW_FLUSHING;
  GstFlowReturn flow =
      g_atomic_int_get (&self->failed) ? GST_FLOW_ERROR : tag_frame_pass (self, open, buffer);
  if (!tag_open_is (self, open))
    flow = GST_FLOW_FLUSHING;
  tag_session_unref (open);
  return flow;
}

static void
gst_clipmoe_tag_finalize (GObject *object) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (object);
  tag_model_close (self);
  tag_element_clear (self);
  G_OBJECT_CLASS (gst_clipmoe_tag_parent_class)->finalize (object);
}

static void
gst_clipmoe_tag_init (GstClipmoeTag *self) {
  tag_element_init (self);
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_gap_aware (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self),
                                      FALSE); /* slow tagging must not drop video */
}

static void
gst_clipmoe_tag_class_init (GstClipmoeTagClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS (klass);
  GstElementClass *element = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *base = GST_BASE_TRANSFORM_CLASS (klass);
  GST_DEBUG_CATEGORY_INIT (clipmoe_tag_debug, "clipmoetag", 0, "CLIP tagger");

  object->set_property = gst_clipmoe_tag_set_property;
  object->get_property = gst_clipmoe_tag_get_property;
  object->finalize = gst_clipmoe_tag_finalize;
  tag_settings_install (object);
  g_object_class_install_property (
      object, TAG_PROP_STATS,
      g_param_spec_boxed (
          "stats", "Statistics",
          "frames, looks, skipped (late, or replaced by a newer frame), unusable (frames that could not be "
          "looked "
          "at), corrupted (flagged so, not looked at), still (answered from memory), regions-too-small, "
          "regions-left-out (empty, outside of the frame, too many), ms-per-look (median) and "
          "ms-per-look-p95 of the last "
          "256 "
          "looks, mode, clock (what times are taken from: pts, dts, frame-rate, clock), tier, precision, "
          "precision-reason, model, waiting-ms (median) and waiting-ms-p95: from a picture's being handed to "
          "the "
          "engine until its run begins, batch-share (this stream's part of the pictures that the engine ran "
          "since the stream came to it)",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  g_object_class_install_property (
      object, TAG_PROP_ENGINE_STATS,
      g_param_spec_boxed (
          "engine-stats", "Engine statistics",
          "Of the engine, which several elements may share: runs, pictures, mean-batch (pictures of a run), "
          "waiting (pictures that wait now), streams (elements at it), batch-size (the most pictures of a "
          "run)",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  gst_element_class_set_static_metadata (element, "CLIP video tagger", "Filter/Analyzer/Video",
                                         "Says in words of your own what a video shows (CLIP, CLIP-MoE)",
                                         "The clipmoe authors");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  element->change_state = gst_clipmoe_tag_change_state;
  base->set_caps = gst_clipmoe_tag_set_caps;
  base->sink_event = gst_clipmoe_tag_sink_event;
  base->src_event = gst_clipmoe_tag_src_event;
  base->query = gst_clipmoe_tag_query;
  base->propose_allocation = gst_clipmoe_tag_propose_allocation;
  base->transform_ip = gst_clipmoe_tag_transform_ip;
}
