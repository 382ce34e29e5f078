/* Scores of an image embedding against labels. */
#include <string.h>
#include "labels-private.h"

/* Rows whose dot products are computed side by side, since each addition waits for the one before it. */
#define ROWS 8

/* Of a label in a group: it is likelier than all others of it together. */
#define GROUP_THRESHOLD 0.5

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

/* Of the labels in no group the softmax over these and the negatives, and of those in a group over it and the
 * negatives. @ungrouped: write the former. Slot 0 is of no group, slot g + 1 of group g. */
static void
softmax (const ClipmoeLabels *self, const float *cosines, gboolean ungrouped, double *scores) {
  guint n = self->n, all = n + self->n_negatives, slots = self->n_groups + 1;
  double s = self->scale, none[2], *top = self->n_groups ? g_new (double, 2 * (gsize)slots) : none,
         *sum = top + slots, negative = -INFINITY, negatives = 0;
  for (guint i = 0; i < slots; i++) {
    top[i] = -INFINITY;
    sum[i] = 0;
  }
  for (guint i = n; i < all; i++)
    negative = MAX (negative, s * cosines[i]);
  for (guint i = 0; i < n; i++) {
    double *t = &top[clipmoe_labels_get_group (self, i) + 1];
    *t = MAX (*t, s * cosines[i]);
  }
  for (guint i = 0; i < slots; i++)
    top[i] = MAX (top[i], negative);
  for (guint i = 0; i < n; i++) {
    gint slot = clipmoe_labels_get_group (self, i) + 1;
    sum[slot] += exp (s * cosines[i] - top[slot]);
  }
  for (guint i = n; i < all; i++) {
    sum[0] += exp (s * cosines[i] - top[0]);
    negatives += exp (s * cosines[i] - negative);
  }
  for (guint i = 1; i < slots && all > n; i++)
    sum[i] += negatives * exp (negative - top[i]);
  for (guint i = 0; i < n; i++) {
    gint slot = clipmoe_labels_get_group (self, i) + 1;
    if (slot || ungrouped)
      scores[i] = exp (s * cosines[i] - top[slot]) / sum[slot];
  }
  if (top != none)
    g_free (top);
}

void
clipmoe_scorer_scores (const ClipmoeLabels *self, ClipmoeScore kind, const float *cosines, double *scores) {
  guint n = self->n, all = n + self->n_negatives;
  double s = self->scale;
  if (kind == CLIPMOE_SCORE_COSINE) {
    for (guint i = 0; i < n; i++)
      scores[i] = cosines[i];
  } else if (kind == CLIPMOE_SCORE_SOFTMAX) {
    softmax (self, cosines, TRUE, scores);
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
  if (self->n_groups && kind == CLIPMOE_SCORE_SIGMOID)
    softmax (self, cosines, FALSE, scores);
}

double
clipmoe_scorer_default_threshold (ClipmoeScore kind) {
  return kind == CLIPMOE_SCORE_SOFTMAX ? 0.1 : kind == CLIPMOE_SCORE_SIGMOID ? 0.5 : -INFINITY;
}

double
clipmoe_scorer_threshold (const ClipmoeLabels *self, ClipmoeScore kind, double threshold, guint i) {
  double own = clipmoe_labels_get (self, i)->threshold;
  if (!isnan (own))
    return own;
  if (!isnan (threshold))
    return threshold;
  gboolean alone = kind == CLIPMOE_SCORE_COSINE || clipmoe_labels_get_group (self, i) < 0;
  return alone ? clipmoe_scorer_default_threshold (kind) : GROUP_THRESHOLD;
}

void
clipmoe_scorer_best (const ClipmoeLabels *self, const double *scores, guint *best) {
  for (guint g = 0; g < self->n_groups; g++)
    best[g] = G_MAXUINT;
  for (guint i = 0; self->groups && i < self->n; i++) {
    gint g = self->groups[i];
    if (g >= 0 && (best[g] == G_MAXUINT || scores[i] > scores[best[g]]))
      best[g] = i;
  }
}

guint
clipmoe_scorer_top (const ClipmoeLabels *self, ClipmoeScore kind, const double *scores, double threshold,
                    guint k, guint *indices) {
  guint n = 0, *best = self->n_groups ? g_new (guint, self->n_groups) : NULL; /* nothing without groups */
  if (best)
    clipmoe_scorer_best (self, scores, best);
  for (guint i = 0; i < self->n; i++) {
    gint g = clipmoe_labels_get_group (self, i);
    if (!(scores[i] >= clipmoe_scorer_threshold (self, kind, threshold, i)) || (g >= 0 && best[g] != i))
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
  g_free (best);
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
