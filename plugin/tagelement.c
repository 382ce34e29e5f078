#include "tagelement.h"

GST_DEBUG_CATEGORY (clipmoe_tag_debug);

void
tag_element_init (GstClipmoeTag *self) {
  tag_settings_init (&self->settings);
  tag_identity_init (&self->identity);
  self->stream = clipmoe_stream_new ();
  tag_events_init (&self->events);
  g_mutex_init (&self->looking);
  self->earliest = GST_CLOCK_TIME_NONE;
  tag_clock_reset (&self->clock);
}

void
tag_element_clear (GstClipmoeTag *self) {
  tag_settings_clear (&self->settings);
  tag_identity_clear (&self->identity);
  clipmoe_stream_free (self->stream);
  tag_events_clear (&self->events);
  g_free (self->model_id);
  g_free (self->tier);
  g_free (self->precision);
  g_free (self->reason);
  g_free (self->trouble_text);
  g_mutex_clear (&self->looking);
}
