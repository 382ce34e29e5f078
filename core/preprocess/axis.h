/* The input positions and weights of one axis of a resized picture: bicubic with anti-aliasing, as in
 * Pillow. */
#ifndef CLIPMOE_AXIS_H
#define CLIPMOE_AXIS_H

#include <glib.h>

typedef struct {
  guint n, taps;        /* output positions; room for weights each, an even number */
  guint begin, end;     /* the range of input positions that are used */
  guint *first, *count; /* first: relative to begin */
  /* [n][taps] each, zeros after count[i]: in units of 2^-14; Pillow's in units of 2^-22 as high * 2^15 +
   * low */
  gint16 *smooth, *low, *high;
} ClipmoeAxis;

/* Positions from..from+n-1 of an axis that resizes n_in samples to n_out. The picture is @extent samples
 * long, and the centre of the first sample is shifted by @offset. Normally extent = n_in and offset = 0.
 * FALSE: no memory. */
gboolean clipmoe_axis_init (ClipmoeAxis *self, guint n_in, double extent, double offset, guint n_out,
                            guint from, guint n);
void clipmoe_axis_clear (ClipmoeAxis *self);

#endif
