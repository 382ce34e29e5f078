/* The tables of a tokenizer, read from any of the three forms in which vocabularies are published. */
#ifndef CLIPMOE_VOCAB_H
#define CLIPMOE_VOCAB_H

#include "../clipmoe/tokenizer.h"
#include "added.h"

typedef struct {
  guint size;          /* tokens */
  guint start, end;    /* ids */
  guint bytes[2][256]; /* id of a byte, and of a byte that ends a word */
  GHashTable *merges;  /* left << 32 | right -> rank << 32 | id */
  /* Added tokens to search for in the original text and in the cleaned text; NULL: none. The start and end
   * tokens are not among them. */
  ClipmoeAdded *added_raw, *added_cleaned;
  char *digest;
} ClipmoeVocab;

gboolean clipmoe_vocab_read (ClipmoeVocab *self, const char *path, guint size, GError **error);
void clipmoe_vocab_clear (ClipmoeVocab *self);

#endif
