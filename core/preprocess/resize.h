/* Bicubic resampling with anti-aliasing, as Pillow does it. */
#ifndef CLIPMOE_RESIZE_H
#define CLIPMOE_RESIZE_H

#include <glib.h>

/* Where each output position of one axis draws from. */
typedef struct {
  guint n, taps;    /* output positions; room for weights each */
  guint begin, end; /* input positions that any output position draws from */
  guint *first, *count;
  float *weights; /* [n][taps] */
  gint32 *fixed;  /* the same times 2^22, rounded as Pillow rounds */
} ClipmoeAxis;

/* Positions from..from+n-1 of an axis that brings n_in samples to n_out. The samples stand for @extent
 * samples' worth of picture, and the first one's centre is shifted by @offset. Plain: extent = n_in, offset =
 * 0. */
gboolean clipmoe_axis_init (ClipmoeAxis *self, guint n_in, double extent, double offset, guint n_out,
                            guint from, guint n);
void clipmoe_axis_clear (ClipmoeAxis *self);

#endif
