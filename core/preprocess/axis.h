/* Where the positions of one axis of a resized picture draw from: bicubic with anti-aliasing, as Pillow. */
#ifndef CLIPMOE_AXIS_H
#define CLIPMOE_AXIS_H

#include <glib.h>

typedef struct {
  guint n, taps;        /* output positions; room for weights each, an even number */
  guint begin, end;     /* input positions that any output position draws from */
  guint *first, *count; /* first: counted from begin */
  /* [n][taps] each, zeros behind count[i]: 2^14ths; Pillow's 2^22ths as high * 2^15 + low */
  gint16 *smooth, *low, *high;
} ClipmoeAxis;

/* Positions from..from+n-1 of an axis that brings n_in samples to n_out. The samples stand for @extent
 * samples' worth of picture, and the first one's centre is shifted by @offset. Plain: extent = n_in, offset =
 * 0. FALSE: no memory. */
gboolean clipmoe_axis_init (ClipmoeAxis *self, guint n_in, double extent, double offset, guint n_out,
                            guint from, guint n);
void clipmoe_axis_clear (ClipmoeAxis *self);

#endif
