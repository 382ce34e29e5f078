/* Tokens that a tokenizer file adds to its vocabulary: each stands for itself wherever its text occurs. */
#ifndef CLIPMOE_ADDED_H
#define CLIPMOE_ADDED_H

#include <glib.h>

typedef struct {
  char *text; /* what is looked for; cleaned where the cleaned text is searched */
  guint id;
  gboolean single_word;    /* only where no letter, digit or underline stands beside it */
  gboolean lstrip, rstrip; /* takes the white space before or behind it along */
} ClipmoeAddedToken;

typedef struct _ClipmoeAdded ClipmoeAdded;

ClipmoeAdded *clipmoe_added_new (void);
void clipmoe_added_free (ClipmoeAdded *self);
/* Copies @token and its text. Of two of one text the first counts. */
void clipmoe_added_put (ClipmoeAdded *self, const ClipmoeAddedToken *token);
/* Once, when all are there. */
void clipmoe_added_sort (ClipmoeAdded *self);
guint clipmoe_added_get_n (const ClipmoeAdded *self);
/* By their texts. */
const ClipmoeAddedToken *clipmoe_added_get (const ClipmoeAdded *self, guint i);
/* The first one in the valid UTF-8 @text at or behind byte @from, of those that begin there the longest; NULL
 * without one. *start and *stop: what it takes, white space included. */
const ClipmoeAddedToken *clipmoe_added_find (const ClipmoeAdded *self, const char *text, gsize from,
                                             gsize *start, gsize *stop);

#endif
