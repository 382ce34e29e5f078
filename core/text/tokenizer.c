/* Splits cleaned text into chunks, and their bytes into tokens. */
#include "../clipmoe/tokenizer.h"

#include <string.h>
#include "clean.h"
#include "merge.h"
#include "unicode.h"
#include "vocab.h"
#include "../base/limits.h"

struct _ClipmoeTokenizer {
  gint ref_count;
  ClipmoeVocab vocab;
};

ClipmoeTokenizer *
clipmoe_tokenizer_open (const char *path, guint vocab_size, GError **error) {
  g_return_val_if_fail (path != NULL, NULL);
  ClipmoeTokenizer *self = g_new0 (ClipmoeTokenizer, 1);
  self->ref_count = 1;
  if (!clipmoe_vocab_read (&self->vocab, path, vocab_size, error))
    g_clear_pointer (&self, clipmoe_tokenizer_unref);
  return self;
}

ClipmoeTokenizer *
clipmoe_tokenizer_ref (ClipmoeTokenizer *self) {
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
clipmoe_tokenizer_unref (ClipmoeTokenizer *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  clipmoe_vocab_clear (&self->vocab);
  g_free (self);
}

guint
clipmoe_tokenizer_get_vocab_size (const ClipmoeTokenizer *self) {
  return self->vocab.size;
}

guint
clipmoe_tokenizer_get_start (const ClipmoeTokenizer *self) {
  return self->vocab.start;
}

guint
clipmoe_tokenizer_get_end (const ClipmoeTokenizer *self) {
  return self->vocab.end;
}

const char *
clipmoe_tokenizer_get_digest (const ClipmoeTokenizer *self) {
  return self->vocab.digest;
}

typedef enum { KIND_SPACE, KIND_LETTER, KIND_NUMBER, KIND_OTHER } Kind;

static Kind
kind_of (gunichar c) {
  /* U+0345 folds to a letter but is in no class: the pattern skips it. */
  if (clipmoe_is_space (c) || c == 0x345)
    return KIND_SPACE;
  return clipmoe_is_letter (c) ? KIND_LETTER : clipmoe_is_number (c) ? KIND_NUMBER : KIND_OTHER;
}

/* The length of @word at the beginning of @text in bytes, with the long s (U+017F) as s; 0: no match. */
static gsize
match (const char *text, const char *word) {
  const char *p = text;
  for (; *word; word++)
    if (*p == *word)
      p++;
    else if (*word == 's' && (guint8)p[0] == 0xC5 && (guint8)p[1] == 0xBF)
      p += 2;
    else
      return 0;
  return (gsize)(p - text);
}

/* The length of the chunk that begins at @p; 0: the pattern skips this character. */
static gsize
chunk_at (const char *p) {
  static const char *const words[] = {
      "<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
  gsize n;
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if ((n = match (p, words[i])))
      return n;
  Kind kind = kind_of (g_utf8_get_char (p));
  if (kind == KIND_SPACE)
    return 0;
  const char *q = g_utf8_next_char (p);
  if (kind != KIND_NUMBER)
    while (*q && kind_of (g_utf8_get_char (q)) == kind)
      q = g_utf8_next_char (q);
  return (gsize)(q - p);
}

/* Collects ids while there is room. */
typedef struct {
  const ClipmoeVocab *vocab;
  guint32 *ids;
  guint n, context;
  gboolean more; /* more ids than there is room for */
} Output;

static void
put (Output *out, guint32 id) {
  out->more |= out->n + 1 >= out->context;
  if (!out->more)
    out->ids[out->n++] = id;
}

/* Encodes @length bytes of cleaned text without added tokens. */
static void
put_words (Output *out, const char *text, gsize length) {
  const ClipmoeVocab *v = out->vocab;
  char *copy = text[length] ? g_strndup (text, length) : NULL; /* chunks must end within it */
  guint32 *symbols = g_new (guint32, length + 1);
  for (const char *p = copy ? copy : text; *p && !out->more;) {
    gsize bytes = chunk_at (p), count = 1;
    if (!bytes) {
      p = g_utf8_next_char (p);
      continue;
    }
    if (bytes == 15 && strncmp (p, "<|startoftext|>", bytes) == 0) {
      symbols[0] = v->start;
    } else if (bytes == 13 && strncmp (p, "<|endoftext|>", bytes) == 0) {
      symbols[0] = v->end;
    } else {
      for (gsize i = 0; i < bytes; i++)
        symbols[i] = v->bytes[i + 1 == bytes][(guint8)p[i]];
      count = clipmoe_merge (v, symbols, bytes);
    }
    for (gsize i = 0; i < count && !out->more; i++)
      put (out, symbols[i]);
    p += bytes;
  }
  g_free (symbols);
  g_free (copy);
}

/* Cleans and encodes text in which none of the added tokens for uncleaned text occurs. */
static void
put_text (Output *out, const char *text, gsize length) {
  char *clean = clipmoe_clean (text, length);
  gsize from = 0, start, stop;
  const ClipmoeAddedToken *t;
  while (!out->more && out->vocab->added_cleaned &&
         (t = clipmoe_added_find (out->vocab->added_cleaned, clean, from, &start, &stop))) {
    put_words (out, clean + from, start - from);
    if (!out->more)
      put (out, t->id);
    from = stop;
  }
  if (!out->more)
    put_words (out, clean + from, strlen (clean + from));
  g_free (clean);
}

/* A valid copy of @text without NULs, which cleaning would remove as well. */
static char *
make_valid (const char *text, gsize length) {
  char *copy = g_malloc (length + 1);
  gsize n = 0;
  for (gsize i = 0; i < length; i++)
    if (text[i])
      copy[n++] = text[i];
  copy[n] = 0;
  char *valid = g_utf8_make_valid (copy, (gssize)n);
  g_free (copy);
  return valid;
}

gboolean
clipmoe_tokenizer_encode (const ClipmoeTokenizer *self, const char *text, gssize length, guint context,
                          guint32 *ids, guint *n_ids, gboolean *truncated, GError **error) {
  const ClipmoeVocab *v = &self->vocab;
  gsize size = length < 0 ? strlen (text) : (gsize)length;
  g_return_val_if_fail (context >= 2, FALSE);
  if (size > CLIPMOE_MAX_TEXT) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                 "a text of %" G_GSIZE_FORMAT " bytes, the limit is %u", size, CLIPMOE_MAX_TEXT);
    return FALSE;
  }
  Output out = {v, ids, 0, context, FALSE};
  ids[out.n++] = v->start;
  if (v->added_raw) {
    char *valid = make_valid (text, size);
    gsize from = 0, start, stop;
    const ClipmoeAddedToken *t;
    while (!out.more && (t = clipmoe_added_find (v->added_raw, valid, from, &start, &stop))) {
      put_text (&out, valid + from, start - from);
      if (!out.more)
        put (&out, t->id);
      from = stop;
    }
    if (!out.more)
      put_text (&out, valid + from, strlen (valid + from));
    g_free (valid);
  } else {
    put_text (&out, text, size);
  }
  ids[out.n++] = v->end;
  *n_ids = out.n;
  if (truncated)
    *truncated = out.more;
  return TRUE;
}
