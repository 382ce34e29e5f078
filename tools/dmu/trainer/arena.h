/* One piece of memory that is handed out part by part and kept between steps. */
#ifndef DMU_ARENA_H
#define DMU_ARENA_H

#include <clipmoe/error.h>

/* A layout is made twice: first with a counting arena, which hands out NULL, then for real. */
typedef struct {
  guint8 *data;
  gsize size, used;
  gboolean counting;
} DmuArena;

void dmu_arena_clear (DmuArena *self);
void dmu_arena_count (DmuArena *self);
/* Ends counting: room for all that was counted, and a little more; what it held before is lost. */
gboolean dmu_arena_reserve (DmuArena *self, const char *what, GError **error);
/* Hands out from the beginning once more. */
void dmu_arena_rewind (DmuArena *self);
/* n * size bytes, aligned to 64; NULL while counting. */
gpointer dmu_arena_take (DmuArena *self, gsize n, gsize size);
#define dmu_arena_new(arena, Type, n) ((Type *)dmu_arena_take (arena, n, sizeof (Type)))

#endif
