#include "tagframe.h"

#include "tagcontrol.h"
#include "taglook.h"
#include "tagmodel.h"
#include "tagobjects.h"
#include "tagreport.h"
#include "tagsource.h"
#include "tagstill.h"
#include "tagstream.h"

#define GST_CAT_DEFAULT clipmoe_tag_debug

/* A pipeline that is always late still gets a look now and then. */
#define MOST_SKIPS 9

/* What this stream is: asked once, at its first frame, when upstream can answer. */
static TagMode
settle_mode (GstClipmoeTag *self) {
  GstPad *sink = GST_BASE_TRANSFORM_SINK_PAD (self);
  GST_OBJECT_LOCK (self);
  TagMode mode = self->running_mode;
  GST_OBJECT_UNLOCK (self);
  if (mode == TAG_MODE_AUTO) {
    GstQuery *query = gst_query_new_latency ();
    if (gst_pad_peer_query (sink, query))
      gst_query_parse_latency (query, &self->live, NULL, NULL);
    gst_query_unref (query);
    GST_OBJECT_LOCK (self);
    mode = self->settings.mode;
    if (mode == TAG_MODE_AUTO)
      mode = self->live ? TAG_MODE_LATEST : TAG_MODE_SYNC;
    self->running_mode = mode;
    gboolean other = self->asked_latency && self->told_latency != (mode == TAG_MODE_SYNC);
    GST_OBJECT_UNLOCK (self);
    GST_INFO_OBJECT (self, "upstream is %slive, mode %s", self->live ? "" : "not ", tag_mode_name (mode));
    if (other)
      gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
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
  return mode;
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
    tag_stream_jump (self); /* a jump back without a flush */
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

/* What a look is made by, read once a frame. */
typedef struct {
  TagMode mode;
  ClipmoeGeometry geometry;
  GstVideoOrientationMethod direction;
  ClipmoeSchedule before; /* what the schedule was without this frame */
  gboolean regions;       /* the frame's regions are looked at, not all of it */
  guint64 number;         /* of the frame */
  TagStillHow still;
} How;

static GstFlowReturn
hand_over (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame, const How *how) {
  GError *error = NULL;
  if (how->regions ? tag_objects_look_later (self, open, frame, how->number, &error)
                   : tag_look_later (self, open, frame, &error))
    return GST_FLOW_OK;
  GST_ELEMENT_ERROR (self, RESOURCE, FAILED, ("%s", error->message), (NULL));
  g_error_free (error);
  return GST_FLOW_ERROR;
}

/* Looks at the frame, or hands it over. As tag_frame_pass(). */
static GstFlowReturn
look_at (GstClipmoeTag *self, TagSession *open, GstBuffer *buffer, ClipmoeStreamFrame *frame, const How *how,
         gboolean *fresh) {
  gint64 begin = g_get_monotonic_time ();
  GError *error = NULL;
  TagTroubleKind kind = TAG_TROUBLE_FRAME;
  describe_frame (self, buffer, frame);
  if (tag_session_preprocess (open, buffer, &self->info, how->geometry, how->direction,
                              how->regions ? self->regions.due : NULL, &error)) {
    kind = TAG_TROUBLE_MODEL;
    GST_OBJECT_LOCK (self);
    tag_trouble_went_well (&self->trouble, TAG_TROUBLE_FRAME);
    GST_OBJECT_UNLOCK (self);
    if (!how->regions && tag_still_passes (self, open, frame, &how->still))
      return GST_FLOW_OK;
    if (!how->regions)
      tag_still_remember (self, open, frame, &how->still);
    if (how->mode == TAG_MODE_LATEST)
      return hand_over (self, open, frame, how);
    if (how->regions)
      tag_objects_look_now (self, open, frame, how->number, begin, &error);
    else
      *fresh = tag_look_now (self, open, frame, begin, &error);
  }
  if (!error)
    return GST_FLOW_OK;
  tag_still_forget (self);
  self->schedule = how->before; /* the next frame is tried in its place */
  GstFlowReturn flow = GST_FLOW_OK;
  if (g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_STOPPED))
    flow = GST_FLOW_FLUSHING;
  else if (!tag_report_pass_over (self, kind, error))
    flow = GST_FLOW_ERROR;
  g_error_free (error);
  return flow;
}

/* Reads what the properties say of a look. With the object lock. */
static void
read_how (GstClipmoeTag *self, const TagMoment *moment, How *how) {
  const TagSettings *settings = &self->settings;
  how->geometry = settings->texts.geometry;
  how->direction = settings->direction;
  if (how->direction == GST_VIDEO_ORIENTATION_AUTO)
    how->direction = self->tag_orientation;
  how->regions = settings->region == TAG_REGION_ROI_LIST;
  how->number = ++self->stats.frames;
  how->still = (TagStillHow){.threshold = settings->still_threshold,
                             .most = settings->still_most,
                             .now = tag_clock_rising (&GST_BASE_TRANSFORM (self)->segment, moment->time),
                             .geometry = how->geometry,
                             .direction = how->direction};
  how->before = self->schedule; /* a jump or other labels may have begun it anew */
}

/* Whether there is a region to be looked at; if not, the next frame is tried in this one's place. */
static gboolean
choose_regions (GstClipmoeTag *self, const How *how, guint interval) {
  if (tag_objects_choose (self, how->number, interval))
    return TRUE;
  self->schedule = how->before;
  return FALSE;
}

/* What is read of the buffer's regions. */
static void
read_regions (GstClipmoeTag *self, GstBuffer *buffer) {
  GST_OBJECT_LOCK (self);
  TagRegionFilter filter = {.least = self->settings.min_region};
  char *classes = g_strdup (self->settings.object_class);
  GST_OBJECT_UNLOCK (self);
  filter.classes = classes;
  tag_objects_read (self, buffer, &filter);
  g_free (classes);
}

GstFlowReturn
tag_frame_pass (GstClipmoeTag *self, TagSession *open, GstBuffer *buffer) {
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  How how = {.mode = settle_mode (self)};
  self->gap = 0;
  TagMoment moment = find_moment (self, buffer);
  gst_object_sync_values (GST_OBJECT (self), moment.time);
  tag_model_follow_texts (self, open);
  GST_OBJECT_LOCK (self);
  ClipmoeStreamFrame frame = {.time = moment.time,
                              .generation = self->generation,
                              .connection = self->connection,
                              .labels = open->labels,
                              .rules = self->settings.rules};
  read_how (self, &moment, &how);
  double rate = moment.every ? 0 : self->settings.rate;
  guint interval = self->settings.interval, reclassify = self->settings.reclassify;
  gboolean skip_corrupted = self->settings.skip_corrupted;
  self->clock_source = moment.source;
  GST_OBJECT_UNLOCK (self);

  GstFlowReturn flow = GST_FLOW_OK;
  gboolean fresh = FALSE, off = tag_control_is_off (self);
  if (how.regions)
    read_regions (self, buffer);
  if (!off && worth_a_look (self, buffer, skip_corrupted) &&
      clipmoe_schedule_due (&self->schedule, tag_clock_rising (segment, moment.time), rate, interval) &&
      !late (self, buffer, &moment) && (!how.regions || choose_regions (self, &how, reclassify))) {
    flow = look_at (self, open, buffer, &frame, &how, &fresh);
  } else {
    GST_TRACE_OBJECT (self, "%" GST_TIME_FORMAT " passes", GST_TIME_ARGS (moment.time));
  }
  tag_look_follow (self);
  tag_control_send_labels (self, open);
  if (flow == GST_FLOW_OK)
    tag_report_send_events (self);
  if (flow == GST_FLOW_OK && how.regions)
    tag_objects_attach (self, buffer, moment.time, how.still.now, frame.rules.hold);
  else if (flow == GST_FLOW_OK && self->look)
    tag_report_attach (self, buffer, moment.time, fresh);
  return flow;
}
