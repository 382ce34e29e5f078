#include "loss.h"

#include <string.h>
#include "layers.h"

gboolean
dmu_keys_match (const DmuKeys *a, const DmuKeys *b) {
  return (a->picture && a->picture == b->picture) || (a->caption && a->caption == b->caption) ||
         (a->label && a->label == b->label);
}

gboolean
dmu_unit (guint n, guint width, Real *f, Real *norm) {
  for (guint i = 0; i < n; i++) {
    Real *x = f + (gsize)i * width, length = dmu_sqrt (dmu_dot (width, x, x));
    if (!isfinite (length) || !(length > 0))
      return FALSE;
    norm[i] = length;
    for (guint j = 0; j < width; j++)
      x[j] /= length;
  }
  return TRUE;
}

void
dmu_unit_backward (guint n, guint width, const Real *unit, const Real *norm, Real *du) {
  for (guint i = 0; i < n; i++) {
    const Real *u = unit + (gsize)i * width;
    Real *d = du + (gsize)i * width, along = dmu_dot (width, u, d);
    for (guint j = 0; j < width; j++)
      d[j] = (d[j] - u[j] * along) / norm[i];
  }
}

typedef struct {
  guint n;
  const DmuKeys *keys;
  double smoothing;
  Real *p;      /* [n][n] logits, which become softmax - target */
  double *loss; /* [n] of each row */
} Entropy;

/* Cross entropy of rows against the spread target, and its gradient. */
static void
entropy_rows (void *data, gsize first, gsize last, guint part) {
  const Entropy *e = data;
  for (gsize i = first; i < last; i++) {
    Real *p = e->p + i * e->n, top = p[0];
    guint positives = 0;
    for (guint j = 0; j < e->n; j++) {
      top = p[j] > top ? p[j] : top;
      positives += j == i || (e->keys && dmu_keys_match (&e->keys[i], &e->keys[j]));
    }
    double sum = 0, hard = 0, soft = 0;
    for (guint j = 0; j < e->n; j++) {
      gboolean positive = j == i || (e->keys && dmu_keys_match (&e->keys[i], &e->keys[j]));
      double l = (double)(p[j] - top);
      sum += exp (l);
      soft += l;
      hard += positive ? l : 0;
    }
    double log_sum = log (sum), even = e->smoothing / e->n, share = (1 - e->smoothing) / positives;
    e->loss[i] = log_sum - (1 - e->smoothing) * hard / positives - even * soft;
    for (guint j = 0; j < e->n; j++) {
      gboolean positive = j == i || (e->keys && dmu_keys_match (&e->keys[i], &e->keys[j]));
      p[j] = (Real)(exp ((double)(p[j] - top)) / sum - even - (positive ? share : 0));
    }
  }
}

double
dmu_contrastive (guint threads, guint n, guint width, const Real *images, const Real *texts,
                 const DmuKeys *keys, double scale, double smoothing, Real *work, Real *di, Real *dt,
                 double *dscale) {
  gsize square = (gsize)n * n;
  Real *logits = work, *rows = work + square, *columns = rows + square;
  double *losses = g_new (double, n), loss = 0, slope = 0;
  dmu_gemm (threads, FALSE, TRUE, n, n, width, images, width, texts, width, 0, logits, n);
  for (gsize i = 0; i < square; i++)
    logits[i] *= (Real)scale;
  memcpy (rows, logits, square * sizeof *rows);
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < n; j++)
      columns[(gsize)j * n + i] = logits[(gsize)i * n + j];
  Entropy e = {n, keys, smoothing, rows, losses};
  for (guint side = 0; side < 2; side++) {
    e.p = side ? columns : rows;
    dmu_parallel (threads, n, 4, entropy_rows, &e);
    for (guint i = 0; i < n; i++)
      loss += losses[i];
  }
  /* The gradient of the logits, in place of that of the rows. */
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < n; j++) {
      Real *g = rows + (gsize)i * n + j;
      *g = (*g + columns[(gsize)j * n + i]) / (2 * (Real)n);
      slope += (double)*g * (double)logits[(gsize)i * n + j];
    }
  for (gsize i = 0; i < square; i++)
    rows[i] *= (Real)scale;
  dmu_gemm (threads, FALSE, FALSE, n, width, n, rows, n, texts, width, 0, di, width);
  dmu_gemm (threads, TRUE, FALSE, n, width, n, rows, n, images, width, 0, dt, width);
  *dscale += slope;
  g_free (losses);
  return loss / (2.0 * n);
}

static double
share (const DmuUsage *u, DmuBalance kind, guint e) {
  return (double)(kind == DMU_BALANCE_PAPER ? u->first[e] : u->chosen[e]);
}

/* Sums over all mixtures of the tower: prob and f [experts]. Returns the number of rows; *experts: of each
 * mixture. */
static guint64
pooled (const DmuTower *t, DmuBalance kind, const DmuUsage *usage, guint *experts, double *prob, double *f) {
  guint64 rows = 0;
  *experts = 0;
  for (guint i = 0; i < t->arch.layers; i++) {
    guint n = t->blocks[i].n_experts;
    if (n)
      *experts = n;
    for (guint e = 0; e < n; e++) {
      prob[e] += usage[i].prob[e];
      f[e] += share (&usage[i], kind, e);
    }
    rows += usage[i].rows;
  }
  return rows;
}

static guint
most_experts (const DmuTower *t, guint *mixtures) {
  guint most = 0;
  *mixtures = 0;
  for (guint i = 0; i < t->arch.layers; i++) {
    most = MAX (most, t->blocks[i].n_experts);
    *mixtures += t->blocks[i].n_experts > 0;
  }
  return most;
}

double
dmu_balance (const DmuTower *t, DmuBalance kind, const DmuUsage *usage) {
  guint mixtures, most = most_experts (t, &mixtures), experts;
  double loss = 0;
  if (kind == DMU_BALANCE_PER_LAYER) {
    for (guint i = 0; i < t->arch.layers; i++)
      for (guint e = 0; e < t->blocks[i].n_experts && usage[i].rows; e++)
        loss += t->blocks[i].n_experts * usage[i].prob[e] * share (&usage[i], kind, e) /
                ((double)usage[i].rows * (double)usage[i].rows);
    return mixtures ? loss / mixtures : 0;
  }
  double *prob = g_new0 (double, most), *f = g_new0 (double, most);
  guint64 rows = pooled (t, kind, usage, &experts, prob, f);
  for (guint e = 0; e < experts && rows; e++)
    loss += experts * prob[e] * f[e] / ((double)rows * (double)rows);
  g_free (prob);
  g_free (f);
  return loss;
}

void
dmu_balance_factors (const DmuTower *t, DmuBalance kind, const DmuUsage *usage, double weight,
                     Real *const *out) {
  guint mixtures, most = most_experts (t, &mixtures), experts;
  double *prob = g_new0 (double, most), *f = g_new0 (double, most);
  guint64 rows = pooled (t, kind, usage, &experts, prob, f);
  for (guint i = 0; i < t->arch.layers; i++) {
    guint n = t->blocks[i].n_experts;
    double own = (double)usage[i].rows;
    for (guint e = 0; e < n; e++)
      out[i][e] = (Real)(kind == DMU_BALANCE_PER_LAYER
                             ? own > 0 ? weight / mixtures * n * share (&usage[i], kind, e) / (own * own) : 0
                         : rows > 0 ? weight * n * f[e] / ((double)rows * (double)rows)
                                    : 0);
  }
  g_free (prob);
  g_free (f);
}
