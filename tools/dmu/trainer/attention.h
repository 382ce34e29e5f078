/* Attention of packed sequences: the core between the two projections. */
#ifndef DMU_ATTENTION_H
#define DMU_ATTENTION_H

#include "real.h"

/* Sequences one behind the other: rows first[i] .. first[i + 1] - 1 belong to sequence i, whose result is
 * taken from row pooled[i]. */
typedef struct {
  guint n;
  guint *first;  /* [n + 1] */
  guint *pooled; /* [n] */
  guint longest;
} DmuRows;

static inline gsize
dmu_rows_total (const DmuRows *rows) {
  return rows->first[rows->n];
}

typedef struct {
  guint threads, width, heads;
  gboolean causal;
  const DmuRows *rows;
  const Real *qkv; /* [rows][3 width] */
  const Real *q;   /* NULL: every row of qkv is a query; else [n][width], queries of the pooled rows alone */
  Real *scratch;   /* dmu_attention_scratch() */
} DmuAttention;

gsize dmu_attention_scratch (guint threads, guint longest);

/* out[queries][width] = softmax (q k^T / sqrt (d) + mask) v, heads side by side */
void dmu_attention (const DmuAttention *self, Real *out);
/* From @dout, the gradient of out: @dqkv [rows][3 width]; with q, its first third is not written and @dq
 * [n][width] is. */
void dmu_attention_backward (const DmuAttention *self, const Real *dout, Real *dqkv, Real *dq);

#endif
