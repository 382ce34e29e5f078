/* Tokens that a tokenizer file adds to its vocabulary: each is encoded as itself wherever its text occurs.
 */
#ifndef CLIPMOE_ADDED_H
#define CLIPMOE_ADDED_H

#include <glib.h>

typedef struct {
  char *text; /* the text to search for; cleaned when cleaned text is searched */
  guint id;
  gboolean single_word;    /* only where no letter, digit or underscore is next to it */
  gboolean lstrip, rstrip; /* consumes the white space before or after it */
} ClipmoeAddedToken;

typedef struct _ClipmoeAdded ClipmoeAdded;

ClipmoeAdded *clipmoe_added_new (void);
void clipmoe_added_free (ClipmoeAdded *self);
/* Copies @token and its text. Of two with the same text the first counts. */
void clipmoe_added_put (ClipmoeAdded *self, const ClipmoeAddedToken *token);
/* To be called once, after all have been added. */
void clipmoe_added_sort (ClipmoeAdded *self);
guint clipmoe_added_get_n (const ClipmoeAdded *self);
/* In the order of their texts. */
const ClipmoeAddedToken *clipmoe_added_get (const ClipmoeAdded *self, guint i);
/* The first token in the valid UTF-8 @text at or after byte @from, the longest of those that begin there;
 * NULL: none. *start and *stop: the bytes that it consumes, including white space. */
const ClipmoeAddedToken *clipmoe_added_find (const ClipmoeAdded *self, const char *text, gsize from,
                                             gsize *start, gsize *stop);

#endif
