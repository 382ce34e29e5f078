#include "tagidentity.h"

void
tag_identity_init (TagIdentity *self) {
  *self = (TagIdentity){.random = (guint64)g_random_int () << 32 | g_random_int ()};
  /* the generator's seed is the kernel's, but a fork copies its state */
  self->random ^= (guint64)g_get_real_time () << 20 ^ (guint64)g_get_monotonic_time ();
}

void
tag_identity_clear (TagIdentity *self) {
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
