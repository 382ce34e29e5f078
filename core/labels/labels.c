/* Label vectors of one model, and the scores of a look against them. */
#include "../clipmoe/labels.h"

#include <stdlib.h>
#include <string.h>

struct _ClipmoeLabels {
  gint ref_count;
  guint n, n_negatives, embed, n_truncated;
  GPtrArray *labels; /* ClipmoeLabel, copied */
  float *vectors;    /* [n + n_negatives + 1][embed] */
  double scale;      /* exp (logit_scale) */
};

static char *
fill (const char *template, const char *name) {
  char **parts = g_strsplit (template, "{}", -1);
  char *text = g_strjoinv (name, parts);
  g_strfreev (parts);
  return text;
}

/* The template filled with nothing: "a photo of a {}." becomes "a photo." */
static char *
fill_nothing (const char *template) {
  static const char *const words[] = {" of a ", " of an ", " of the ", " of one ", " of many ",
                                      " of ",   " a ",     " an ",     " the "};
  GString *s = g_string_new (template);
  char *hole;
  while ((hole = strstr (s->str, "{}"))) {
    gssize at = hole - s->str, from = at;
    for (guint i = 0; i < G_N_ELEMENTS (words) && from == at; i++) {
      gssize n = (gssize)strlen (words[i]);
      if (at >= n && strncmp (s->str + at - n, words[i], (gsize)n) == 0)
        from = at - n;
    }
    g_string_erase (s, from, at + 2 - from);
  }
  return g_strstrip (g_string_free (s, FALSE));
}

/* The mean of unit vectors of @texts, normalised again, added to nothing. */
static gboolean
encode_mean (ClipmoeEncoder *encoder, char *const *texts, guint n, guint embed, float *out, guint *truncated,
             GError **error) {
  float *one = g_new (float, embed);
  double *sum = g_new0 (double, embed), length = 0;
  gboolean ok = TRUE;
  for (guint i = 0; i < n && ok; i++) {
    guint cut = 0;
    ok = clipmoe_encoder_encode_texts (encoder, (const char *const *)&texts[i], 1, one, &cut, error);
    for (guint j = 0; j < embed && ok; j++)
      sum[j] += one[j];
    *truncated += cut;
  }
  for (guint j = 0; j < embed; j++)
    length += sum[j] * sum[j];
  if (ok && !(length > 0)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "label \"%.60s\": its templates cancel each other out", texts[0]);
    ok = FALSE;
  }
  for (guint j = 0; j < embed && ok; j++)
    out[j] = (float)(sum[j] / sqrt (length));
  g_free (one);
  g_free (sum);
  return ok;
}

static void
label_free (gpointer data) {
  ClipmoeLabel *l = data;
  g_free (l->name);
  g_free (l->prompt);
  g_free (l);
}

ClipmoeLabels *
clipmoe_labels_new (ClipmoeEncoder *encoder, GPtrArray *labels, GPtrArray *negatives,
                    const char *const *templates, GError **error) {
  const ClipmoeModelInfo *info = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder));
  ClipmoeLabels *self = g_new0 (ClipmoeLabels, 1);
  guint n_templates = g_strv_length ((char **)templates);
  self->ref_count = 1;
  self->n = labels ? labels->len : 0;
  self->n_negatives = negatives ? negatives->len : 0;
  self->embed = info->embed;
  self->scale = exp (info->logit_scale);
  self->labels = g_ptr_array_new_with_free_func (label_free);
  guint rows = self->n + self->n_negatives + 1;
  self->vectors = g_try_new0 (float, (gsize)rows * self->embed);
  gboolean ok = self->vectors != NULL;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for %u label vectors", rows);
  for (guint i = 0; i < rows && ok; i++) {
    const ClipmoeLabel *l = i < self->n    ? labels->pdata[i]
                            : i + 1 < rows ? negatives->pdata[i - self->n]
                                           : NULL;
    guint n = l && l->prompt ? 1 : n_templates;
    char **texts = g_new0 (char *, n + 1);
    for (guint t = 0; t < n; t++)
      texts[t] = l && l->prompt ? g_strdup (l->prompt)
                 : l            ? fill (templates[t], l->name)
                                : fill_nothing (templates[t]);
    if (l) {
      ClipmoeLabel *copy = g_new (ClipmoeLabel, 1);
      *copy = (ClipmoeLabel){g_strdup (l->name), g_strdup (l->prompt), l->threshold};
      g_ptr_array_add (self->labels, copy);
    }
    ok = encode_mean (encoder, texts, n, self->embed, self->vectors + (gsize)i * self->embed,
                      &self->n_truncated, error);
    g_strfreev (texts);
  }
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
