/* Hands out the rows of a list of ranges to threads, in pieces that lie in one block each. */
#ifndef CLIPMOE_ROWCURSOR_H
#define CLIPMOE_ROWCURSOR_H

#include <pthread.h>
#include "scan.h"

#define CLIPMOE_TURN_PIECES 64

typedef struct {
  pthread_mutex_t mutex;
  const ClipmoeRowRange *ranges;
  gsize n_ranges;
  gsize range;    /* the next rows: in this range … */
  guint64 offset; /* … from this one of its rows on */
} ClipmoeRowCursor;

void clipmoe_row_cursor_init (ClipmoeRowCursor *self, const ClipmoeRowRange *ranges, gsize n_ranges);
void clipmoe_row_cursor_clear (ClipmoeRowCursor *self);
/* The next pieces for one thread, about two blocks of rows or CLIPMOE_TURN_PIECES; 0: there are no more. */
guint clipmoe_row_cursor_next (ClipmoeRowCursor *self, ClipmoeRowRange pieces[CLIPMOE_TURN_PIECES]);

#endif
