#include "real.h"

#include <cblas.h>
#include <string.h>
#include <kernels/pool.h>

void
dmu_single_blas (void) {
  openblas_set_num_threads (1);
}

typedef struct {
  gsize n, parts;
  DmuBody body;
  void *data;
} Parallel;

static void
part (void *data, unsigned thread, unsigned i, unsigned next) {
  const Parallel *p = data;
  gsize first = p->n * i / p->parts, last = p->n * (i + 1) / p->parts;
  if (first < last)
    p->body (p->data, first, last, i);
}

guint
dmu_parts (guint threads) {
  return threads > 1 ? 4 * threads : 1;
}

void
dmu_parallel (guint threads, gsize n, gsize grain, DmuBody body, void *data) {
  Parallel p = {n, MIN ((n + grain - 1) / grain, dmu_parts (threads)), body, data};
  if (p.parts > 1)
    cm_pool_run (threads, (unsigned)p.parts, part, &p);
  else if (n)
    body (data, 0, n, 0);
}

typedef struct {
  gboolean ta, tb, by_rows;
  gsize m, n, k, lda, ldb, ldc;
  const Real *a, *b;
  Real beta, *c;
} Gemm;

/* Part of the rows, or of the columns, of the product; in units of 16. */
static void
gemm_part (void *data, gsize first, gsize last, guint number) {
  const Gemm *g = data;
  gsize m = g->m, n = g->n;
  const Real *a = g->a, *b = g->b;
  Real *c = g->c;
  first *= 16;
  last *= 16;
  if (g->by_rows) {
    last = MIN (last, m);
    a += g->ta ? first : first * g->lda;
    c += first * g->ldc;
    m = last - first;
  } else {
    last = MIN (last, n);
    b += g->tb ? first * g->ldb : first;
    c += first;
    n = last - first;
  }
#ifdef DMU_DOUBLE
  cblas_dgemm (
#else
  cblas_sgemm (
#endif
      CblasRowMajor, g->ta ? CblasTrans : CblasNoTrans, g->tb ? CblasTrans : CblasNoTrans, (blasint)m,
      (blasint)n, (blasint)g->k, 1, a, (blasint)g->lda, b, (blasint)g->ldb, g->beta, c, (blasint)g->ldc);
}

void
dmu_gemm (guint threads, gboolean transpose_a, gboolean transpose_b, gsize m, gsize n, gsize k, const Real *a,
          gsize lda, const Real *b, gsize ldb, Real beta, Real *c, gsize ldc) {
  Gemm g = {transpose_a, transpose_b, m >= n, m, n, k, lda, ldb, ldc, a, b, beta, c};
  if (!m || !n)
    return;
  gsize units = ((g.by_rows ? m : n) + 15) / 16;
  if (threads <= 1 || m * n * k < 100000) {
    gemm_part (&g, 0, units, 0);
    return;
  }
  /* One part per thread: with more the other matrix would be packed more often. */
  Parallel p = {units, MIN (threads, units), gemm_part, &g};
  cm_pool_run (threads, (unsigned)p.parts, part, &p);
}

typedef struct {
  gsize rows, ldx;
  const Real *x;
  Real *sums;
} Sums;

DMU_WIDE static void
sum_columns (void *data, gsize first, gsize last, guint number) {
  const Sums *s = data;
  for (gsize r = 0; r < s->rows; r++) {
    const Real *x = s->x + r * s->ldx;
    for (gsize c = first; c < last; c++)
      s->sums[c] += x[c];
  }
}

void
dmu_column_sums (guint threads, gsize rows, gsize columns, const Real *x, gsize ldx, Real *sums) {
  Sums s = {rows, ldx, x, sums};
  dmu_parallel (threads, columns, 64, sum_columns, &s);
}
