/* Scores of an image embedding against labels. */
#include <string.h>
#include "labels-private.h"

/* Rows whose dot products are computed side by side, since each addition waits for the one before it. */
#define ROWS 8

/* The order of the additions of one row is part of the result: six decimals of it are printed. */
static void
dot_rows (const float *rows, const float *embedding, guint embed, float *out) {
  double sums[ROWS] = {0};
  for (guint j = 0; j < embed; j++)
    for (guint r = 0; r < ROWS; r++)
      sums[r] += (double)rows[(gsize)r * embed + j] * embedding[j];
  for (guint r = 0; r < ROWS; r++)
    out[r] = (float)sums[r];
}

void
clipmoe_scorer_cosines (const ClipmoeLabels *self, const float *embedding, float *cosines) {
  guint n = clipmoe_labels_get_n_rows (self), i = 0;
  for (; i + ROWS <= n; i += ROWS)
    dot_rows (clipmoe_labels_get_vector (self, i), embedding, self->embed, cosines + i);
  for (; i < n; i++) {
    const float *v = clipmoe_labels_get_vector (self, i);
    double sum = 0;
    for (guint j = 0; j < self->embed; j++)
      sum += (double)v[j] * embedding[j];
    cosines[i] = (float)sum;
  }
}

void
clipmoe_scorer_scores (const ClipmoeLabels *self, ClipmoeScore kind, const float *cosines, double *scores) {
  guint n = self->n, all = n + self->n_negatives;
  double s = self->scale;
  if (kind == CLIPMOE_SCORE_COSINE) {
    for (guint i = 0; i < n; i++)
      scores[i] = cosines[i];
  } else if (kind == CLIPMOE_SCORE_SOFTMAX) {
    double top = -INFINITY, sum = 0;
    for (guint i = 0; i < all; i++)
      top = MAX (top, s * cosines[i]);
    for (guint i = 0; i < all; i++)
      sum += exp (s * cosines[i] - top);
    for (guint i = 0; i < n; i++)
      scores[i] = exp (s * cosines[i] - top) / sum;
  } else {
    /* The background: log of the mean of e^(s c) over the negatives, or of the background row. */
    const float *b = cosines + (self->n_negatives ? n : all);
    guint n_b = MAX (self->n_negatives, 1);
    double top = -INFINITY, sum = 0;
    for (guint i = 0; i < n_b; i++)
      top = MAX (top, s * b[i]);
    for (guint i = 0; i < n_b; i++)
      sum += exp (s * b[i] - top);
    double background = top + log (sum / n_b);
    for (guint i = 0; i < n; i++)
      scores[i] = 1 / (1 + exp (background - s * cosines[i]));
  }
}

double
clipmoe_scorer_default_threshold (ClipmoeScore kind) {
  return kind == CLIPMOE_SCORE_SOFTMAX ? 0.1 : kind == CLIPMOE_SCORE_SIGMOID ? 0.5 : -INFINITY;
}

guint
clipmoe_scorer_top (const ClipmoeLabels *self, ClipmoeScore kind, const double *scores, double threshold,
                    guint k, guint *indices) {
  guint n = 0;
  if (isnan (threshold))
    threshold = clipmoe_scorer_default_threshold (kind);
  for (guint i = 0; i < self->n; i++) {
    double own = clipmoe_labels_get (self, i)->threshold;
    if (!(scores[i] >= (isnan (own) ? threshold : own)))
      continue;
    guint at = MIN (n, k);
    while (at > 0 && scores[i] > scores[indices[at - 1]])
      at--;
    if (at >= k)
      continue;
    guint last = MIN (n, k - 1);
    memmove (indices + at + 1, indices + at, (last - at) * sizeof *indices);
    indices[at] = i;
    n = last + 1;
  }
  return n;
}

void
clipmoe_scorer_smooth (float *state, const float *cosines, guint n, double dt, double tau) {
  if (!(tau > 0)) { /* the state is not read: it may be uninitialised */
    memcpy (state, cosines, n * sizeof *state);
    return;
  }
  double share = 1 - exp (-MAX (dt, 0) / tau);
  for (guint i = 0; i < n; i++)
    state[i] = (float)(state[i] + share * (cosines[i] - state[i]));
}
