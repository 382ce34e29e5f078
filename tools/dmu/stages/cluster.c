#include "cluster.h"
#include <base/sort.h>

#include <math.h>
#include <string.h>
#include <base/random.h>
#include <real.h>

typedef struct {
  guint n, width, k;
  const float *x, *centres, *candidate;
  float *distance;
  guint *labels;
} Near;

static inline float
squared (guint width, const float *a, const float *b) {
  float lanes[16] = {0}, sum = 0;
  guint i = 0;
  for (; i + 16 <= width; i += 16)
    for (guint l = 0; l < 16; l++)
      lanes[l] += (a[i + l] - b[i + l]) * (a[i + l] - b[i + l]);
  for (; i < width; i++)
    lanes[i % 16] += (a[i] - b[i]) * (a[i] - b[i]);
  for (guint l = 0; l < 16; l++)
    sum += lanes[l];
  return sum;
}

DMU_WIDE static void
assign (void *data, gsize first, gsize last, guint part) {
  const Near *m = data;
  for (gsize i = first; i < last; i++) {
    const float *x = m->x + i * m->width;
    guint best = 0;
    float least = squared (m->width, x, m->centres);
    for (guint c = 1; c < m->k; c++) {
      float d = squared (m->width, x, m->centres + (gsize)c * m->width);
      if (d < least) {
        least = d;
        best = c;
      }
    }
    m->labels[i] = best;
    m->distance[i] = least;
  }
}

static double
total (guint n, const float *x) {
  double sum = 0;
  for (guint i = 0; i < n; i++)
    sum += (double)x[i];
  return sum;
}

/* k-means++: each next centre is drawn with a probability proportional to the squared distance to the nearest
 * one so far; the best of a few candidates is kept. */
static void
plus_plus (guint threads, Near *m, ClipmoeRandom *r, float *centres) {
  gsize bytes = m->width * sizeof (float);
  guint tries = 2 + (guint)floor (log (m->k));
  float *least = g_new (float, m->n), *best = g_new (float, m->n), *own = g_new (float, m->n);
  guint *ignored = g_new (guint, m->n);
  memcpy (centres, m->x + (gsize)clipmoe_random_below (r, m->n) * m->width, bytes);
  Near one = {m->n, m->width, 1, m->x, centres, NULL, least, ignored};
  dmu_parallel (threads, m->n, 256, assign, &one);
  for (guint c = 1; c < m->k; c++) {
    double sum = total (m->n, least), best_sum = INFINITY;
    for (guint t = 0; t < tries; t++) {
      double at = clipmoe_random_uniform (r) * sum;
      guint pick = 0;
      for (; pick + 1 < m->n && at >= (double)least[pick]; pick++)
        at -= (double)least[pick];
      Near candidate = {m->n, m->width, 1, m->x, m->x + (gsize)pick * m->width, NULL, own, ignored};
      dmu_parallel (threads, m->n, 256, assign, &candidate);
      for (guint i = 0; i < m->n; i++)
        own[i] = MIN (own[i], least[i]);
      double now = total (m->n, own);
      if (now < best_sum) {
        best_sum = now;
        memcpy (best, own, m->n * sizeof *own);
        memcpy (centres + (gsize)c * m->width, m->x + (gsize)pick * m->width, bytes);
      }
    }
    memcpy (least, best, m->n * sizeof *best);
  }
  g_free (ignored);
  g_free (least);
  g_free (best);
  g_free (own);
}

/* Sets each centre to the mean of its members, summed in order. */
static void
move (Near *m, double *sums, guint *counts, float *centres) {
  memset (sums, 0, (gsize)m->k * m->width * sizeof *sums);
  memset (counts, 0, m->k * sizeof *counts);
  for (guint i = 0; i < m->n; i++) {
    const float *x = m->x + (gsize)i * m->width;
    double *to = sums + (gsize)m->labels[i] * m->width;
    counts[m->labels[i]]++;
    for (guint j = 0; j < m->width; j++)
      to[j] += (double)x[j];
  }
  for (guint c = 0; c < m->k; c++) {
    guint farthest = 0;
    for (guint i = 1; i < m->n && !counts[c]; i++)
      farthest = m->distance[i] > m->distance[farthest] ? i : farthest;
    if (!counts[c]) {
      memcpy (centres + (gsize)c * m->width, m->x + (gsize)farthest * m->width, m->width * sizeof *centres);
      m->distance[farthest] = 0;
      continue;
    }
    for (guint j = 0; j < m->width; j++)
      centres[(gsize)c * m->width + j] = (float)(sums[(gsize)c * m->width + j] / counts[c]);
  }
}

gboolean
dmu_kmeans (guint threads, guint n, guint width, const float *x, guint k, guint64 seed, guint passes,
            guint *labels, float *centres, DmuFit *fit, GError **error) {
  if (k < 1 || k > n) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%u clusters of %u points, expected 1 to as many as points", k, n);
    return FALSE;
  }
  Near m = {n, width, k, x, centres, NULL, g_new (float, n), labels};
  ClipmoeRandom r = clipmoe_random_for (seed, 'K', k);
  plus_plus (threads, &m, &r, centres);
  double *sums = g_new (double, (gsize)k *width);
  guint *counts = g_new (guint, k), *was = g_new (guint, n);
  dmu_parallel (threads, n, 256, assign, &m);
  fit->before = total (n, m.distance) / n;
  for (fit->passes = 0; fit->passes < passes;) {
    memcpy (was, labels, n * sizeof *was);
    move (&m, sums, counts, centres);
    dmu_parallel (threads, n, 256, assign, &m);
    fit->passes++;
    if (memcmp (was, labels, n * sizeof *was) == 0)
      break;
  }
  fit->after = total (n, m.distance) / n;
  g_free (sums);
  g_free (counts);
  g_free (was);
  g_free (m.distance);
  return TRUE;
}

static gint
by_code (gconstpointer a, gconstpointer b, gpointer data) {
  const guint64 *code = data;
  guint i = *(const guint *)a, j = *(const guint *)b;
  return code[i] != code[j] ? (code[i] < code[j] ? -1 : 1) : (i > j) - (i < j);
}

guint
dmu_groups (guint n, guint stages, const guint *const *codes, guint base, guint least, guint *groups,
            guint *merged) {
  guint64 *code = g_new0 (guint64, n);
  guint *order = g_new (guint, n), found = 0, left = n, largest = 0, largest_size = 0;
  for (guint s = 0; s < stages; s++)
    for (guint i = 0; i < n; i++)
      code[i] = code[i] * base + codes[s][i];
  for (guint i = 0; i < n; i++)
    order[i] = i;
  *merged = 0;
  /* From fine to coarse codes: members of a cluster that is too small go to the next coarser round. */
  for (guint s = stages + 1; s-- > 0 && left;) {
    clipmoe_sort (order, left, sizeof *order, by_code, code);
    guint remaining = 0;
    for (guint i = 0, end; i < left; i = end) {
      for (end = i + 1; end < left && code[order[end]] == code[order[i]]; end++)
        ;
      gboolean enough = end - i >= least;
      *merged += !enough && s == stages;
      for (guint j = i; j < end; j++)
        if (enough)
          groups[order[j]] = found;
        else
          order[remaining++] = order[j];
      if (enough && end - i > largest_size) {
        largest = found;
        largest_size = end - i;
      }
      found += enough;
    }
    left = remaining;
    for (guint i = 0; i < left; i++)
      code[order[i]] /= base;
  }
  for (guint i = 0; i < left; i++)
    groups[order[i]] = found ? largest : 0;
  g_free (code);
  g_free (order);
  return MAX (found, 1);
}
