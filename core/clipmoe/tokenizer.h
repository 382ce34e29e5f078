/* ClipmoeTokenizer: byte-pair encoding by one vocabulary. Texts go in, token ids come out. Immutable and
 * reference counted: any thread. Since: 0.1 */
#ifndef CLIPMOE_TOKENIZER_H
#define CLIPMOE_TOKENIZER_H

#include <clipmoe/error.h>

G_BEGIN_DECLS

typedef struct _ClipmoeTokenizer ClipmoeTokenizer;

/**
 * clipmoe_tokenizer_open:
 * @path: a `bpe*.txt[.gz]`, a `tokenizer.json`, a `vocab.json` (with `merges.txt` beside it), or a folder
 *   that holds one of these forms
 * @vocab_size: tokens of the model it serves (a `bpe*.txt` holds more merges than a model uses); 0 = CLIP's
 *   49408 for `bpe*.txt`, all of the file for the JSON forms
 * @error: (nullable): IO; FORMAT; MISMATCH or FORMAT: the file and @vocab_size, or its parts, do not agree;
 * LIMIT; UNSUPPORTED: a `tokenizer.json` of another kind
 *
 * Tokens that a `tokenizer.json` adds, or for a `vocab.json` an `added_tokens.json` or
 * `tokenizer_config.json` beside it, stand for themselves wherever they occur in a text, by their flags
 * (`normalized`, `single_word`, `lstrip`, `rstrip`). Any thread.
 *
 * Returns: (transfer full): free with clipmoe_tokenizer_unref(); NULL on error
 */
CLIPMOE_API ClipmoeTokenizer *clipmoe_tokenizer_open (const char *path, guint vocab_size, GError **error);
/**
 * clipmoe_tokenizer_ref:
 *
 * Returns: (transfer full): @self
 */
CLIPMOE_API ClipmoeTokenizer *clipmoe_tokenizer_ref (ClipmoeTokenizer *self);
CLIPMOE_API void clipmoe_tokenizer_unref (ClipmoeTokenizer *self);

/**
 * clipmoe_tokenizer_get_vocab_size:
 *
 * Returns: the number of tokens; ids are below it
 */
CLIPMOE_API guint clipmoe_tokenizer_get_vocab_size (const ClipmoeTokenizer *self);
/**
 * clipmoe_tokenizer_get_start:
 *
 * Returns: the id that every text begins with
 */
CLIPMOE_API guint clipmoe_tokenizer_get_start (const ClipmoeTokenizer *self);
/**
 * clipmoe_tokenizer_get_end:
 *
 * Returns: the id that every text ends with
 */
CLIPMOE_API guint clipmoe_tokenizer_get_end (const ClipmoeTokenizer *self);

/**
 * clipmoe_tokenizer_get_digest:
 *
 * Returns: (transfer none): SHA-256, in hex, of what decides ids: the tokens by their ids, the merges by
 * their ranks
 */
CLIPMOE_API const char *clipmoe_tokenizer_get_digest (const ClipmoeTokenizer *self);

/**
 * clipmoe_tokenizer_encode:
 * @text: bytes; invalid UTF-8 becomes U+FFFD
 * @length: bytes in @text; -1 = up to NUL
 * @context: how many ids there is room for, 2 or more; a model takes ClipmoeModelInfo.context
 * @ids: (out caller-allocates): room for @context ids; start and end are among them, and nothing is padded
 * @n_ids: (out): how many were written, 2 to @context
 * @truncated: (out) (optional): whether the text was longer; the end token stands nonetheless
 * @error: (nullable): LIMIT: a text of more than 1 MiB
 *
 * Any thread.
 *
 * Returns: whether @ids and @n_ids are written
 */
CLIPMOE_API gboolean clipmoe_tokenizer_encode (const ClipmoeTokenizer *self, const char *text, gssize length,
                                               guint context, guint32 *ids, guint *n_ids, gboolean *truncated,
                                               GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeTokenizer, clipmoe_tokenizer_unref)

G_END_DECLS

#endif
