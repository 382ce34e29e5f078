#include "terms.h"

#include <math.h>
#include <string.h>

#define MOST_WEIGHT 1000
/* Of the sum of all weights: a shorter sum has no direction that means anything. */
#define LEAST_SUM 1e-3

ClipmoeTerm *
clipmoe_term_new (ClipmoeTermKind kind, double weight, const char *text, gint64 moment) {
  ClipmoeTerm *term = g_new (ClipmoeTerm, 1);
  *term = (ClipmoeTerm){kind, weight, g_strdup (text), moment};
  return term;
}

void
clipmoe_term_free (ClipmoeTerm *term) {
  if (!term)
    return;
  g_free (term->text);
  g_free (term);
}

typedef struct {
  const char *at;
  gboolean spaced; /* white space or the begin stands before `at` */
} Reader;

static void
skip_space (Reader *r) {
  while (g_ascii_isspace (*r->at)) {
    r->at++;
    r->spaced = TRUE;
  }
}

/* A decimal number at @at, without a sign: its length; 0: none. *point: whether it has a decimal point. */
static gsize
number_length (const char *at, gboolean *point) {
  gsize n = strspn (at, "0123456789"), digits = n;
  *point = at[n] == '.';
  if (*point) {
    gsize more = strspn (at + n + 1, "0123456789");
    digits += more;
    n += 1 + more;
  }
  return digits ? n : 0;
}

/* A weight before a term: leaves @r behind it. FALSE: none. */
static gboolean
read_weight (Reader *r, double *weight) {
  gboolean point;
  gsize n = number_length (r->at, &point);
  const char *next = r->at + n, *behind = next + strspn (next, " \t\n\r\f\v");
  if (!n || !(*behind == '"' || *behind == '*' || (point && behind > next && *behind)))
    return FALSE;
  /* "0.5 - rain": the number is the term */
  if (*behind != '"' && *behind != '*' && strchr ("+-", *behind))
    return FALSE;
  *weight = g_ascii_strtod (r->at, NULL);
  r->at = *behind == '*' ? behind + 1 : behind;
  skip_space (r);
  return TRUE;
}

static gboolean
refuse (GError **error, const char *what, const char *line) {
  char *shown = g_utf8_make_valid (line, (gssize)strnlen (line, 60));
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "Query %s: %s", shown, what);
  g_free (shown);
  return FALSE;
}

/* Words in quotes, without them; NULL: the closing one is missing. */
static char *
read_quoted (Reader *r) {
  GString *words = g_string_new (NULL);
  for (r->at++; *r->at && *r->at != '"'; r->at++) {
    if (*r->at == '\\' && (r->at[1] == '"' || r->at[1] == '\\'))
      r->at++;
    g_string_append_c (words, *r->at);
  }
  gboolean closed = *r->at == '"';
  r->at += closed;
  r->spaced = FALSE;
  return g_string_free (words, !closed);
}

/* Words up to a sign, to quotes or to the end. */
static char *
read_words (Reader *r) {
  GString *words = g_string_new (NULL);
  while (*r->at) {
    gboolean spaced = FALSE;
    while (g_ascii_isspace (*r->at)) {
      r->at++;
      spaced = TRUE;
    }
    if (!*r->at || (spaced && strchr ("+-\"", *r->at))) {
      r->spaced = TRUE;
      break;
    }
    if (spaced && words->len)
      g_string_append_c (words, ' ');
    g_string_append_c (words, *r->at++);
  }
  return g_string_free (words, FALSE);
}

static gboolean
add (GPtrArray *terms, double weight, char *text, const char *line, GError **error) {
  g_strstrip (text);
  gboolean ok = TRUE;
  if (!*text)
    ok = refuse (error, "a term without words, expected words between signs", line);
  else if (!(fabs (weight) <= MOST_WEIGHT && weight != 0))
    ok = refuse (error, "a weight that is 0 or above 1000", line);
  else if (strlen (text) > CLIPMOE_MAX_TERM_BYTES || terms->len >= CLIPMOE_MAX_TERMS) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                 "Query: more than %d terms, or one of more than %d bytes", CLIPMOE_MAX_TERMS,
                 CLIPMOE_MAX_TERM_BYTES);
    ok = FALSE;
  } else
    g_ptr_array_add (terms, clipmoe_term_new (CLIPMOE_TERM_TEXT, weight, text, 0));
  g_free (text);
  return ok;
}

static gboolean
read_term (Reader *r, GPtrArray *terms, const char *line, GError **error) {
  double sign = 1, weight = 1;
  if (*r->at == '+' || *r->at == '-') {
    sign = *r->at == '-' ? -1 : 1;
    r->at++;
    skip_space (r);
  }
  read_weight (r, &weight);
  if ((*r->at == '+' || *r->at == '-') && (!r->at[1] || g_ascii_isspace (r->at[1])))
    return refuse (error, "two signs without words between them", line);
  char *text = *r->at == '"' ? read_quoted (r) : read_words (r);
  if (!text)
    return refuse (error, "a quotation mark without its partner", line);
  return add (terms, sign * weight, text, line, error);
}

GPtrArray *
clipmoe_terms_parse (const char *line, GError **error) {
  GPtrArray *terms = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_term_free);
  Reader r = {line, TRUE};
  gboolean ok = g_utf8_validate (line, -1, NULL) || refuse (error, "not UTF-8", "line");
  for (skip_space (&r); ok && *r.at; skip_space (&r))
    ok = read_term (&r, terms, line, error);
  if (ok && !terms->len)
    ok = refuse (error, "empty, expected words", "line");
  if (!ok)
    g_clear_pointer (&terms, g_ptr_array_unref);
  return terms;
}

/* Quotes an argument that the shell has taken the quotes from: words with white space between them. Where it
 * has quotes or a sign of its own, it is a line, or a part of one. */
static void
append_argument (GString *line, const char *argument) {
  gboolean spaced = FALSE, own = strchr (argument, '"') || *argument == '+' || *argument == '-';
  gboolean point;
  gsize n = number_length (argument, &point);
  own = own || (n && point && g_ascii_isspace (argument[n]));
  for (const char *c = argument; *c && !own; c++) {
    own = g_ascii_isspace (*c) && (c[1] == '+' || c[1] == '-');
    spaced = spaced || g_ascii_isspace (*c);
  }
  if (line->len)
    g_string_append_c (line, ' ');
  if (own || !spaced)
    g_string_append (line, argument);
  else {
    g_string_append_c (line, '"');
    for (const char *c = argument; *c; c++) {
      if (*c == '\\')
        g_string_append_c (line, '\\');
      g_string_append_c (line, *c);
    }
    g_string_append_c (line, '"');
  }
}

GPtrArray *
clipmoe_terms_parse_arguments (char *const *arguments, GError **error) {
  GString *line = g_string_new (NULL);
  for (; *arguments; arguments++)
    append_argument (line, *arguments);
  GPtrArray *terms = clipmoe_terms_parse (line->str, error);
  g_string_free (line, TRUE);
  return terms;
}

gboolean
clipmoe_terms_are_words (const GPtrArray *terms) {
  for (guint i = 0; i < terms->len; i++)
    if (((const ClipmoeTerm *)terms->pdata[i])->kind != CLIPMOE_TERM_TEXT)
      return FALSE;
  return terms->len > 0;
}

char *
clipmoe_terms_describe (const GPtrArray *terms) {
  GString *out = g_string_new (NULL);
  for (guint i = 0; i < terms->len; i++) {
    const ClipmoeTerm *term = terms->pdata[i];
    double weight = fabs (term->weight);
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    if (i || term->weight < 0)
      g_string_append (out, i ? term->weight < 0 ? " - " : " + " : "- ");
    if (weight != 1)
      g_string_append_printf (out, "%s ", g_ascii_formatd (number, sizeof number, "%.4g", weight));
    if (term->kind == CLIPMOE_TERM_MOMENT)
      g_string_append_printf (out, "moment %" G_GINT64_FORMAT, term->moment);
    else
      g_string_append_printf (out, term->kind == CLIPMOE_TERM_IMAGE ? "picture \"%s\"" : "\"%s\"",
                              term->text);
  }
  return g_string_free (out, FALSE);
}

gboolean
clipmoe_terms_sum (const GPtrArray *terms, const float *vectors, guint embed, float *out, GError **error) {
  double *sum = g_new0 (double, embed), all = 0, square = 0;
  for (guint i = 0; i < terms->len; i++) {
    double weight = ((const ClipmoeTerm *)terms->pdata[i])->weight;
    all += fabs (weight);
    for (guint j = 0; j < embed; j++)
      sum[j] += weight * vectors[(gsize)i * embed + j];
  }
  for (guint j = 0; j < embed; j++)
    square += sum[j] * sum[j];
  gboolean ok = sqrt (square) > LEAST_SUM * all;
  for (guint j = 0; j < embed && ok; j++)
    out[j] = (float)(sum[j] / sqrt (square));
  g_free (sum);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "Query: its terms cancel each other out, so it has no direction");
  return ok;
}
