#include "tagframe.h"

#include "gstclipmoetag-private.h"
#include "tagmodel.h"
#include "tagreport.h"
#include "tagsource.h"

#define GST_CAT_DEFAULT clipmoe_tag_debug

/* A pipeline that is always late still gets a look now and then. */
#define MOST_SKIPS 9

TagWorker *
tag_frame_get_worker (GstClipmoeTag *self) {
  g_mutex_lock (&self->worker_lock);
  TagWorker *worker = self->worker ? tag_worker_ref (self->worker) : NULL;
  g_mutex_unlock (&self->worker_lock);
  return worker;
}

void
tag_frame_stop_worker (GstClipmoeTag *self) {
  g_mutex_lock (&self->worker_lock);
  TagWorker *worker = g_steal_pointer (&self->worker);
  g_mutex_unlock (&self->worker_lock);
  tag_worker_stop (worker);
  tag_worker_unref (worker);
}

void
tag_frame_forget_looks (GstClipmoeTag *self) {
  TagWorker *worker = tag_frame_get_worker (self);
  self->generation++;
  self->schedule = (ClipmoeSchedule){0};
  self->skips = 0;
  g_clear_pointer (&self->look, clipmoe_stream_look_unref);
  if (worker)
    tag_worker_drop (worker);
  tag_worker_unref (worker);
  GST_OBJECT_LOCK (self);
  self->earliest = GST_CLOCK_TIME_NONE;
  tag_identity_jump (&self->identity);
  GST_OBJECT_UNLOCK (self);
}

void
tag_frame_reset_stream (GstClipmoeTag *self) {
  tag_frame_forget_looks (self);
  tag_clock_reset (&self->clock);
  self->tag_orientation = GST_VIDEO_ORIENTATION_IDENTITY;
  self->asked_uri = self->live = FALSE;
  GST_OBJECT_LOCK (self);
  self->running_mode = TAG_MODE_AUTO;
  self->clock_source = TAG_CLOCK_UNKNOWN;
  g_clear_pointer (&self->uri, g_free);
  g_clear_pointer (&self->last, clipmoe_stream_look_unref);
  GST_OBJECT_UNLOCK (self);
}

/* From the worker. */
static void
worker_finished (gpointer data, ClipmoeStreamLook *look, gint64 microseconds, const GError *error) {
  GstClipmoeTag *self = data;
  if (!look) {
    tag_report_pass_over (self, TAG_TROUBLE_MODEL, error);
    return;
  }
  tag_report_count (self, look, microseconds);
  GST_OBJECT_LOCK (self);
  tag_identity_finished (&self->identity, look);
  GST_OBJECT_UNLOCK (self);
  tag_report_post (self, look);
}

/* Starts the worker where there is none, unless the element was stopped or opened anew meanwhile. FALSE:
 * @error is set. */
static gboolean
start_worker (GstClipmoeTag *self, TagSession *open, GError **error) {
  gboolean ok = TRUE;
  gsize side = tag_engine_get_info (open->engine)->image_size;
  /* One step, since whoever replaces the session stops the worker next. */
  g_mutex_lock (&self->worker_lock);
  if (!self->worker && tag_model_is_open (self, open)) {
    self->worker = tag_worker_new (open->looker, 3 * side * side, worker_finished, self, error);
    ok = self->worker != NULL;
  }
  g_mutex_unlock (&self->worker_lock);
  return ok;
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
    GST_INFO_OBJECT (self, "upstream is %slive, mode %s", self->live ? "" : "not ", tag_mode_name (*mode));
    if (other)
      gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
    if (*mode == TAG_MODE_SYNC)
      tag_frame_stop_worker (self);
  }
  if (*mode == TAG_MODE_LATEST && !start_worker (self, open, error))
    return FALSE;
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

/* What is known of a frame that will be looked at. */
static void
describe_frame (GstClipmoeTag *self, GstBuffer *buffer, ClipmoeStreamFrame *job) {
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  job->at = tag_source_utc (GST_ELEMENT (self), buffer, segment, self->live);
  job->frame.timestamp = GST_BUFFER_PTS (buffer);
  job->frame.duration = GST_BUFFER_DURATION (buffer);
  job->frame.running_time =
      segment->format == GST_FORMAT_TIME
          ? gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer))
          : GST_CLOCK_TIME_NONE;
}

static gboolean
look_now (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *job, gint64 begin,
          GError **error) {
  ClipmoeStreamLook *look = tag_looker_look (open->looker, open->pixels, job, error);
  if (!look)
    return FALSE;
  clipmoe_stream_look_unref (self->look);
  self->look = clipmoe_stream_look_ref (look);
  tag_report_count (self, look, g_get_monotonic_time () - begin);
  GST_OBJECT_LOCK (self);
  gboolean other = clipmoe_statistics_latency_changed (&self->stats);
  GST_OBJECT_UNLOCK (self);
  if (other)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
  tag_report_post (self, look);
  clipmoe_stream_look_unref (look);
  return TRUE;
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
      tag_clock_rising (segment, moment.time) < tag_clock_rising (segment, self->look->look.time))
    tag_frame_forget_looks (self); /* a jump back without a flush */
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
look_at (GstClipmoeTag *self, TagSession *open, TagWorker *worker, GstBuffer *buffer, ClipmoeStreamFrame *job,
         ClipmoeGeometry geometry, GstVideoOrientationMethod direction, const ClipmoeSchedule *before,
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
  ok = tag_report_pass_over (self, kind, error);
  g_error_free (error);
  return ok;
}

GstFlowReturn
tag_frame_pass (GstClipmoeTag *self, TagSession *open, GstBuffer *buffer) {
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
  tag_model_follow_texts (self, open);
  GST_OBJECT_LOCK (self);
  ClipmoeStreamFrame job = {.time = moment.time,
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

  TagWorker *worker = mode == TAG_MODE_LATEST ? tag_frame_get_worker (self) : NULL;
  ClipmoeSchedule before = self->schedule;
  gboolean ok = TRUE, fresh = FALSE, gone = mode == TAG_MODE_LATEST && !worker; /* stopped meanwhile */
  if (!gone && worth_a_look (self, buffer, skip_corrupted) &&
      clipmoe_schedule_due (&self->schedule, tag_clock_rising (segment, moment.time), rate, interval) &&
      !late (self, buffer, &moment))
    ok = look_at (self, open, worker, buffer, &job, geometry, direction, &before, &fresh);
  else
    GST_TRACE_OBJECT (self, "%" GST_TIME_FORMAT " passes", GST_TIME_ARGS (moment.time));
  ClipmoeStreamLook *newest = worker ? tag_worker_get_newest (worker, self->generation) : NULL;
  if (newest) {
    clipmoe_stream_look_unref (self->look);
    self->look = newest;
  }
  if (ok && self->look)
    tag_report_attach (self, buffer, moment.time, fresh);
  tag_worker_unref (worker);
  return ok ? GST_FLOW_OK : GST_FLOW_ERROR;
}
