/* A block of memory that is allocated from piece by piece and kept between steps. One thread. */
#ifndef DMU_ARENA_H
#define DMU_ARENA_H

#include <clipmoe/error.h>

/* A layout runs twice: first with a counting arena, which returns NULL, then with memory. */
typedef struct {
  guint8 *data;
  gsize size, used;
  gboolean counting;
} DmuArena;

void dmu_arena_clear (DmuArena *self);
void dmu_arena_count (DmuArena *self);
/* Ends counting: allocates what was counted, and a little more; the former content is lost. @what: for the
 * error. FALSE: MEMORY. */
gboolean dmu_arena_reserve (DmuArena *self, const char *what, GError **error);
/* Starts again from the beginning. */
void dmu_arena_rewind (DmuArena *self);
/* n * size bytes, aligned to 64; NULL while counting. */
gpointer dmu_arena_take (DmuArena *self, gsize n, gsize size);
#define dmu_arena_new(arena, Type, n) ((Type *)dmu_arena_take (arena, n, sizeof (Type)))

#endif
