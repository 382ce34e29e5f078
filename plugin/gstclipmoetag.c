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

#include <base/plain.h>
#include "clipmoemeta.h"
#include "tagidentity.h"
#include "tagschedule.h"
#include "tagsession.h"
#include "tagsettings.h"
#include "tagsource.h"
#include "tagstats.h"
#include "tagworker.h"

GST_DEBUG_CATEGORY_STATIC (clipmoe_tag_debug);
#define GST_CAT_DEFAULT clipmoe_tag_debug

/* A pipeline that is always late still gets a look now and then. */
#define MOST_SKIPS 9

struct _GstClipmoeTag {
  GstBaseTransform parent;

  /* under the object lock */
  TagSettings settings;
  TagStats stats;
  char *model_id, *tier, *precision, *reason; /* of the open model, for stats */
  TagMode running_mode;                       /* what auto came to; auto = not known yet */
  GstClockTime earliest;                      /* running time: what comes before is late already (QoS) */
  gdouble proportion;
  char *uri; /* what upstream calls the stream */
  TagIdentity identity;
  TagLook *last; /* the newest that post_look() heard of */

  /* streaming thread, from start to stop */
  GstVideoInfo info;
  TagSession open;
  GstVideoOrientationMethod tag_orientation; /* what the stream's tag says */
  TagLook *look;                             /* that frames carry */
  char *stream_id;
  guint group;
  gboolean live, asked_uri, new_segment;
  TagSchedule schedule; /* on the clock of stream_clock() */
  guint generation, skips;
  gint failed; /* atomic: the worker met an error and posted it */

  GMutex worker_lock; /* guards the pointer: flushes come from other threads */
  TagWorker *worker;
};

G_DEFINE_TYPE (GstClipmoeTag, gst_clipmoe_tag, GST_TYPE_BASE_TRANSFORM)

#define FORMATS                                                                                              \
  "{ NV12, NV21, I420, YV12, Y42B, Y444, YUY2, UYVY, P010_10LE, I420_10LE, I422_10LE, Y444_10LE, RGB, BGR, " \
  "RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, ARGB, ABGR, GRAY8 }"

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (FORMATS)));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (FORMATS)));

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
  static const char *const modes[] = {"auto", "sync", "latest"};
  gboolean known = TRUE;
  GST_OBJECT_LOCK (self);
  if (id == TAG_PROP_STATS)
    g_value_take_boxed (value, tag_stats_describe (&self->stats, modes[self->running_mode], self->tier,
                                                   self->precision, self->reason, self->model_id));
  else
    known = tag_settings_get (&self->settings, id, value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

/* The message of @error, fit for a bus: it may quote what a file holds, and what listens there may be a
 * terminal. Frees
 * @error. */
static char *
bus_text (GError *error) {
  char *text = clipmoe_plain (error->message, -1);
  g_error_free (error);
  return text;
}

static void
post_progress (GstClipmoeTag *self, GstProgressType type, const char *text) {
  gst_element_post_message (GST_ELEMENT (self),
                            gst_message_new_progress (GST_OBJECT (self), type, "open-model", text));
}

/* What no file says of the model, in one message: whoever runs it should know. */
static void
post_assumed (GstClipmoeTag *self, const ClipmoeModelInfo *info) {
  char *line = clipmoe_model_info_describe_assumed (info);
  if (line)
    GST_ELEMENT_INFO (self, LIBRARY, SETTINGS, ("%s", line), (NULL));
  g_free (line);
}

/* The stream jumped: nothing of what was seen before says anything of what comes. */
static void
forget_looks (GstClipmoeTag *self) {
  self->generation++;
  self->schedule = (TagSchedule){0};
  self->skips = 0;
  g_clear_pointer (&self->look, tag_look_unref);
  if (self->worker)
    tag_worker_drop (self->worker);
  GST_OBJECT_LOCK (self);
  self->earliest = GST_CLOCK_TIME_NONE;
  tag_identity_jump (&self->identity);
  GST_OBJECT_UNLOCK (self);
}

static void
reset_stream (GstClipmoeTag *self) {
  forget_looks (self);
  self->tag_orientation = GST_VIDEO_ORIENTATION_IDENTITY;
  self->asked_uri = self->live = FALSE;
  GST_OBJECT_LOCK (self);
  self->running_mode = TAG_MODE_AUTO;
  g_clear_pointer (&self->uri, g_free);
  g_clear_pointer (&self->last, tag_look_unref);
  GST_OBJECT_UNLOCK (self);
}

static void
stop_worker (GstClipmoeTag *self) {
  g_mutex_lock (&self->worker_lock);
  TagWorker *worker = g_steal_pointer (&self->worker);
  g_mutex_unlock (&self->worker_lock);
  tag_worker_free (worker);
}

static gboolean
gst_clipmoe_tag_stop (GstBaseTransform *base) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  stop_worker (self);
  reset_stream (self);
  tag_session_close (&self->open);
  g_clear_pointer (&self->stream_id, g_free);
  return TRUE;
}

static void
set_labels (GstClipmoeTag *self, ClipmoeLabels *labels) {
  tag_session_set_labels (&self->open, labels);
  guint cut = clipmoe_labels_get_n_truncated (labels);
  if (cut)
    GST_ELEMENT_WARNING (
        self, LIBRARY, SETTINGS,
        ("%u of the labels' prompts are longer than the model's context of %u tokens and were cut", cut,
         tag_engine_get_info (self->open.engine)->context),
        (NULL));
}

static gboolean
open_model (GstClipmoeTag *self, GError **error) {
  GST_OBJECT_LOCK (self);
  TagSettings settings = self->settings;
  settings.model = g_strdup (settings.model);
  settings.vocab = g_strdup (settings.vocab);
  settings.source = NULL;
  tag_texts_copy (&settings.texts, &self->settings.texts);
  self->settings.texts_changed = FALSE;
  tag_stats_reset (&self->stats);
  GST_OBJECT_UNLOCK (self);

  gboolean ok = tag_session_open (&self->open, &settings, error);
  if (ok) {
    const ClipmoeEncoder *encoder = tag_engine_get_encoder (self->open.engine);
    GstClockTime took = 0;
    GST_OBJECT_LOCK (self);
    g_free (self->model_id);
    g_free (self->tier);
    g_free (self->precision);
    g_free (self->reason);
    self->model_id = g_strdup (tag_engine_get_info (self->open.engine)->id);
    self->tier = g_strdup (clipmoe_encoder_get_tier (encoder));
    self->precision = g_strdup (clipmoe_encoder_get_precision (encoder));
    self->reason = g_strdup (clipmoe_encoder_get_precision_reason (encoder));
    GST_OBJECT_UNLOCK (self);
    post_assumed (self, tag_engine_get_info (self->open.engine));
    post_progress (self, GST_PROGRESS_TYPE_CONTINUE, "Making the labels' vectors");
    ClipmoeLabels *labels = tag_labels_make (self->open.engine, &settings.texts, error);
    if (labels)
      set_labels (self, labels);
    ok = labels && (settings.mode == TAG_MODE_LATEST || tag_session_warm_up (&self->open, &took, error));
    GST_OBJECT_LOCK (self);
    self->stats.latency = took;
    GST_OBJECT_UNLOCK (self);
  }
  tag_settings_clear (&settings);
  return ok;
}

static gboolean
gst_clipmoe_tag_start (GstBaseTransform *base) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  GError *error = NULL;
  reset_stream (self);
  g_atomic_int_set (&self->failed, FALSE);
  post_progress (self, GST_PROGRESS_TYPE_START, "Opening the model");
  if (open_model (self, &error)) {
    post_progress (self, GST_PROGRESS_TYPE_COMPLETE, "The model is open");
    return TRUE;
  }
  gboolean io = g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  char *text = bus_text (error);
  post_progress (self, GST_PROGRESS_TYPE_ERROR, text);
  if (io)
    GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ, ("%s", text), (NULL));
  else
    GST_ELEMENT_ERROR (self, LIBRARY, SETTINGS, ("%s", text), (NULL));
  g_free (text);
  gst_clipmoe_tag_stop (base);
  return FALSE;
}

/* With the object lock held; borrows all of it. */
static ClipmoeLook
describe_look (GstClipmoeTag *self, const TagLook *found) {
  const char *source = self->settings.source ? self->settings.source : self->uri;
  return tag_identity_describe (&self->identity, found, source, self->model_id,
                                self->settings.attach_embedding);
}

/* The look as a message on the bus, if the settings ask for it; from the streaming thread or the worker. */
static void
post_look (GstClipmoeTag *self, TagLook *found) {
  GstStructure *message = NULL;
  GST_OBJECT_LOCK (self);
  TagPost post = self->settings.post;
  if (post == TAG_POST_ALL ||
      (post == TAG_POST_CHANGES && (!self->last || !tag_look_same_labels (found, self->last)))) {
    ClipmoeLook look = describe_look (self, found);
    look.fresh = TRUE;
    message = clipmoe_look_to_message (&look, &found->frame);
  }
  tag_look_unref (self->last);
  self->last = tag_look_ref (found);
  GST_OBJECT_UNLOCK (self);
  if (message)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self), message));
}

/* Looks that no buffer carries go down by themselves. */
static void
send_looks (GstClipmoeTag *self, GList *looks) {
  for (GList *l = looks; l; l = l->next) {
    GST_OBJECT_LOCK (self);
    ClipmoeLook look = describe_look (self, l->data);
    look.fresh = TRUE;
    GstStructure *s = clipmoe_look_to_structure (CLIPMOE_LOOK_EVENT, &look);
    self->identity.carried = MAX (self->identity.carried, look.sequence);
    GST_OBJECT_UNLOCK (self);
    gst_pad_push_event (GST_BASE_TRANSFORM_SRC_PAD (self),
                        gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM, s));
  }
  g_list_free_full (looks, (GDestroyNotify)tag_look_unref);
}

/* At the end, and before another stream: of those that finished nobody else will take any along. */
static void
send_last_looks (GstClipmoeTag *self) {
  GST_OBJECT_LOCK (self);
  GList *missed = tag_identity_take_missed (&self->identity, G_MAXUINT64);
  GST_OBJECT_UNLOCK (self);
  send_looks (self, missed);
}

/* What is known of a frame that will be looked at. */
static void
describe_frame (GstClipmoeTag *self, GstBuffer *buffer, TagJob *job) {
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  job->at = tag_source_utc (GST_ELEMENT (self), buffer, segment, self->live);
  job->frame.timestamp = GST_BUFFER_PTS (buffer);
  job->frame.duration = GST_BUFFER_DURATION (buffer);
  job->frame.running_time =
      segment->format == GST_FORMAT_TIME
          ? gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer))
          : GST_CLOCK_TIME_NONE;
  job->looks = &self->identity.looks;
}

static gboolean
gst_clipmoe_tag_set_caps (GstBaseTransform *base, GstCaps *in, GstCaps *out) {
  /* A look in flight owns its pixels and its time, so it may finish whatever comes next. */
  return gst_video_info_from_caps (&GST_CLIPMOE_TAG (base)->info, in);
}

static gboolean
gst_clipmoe_tag_sink_event (GstBaseTransform *base, GstEvent *event) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  const char *id;
  guint group = 0;
  GstTagList *tags;
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START: /* not on the streaming thread, which may be waiting for the worker */
    g_mutex_lock (&self->worker_lock);
    if (self->worker)
      tag_worker_interrupt (self->worker, TRUE);
    g_mutex_unlock (&self->worker_lock);
    break;
  case GST_EVENT_FLUSH_STOP:
    forget_looks (self);
    if (self->worker)
      tag_worker_interrupt (self->worker, FALSE);
    break;
  case GST_EVENT_SEGMENT:
    self->new_segment = TRUE;
    break;
  case GST_EVENT_STREAM_START: /* one file after another: the last look of the first is its own */
    gst_event_parse_stream_start (event, &id);
    gst_event_parse_group_id (event, &group); /* one file played twice has one id, and two groups */
    self->asked_uri = FALSE;
    if (g_strcmp0 (id, self->stream_id) != 0 || group != self->group) {
      if (self->worker)
        tag_worker_drain (self->worker);
      send_last_looks (self);
      reset_stream (self);
      g_free (self->stream_id);
      self->stream_id = g_strdup (id);
      self->group = group;
    }
    break;
  case GST_EVENT_EOS:
    if (self->worker)
      tag_worker_drain (self->worker);
    send_last_looks (self);
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
    TagMode mode = self->settings.mode;
    GstClockTime own = self->stats.latency;
    GST_OBJECT_UNLOCK (self);
    if (mode == TAG_MODE_SYNC || (mode == TAG_MODE_AUTO && !live))
      gst_query_set_latency (query, live, low + own, GST_CLOCK_TIME_IS_VALID (high) ? high + own : high);
  }
  return TRUE;
}

static gboolean
gst_clipmoe_tag_propose_allocation (GstBaseTransform *base, GstQuery *decide, GstQuery *query) {
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  gst_query_add_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, NULL);
  return GST_BASE_TRANSFORM_CLASS (gst_clipmoe_tag_parent_class)->propose_allocation (base, decide, query);
}

/* From the worker. */
static void
worker_finished (gpointer data, TagLook *look, gint64 microseconds, const GError *error) {
  GstClipmoeTag *self = data;
  if (!look) {
    g_atomic_int_set (&self->failed, TRUE);
    GST_ELEMENT_ERROR (self, LIBRARY, FAILED, ("%s", error->message), (NULL));
    return;
  }
  GST_OBJECT_LOCK (self);
  tag_stats_add_look (&self->stats, microseconds);
  tag_identity_finished (&self->identity, look);
  GST_OBJECT_UNLOCK (self);
  post_look (self, look);
}

/* What this stream is: asked once, at its first frame, when upstream can answer. */
static gboolean
settle_mode (GstClipmoeTag *self, TagMode *mode, GError **error) {
  GstPad *sink = GST_BASE_TRANSFORM_SINK_PAD (self);
  GST_OBJECT_LOCK (self);
  *mode = self->running_mode;
  GST_OBJECT_UNLOCK (self);
  if (*mode == TAG_MODE_AUTO) {
    GstQuery *query = gst_query_new_latency ();
    if (gst_pad_peer_query (sink, query))
      gst_query_parse_latency (query, &self->live, NULL, NULL);
    gst_query_unref (query);
    GST_OBJECT_LOCK (self);
    *mode = self->settings.mode;
    if (*mode == TAG_MODE_AUTO)
      *mode = self->live ? TAG_MODE_LATEST : TAG_MODE_SYNC;
    self->running_mode = *mode;
    GST_OBJECT_UNLOCK (self);
    if (*mode == TAG_MODE_SYNC)
      stop_worker (self);
  }
  if (*mode == TAG_MODE_LATEST && !self->worker) {
    gsize side = tag_engine_get_info (self->open.engine)->image_size;
    TagWorker *worker = tag_worker_new (self->open.looker, 3 * side * side, worker_finished, self, error);
    g_mutex_lock (&self->worker_lock);
    self->worker = worker;
    g_mutex_unlock (&self->worker_lock);
    if (!worker)
      return FALSE;
  }
  if (!self->asked_uri) {
    char *uri = tag_source_uri (sink), *path = tag_identity_find_path (GST_ELEMENT (self));
    self->asked_uri = TRUE;
    GST_INFO_OBJECT (self, "the stream is %s", uri ? uri : path);
    GST_OBJECT_LOCK (self);
    tag_identity_place (&self->identity, path);
    g_free (self->uri);
    self->uri = uri;
    GST_OBJECT_UNLOCK (self);
  }
  return TRUE;
}

/* Labels that the helper has finished are swapped in; changed settings are handed to it. */
static void
follow_texts (GstClipmoeTag *self) {
  TagTexts texts;
  GError *error = NULL;
  GST_OBJECT_LOCK (self);
  gboolean changed = self->settings.texts_changed;
  self->settings.texts_changed = FALSE;
  if (changed)
    tag_texts_copy (&texts, &self->settings.texts);
  GST_OBJECT_UNLOCK (self);
  if (changed) {
    tag_label_maker_request (self->open.maker, &texts);
    tag_texts_clear (&texts);
  }
  ClipmoeLabels *labels = tag_label_maker_take (self->open.maker, &error);
  if (labels) {
    set_labels (self, labels);
    self->schedule = (TagSchedule){0}; /* who asks for other labels waits for them */
  }
  if (error) {
    char *text = bus_text (error);
    GST_ELEMENT_WARNING (self, LIBRARY, SETTINGS, ("%s", text), ("the labels before it stay"));
    g_free (text);
  }
}

/* A clock that rises with the frames, in either direction of play. */
static gint64
stream_clock (GstClipmoeTag *self, GstClockTime time) {
  return GST_BASE_TRANSFORM (self)->segment.rate < 0 ? -(gint64)time : (gint64)time;
}

/* A frame that comes too late is shown without waiting for a look: QoS skips looks, never frames. */
static gboolean
late (GstClipmoeTag *self, GstBuffer *buffer, GstClockTime time) {
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GstClockTime running = gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  GST_OBJECT_LOCK (self);
  GstClockTime earliest = self->earliest;
  double proportion = self->proportion;
  gboolean skip = GST_CLOCK_TIME_IS_VALID (running) && GST_CLOCK_TIME_IS_VALID (earliest) &&
                  running <= earliest && self->skips < MOST_SKIPS;
  self->stats.skipped += skip;
  guint64 looks = self->stats.looks, skipped = self->stats.skipped;
  GST_OBJECT_UNLOCK (self);
  self->skips = skip ? self->skips + 1 : 0;
  if (skip) {
    GstMessage *m = gst_message_new_qos (GST_OBJECT (self), self->live, running, time,
                                         GST_BUFFER_PTS (buffer), GST_BUFFER_DURATION (buffer));
    gst_message_set_qos_values (m, (gint64)(earliest - running), proportion, 1000000);
    gst_message_set_qos_stats (m, GST_FORMAT_BUFFERS, looks, skipped);
    gst_element_post_message (GST_ELEMENT (self), m);
  }
  return skip;
}

static gboolean
look_now (GstClipmoeTag *self, const TagJob *job, gint64 begin, GError **error) {
  TagLook *look = tag_looker_look (self->open.looker, self->open.pixels, job, error);
  if (!look)
    return FALSE;
  tag_look_unref (self->look);
  self->look = look;
  GST_OBJECT_LOCK (self);
  tag_stats_add_look (&self->stats, g_get_monotonic_time () - begin);
  gboolean grew = tag_stats_latency_grew (&self->stats);
  GST_OBJECT_UNLOCK (self);
  if (grew)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
  post_look (self, look);
  return TRUE;
}

static void
attach (GstClipmoeTag *self, GstBuffer *buffer, GstClockTime time, gboolean fresh) {
  const TagLook *found = self->look;
  GST_OBJECT_LOCK (
      self); /* to the end: the source may be set meanwhile, and a copy would cost an allocation */
  GList *missed =
      tag_identity_take_missed (&self->identity, found->sequence); /* two finished since the last one */
  ClipmoeLook look = describe_look (self, found);
  look.age = time > found->time ? time - found->time : found->time - time;
  look.fresh = fresh || found->sequence != self->identity.carried; /* its first buffer */
  self->identity.carried = found->sequence;
  clipmoe_meta_append (buffer, &look);
  GST_OBJECT_UNLOCK (self);
  send_looks (self, missed);
}

static GstFlowReturn
gst_clipmoe_tag_transform_ip (GstBaseTransform *base, GstBuffer *buffer) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  GError *error = NULL;
  TagMode mode;
  if (g_atomic_int_get (&self->failed))
    return GST_FLOW_ERROR;
  GstClockTime time = gst_segment_to_stream_time (&base->segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  if (!GST_CLOCK_TIME_IS_VALID (time))
    time = self->look ? self->look->time : 0;
  gint64 now = stream_clock (self, time), begin = g_get_monotonic_time ();
  if (self->new_segment && self->look && now < stream_clock (self, self->look->time))
    forget_looks (self); /* a jump back without a flush */
  self->new_segment = FALSE;
  follow_texts (self);
  GST_OBJECT_LOCK (self);
  TagJob job = {.time = time,
                .generation = self->generation,
                .labels = self->open.labels,
                .rules = self->settings.rules};
  ClipmoeGeometry geometry = self->settings.geometry;
  GstVideoOrientationMethod direction = self->settings.direction;
  if (direction == GST_VIDEO_ORIENTATION_AUTO)
    direction = self->tag_orientation;
  double rate = self->settings.rate;
  guint interval = self->settings.interval;
  self->stats.frames++;
  GST_OBJECT_UNLOCK (self);

  gboolean ok = settle_mode (self, &mode, &error), fresh = FALSE;
  if (ok && !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP) &&
      tag_schedule_due (&self->schedule, now, rate, interval) && !late (self, buffer, time)) {
    float *pixels = mode == TAG_MODE_LATEST ? tag_worker_get_pixels (self->worker) : self->open.pixels;
    describe_frame (self, buffer, &job);
    ok = tag_session_preprocess (&self->open, buffer, &self->info, geometry, direction, pixels, &error);
    if (ok && mode == TAG_MODE_SYNC) {
      ok = fresh = look_now (self, &job, begin, &error);
    } else if (ok && tag_worker_submit (self->worker, &job)) {
      GST_OBJECT_LOCK (self);
      self->stats.skipped++;
      GST_OBJECT_UNLOCK (self);
    }
  }
  if (!ok) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", error->message), (NULL));
    g_error_free (error);
    return GST_FLOW_ERROR;
  }
  TagLook *newest = mode == TAG_MODE_LATEST ? tag_worker_get_newest (self->worker, self->generation) : NULL;
  if (newest) {
    tag_look_unref (self->look);
    self->look = newest;
  }
  if (self->look)
    attach (self, buffer, time, fresh);
  return GST_FLOW_OK;
}

static void
gst_clipmoe_tag_finalize (GObject *object) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (object);
  tag_settings_clear (&self->settings);
  tag_identity_clear (&self->identity);
  g_free (self->model_id);
  g_free (self->tier);
  g_free (self->precision);
  g_free (self->reason);
  g_mutex_clear (&self->worker_lock);
  G_OBJECT_CLASS (gst_clipmoe_tag_parent_class)->finalize (object);
}

static void
gst_clipmoe_tag_init (GstClipmoeTag *self) {
  tag_settings_init (&self->settings);
  tag_identity_init (&self->identity);
  g_mutex_init (&self->worker_lock);
  self->earliest = GST_CLOCK_TIME_NONE;
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
          "frames, looks, skipped (late, or replaced by a newer frame), ms-per-look (median) and "
          "ms-per-look-p95 of the last 256 looks, mode, tier, precision, precision-reason, model",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  gst_element_class_set_static_metadata (element, "CLIP video tagger", "Filter/Analyzer/Video",
                                         "Says in words of your own what a video shows (CLIP, CLIP-MoE)",
                                         "The clipmoe authors");
  gst_element_class_add_static_pad_template (element, &sink_template);
  gst_element_class_add_static_pad_template (element, &src_template);
  base->start = gst_clipmoe_tag_start;
  base->stop = gst_clipmoe_tag_stop;
  base->set_caps = gst_clipmoe_tag_set_caps;
  base->sink_event = gst_clipmoe_tag_sink_event;
  base->src_event = gst_clipmoe_tag_src_event;
  base->query = gst_clipmoe_tag_query;
  base->propose_allocation = gst_clipmoe_tag_propose_allocation;
  base->transform_ip = gst_clipmoe_tag_transform_ip;
}
