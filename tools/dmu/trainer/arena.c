#include "arena.h"

#include <stdlib.h>

void
dmu_arena_clear (DmuArena *self) {
  free (self->data);
  *self = (DmuArena){0};
}

void
dmu_arena_count (DmuArena *self) {
  self->counting = TRUE;
  self->used = 0;
}

gboolean
dmu_arena_reserve (DmuArena *self, const char *what, GError **error) {
  gsize wanted = self->used;
  self->counting = FALSE;
  self->used = 0;
  if (wanted <= self->size)
    return TRUE;
  dmu_arena_clear (self);
  if (wanted < G_MAXSIZE / 2)
    self->data = aligned_alloc (64, (wanted + wanted / 8 + 63) / 64 * 64);
  if (!self->data) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "%s: no memory for %" G_GSIZE_FORMAT " MiB: expected smaller micro-batches", what,
                 wanted >> 20);
    return FALSE;
  }
  self->size = (wanted + wanted / 8 + 63) / 64 * 64;
  return TRUE;
}

void
dmu_arena_rewind (DmuArena *self) {
  self->used = 0;
}

gpointer
dmu_arena_take (DmuArena *self, gsize n, gsize size) {
  gsize bytes, at = self->used;
  if (__builtin_mul_overflow (n, size, &bytes) || bytes > G_MAXSIZE / 4 || at > G_MAXSIZE / 4)
    bytes = G_MAXSIZE / 4; /* then dmu_arena_reserve() fails */
  self->used = at + (bytes + 63) / 64 * 64;
  return self->counting ? NULL : self->data + at;
}
