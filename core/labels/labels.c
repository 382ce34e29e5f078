/* Label vectors of one model, and the scores of a look against them. */
#include "../clipmoe/labels.h"

#include <stdlib.h>
#include <string.h>
#include "vectors.h"

struct _ClipmoeLabels {
  gint ref_count;
  guint n, n_negatives, embed, n_truncated;
  GPtrArray *labels; /* ClipmoeLabel, copied; the last one is NULL */
  float *vectors;    /* [n + n_negatives + 1][embed] */
  double scale;      /* exp (logit_scale) */
};

ClipmoeLabels *
clipmoe_labels_new (ClipmoeEncoder *encoder, GPtrArray *labels, GPtrArray *negatives,
                    const char *const *templates, GError **error) {
  const ClipmoeModelInfo *info = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder));
  ClipmoeLabels *self = g_new0 (ClipmoeLabels, 1);
  self->ref_count = 1;
  self->n = labels ? labels->len : 0;
  self->n_negatives = negatives ? negatives->len : 0;
  self->embed = info->embed;
  self->scale = exp (info->logit_scale);
  self->labels = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_label_free);
  guint rows = self->n + self->n_negatives + 1;
  for (guint i = 0; i + 1 < rows; i++) {
    const ClipmoeLabel *l = i < self->n ? labels->pdata[i] : negatives->pdata[i - self->n];
    g_ptr_array_add (self->labels, clipmoe_label_new (l->name, l->prompt, l->threshold));
  }
  g_ptr_array_add (self->labels, NULL); /* the background */
  self->vectors = g_try_new0 (float, (gsize)rows * self->embed);
  gboolean ok = self->vectors != NULL;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for %u label vectors", rows);
  ok =
      ok && clipmoe_vectors_make (encoder, self->labels, templates, self->vectors, &self->n_truncated, error);
  if (!ok)
    g_clear_pointer (&self, clipmoe_labels_unref);
  return self;
}

ClipmoeLabels *
clipmoe_labels_ref (ClipmoeLabels *self) {
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
clipmoe_labels_unref (ClipmoeLabels *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_ptr_array_unref (self->labels);
  g_free (self->vectors);
  g_free (self);
}

guint
clipmoe_labels_get_n (const ClipmoeLabels *self) {
  return self->n;
}

guint
clipmoe_labels_get_n_negatives (const ClipmoeLabels *self) {
  return self->n_negatives;
}

const ClipmoeLabel *
clipmoe_labels_get (const ClipmoeLabels *self, guint i) {
  return self->labels->pdata[i];
}

const float *
clipmoe_labels_get_vector (const ClipmoeLabels *self, guint i) {
  return self->vectors + (gsize)i * self->embed;
}

guint
clipmoe_labels_get_n_rows (const ClipmoeLabels *self) {
  return self->n + self->n_negatives + 1;
}

guint
clipmoe_labels_get_n_truncated (const ClipmoeLabels *self) {
  return self->n_truncated;
}

void
clipmoe_scorer_cosines (const ClipmoeLabels *self, const float *embedding, float *cosines) {
  for (guint i = 0; i < clipmoe_labels_get_n_rows (self); i++) {
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
    /* The background: log of the mean of e^(s c) over the negatives, or the empty template's row. */
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
  if (!(tau > 0)) { /* whatever the state was, even uninitialised */
    memcpy (state, cosines, n * sizeof *state);
    return;
  }
  double share = 1 - exp (-MAX (dt, 0) / tau);
  for (guint i = 0; i < n; i++)
    state[i] = (float)(state[i] + share * (cosines[i] - state[i]));
}
