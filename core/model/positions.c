#include "positions.h"

#include <math.h>
#include <string.h>

#define MOST_SIDE 4096

/* What one new place takes of the old ones. */
typedef struct {
  guint first, n;
  double *part;
} Taps;

static double
cubic (double x) {
  const double a = -0.5;
  x = fabs (x);
  if (x < 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static Taps
taps_of (guint i, guint old, guint new) {
  double scale = (double)old / new, wide = MAX (scale, 1), centre = (i + 0.5) * scale;
  Taps t = {.first = (guint)MAX ((int)(centre - 2 * wide + 0.5), 0)};
  guint end = (guint)MIN ((int)(centre + 2 * wide + 0.5), (int)old);
  double sum = 0;
  t.n = end - t.first;
  t.part = g_new (double, t.n);
  for (guint k = 0; k < t.n; k++)
    sum += t.part[k] = cubic ((t.first + k - centre + 0.5) / wide);
  for (guint k = 0; k < t.n; k++)
    t.part[k] /= sum;
  return t;
}

/* Rows of @d floats: [old][old] to [new][new]. */
static void
stretch (const float *from, float *to, guint old, guint new, gsize d) {
  Taps *taps = g_new (Taps, new);
  for (guint i = 0; i < new; i++)
    taps[i] = taps_of (i, old, new);
  double *sum = g_new (double, d);
  for (guint y = 0; y < new; y++)
    for (guint x = 0; x < new; x++, to += d) {
      memset (sum, 0, d * sizeof *sum);
      for (guint j = 0; j < taps[y].n; j++)
        for (guint i = 0; i < taps[x].n; i++) {
          const float *row = from + ((gsize)(taps[y].first + j) * old + taps[x].first + i) * d;
          double part = taps[y].part[j] * taps[x].part[i];
          for (gsize c = 0; c < d; c++)
            sum[c] += part * row[c];
        }
      for (gsize c = 0; c < d; c++)
        to[c] = (float)sum[c];
    }
  for (guint i = 0; i < new; i++)
    g_free (taps[i].part);
  g_free (taps);
  g_free (sum);
}

gboolean
clipmoe_positions_stretch (ClipmoeWeights *weights, const char *path, guint patch, guint side,
                           GError **error) {
  ClipmoeWeight *w = g_hash_table_lookup (weights->weights, "visual.positional_embedding");
  if (!patch || !w) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: side %u: no image tower in it, expected one whose positions can be stretched", path,
                 side);
    return FALSE;
  }
  if (side % patch || side < patch || side > MOST_SIDE) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: side %u: expected a multiple of its patches' %u, up to %d", path, side, patch,
                 MOST_SIDE);
    return FALSE;
  }
  guint old = 1, new = side / patch;
  while (w->n_dims == 2 && old < MOST_SIDE && (guint64)old * old + 1 < w->shape[0])
    old++; /* the file may be another than the one that was opened: any shape */
  if (w->n_dims != 2 || (guint64)old * old + 1 != w->shape[0]) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"%s\": expected a square and one more", path, w->source);
    return FALSE;
  }
  gsize d = w->shape[1], rows = (gsize) new *new + 1;
  if (w->data && old != new) {
    float *data =
        rows <= G_MAXSIZE / sizeof (float) / MAX (d, 1) ? g_try_new (float, MAX (rows * d, 1)) : NULL;
    if (!data) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: tensor \"%s\": no memory", path,
                   w->source);
      return FALSE;
    }
    memcpy (data, w->data, d * sizeof *data);
    stretch (w->data + d, data + d, old, new, d);
    g_free (w->data);
    w->data = data;
  }
  if (old != new)
    w->dtype = CLIPMOE_DTYPE_F32;
  w->shape[0] = rows;
  w->n_elements = rows * d;
  return TRUE;
}
