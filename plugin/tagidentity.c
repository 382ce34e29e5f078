#include "tagidentity.h"

void
tag_identity_init (TagIdentity *self) {
  *self = (TagIdentity){.random = (guint64)g_random_int () << 32 | g_random_int ()};
  /* the generator's seed is the kernel's, but a fork copies its state */
  self->random ^= (guint64)g_get_real_time () << 20 ^ (guint64)g_get_monotonic_time ();
}

void
tag_identity_clear (TagIdentity *self) {
  tag_identity_jump (self);
  g_clear_pointer (&self->tagger, g_free);
  g_clear_pointer (&self->path, g_free);
}

char *
tag_identity_find_path (GstElement *element) {
  return gst_object_get_path_string (GST_OBJECT (element));
}

void
tag_identity_place (TagIdentity *self, char *path) {
  if (!self->tagger)
    self->tagger = g_strdup_printf ("%s#%016" G_GINT64_MODIFIER "x", path, self->random);
  g_free (self->path);
  self->path = path;
}

void
tag_identity_finished (TagIdentity *self, ClipmoeStreamLook *look) {
  g_queue_push_tail (&self->finished, clipmoe_stream_look_ref (look));
}

GList *
tag_identity_take_missed (TagIdentity *self, guint64 before) {
  GList *missed = NULL;
  ClipmoeStreamLook *look;
  while ((look = g_queue_peek_head (&self->finished)) && look->look.sequence <= before) {
    g_queue_pop_head (&self->finished);
    if (look->look.sequence > self->carried && look->look.sequence < before)
      missed = g_list_append (missed, look);
    else
      clipmoe_stream_look_unref (look);
  }
  return missed;
}

void
tag_identity_jump (TagIdentity *self) {
  g_queue_clear_full (&self->finished, (GDestroyNotify)clipmoe_stream_look_unref);
}

ClipmoeLook
tag_identity_describe (const TagIdentity *self, const ClipmoeStreamLook *found, const char *source,
                       const char *model, gboolean embedding) {
  ClipmoeLook look = found->look;
  look.source = source;
  look.model = model;
  look.tagger = self->tagger;
  if (!embedding)
    look.embedding = NULL;
  return look;
}
