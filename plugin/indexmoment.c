#include "indexmoment.h"

#include <clipmoe/model.h>
#include <string.h>

/* The id of a model is NAME@…: where a model of this name is installed, words are encoded with it unless
 * somebody says otherwise. */
static char *
installed_name (const char *model) {
  const char *at = strrchr (model, '@');
  char *name = g_strndup (model, at ? (gsize)(at - model) : 0), *path = clipmoe_resource_find ("", name);
  if (!path)
    g_clear_pointer (&name, g_free);
  g_free (path);
  return name;
}

IndexOrigin *
index_origin_new (const char *source, const char *model, guint embed, gboolean live) {
  IndexOrigin *self = g_atomic_rc_box_new0 (IndexOrigin);
  self->source = g_strdup (source);
  self->model = g_strdup (model);
  self->opened_as = installed_name (model);
  self->embed = embed;
  self->live = live;
  return self;
}

IndexOrigin *
index_origin_ref (IndexOrigin *self) {
  return g_atomic_rc_box_acquire (self);
}

static void
clear (gpointer data) {
  IndexOrigin *self = data;
  g_free (self->source);
  g_free (self->model);
  g_free (self->opened_as);
}

void
index_origin_unref (IndexOrigin *self) {
  if (self)
    g_atomic_rc_box_release_full (self, clear);
}

IndexMoment *
index_moment_new (IndexOrigin *origin, const ClipmoeMoment *moment) {
  IndexMoment *self = g_new (IndexMoment, 1);
  gsize vector = origin->embed * sizeof *moment->vector;
  *self = (IndexMoment){.origin = index_origin_ref (origin),
                        .since = g_get_monotonic_time (),
                        .bytes = vector + (moment->thumbnail ? g_bytes_get_size (moment->thumbnail) : 0),
                        .moment = *moment};
  self->moment.vector = g_memdup2 (moment->vector, vector);
  if (moment->thumbnail)
    g_bytes_ref (moment->thumbnail);
  return self;
}

void
index_moment_free (IndexMoment *self) {
  if (!self)
    return;
  index_origin_unref (self->origin);
  g_free ((gpointer)self->moment.vector);
  if (self->moment.thumbnail)
    g_bytes_unref (self->moment.thumbnail);
  g_free (self);
}
