#include "tagelement.h"

GST_DEBUG_CATEGORY (clipmoe_tag_debug);

void
tag_element_init (GstClipmoeTag *self) {
  tag_settings_init (&self->settings);
  tag_identity_init (&self->identity);
  self->stream = clipmoe_stream_new ();
  self->handed_over = g_array_new (FALSE, FALSE, sizeof (TagRegion));
  tag_events_init (&self->events);
  self->objects =
      clipmoe_objects_new (TAG_MOST_OBJECTS, self->stream, TAG_EVENTS_UPDATE, tag_events_keep, &self->events);
  g_mutex_init (&self->looking);
  self->earliest = GST_CLOCK_TIME_NONE;
  tag_clock_reset (&self->clock);
}

void
tag_element_clear (GstClipmoeTag *self) {
  tag_settings_clear (&self->settings);
  tag_identity_clear (&self->identity);
  clipmoe_objects_free (self->objects);
  clipmoe_stream_free (self->stream);
  tag_regions_clear (&self->regions);
  g_array_unref (self->handed_over);
  tag_events_clear (&self->events);
  g_free (self->model_id);
  g_free (self->tier);
  g_free (self->precision);
  g_free (self->reason);
  g_free (self->trouble_text);
  g_mutex_clear (&self->looking);
}

const char *
tag_element_source (const GstClipmoeTag *self) {
  const char *source = self->settings.source ? self->settings.source : self->uri;
  return source ? source : self->identity.path;
}
