#include "cut.h"

#include <math.h>
#include <string.h>

#define SIDE CLIPMOE_LUMA_SIDE
#define PIXELS (SIDE * SIDE)
#define BINS 16
#define HISTOGRAM 0.15 /* from which on it says that this is a cut */
#define EDGES 0.6
#define NO_EDGE 4.0 /* a mean gradient of less than this many of 255 steps is no drawing */

/* A value between two bins counts for both, so that a little more light moves little. */
static void
histogram (const guint8 *luma, double bins[BINS]) {
  memset (bins, 0, BINS * sizeof *bins);
  for (guint i = 0; i < PIXELS; i++) {
    double at = luma[i] * (BINS - 1) / 255.0;
    guint bin = MIN ((guint)at, BINS - 2);
    bins[bin + 1] += at - bin;
    bins[bin] += 1 - (at - bin);
  }
}

/* How strong the edges are around each pixel: gradients, averaged over 3 x 3 so that what moves a little
 * stays where it was. Returns their mean. */
static double
edges (const guint8 *luma, double out[PIXELS]) {
  double raw[PIXELS], mean = 0;
  for (guint y = 0; y < SIDE; y++)
    for (guint x = 0; x < SIDE; x++) {
      const guint8 *row = luma + (gsize)y * SIDE;
      double dx = row[MIN (x + 1, SIDE - 1)] - row[x ? x - 1 : 0];
      double dy = luma[MIN (y + 1, SIDE - 1) * SIDE + x] - luma[(y ? y - 1 : 0) * SIDE + x];
      raw[y * SIDE + x] = sqrt (dx * dx + dy * dy);
    }
  for (guint y = 0; y < SIDE; y++)
    for (guint x = 0; x < SIDE; x++) {
      double sum = 0;
      guint n = 0;
      for (guint v = y ? y - 1 : 0; v <= MIN (y + 1, SIDE - 1); v++)
        for (guint u = x ? x - 1 : 0; u <= MIN (x + 1, SIDE - 1); u++, n++)
          sum += raw[v * SIDE + u];
      out[y * SIDE + x] = sum / n;
      mean += sum / n / PIXELS;
    }
  return mean;
}

ClipmoeCutMeasures
clipmoe_cut_measure (const guint8 a[PIXELS], const guint8 b[PIXELS]) {
  ClipmoeCutMeasures m = {0, 0};
  double ha[BINS], hb[BINS], ea[PIXELS], eb[PIXELS], ab = 0, aa = 0, bb = 0;
  histogram (a, ha);
  histogram (b, hb);
  for (guint i = 0; i < BINS; i++)
    m.histogram += fabs (ha[i] - hb[i]) / (2 * PIXELS);
  double mean_a = edges (a, ea), mean_b = edges (b, eb);
  if (mean_a < NO_EDGE || mean_b < NO_EDGE) { /* a blank frame: is the other one blank, too? */
    m.edges = mean_a < NO_EDGE && mean_b < NO_EDGE ? 0 : 1;
    return m;
  }
  for (guint i = 0; i < PIXELS; i++) {
    double x = ea[i] - mean_a, y = eb[i] - mean_b;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  double like = aa > 0 && bb > 0 ? ab / sqrt (aa * bb) : 0;
  m.edges = 1 - CLAMP (like, 0, 1);
  return m;
}

gboolean
clipmoe_is_cut (const guint8 a[PIXELS], const guint8 b[PIXELS]) {
  ClipmoeCutMeasures m = clipmoe_cut_measure (a, b);
  return m.histogram >= HISTOGRAM && m.edges >= EDGES;
}
