#include "still.h"

#include <math.h>
#include <string.h>
#include "ns.h"

#define CELL CLIPMOE_STILL_CELL

struct _ClipmoeStill {
  guint side;
  float level[3]; /* what a difference of 1 is of a picture's 255 levels */
  float *seen;    /* [3][side][side], or NULL: nothing was remembered yet */
  float *sums;    /* [side], of the columns of a row of cells */
  gint64 time;
  gboolean remembers;
};

ClipmoeStill *
clipmoe_still_new (guint side, const float std[3]) {
  ClipmoeStill *self = g_new0 (ClipmoeStill, 1);
  self->side = side;
  for (guint c = 0; c < 3; c++)
    self->level[c] = std[c] * 255;
  return self;
}

void
clipmoe_still_free (ClipmoeStill *self) {
  if (!self)
    return;
  g_free (self->seen);
  g_free (self->sums);
  g_free (self);
}

void
clipmoe_still_remember (ClipmoeStill *self, const float *pixels, gint64 time) {
  gsize n = 3 * (gsize)self->side * self->side;
  if (!self->seen)
    self->seen = g_try_new (float, n);
  if (!self->sums)
    self->sums = g_try_new (float, self->side);
  self->remembers = n && self->seen && self->sums;
  self->time = time;
  if (self->remembers)
    memcpy (self->seen, pixels, n * sizeof *pixels);
}

void
clipmoe_still_forget (ClipmoeStill *self) {
  self->remembers = FALSE;
}

/* Adds the differences of @n columns of one row. */
static void
add_row (float *sums, const float *a, const float *b, guint n, float level) {
  for (guint x = 0; x < n; x++)
    sums[x] += fabsf (a[x] - b[x]) * level;
}

double
clipmoe_still_difference (const ClipmoeStill *self, const float *pixels) {
  guint side = self->side;
  gsize plane = (gsize)side * side;
  float most = 0;
  if (!self->remembers)
    return INFINITY;
  for (guint top = 0; top < side; top += CELL) {
    guint rows = MIN (side - top, CELL);
    memset (self->sums, 0, side * sizeof *self->sums);
    for (guint c = 0; c < 3; c++)
      for (guint y = top; y < top + rows; y++) {
        gsize at = c * plane + (gsize)y * side;
        add_row (self->sums, pixels + at, self->seen + at, side, self->level[c]);
      }
    for (guint left = 0; left < side; left += CELL) {
      guint columns = MIN (side - left, CELL);
      float sum = 0;
      for (guint x = left; x < left + columns; x++)
        sum += self->sums[x];
      float mean = sum / (float)(3 * rows * columns);
      if (!(mean <= most)) /* NaN is no likeness */
        most = isnan (mean) ? INFINITY : mean;
    }
  }
  return most;
}

gboolean
clipmoe_still_is (const ClipmoeStill *self, const float *pixels, gint64 time, double threshold, double most) {
  gint64 limit = clipmoe_ns (most);
  gint64 passed = time > self->time ? time - self->time : self->time - time;
  if (!self->remembers || (limit > 0 && passed >= limit))
    return FALSE;
  return clipmoe_still_difference (self, pixels) < threshold;
}
