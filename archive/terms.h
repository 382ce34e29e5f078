/* What a search is made of: words, pictures and moments, each with a weight. Pure text work; who encodes them
 * does so elsewhere. */
#ifndef CLIPMOE_TERMS_H
#define CLIPMOE_TERMS_H

#include "../core/clipmoe/error.h"

#define CLIPMOE_MAX_TERMS 32
#define CLIPMOE_MAX_TERM_BYTES 8192

typedef enum {
  CLIPMOE_TERM_TEXT,
  CLIPMOE_TERM_IMAGE,  /* a picture file */
  CLIPMOE_TERM_MOMENT, /* a moment of the store */
} ClipmoeTermKind;

typedef struct {
  ClipmoeTermKind kind;
  double weight; /* finite, not 0; negative: what is not wanted */
  char *text;    /* UTF-8 words, or the picture's path; NULL for a moment */
  gint64 moment;
} ClipmoeTerm;
ClipmoeTerm *clipmoe_term_new (ClipmoeTermKind kind, double weight, const char *text, gint64 moment);
void clipmoe_term_free (ClipmoeTerm *term);

/* Reads a query line: terms with + or - between them. A sign counts where white space or the line's begin
 * stands before it, so t-shirt and C++ are words. A term is words, or words in double quotes, in which \" and
 * \\ are the characters themselves; quoted and plain words side by side are terms that are added. A weight
 * stands before its term: a number with a decimal point (0.5 night), any number before quotes (2 "dogs") or
 * before * (2 * dogs); so "2 dogs" without quotes are words. Signs and numbers have no meaning in quotes.
 * Returns (transfer full) (element-type ClipmoeTerm): one or more; NULL (ARGUMENT, LIMIT) on error. */
GPtrArray *clipmoe_terms_parse (const char *line, GError **error);
/* The same of arguments, which the shell has taken the quotes from: an argument with white space in it that
 * stands where a term does is one term as it is. */
GPtrArray *clipmoe_terms_parse_arguments (char *const *arguments, GError **error);

/* Whether all terms are words. */
gboolean clipmoe_terms_are_words (const GPtrArray *terms);
/* What people read: "red van" + 0.5 "night" - "rain". (transfer full) */
char *clipmoe_terms_describe (const GPtrArray *terms);

/* @vectors: float32 [terms->len][embed], a unit vector each. @out: float32 [embed]: their weighted sum, made
 * a unit vector. FALSE (ARGUMENT): the terms cancel each other out. */
gboolean clipmoe_terms_sum (const GPtrArray *terms, const float *vectors, guint embed, float *out,
                            GError **error);

#endif
