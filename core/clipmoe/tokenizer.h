/* Byte-pair encoding of one vocabulary: words in, token ids out. Immutable, shared freely between threads. */
#ifndef CLIPMOE_TOKENIZER_H
#define CLIPMOE_TOKENIZER_H

#include "error.h"

G_BEGIN_DECLS

typedef struct _ClipmoeTokenizer ClipmoeTokenizer;

/**
 * clipmoe_tokenizer_open:
 * @path: a `bpe*.txt[.gz]`, a `tokenizer.json`, a `vocab.json` (with `merges.txt` beside it), or a folder
 *   that holds one of these forms. Tokens that a `tokenizer.json` adds, or for a `vocab.json` an
 *   `added_tokens.json` or `tokenizer_config.json` beside it, stand for themselves wherever they occur in a
 *   text, by their flags (`normalized`, `single_word`, `lstrip`, `rstrip`)
 * @vocab_size: tokens of the model it serves (a `bpe*.txt` holds more merges than a model uses); 0 = CLIP's
 *   49408 for `bpe*.txt`, all of the file for the JSON forms. Any disagreement is an error.
 * @error: (nullable): where to put the reason
 *
 * Returns: (transfer full) (nullable): a tokenizer; free with clipmoe_tokenizer_unref()
 * Since: 0.1
 */
CLIPMOE_API ClipmoeTokenizer *clipmoe_tokenizer_open (const char *path, guint vocab_size, GError **error);
CLIPMOE_API ClipmoeTokenizer *clipmoe_tokenizer_ref (ClipmoeTokenizer *self);
CLIPMOE_API void clipmoe_tokenizer_unref (ClipmoeTokenizer *self);

/** Number of tokens, and the ids of the start and end token. Since: 0.1 */
CLIPMOE_API guint clipmoe_tokenizer_get_vocab_size (const ClipmoeTokenizer *self);
CLIPMOE_API guint clipmoe_tokenizer_get_start (const ClipmoeTokenizer *self);
CLIPMOE_API guint clipmoe_tokenizer_get_end (const ClipmoeTokenizer *self);

/** Hex SHA-256 of what decides ids (tokens in id order, merges in rank order); borrowed. Since: 0.1 */
CLIPMOE_API const char *clipmoe_tokenizer_get_digest (const ClipmoeTokenizer *self);

/**
 * clipmoe_tokenizer_encode:
 * @text: bytes; invalid UTF-8 becomes U+FFFD
 * @length: bytes in @text, -1 = up to NUL
 * @context: the most ids to write, >= 2
 * @ids: (out): caller's array of @context ids; start and end token included, not padded
 * @n_ids: (out): how many were written
 * @truncated: (out) (optional): whether the text was longer (the end token is kept)
 *
 * Thread-safe. Returns: FALSE when @text exceeds 1 MiB or memory runs out
 * Since: 0.1
 */
CLIPMOE_API gboolean clipmoe_tokenizer_encode (const ClipmoeTokenizer *self, const char *text, gssize length,
                                               guint context, guint32 *ids, guint *n_ids, gboolean *truncated,
                                               GError **error);

G_END_DECLS

#endif
