#include "vectors.h"

#include <string.h>

/* Labels, and texts, per call of the encoder, which encodes their common prefixes once. */
#define AT_ONCE 256

static char *
fill (const char *template, const char *name) {
  char **parts = g_strsplit (template, "{}", -1);
  char *text = g_strjoinv (name, parts);
  g_strfreev (parts);
  return text;
}

/* The template without {} and the words that lead to it: "a photo of a {}." becomes "a photo." */
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

/* The @i-th text of @label. NULL: none, since a label with a prompt of its own has one text, and one with
 * pictures alone has none. */
static char *
text_of (const ClipmoeLabel *label, const char *const *templates, guint i) {
  if (label && label->prompt)
    return i ? NULL : g_strdup (label->prompt);
  if (label && label->pictures)
    return NULL;
  return label ? fill (templates[i], label->name) : fill_nothing (templates[i]);
}

/* Texts for the next call of the encoder, and for each label the sum of its vectors so far. */
typedef struct {
  ClipmoeEncoder *encoder;
  guint embed, n, truncated;
  char *texts[AT_ONCE];
  guint label[AT_ONCE];
  float *vectors; /* [AT_ONCE][embed] */
  double *sums;   /* [AT_ONCE][embed] */
} Window;

static gboolean
encode (Window *w, GError **error) {
  guint cut = 0;
  gboolean ok =
      clipmoe_encoder_encode_texts (w->encoder, (const char *const *)w->texts, w->n, w->vectors, &cut, error);
  for (guint i = 0; i < w->n; i++) {
    double *sum = w->sums + (gsize)w->label[i] * w->embed;
    for (guint j = 0; j < w->embed && ok; j++)
      sum[j] += w->vectors[(gsize)i * w->embed + j];
    g_clear_pointer (&w->texts[i], g_free);
  }
  w->n = 0;
  w->truncated += cut;
  return ok;
}

static gboolean
normalise (const double *sum, guint embed, const ClipmoeLabel *label, float *out, GError **error) {
  double length = 0;
  for (guint j = 0; j < embed; j++)
    length += sum[j] * sum[j];
  if (!(length > 0)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "label \"%.60s\": its vectors cancel each other out", label ? label->name : "");
    return FALSE;
  }
  for (guint j = 0; j < embed; j++)
    out[j] = (float)(sum[j] / sqrt (length));
  return TRUE;
}

/* Words and pictures weigh the same: the unit vector of the one is added to that of the other. */
static gboolean
add_shown (double *sum, const Window *w, const ClipmoeLabel *label, float *room, GError **error) {
  if (!label || !label->pictures)
    return TRUE;
  if (!label->shown || label->n_shown != w->embed) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "label \"%.60s\": no vector of this model of its pictures", label->name);
    return FALSE;
  }
  if (label->prompt && !normalise (sum, w->embed, label, room, error))
    return FALSE;
  for (guint j = 0; j < w->embed; j++)
    sum[j] = (label->prompt ? (double)room[j] : 0) + label->shown[j];
  return TRUE;
}

/* The mean of each label's unit vectors, normalised again. At most AT_ONCE labels, and template by
 * template, since the texts of one template share a prefix. */
static gboolean
make_some (Window *w, ClipmoeLabel *const *labels, guint n, const char *const *templates, float *out,
           GError **error) {
  gboolean ok = TRUE;
  memset (w->sums, 0, (gsize)n * w->embed * sizeof *w->sums);
  for (guint t = 0; templates[t] && ok; t++)
    for (guint i = 0; i < n && ok; i++) {
      w->texts[w->n] = text_of (labels[i], templates, t);
      w->label[w->n] = i;
      w->n += w->texts[w->n] != NULL;
      if (w->n == AT_ONCE)
        ok = encode (w, error);
    }
  ok = ok && encode (w, error);
  for (guint i = 0; i < n && ok; i++) {
    double *sum = w->sums + (gsize)i * w->embed;
    float *row = out + (gsize)i * w->embed;
    ok = add_shown (sum, w, labels[i], row, error) && normalise (sum, w->embed, labels[i], row, error);
  }
  return ok;
}

gboolean
clipmoe_vectors_make (ClipmoeEncoder *encoder, GPtrArray *labels, const char *const *templates, float *out,
                      guint *truncated, GError **error) {
  Window w = {.encoder = encoder,
              .embed = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder))->embed};
  gboolean ok = TRUE;
  w.vectors = g_new (float, (gsize)AT_ONCE *w.embed);
  w.sums = g_new (double, (gsize)AT_ONCE *w.embed);
  for (guint i = 0, some; i < labels->len && ok; i += some) {
    some = MIN (AT_ONCE, labels->len - i);
    ok = make_some (&w, (ClipmoeLabel *const *)labels->pdata + i, some, templates, out + (gsize)i * w.embed,
                    error);
  }
  *truncated += w.truncated;
  g_free (w.vectors);
  g_free (w.sums);
  return ok;
}
