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
tag_identity_finished (TagIdentity *self, TagLook *look) {
  g_queue_push_tail (&self->finished, tag_look_ref (look));
}

GList *
tag_identity_take_missed (TagIdentity *self, guint64 before) {
  GList *missed = NULL;
  TagLook *look;
  while ((look = g_queue_peek_head (&self->finished)) && look->sequence <= before) {
    g_queue_pop_head (&self->finished);
    if (look->sequence > self->carried && look->sequence < before)
      missed = g_list_append (missed, look);
    else
      tag_look_unref (look);
  }
  return missed;
}

void
tag_identity_jump (TagIdentity *self) {
  g_queue_clear_full (&self->finished, (GDestroyNotify)tag_look_unref);
}

ClipmoeLook
tag_identity_describe (const TagIdentity *self, const TagLook *found, const char *source, const char *model,
                       gboolean embedding) {
  return (ClipmoeLook){.source = source ? source : self->path,
                       .model = model,
                       .time = found->time,
                       .at = found->at,
                       .tagger = self->tagger,
                       .sequence = found->sequence,
                       .tags = found->tags,
                       .n_tags = found->n_tags,
                       .embedding = embedding ? found->embedding : NULL,
                       .embed = found->embed};
}
