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
#include "tagclock.h"
#include "tagidentity.h"
#include "tagschedule.h"
#include "tagsession.h"
#include "tagsettings.h"
#include "tagsource.h"
#include "tagstats.h"
#include "tagtrouble.h"
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
  TagTrouble trouble;
  char *trouble_text; /* what the last one was */
  TagSession *open;   /* NULL in READY and below: what comes then is answered with FLUSHING */
  char *model_id, *tier, *precision, *reason; /* of the open model, for stats */
  TagMode running_mode;                       /* what auto came to; auto = not known yet */
  TagClockSource clock_source;                /* what the last frame's time was taken from */
  gboolean asked_latency, told_latency;       /* somebody asked; the answer had ours in it */
  GstClockTime earliest;                      /* running time: what comes before is late already (QoS) */
  gdouble proportion;
  char *uri; /* what upstream calls the stream */
  TagIdentity identity;
  TagLook *last; /* the newest that post_look() heard of */

  /* streaming thread, and state changes while no pad is active */
  GstVideoInfo info;
  GstVideoOrientationMethod tag_orientation; /* what the stream's tag says */
  TagLook *look;                             /* that frames carry */
  char *stream_id;
  guint group;
  gboolean live, asked_uri, new_segment;
  gboolean asked_texts; /* other labels were asked for and are not there yet */
  TagClock clock;
  TagSchedule schedule; /* on tag_clock_rising() */
  guint generation, skips;
  gint failed; /* atomic: there was an error, and it was posted */

  GMutex worker_lock; /* guards the pointer: flushes come from other threads */
  TagWorker *worker;
};

G_DEFINE_TYPE (GstClipmoeTag, gst_clipmoe_tag, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE (clipmoetag, "clipmoetag", GST_RANK_NONE, GST_TYPE_CLIPMOE_TAG,
                                       clipmoe_meta_register ())

static const char *const mode_names[] = {"auto", "sync", "latest"};

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

/* What is open now (transfer full), or NULL. */
static TagSession *
get_session (GstClipmoeTag *self) {
  GST_OBJECT_LOCK (self);
  TagSession *open = self->open ? tag_session_ref (self->open) : NULL;
  GST_OBJECT_UNLOCK (self);
  return open;
}

/* FALSE: a handler of one of our messages has stopped the element in the middle of a frame. */
static gboolean
is_open (GstClipmoeTag *self, const TagSession *open) {
  GST_OBJECT_LOCK (self);
  gboolean is = self->open == open;
  GST_OBJECT_UNLOCK (self);
  return is;
}

static TagWorker *
get_worker (GstClipmoeTag *self) {
  g_mutex_lock (&self->worker_lock);
  TagWorker *worker = self->worker ? tag_worker_ref (self->worker) : NULL;
  g_mutex_unlock (&self->worker_lock);
  return worker;
}

/* What `stats` says of the model; a verdict about the precision may change it while it runs. */
static void
describe_model (GstClipmoeTag *self, TagSession *open, gboolean log) {
  char *tier, *precision, *reason;
  tag_engine_describe (open->engine, &tier, &precision, &reason);
  if (log)
    GST_INFO_OBJECT (self, "model %s, kernels %s, precision %s: %s", tag_engine_get_info (open->engine)->id,
                     tier, precision, reason);
  GST_OBJECT_LOCK (self);
  g_free (self->model_id);
  g_free (self->tier);
  g_free (self->precision);
  g_free (self->reason);
  self->model_id = g_strdup (tag_engine_get_info (open->engine)->id);
  self->tier = tier;
  self->precision = precision;
  self->reason = reason;
  GST_OBJECT_UNLOCK (self);
}

static void
gst_clipmoe_tag_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (object);
  TagSession *open = id == TAG_PROP_STATS ? get_session (self) : NULL;
  gboolean known = TRUE;
  if (open)
    describe_model (self, open, FALSE);
  tag_session_unref (open);
  GST_OBJECT_LOCK (self);
  if (id == TAG_PROP_STATS) {
    TagStatsWords words = {.mode = mode_names[self->running_mode],
                           .clock = tag_clock_source_name (self->clock_source),
                           .tier = self->tier,
                           .precision = self->precision,
                           .reason = self->reason,
                           .model = self->model_id};
    g_value_take_boxed (value, tag_stats_describe (&self->stats, &words));
  } else {
    known = tag_settings_get (&self->settings, id, value);
  }
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
  TagWorker *worker = get_worker (self);
  self->generation++;
  self->schedule = (TagSchedule){0};
  self->skips = 0;
  g_clear_pointer (&self->look, tag_look_unref);
  if (worker)
    tag_worker_drop (worker);
  tag_worker_unref (worker);
  GST_OBJECT_LOCK (self);
  self->earliest = GST_CLOCK_TIME_NONE;
  tag_identity_jump (&self->identity);
  GST_OBJECT_UNLOCK (self);
}

static void
reset_stream (GstClipmoeTag *self) {
  forget_looks (self);
  tag_clock_reset (&self->clock);
  self->tag_orientation = GST_VIDEO_ORIENTATION_IDENTITY;
  self->asked_uri = self->live = FALSE;
  GST_OBJECT_LOCK (self);
  self->running_mode = TAG_MODE_AUTO;
  self->clock_source = TAG_CLOCK_UNKNOWN;
  g_clear_pointer (&self->uri, g_free);
  g_clear_pointer (&self->last, tag_look_unref);
  GST_OBJECT_UNLOCK (self);
}

static void
stop_worker (GstClipmoeTag *self) {
  g_mutex_lock (&self->worker_lock);
  TagWorker *worker = g_steal_pointer (&self->worker);
  g_mutex_unlock (&self->worker_lock);
  tag_worker_stop (worker);
  tag_worker_unref (worker);
}

/* No pad is active any more; but a frame may stand below us on the stack, whose message was answered by a
 * stop. */
static void
close_model (GstClipmoeTag *self) {
  stop_worker (self);
  reset_stream (self);
  GST_OBJECT_LOCK (self);
  TagSession *open = g_steal_pointer (&self->open);
  GST_OBJECT_UNLOCK (self);
  tag_session_unref (open);
  g_clear_pointer (&self->stream_id, g_free);
}

static void
set_labels (GstClipmoeTag *self, TagSession *open, ClipmoeLabels *labels) {
  tag_session_set_labels (open, labels);
  guint cut = clipmoe_labels_get_n_truncated (labels);
  GST_INFO_OBJECT (self, "labels: %u, negatives: %u", clipmoe_labels_get_n (labels),
                   clipmoe_labels_get_n_negatives (labels));
  if (cut)
    GST_ELEMENT_WARNING (
        self, LIBRARY, SETTINGS,
        ("%u of the labels' prompts are longer than the model's context of %u tokens and were cut", cut,
         tag_engine_get_info (open->engine)->context),
        (NULL));
}

static TagSession *
open_session (GstClipmoeTag *self, GError **error) {
  GST_OBJECT_LOCK (self);
  TagSettings settings = self->settings;
  settings.model = g_strdup (settings.model);
  settings.vocab = g_strdup (settings.vocab);
  settings.source = NULL;
  tag_texts_copy (&settings.texts, &self->settings.texts);
  self->settings.texts_changed = FALSE;
  tag_stats_reset (&self->stats);
  self->trouble = (TagTrouble){0};
  self->asked_latency = FALSE;
  GST_OBJECT_UNLOCK (self);

  TagSession *open = tag_session_open (&settings, error);
  if (open) {
    GstClockTime took = 0;
    describe_model (self, open, TRUE);
    post_assumed (self, tag_engine_get_info (open->engine));
    post_progress (self, GST_PROGRESS_TYPE_CONTINUE, "Making the labels' vectors");
    ClipmoeLabels *labels = tag_label_maker_make (open->maker, &settings.texts, error);
    if (labels)
      set_labels (self, open, labels);
    if (!labels || (settings.mode != TAG_MODE_LATEST && !tag_session_warm_up (open, &took, error)))
      g_clear_pointer (&open, tag_session_unref);
    GST_OBJECT_LOCK (self);
    self->stats.latency = took;
    GST_OBJECT_UNLOCK (self);
    GST_INFO_OBJECT (self,
                     "mode %s, rate %g, interval %u, threshold %g, top-k %u, smoothing %g s, hold %g s, "
                     "a look takes %" GST_TIME_FORMAT,
                     mode_names[settings.mode], settings.rate, settings.interval, settings.rules.threshold,
                     settings.rules.top_k, settings.rules.smoothing, settings.rules.hold,
                     GST_TIME_ARGS (took));
  }
  tag_settings_clear (&settings);
  return open;
}

static gboolean
open_model (GstClipmoeTag *self) {
  GError *error = NULL;
  reset_stream (self);
  g_atomic_int_set (&self->failed, FALSE);
  post_progress (self, GST_PROGRESS_TYPE_START, "Opening the model");
  TagSession *open = open_session (self, &error);
  if (open) {
    GST_OBJECT_LOCK (self);
    TagSession *before = self->open; /* a handler of the messages so far may have opened too */
    self->open = open;
    GST_OBJECT_UNLOCK (self);
    tag_session_unref (before);
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

/* The model is open before a pad is active, and until none is: no buffer and no event meets half an element.
 * The base class's start() would be too late, since a pad takes data while it is being activated. */
static GstStateChangeReturn
gst_clipmoe_tag_change_state (GstElement *element, GstStateChange transition) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (element);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !open_model (self))
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) { /* the streaming thread must come out of a wait */
    TagWorker *worker = get_worker (self);
    if (worker)
      tag_worker_interrupt (worker, TRUE);
    tag_worker_unref (worker);
  }
  GstStateChangeReturn changed =
      GST_ELEMENT_CLASS (gst_clipmoe_tag_parent_class)->change_state (element, transition);
  gboolean failed = changed == GST_STATE_CHANGE_FAILURE;
  if ((transition == GST_STATE_CHANGE_READY_TO_PAUSED && failed) ||
      (transition == GST_STATE_CHANGE_PAUSED_TO_READY && !failed))
    close_model (self);
  return changed;
}

/* A stream of few frames may end before it is clear that none of them will do. */
static void
judge_end (GstClipmoeTag *self) {
  GST_OBJECT_LOCK (self);
  char *text = tag_trouble_only (&self->trouble) ? g_strdup (self->trouble_text) : NULL;
  GST_OBJECT_UNLOCK (self);
  if (text && g_atomic_int_compare_and_exchange (&self->failed, FALSE, TRUE))
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", text), ("no frame could be looked at"));
  g_free (text);
}

static gboolean
gst_clipmoe_tag_set_caps (GstBaseTransform *base, GstCaps *in, GstCaps *out) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  GST_OBJECT_LOCK (self);
  tag_trouble_new_caps (&self->trouble);
  GST_OBJECT_UNLOCK (self);
  /* A look in flight owns its pixels and its time, so it may finish whatever comes next. */
  return gst_video_info_from_caps (&self->info, in);
}

static gboolean
gst_clipmoe_tag_sink_event (GstBaseTransform *base, GstEvent *event) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  TagWorker *worker = get_worker (self);
  const GstSegment *segment;
  const char *id;
  guint group = 0;
  GstTagList *tags;
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START: /* not on the streaming thread, which may be waiting for the worker */
    if (worker)
      tag_worker_interrupt (worker, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    forget_looks (self);
    tag_clock_restart (&self->clock);
    if (worker)
      tag_worker_interrupt (worker, FALSE);
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
    if (g_strcmp0 (id, self->stream_id) != 0 || group != self->group) {
      if (worker)
        tag_worker_drain (worker);
      send_last_looks (self);
      reset_stream (self);
      g_free (self->stream_id);
      self->stream_id = g_strdup (id);
      self->group = group;
    }
    break;
  case GST_EVENT_EOS:
    if (worker)
      tag_worker_drain (worker);
    send_last_looks (self);
    judge_end (self);
    break;
  case GST_EVENT_TAG:
    gst_event_parse_tag (event, &tags);
    gst_video_orientation_from_tag (tags, &self->tag_orientation);
    break;
  default:
    break;
  }
  tag_worker_unref (worker);
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

/* A frame or a look that came to nothing. FALSE: so it is from the beginning; an error was posted. Any
 * thread. */
static gboolean
pass_over (GstClipmoeTag *self, TagTroubleKind kind, const GError *error) {
  char *text = clipmoe_plain (error->message, -1);
  GST_OBJECT_LOCK (self);
  TagTroubleAnswer answer = tag_trouble_failed (&self->trouble, kind, g_get_monotonic_time ());
  guint64 n = ++self->stats.unusable;
  GST_OBJECT_UNLOCK (self);
  GST_DEBUG_OBJECT (self, "not looked at: %s", text);
  if (answer == TAG_TROUBLE_GIVE_UP) {
    g_atomic_int_set (&self->failed, TRUE);
    if (kind == TAG_TROUBLE_FRAME)
      GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", text), ("none of the first frames could be looked at"));
    else
      GST_ELEMENT_ERROR (self, LIBRARY, FAILED, ("%s", text),
                         ("none of the first frames could be looked at"));
  } else if (answer == TAG_TROUBLE_WARN) {
    GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("%s; it passes without being looked at", text),
                         ("%" G_GUINT64_FORMAT " so far; said once a minute", n));
  }
  GST_OBJECT_LOCK (self);
  g_free (self->trouble_text);
  self->trouble_text = text;
  GST_OBJECT_UNLOCK (self);
  return answer != TAG_TROUBLE_GIVE_UP;
}

static void
count_look (GstClipmoeTag *self, const TagLook *look, gint64 microseconds) {
  GST_OBJECT_LOCK (self);
  tag_stats_add_look (&self->stats, microseconds);
  tag_trouble_went_well (&self->trouble, TAG_TROUBLE_MODEL);
  GST_OBJECT_UNLOCK (self);
  if (gst_debug_category_get_threshold (GST_CAT_DEFAULT) >= GST_LEVEL_LOG) {
    char *best = clipmoe_plain (look->n_tags ? look->tags[0].label : "nothing", -1);
    GST_LOG_OBJECT (self, "looked at %" GST_TIME_FORMAT " in %.1f ms: %u tags, %s %.3f",
                    GST_TIME_ARGS (look->time), (double)microseconds / 1000, look->n_tags, best,
                    look->n_tags ? look->tags[0].score : 0);
    g_free (best);
  }
}

/* From the worker. */
static void
worker_finished (gpointer data, TagLook *look, gint64 microseconds, const GError *error) {
  GstClipmoeTag *self = data;
  if (!look) {
    pass_over (self, TAG_TROUBLE_MODEL, error);
    return;
  }
  count_look (self, look, microseconds);
  GST_OBJECT_LOCK (self);
  tag_identity_finished (&self->identity, look);
  GST_OBJECT_UNLOCK (self);
  post_look (self, look);
}

/* What this stream is: asked once, at its first frame, when upstream can answer. */
static gboolean
settle_mode (GstClipmoeTag *self, TagSession *open, TagMode *mode, GError **error) {
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
    gboolean other = self->asked_latency && self->told_latency != (*mode == TAG_MODE_SYNC);
    GST_OBJECT_UNLOCK (self);
    GST_INFO_OBJECT (self, "upstream is %slive, mode %s", self->live ? "" : "not ", mode_names[*mode]);
    if (other)
      gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
    if (*mode == TAG_MODE_SYNC)
      stop_worker (self);
  }
  if (*mode == TAG_MODE_LATEST && !self->worker && is_open (self, open)) {
    gsize side = tag_engine_get_info (open->engine)->image_size;
    TagWorker *worker = tag_worker_new (open->looker, 3 * side * side, worker_finished, self, error);
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

/* Labels that the helper has finished are swapped in; changed settings are handed to it, and the same ones
 * again where a verdict about the precision has changed what vectors are made with. */
static void
follow_texts (GstClipmoeTag *self, TagSession *open) {
  TagTexts texts;
  GError *error = NULL;
  guint version = tag_engine_get_version (open->engine);
  gboolean exchanged = version != open->version;
  open->version = version;
  GST_OBJECT_LOCK (self);
  gboolean changed = self->settings.texts_changed;
  self->settings.texts_changed = FALSE;
  if (changed)
    tag_texts_copy (&texts, &self->settings.texts);
  GST_OBJECT_UNLOCK (self);
  if (exchanged) {
    GST_INFO_OBJECT (self, "a verdict about the precision has come");
    describe_model (self, open, TRUE);
  }
  if (changed) {
    tag_label_maker_request (open->maker, &texts);
    tag_texts_clear (&texts);
  } else if (exchanged) {
    tag_label_maker_repeat (open->maker);
  }
  self->asked_texts |= changed;
  ClipmoeLabels *labels = tag_label_maker_take (open->maker, &error);
  if (labels) {
    set_labels (self, open, labels);
    if (self->asked_texts)
      self->schedule = (TagSchedule){0}; /* who asks for other labels waits for them */
    self->asked_texts = FALSE;
  }
  if (error) {
    char *text = bus_text (error);
    GST_ELEMENT_WARNING (self, LIBRARY, SETTINGS, ("%s", text), ("the labels before it stay"));
    g_free (text);
  }
}

/* A frame that comes too late is shown without waiting for a look: QoS skips looks, never frames. */
static gboolean
late (GstClipmoeTag *self, GstBuffer *buffer, const TagMoment *moment) {
  GstClockTime running = moment->running;
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
    GST_LOG_OBJECT (self, "not looked at: %" GST_TIME_FORMAT " is late already",
                    GST_TIME_ARGS (moment->time));
    GstMessage *m = gst_message_new_qos (GST_OBJECT (self), self->live, running, moment->time,
                                         GST_BUFFER_PTS (buffer), GST_BUFFER_DURATION (buffer));
    gst_message_set_qos_values (m, (gint64)(earliest - running), proportion, 1000000);
    gst_message_set_qos_stats (m, GST_FORMAT_BUFFERS, looks, skipped);
    gst_element_post_message (GST_ELEMENT (self), m);
  }
  return skip;
}

static gboolean
look_now (GstClipmoeTag *self, TagSession *open, const TagJob *job, gint64 begin, GError **error) {
  TagLook *look = tag_looker_look (open->looker, open->pixels, job, error);
  if (!look)
    return FALSE;
  tag_look_unref (self->look);
  self->look = tag_look_ref (look);
  count_look (self, look, g_get_monotonic_time () - begin);
  GST_OBJECT_LOCK (self);
  gboolean other = tag_stats_latency_changed (&self->stats);
  GST_OBJECT_UNLOCK (self);
  if (other)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
  post_look (self, look);
  tag_look_unref (look);
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

/* Once a stream: what takes the place of time stamps that are missing, or stand still. */
static void
say_clock (GstClipmoeTag *self, const TagMoment *moment) {
  char *instead = NULL;
  if (moment->source == TAG_CLOCK_DTS)
    instead = g_strdup ("their decoding time stamps are taken");
  else if (moment->source == TAG_CLOCK_FRAME_RATE)
    instead = g_strdup_printf ("they are counted, %d/%d a second as the caps say",
                               GST_VIDEO_INFO_FPS_N (&self->info), GST_VIDEO_INFO_FPS_D (&self->info));
  else if (moment->every)
    instead = g_strdup ("every frame is looked at, whatever rate says, and its time is when it came");
  else
    instead = g_strdup ("their time is when they came");
  GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("the frames have no time stamps that move on: %s", instead),
                       (NULL));
  g_free (instead);
}

/* When @buffer is. */
static TagMoment
find_moment (GstClipmoeTag *self, GstBuffer *buffer) {
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  TagMoment moment = tag_clock_read (&self->clock, segment, buffer, &self->info, self->live,
                                     gst_element_get_current_running_time (GST_ELEMENT (self)));
  if (self->new_segment && self->look &&
      tag_clock_rising (segment, moment.time) < tag_clock_rising (segment, self->look->time))
    forget_looks (self); /* a jump back without a flush */
  self->new_segment = FALSE;
  if (moment.say)
    say_clock (self, &moment);
  return moment;
}

/* Whether there is anything to see. */
static gboolean
worth_a_look (GstClipmoeTag *self, GstBuffer *buffer, gboolean skip_corrupted) {
  const char *why = NULL;
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP))
    why = "a gap";
  else if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DECODE_ONLY))
    why = "for the decoder alone";
  else if (skip_corrupted && GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED)) {
    why = "corrupted";
    GST_OBJECT_LOCK (self);
    self->stats.corrupted++;
    GST_OBJECT_UNLOCK (self);
  }
  if (why)
    GST_LOG_OBJECT (self, "not looked at: %s", why);
  return !why;
}

/* Looks at the frame, or hands it to the worker. FALSE: an error was posted. */
static gboolean
look_at (GstClipmoeTag *self, TagSession *open, TagWorker *worker, GstBuffer *buffer, TagJob *job,
         ClipmoeGeometry geometry, GstVideoOrientationMethod direction, const TagSchedule *before,
         gboolean *fresh) {
  gint64 begin = g_get_monotonic_time ();
  float *pixels = worker ? tag_worker_get_pixels (worker) : open->pixels;
  GError *error = NULL;
  TagTroubleKind kind = TAG_TROUBLE_FRAME;
  describe_frame (self, buffer, job);
  gboolean ok = tag_session_preprocess (open, buffer, &self->info, geometry, direction, pixels, &error);
  if (ok) {
    kind = TAG_TROUBLE_MODEL;
    GST_OBJECT_LOCK (self);
    tag_trouble_went_well (&self->trouble, TAG_TROUBLE_FRAME);
    GST_OBJECT_UNLOCK (self);
  }
  if (ok && !worker) {
    ok = *fresh = look_now (self, open, job, begin, &error);
  } else if (ok && tag_worker_submit (worker, job)) {
    GST_LOG_OBJECT (self, "a picture that waited was replaced by a newer one");
    GST_OBJECT_LOCK (self);
    self->stats.skipped++;
    GST_OBJECT_UNLOCK (self);
  }
  if (ok)
    return TRUE;
  self->schedule = *before; /* the next frame is tried in its place */
  ok = pass_over (self, kind, error);
  g_error_free (error);
  return ok;
}

static GstFlowReturn
tag_frame (GstClipmoeTag *self, TagSession *open, GstBuffer *buffer) {
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GError *error = NULL;
  TagMode mode;
  if (!settle_mode (self, open, &mode, &error)) {
    GST_ELEMENT_ERROR (self, RESOURCE, FAILED, ("%s", error->message), (NULL));
    g_error_free (error);
    return GST_FLOW_ERROR;
  }
  TagMoment moment = find_moment (self, buffer);
  gst_object_sync_values (GST_OBJECT (self), moment.time);
  follow_texts (self, open);
  GST_OBJECT_LOCK (self);
  TagJob job = {.time = moment.time,
                .generation = self->generation,
                .labels = open->labels,
                .rules = self->settings.rules};
  ClipmoeGeometry geometry = self->settings.geometry;
  GstVideoOrientationMethod direction = self->settings.direction;
  if (direction == GST_VIDEO_ORIENTATION_AUTO)
    direction = self->tag_orientation;
  double rate = moment.every ? 0 : self->settings.rate;
  guint interval = self->settings.interval;
  gboolean skip_corrupted = self->settings.skip_corrupted;
  self->clock_source = moment.source;
  self->stats.frames++;
  GST_OBJECT_UNLOCK (self);

  TagWorker *worker = mode == TAG_MODE_LATEST ? get_worker (self) : NULL;
  TagSchedule before = self->schedule;
  gboolean ok = TRUE, fresh = FALSE, gone = mode == TAG_MODE_LATEST && !worker; /* stopped meanwhile */
  if (!gone && worth_a_look (self, buffer, skip_corrupted) &&
      tag_schedule_due (&self->schedule, tag_clock_rising (segment, moment.time), rate, interval) &&
      !late (self, buffer, &moment))
    ok = look_at (self, open, worker, buffer, &job, geometry, direction, &before, &fresh);
  else
    GST_TRACE_OBJECT (self, "%" GST_TIME_FORMAT " passes", GST_TIME_ARGS (moment.time));
  TagLook *newest = worker ? tag_worker_get_newest (worker, self->generation) : NULL;
  if (newest) {
    tag_look_unref (self->look);
    self->look = newest;
  }
  if (ok && self->look)
    attach (self, buffer, moment.time, fresh);
  tag_worker_unref (worker);
  return ok ? GST_FLOW_OK : GST_FLOW_ERROR;
}

static GstFlowReturn
gst_clipmoe_tag_transform_ip (GstBaseTransform *base, GstBuffer *buffer) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (base);
  TagSession *open = get_session (self);
  if (!open)
    return GST_FLOW_FLUSHING;
  GstFlowReturn flow = g_atomic_int_get (&self->failed) ? GST_FLOW_ERROR : tag_frame (self, open, buffer);
  if (!is_open (self, open))
    flow = GST_FLOW_FLUSHING;
  tag_session_unref (open);
  return flow;
}

static void
gst_clipmoe_tag_finalize (GObject *object) {
  GstClipmoeTag *self = GST_CLIPMOE_TAG (object);
  close_model (self);
  tag_settings_clear (&self->settings);
  tag_identity_clear (&self->identity);
  g_free (self->model_id);
  g_free (self->tier);
  g_free (self->precision);
  g_free (self->reason);
  g_free (self->trouble_text);
  g_mutex_clear (&self->worker_lock);
  G_OBJECT_CLASS (gst_clipmoe_tag_parent_class)->finalize (object);
}

static void
gst_clipmoe_tag_init (GstClipmoeTag *self) {
  tag_settings_init (&self->settings);
  tag_identity_init (&self->identity);
  g_mutex_init (&self->worker_lock);
  self->earliest = GST_CLOCK_TIME_NONE;
  tag_clock_reset (&self->clock);
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
          "at), corrupted (flagged so, not looked at), ms-per-look (median) and ms-per-look-p95 of the last "
          "256 "
          "looks, mode, clock (what times are taken from: pts, dts, frame-rate, clock), tier, precision, "
          "precision-reason, model",
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
