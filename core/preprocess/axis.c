#include "axis.h"

#include <math.h>
#include <string.h>

static double
bicubic (double x) {
  x = fabs (x);
  if (x < 1)
    return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2)
    return (((x - 5) * x + 8) * x - 4) * -0.5;
  return 0;
}

/* The weights of one position in both fixed-point forms. The smooth ones are differences of the rounded
 * running sum, so that they add up to exactly one and a uniform picture keeps its value. */
static void
store (ClipmoeAxis *self, guint i, const double *w, guint count) {
  gsize at = (gsize)i * self->taps;
  double running = 0;
  int before = 0;
  for (guint t = 0; t < count; t++) {
    running += w[t];
    int sum = (int)lrint (running * (1 << 14)),
        fixed = (int)(w[t] < 0 ? w[t] * (1 << 22) - 0.5 : w[t] * (1 << 22) + 0.5); /* as Pillow rounds */
    self->smooth[at + t] = (gint16)CLAMP (sum - before, G_MININT16, G_MAXINT16);
    before = sum;
    self->low[at + t] = (gint16)(fixed & 32767);
    self->high[at + t] = (gint16)(fixed >> 15);
  }
}

gboolean
clipmoe_axis_init (ClipmoeAxis *self, guint n_in, double extent, double offset, guint n_out, guint from,
                   guint n) {
  double scale = extent / n_out, wide = MAX (scale, 1.0), support = 2.0 * wide, inverse = 1.0 / wide;
  guint most = (guint)ceil (support) * 2 + 1;
  memset (self, 0, sizeof *self);
  self->n = n;
  self->begin = n_in;
  self->first = g_try_new (guint, n);
  self->count = g_try_new (guint, n);
  double *w = g_try_new (double, most);
  gboolean ok = self->first && self->count && w;
  for (guint i = 0; ok && i < n; i++) {
    double center = (from + i + 0.5) * scale + offset;
    int low = (int)(center - support + 0.5), high = (int)(center + support + 0.5);
    low = CLAMP (low, 0, (int)n_in - 1);
    high = CLAMP (high, low + 1, (int)n_in);
    self->first[i] = (guint)low;
    self->count[i] = MIN ((guint)(high - low), most);
    self->begin = MIN (self->begin, (guint)low);
    self->end = MAX (self->end, low + self->count[i]);
    self->taps = MAX (self->taps, (self->count[i] + 1) & ~1u);
  }
  if (ok) {
    self->smooth = g_try_new0 (gint16, (gsize)n * self->taps);
    self->low = g_try_new0 (gint16, (gsize)n * self->taps);
    self->high = g_try_new0 (gint16, (gsize)n * self->taps);
    ok = self->smooth && self->low && self->high;
  }
  for (guint i = 0; ok && i < n; i++) {
    double center = (from + i + 0.5) * scale + offset, total = 0;
    for (guint x = 0; x < self->count[i]; x++)
      total += w[x] = bicubic ((x + (int)self->first[i] - center + 0.5) * inverse);
    for (guint x = 0; x < self->count[i] && total != 0; x++)
      w[x] /= total;
    store (self, i, w, self->count[i]);
  }
  for (guint i = 0; ok && i < n; i++)
    self->first[i] -= self->begin;
  g_free (w);
  return ok;
}

void
clipmoe_axis_clear (ClipmoeAxis *self) {
  g_free (self->first);
  g_free (self->count);
  g_free (self->smooth);
  g_free (self->low);
  g_free (self->high);
  memset (self, 0, sizeof *self);
}
