#include "tagstream.h"

#include "tagobjects.h"
#include "tagopen.h"
#include "tagreport.h"
#include "tagstill.h"

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

void
tag_stream_drop_events (GstClipmoeTag *self) {
  g_mutex_lock (&self->looking);
  tag_events_drop (&self->events);
  g_mutex_unlock (&self->looking);
}
