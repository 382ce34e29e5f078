#include "tagstream.h"

#include <stream/ns.h>
#include "tagobjects.h"
#include "tagopen.h"
#include "tagreport.h"
#include "tagstill.h"

#define LEAST_GAP GST_SECOND

/* What the next frames carry, when they are due and what is under way. */
static void
forget (GstClipmoeTag *self) {
  g_mutex_lock (&self->looking);
  g_clear_pointer (&self->newest, clipmoe_stream_look_unref);
  g_mutex_unlock (&self->looking);
  tag_objects_forget (self);
  tag_still_forget (self);
  self->schedule = (ClipmoeSchedule){0};
  self->skips = 0;
  g_clear_pointer (&self->look, clipmoe_stream_look_unref);
  TagSession *open = tag_open_get (self);
  if (open)
    clipmoe_mailbox_drop (open->mailbox);
  tag_session_unref (open);
  GST_OBJECT_LOCK (self);
  self->earliest = GST_CLOCK_TIME_NONE;
  tag_identity_jump (&self->identity);
  GST_OBJECT_UNLOCK (self);
}

void
tag_stream_end_events (GstClipmoeTag *self) {
  g_mutex_lock (&self->looking);
  tag_events_finish (&self->events);
  clipmoe_objects_end_events (self->objects);
  g_mutex_unlock (&self->looking);
  tag_report_post_events (self);
}

void
tag_stream_jump (GstClipmoeTag *self) {
  g_mutex_lock (&self->looking);
  self->generation++; /* a look that is under way begins no event any more */
  g_mutex_unlock (&self->looking);
  forget (self);
  tag_stream_end_events (self);
}

static void
begin (GstClipmoeTag *self) {
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

void
tag_stream_reset (GstClipmoeTag *self) {
  tag_stream_jump (self);
  begin (self);
}

void
tag_stream_start (GstClipmoeTag *self, gboolean same_id) {
  GST_OBJECT_LOCK (self);
  gboolean bridged = (same_id || self->settings.source) && self->settings.rules.hold > 0;
  GST_OBJECT_UNLOCK (self);
  if (!bridged) {
    tag_stream_reset (self);
    return;
  }
  self->connection++;
  forget (self);
  begin (self);
}

/* Nobody has seen anything up to @time, and nobody does now. */
static void
pause_until (GstClipmoeTag *self, GstClockTime time, double hold) {
  g_mutex_lock (&self->looking);
  gboolean over = clipmoe_stream_pause (self->stream, time, hold);
  if (over) {
    tag_events_finish (&self->events);
    g_clear_pointer (&self->newest, clipmoe_stream_look_unref);
  }
  clipmoe_objects_leave (self->objects, tag_clock_rising (&GST_BASE_TRANSFORM (self)->segment, time),
                         clipmoe_ns (hold));
  g_mutex_unlock (&self->looking);
  if (over) { /* pictures that come later do not carry what was seen before */
    g_clear_pointer (&self->look, clipmoe_stream_look_unref);
    GST_OBJECT_LOCK (self);
    g_clear_pointer (&self->last, clipmoe_stream_look_unref);
    GST_OBJECT_UNLOCK (self);
  }
  tag_report_post_events (self);
  tag_report_send_events (self);
}

void
tag_stream_gap (GstClipmoeTag *self, GstEvent *event) {
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GstClockTime begin, length;
  gst_event_parse_gap (event, &begin, &length);
  GST_OBJECT_LOCK (self);
  double hold = self->settings.rules.hold;
  gboolean timed = self->clock_source == TAG_CLOCK_PTS || self->clock_source == TAG_CLOCK_DTS;
  GST_OBJECT_UNLOCK (self);
  if (!timed || segment->format != GST_FORMAT_TIME || segment->rate < 0 || !GST_CLOCK_TIME_IS_VALID (begin) ||
      !GST_CLOCK_TIME_IS_VALID (length) || length > G_MAXINT64 - begin)
    return;
  gboolean was = self->gap >= LEAST_GAP;
  self->gap = MIN (self->gap + length, G_MAXINT64);
  GstClockTime time = gst_segment_to_stream_time (segment, GST_FORMAT_TIME, begin + length);
  if (self->gap < LEAST_GAP || !GST_CLOCK_TIME_IS_VALID (time))
    return;
  if (!was) {
    self->connection++;
    tag_still_forget (self);
  }
  pause_until (self, time, hold);
}

void
tag_stream_drop_events (GstClipmoeTag *self) {
  g_mutex_lock (&self->looking);
  tag_events_drop (&self->events);
  g_mutex_unlock (&self->looking);
}
