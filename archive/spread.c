#include "spread.h"

#define BINS CLIPMOE_SPREAD_BINS
#define LOWER 0.158655 /* of a normal distribution lies more than one spread below the median */

void
clipmoe_spread_add (ClipmoeSpreadBins *self, const float *cosines, gsize n) {
  for (gsize i = 0; i < n; i++) {
    float at = (cosines[i] + 1) * (BINS / 2.0f);
    /* also where it is not a number */
    self->bins[at >= 0 ? (at < BINS ? (guint)at : BINS - 1) : 0]++;
  }
}

void
clipmoe_spread_merge (ClipmoeSpreadBins *self, const ClipmoeSpreadBins *other) {
  for (guint i = 0; i < BINS; i++)
    self->bins[i] += other->bins[i];
}

/* Values are thought to lie evenly in their bin. */
static double
quantile (const ClipmoeSpreadBins *self, guint64 n, double share) {
  double wanted = share * (double)(n - 1) + 0.5, before = 0;
  guint bin = 0;
  while (bin + 1 < BINS && before + (double)self->bins[bin] < wanted)
    before += (double)self->bins[bin++];
  double inside = self->bins[bin] ? (wanted - before) / (double)self->bins[bin] : 0;
  return (bin + inside) * (2.0 / BINS) - 1;
}

void
clipmoe_spread_tell (const ClipmoeSpreadBins *self, ClipmoeScanSpread *out) {
  *out = (ClipmoeScanSpread){0};
  for (guint i = 0; i < BINS; i++)
    out->n += self->bins[i];
  if (!out->n)
    return;
  out->median = quantile (self, out->n, 0.5);
  out->spread = out->median - quantile (self, out->n, LOWER);
}
