#include "tagstream.h"

#include "tagobjects.h"
#include "tagopen.h"

void
tag_stream_jump (GstClipmoeTag *self) {
  g_mutex_lock (&self->looking);
  self->generation++;
  g_clear_pointer (&self->newest, clipmoe_stream_look_unref);
  g_mutex_unlock (&self->looking);
  tag_objects_forget (self);
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
tag_stream_reset (GstClipmoeTag *self) {
  tag_stream_jump (self);
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
