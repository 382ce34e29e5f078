#include "rowcursor.h"

#define ENOUGH (2 * CLIPMOE_VECTOR_BLOCK)

void
clipmoe_row_cursor_init (ClipmoeRowCursor *self, const ClipmoeRowRange *ranges, gsize n_ranges) {
  *self = (ClipmoeRowCursor){.ranges = ranges, .n_ranges = n_ranges};
  pthread_mutex_init (&self->mutex, NULL);
}

void
clipmoe_row_cursor_clear (ClipmoeRowCursor *self) {
  pthread_mutex_destroy (&self->mutex);
}

guint
clipmoe_row_cursor_next (ClipmoeRowCursor *self, ClipmoeRowRange pieces[CLIPMOE_TURN_PIECES]) {
  guint n = 0;
  pthread_mutex_lock (&self->mutex);
  for (guint64 rows = 0; rows < ENOUGH && n < CLIPMOE_TURN_PIECES && self->range < self->n_ranges;) {
    const ClipmoeRowRange *r = &self->ranges[self->range];
    if (self->offset == r->n) {
      self->range++;
      self->offset = 0;
      continue;
    }
    guint64 first = r->first + self->offset,
            some = MIN (r->n - self->offset, CLIPMOE_VECTOR_BLOCK - first % CLIPMOE_VECTOR_BLOCK);
    pieces[n++] = (ClipmoeRowRange){first, some};
    self->offset += some;
    rows += some;
  }
  pthread_mutex_unlock (&self->mutex);
  return n;
}
