#include "resize.h"

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

gboolean
clipmoe_axis_init (ClipmoeAxis *self, guint n_in, double extent, double offset, guint n_out, guint from,
                   guint n) {
  double scale = extent / n_out, wide = MAX (scale, 1.0), support = 2.0 * wide, inverse = 1.0 / wide;
  memset (self, 0, sizeof *self);
  self->n = n;
  self->taps = (guint)ceil (support) * 2 + 1;
  self->first = g_try_new (guint, n);
  self->count = g_try_new (guint, n);
  self->weights = g_try_new0 (float, (gsize)n * self->taps);
  self->fixed = g_try_new0 (gint32, (gsize)n * self->taps);
  double *w = g_try_new (double, self->taps);
  if (!self->first || !self->count || !self->weights || !self->fixed || !w) {
    g_free (w);
    return FALSE;
  }
  self->begin = n_in;
  for (guint i = 0; i < n; i++) {
    double center = (from + i + 0.5) * scale + offset, total = 0;
    int low = (int)(center - support + 0.5), high = (int)(center + support + 0.5);
    low = CLAMP (low, 0, (int)n_in - 1);
    high = CLAMP (high, low + 1, (int)n_in);
    self->first[i] = (guint)low;
    self->count[i] = MIN ((guint)(high - low), self->taps);
    self->begin = MIN (self->begin, (guint)low);
    self->end = MAX (self->end, low + self->count[i]);
    for (guint x = 0; x < self->count[i]; x++)
      total += w[x] = bicubic ((x + low - center + 0.5) * inverse);
    for (guint x = 0; x < self->count[i]; x++) {
      if (total != 0)
        w[x] /= total;
      self->weights[(gsize)i * self->taps + x] = (float)w[x];
      self->fixed[(gsize)i * self->taps + x] =
          (gint32)(w[x] < 0 ? w[x] * (1 << 22) - 0.5 : w[x] * (1 << 22) + 0.5);
    }
  }
  g_free (w);
  return TRUE;
}

void
clipmoe_axis_clear (ClipmoeAxis *self) {
  g_free (self->first);
  g_free (self->count);
  g_free (self->weights);
  g_free (self->fixed);
  memset (self, 0, sizeof *self);
}
