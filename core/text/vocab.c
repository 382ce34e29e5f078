#include "vocab.h"

#include <string.h>
#include <zlib.h>
#include "../base/error.h"
#include "../base/file.h"
#include "../base/foreign.h"
#include "../base/json.h"
#include "../base/limits.h"
#include "clean.h"

#define CLIP_TOKENS 49408
#define MAX_ADDED 256 /* bytes of an added token */

typedef struct {
  const char *path;
  GHashTable *ids;   /* token -> id + 1 */
  GPtrArray *merges; /* "left right" */
  ClipmoeAdded *added_raw, *added_cleaned;
  guint size;
} Parts;

/* The characters that stand for bytes in vocabulary files, and the order of the bytes' ids. */
static void
byte_symbols (char symbols[256][4], guint8 order[256]) {
  guint n = 0, extra = 0;
  for (guint pass = 0; pass < 2; pass++)
    for (guint b = 0; b < 256; b++) {
      gboolean plain = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      if (plain != (pass == 0))
        continue;
      symbols[b][g_unichar_to_utf8 (plain ? b : 256 + extra++, symbols[b])] = 0;
      order[n++] = (guint8)b;
    }
}

static guint
lookup (const Parts *p, const char *token) {
  return GPOINTER_TO_UINT (g_hash_table_lookup (p->ids, token));
}

static gboolean
add_token (Parts *p, const char *token, guint id, GError **error) {
  if (lookup (p, token))
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path, "token \"%.40s\" stands there twice",
                              token);
  g_hash_table_insert (p->ids, g_strdup (token), GUINT_TO_POINTER (id + 1));
  return TRUE;
}

/* Unpacks gzip into a NUL-terminated text of at most CLIPMOE_MAX_VOCAB bytes. */
static char *
gunzip (const char *path, const char *data, gsize length, gsize *out_length, GError **error) {
  z_stream z = {0};
  if (inflateInit2 (&z, 15 + 16) != Z_OK) {
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "cannot unpack");
    return NULL;
  }
  GByteArray *out = g_byte_array_new ();
  guint8 buffer[65536];
  int r = Z_OK;
  z.next_in = (Bytef *)(gpointer)data;
  z.avail_in = (uInt)length;
  while (r == Z_OK) {
    z.next_out = buffer;
    z.avail_out = sizeof buffer;
    r = inflate (&z, Z_NO_FLUSH);
    gsize n = sizeof buffer - z.avail_out;
    if (out->len + n > CLIPMOE_MAX_VOCAB) {
      r = Z_MEM_ERROR;
      break;
    }
    g_byte_array_append (out, buffer, (guint)n);
    if (r == Z_OK && n == 0 && z.avail_in == 0)
      break;
  }
  gsize behind = z.avail_in;
  inflateEnd (&z);
  if (r == Z_STREAM_END && behind) {
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "%" G_GSIZE_FORMAT " bytes behind its gzip data",
                       behind);
    g_byte_array_unref (out);
    return NULL;
  }
  if (r != Z_STREAM_END) {
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                       r == Z_MEM_ERROR ? "unpacks to more than 64 MiB" : "damaged or cut gzip data");
    g_byte_array_unref (out);
    return NULL;
  }
  *out_length = out->len;
  g_byte_array_append (out, (const guint8 *)"", 1);
  return (char *)g_byte_array_free (out, FALSE);
}

/* Reads "left right" lines from line @first on, at most @most. */
static gboolean
read_merges (Parts *p, const char *path, const char *text, gsize length, gsize most, GError **error) {
  if (!g_utf8_validate_len (text, length, NULL) || memchr (text, 0, length))
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "not UTF-8, or with a NUL");
  const char *line = text, *end = text + length;
  for (guint number = 1; line < end && p->merges->len < most; number++) {
    const char *stop = memchr (line, '\n', (gsize)(end - line));
    gsize n = (gsize)((stop ? stop : end) - line);
    if (n && line[n - 1] == '\r')
      n--;
    if (n > 2048)
      return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                                "line %u: %" G_GSIZE_FORMAT " bytes, expected two symbols", number, n);
    if (number > 1 && n) { /* line 1 is a header */
      const char *space = memchr (line, ' ', n);
      if (!space || space == line || space == line + n - 1 ||
          memchr (space + 1, ' ', (gsize)(line + n - space - 1)))
        return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                                  "line %u: expected two symbols and one space between them", number);
      if (p->merges->len >= CLIPMOE_MAX_TOKENS)
        return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "more than %d merges",
                                  CLIPMOE_MAX_TOKENS);
      g_ptr_array_add (p->merges, g_strndup (line, n));
    }
    line += n + 1 + (stop && line[n] == '\r');
  }
  return TRUE;
}

/* Reads bpe_simple_vocab_16e6.txt, which has only merges; their order gives the ids. */
static gboolean
read_bpe (Parts *p, const char *data, gsize length, guint size, GError **error) {
  char symbols[256][4], *token;
  guint8 order[256];
  guint id = 0;
  gboolean ok;
  if (size < 514)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path,
                              "a model of %u tokens, expected at least 514", size);
  if (!read_merges (p, p->path, data, length, size - 514, error))
    return FALSE;
  if (p->merges->len != size - 514)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path, "%u merges, expected at least %u",
                              p->merges->len, size - 514);
  byte_symbols (symbols, order);
  ok = TRUE;
  for (guint i = 0; i < 512 && ok; i++) {
    token = g_strconcat (symbols[order[i % 256]], i < 256 ? "" : "</w>", NULL);
    ok = add_token (p, token, id++, error);
    g_free (token);
  }
  for (guint i = 0; i < p->merges->len && ok; i++) {
    const char *merge = p->merges->pdata[i], *space = strchr (merge, ' ');
    token = g_strdup_printf ("%.*s%s", (int)(space - merge), merge, space + 1);
    g_hash_table_replace (p->ids, token, GUINT_TO_POINTER (++id));
  }
  p->size = size;
  return ok && add_token (p, "<|startoftext|>", size - 2, error) &&
         add_token (p, "<|endoftext|>", size - 1, error);
}

static gboolean
read_ids (Parts *p, json_t *object, GError **error) {
  const char *token;
  json_t *value;
  if (!json_is_object (object) || json_object_size (object) < 514 ||
      json_object_size (object) > CLIPMOE_MAX_TOKENS)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path,
                              "expected a JSON object of 514 to %d tokens", CLIPMOE_MAX_TOKENS);
  gsize n = json_object_size (object);
  guint8 *seen = g_malloc0 (n);
  gboolean ok = TRUE;
  json_object_foreach (object, token, value) {
    json_int_t id = json_is_integer (value) ? json_integer_value (value) : -1;
    if (id < 0 || (gsize)id >= n)
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path,
                              "token \"%.40s\": expected an id from 0 to %" G_GSIZE_FORMAT, token, n - 1);
    else if (seen[id]++)
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path,
                              "token \"%.40s\": id %d stands there twice", token, (int)id);
    else
      ok = add_token (p, token, (guint)id, error);
    if (!ok)
      break;
  }
  g_free (seen);
  p->size = (guint)n;
  return ok;
}

/* Reads a flag of an added token; *out is left alone when the file does not have it. */
static gboolean
read_flag (const char *path, json_t *item, const char *key, gboolean *out, GError **error) {
  json_t *v = json_object_get (item, key);
  if (!v || json_is_null (v))
    return TRUE;
  *out = json_is_true (v);
  return json_is_boolean (v) ||
         clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                            "added token \"%.40s\": %s: expected true or false",
                            json_string_value (json_object_get (item, "content")), key);
}

/* Adds one added token to the table in which it is searched for, and to @all unless it is there. @item
 * holds its content and flags. */
static gboolean
take_added (Parts *p, const char *path, json_t *all, json_t *item, json_int_t id, GError **error) {
  const char *text = json_string_value (json_object_get (item, "content"));
  json_t *known = json_object_get (all, text);
  gboolean special = FALSE, normalized;
  ClipmoeAddedToken token = {NULL, (guint)id, FALSE, FALSE, FALSE};
  if (known && (!json_is_integer (known) || json_integer_value (known) != id))
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "added_tokens: \"%.40s\" has another id than in the vocabulary", text);
  if (id < 0 || id >= CLIPMOE_MAX_TOKENS)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "added_tokens: \"%.40s\": expected an id from 0 to %d", text,
                              CLIPMOE_MAX_TOKENS - 1);
  if (!*text || strlen (text) > MAX_ADDED)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                              "added_tokens: \"%.40s\": expected a text of 1 to %d bytes", text, MAX_ADDED);
  if (!known)
    json_object_set_new (all, text, json_integer (id));
  if (!read_flag (path, item, "special", &special, error))
    return FALSE;
  normalized = !special;
  if (!read_flag (path, item, "normalized", &normalized, error) ||
      !read_flag (path, item, "single_word", &token.single_word, error) ||
      !read_flag (path, item, "lstrip", &token.lstrip, error) ||
      !read_flag (path, item, "rstrip", &token.rstrip, error))
    return FALSE;
  /* The pattern that splits texts handles these two. */
  if (strcmp (text, "<|startoftext|>") == 0 || strcmp (text, "<|endoftext|>") == 0)
    return TRUE;
  token.text = normalized ? clipmoe_clean (text, strlen (text)) : g_strdup (text);
  gboolean ok = *token.text || clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path,
                                                  "added_tokens: \"%.40s\" is white space alone", text);
  ClipmoeAdded **added = normalized ? &p->added_cleaned : &p->added_raw;
  if (ok && !*added)
    *added = clipmoe_added_new ();
  if (ok)
    clipmoe_added_put (*added, &token);
  g_free (token.text);
  return ok;
}

/* Reads the files beside a vocab.json: tokenizer_config.json says more about each token than
 * added_tokens.json. */
static gboolean
read_added_beside (Parts *p, const char *folder, json_t *all, GError **error) {
  char *config = g_build_filename (folder, "tokenizer_config.json", NULL),
       *plain = g_build_filename (folder, "added_tokens.json", NULL);
  json_t *root = NULL, *decoder = NULL, *item, *value;
  const char *key;
  void *next;
  gboolean ok = TRUE;
  if (clipmoe_file_is_there (config))
    ok = (root = clipmoe_json_read (config, CLIPMOE_MAX_JSON, error)) != NULL;
  decoder = json_object_get (root, "added_tokens_decoder");
  json_object_foreach_safe (decoder, next, key, item) {
    guint64 id;
    ok = json_is_string (json_object_get (item, "content")) &&
         g_ascii_string_to_unsigned (key, 10, 0, CLIPMOE_MAX_TOKENS - 1, &id, NULL);
    if (!ok)
      clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, config,
                         "added_tokens_decoder, \"%.40s\": expected an id and a content", key);
    ok = ok && take_added (p, config, all, item, (json_int_t)id, error);
    if (!ok)
      break;
  }
  json_decref (root);
  root = NULL;
  if (ok && clipmoe_file_is_there (plain)) {
    ok = (root = clipmoe_json_read (plain, CLIPMOE_MAX_JSON, error)) != NULL;
    if (ok && !json_is_object (root))
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, plain,
                              "expected an object of tokens and their ids");
  }
  json_object_foreach_safe (root, next, key, value) {
    json_t *known = json_object_get (all, key);
    if (!ok)
      break;
    if (json_is_integer (value) && known && json_equal (known, value))
      continue; /* already read, or a token of the vocabulary */
    item = json_pack ("{s:s,s:b}", "content", key, "normalized", 0);
    ok = json_is_integer (value)
             ? take_added (p, plain, all, item, json_integer_value (value), error)
             : clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, plain, "\"%.40s\": expected an id", key);
    json_decref (item);
  }
  json_decref (root);
  g_free (config);
  g_free (plain);
  return ok;
}

static gboolean
read_vocab_json (Parts *p, GError **error) {
  char *folder = g_path_get_dirname (p->path), *path = g_build_filename (folder, "merges.txt", NULL);
  json_t *root = clipmoe_json_read (p->path, CLIPMOE_MAX_VOCAB, error);
  gboolean ok = root && (!json_is_object (root) || read_added_beside (p, folder, root, error)) &&
                read_ids (p, root, error);
  json_decref (root);
  if (!ok) {
    g_free (path);
    g_free (folder);
    return FALSE;
  }
  gsize length;
  char *text = clipmoe_file_read (path, CLIPMOE_MAX_VOCAB, &length, error);
  char *what =
      text ? clipmoe_foreign_describe ((const guint8 *)text, MIN (length, CLIPMOE_FOREIGN_HEAD), FALSE)
           : NULL;
  ok = text &&
       (!what || clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "%s, expected merges", what)) &&
       read_merges (p, path, text, length, G_MAXSIZE, error);
  g_free (what);
  if (ok && !p->merges->len)
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "no merges");
  g_free (text);
  g_free (path);
  g_free (folder);
  return ok;
}

static gboolean
read_tokenizer_json (Parts *p, json_t *root, GError **error) {
  json_t *model = json_object_get (root, "model"), *merges = json_object_get (model, "merges"),
         *added = json_object_get (root, "added_tokens");
  json_t *vocab = json_object_get (model, "vocab"), *item;
  gsize i;
  const char *suffix = json_string_value (json_object_get (model, "end_of_word_suffix"));
  if (!json_is_array (merges) || !suffix || strcmp (suffix, "</w>") != 0)
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path,
                              "expected a BPE tokenizer with merges and end_of_word_suffix \"</w>\"");
  json_t *all = json_is_object (vocab) ? json_copy (vocab) : NULL, *type = json_object_get (model, "type");
  if (type && !json_is_null (type) && g_strcmp0 (json_string_value (type), "BPE") != 0) {
    json_decref (all);
    return clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path, "model.type: expected \"BPE\"");
  }
  gboolean ok = !added || json_is_null (added) || json_is_array (added) ||
                clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path, "added_tokens: expected a list");
  json_array_foreach (added, i, item) {
    json_t *content = json_object_get (item, "content"), *id = json_object_get (item, "id");
    if (ok && (!json_is_string (content) || !json_is_integer (id)))
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path,
                              "added_tokens, entry %" G_GSIZE_FORMAT ": expected a content and an id", i);
    if (!ok || !all)
      break;
    ok = take_added (p, p->path, all, item, json_integer_value (id), error);
  }
  ok = ok && read_ids (p, all, error);
  json_decref (all);
  json_array_foreach (merges, i, item) {
    const char *a = json_string_value (json_array_get (item, 0)),
               *b = json_string_value (json_array_get (item, 1));
    const char *text = json_string_value (item);
    char *line = text                                    ? g_strdup (text)
                 : a && b && json_array_size (item) == 2 ? g_strconcat (a, " ", b, NULL)
                                                         : NULL;
    const char *space = line ? strchr (line, ' ') : NULL;
    if (ok && (!space || space == line || !space[1] || strchr (space + 1, ' ')))
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path,
                              "merge %" G_GSIZE_FORMAT ": expected two symbols", i);
    if (!ok) {
      g_free (line);
      break;
    }
    g_ptr_array_add (p->merges, line);
  }
  if (ok && !p->merges->len)
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path, "no merges");
  return ok;
}

/* g_int64_hash() xors the halves, so all pairs of two equal ids, and many others, would collide. */
static guint
pair_hash (gconstpointer key) {
  return (guint)((*(const guint64 *)key * G_GUINT64_CONSTANT (0x9E3779B97F4A7C15)) >> 32);
}

/* Added tokens affect ids too. */
static void
digest_added (GChecksum *sum, const ClipmoeAdded *added) {
  for (guint i = 0; added && i < clipmoe_added_get_n (added); i++) {
    const ClipmoeAddedToken *t = clipmoe_added_get (added, i);
    char *line = g_strdup_printf ("%u %d %d %d %s\n", t->id, t->single_word, t->lstrip, t->rstrip, t->text);
    g_checksum_update (sum, (const guchar *)line, (gssize)strlen (line));
    g_free (line);
  }
}

static gboolean
build (ClipmoeVocab *self, Parts *p, GError **error) {
  char symbols[256][4];
  guint8 order[256];
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  gboolean ok = TRUE;
  self->size = p->size;
  self->start = lookup (p, "<|startoftext|>");
  self->end = lookup (p, "<|endoftext|>");
  if (!self->start || !self->end)
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path,
                            "no token \"<|startoftext|>\" or \"<|endoftext|>\"");
  self->start--;
  self->end--;
  byte_symbols (symbols, order);
  for (guint b = 0; b < 256 && ok; b++)
    for (guint e = 0; e < 2 && ok; e++) {
      char *token = g_strconcat (symbols[b], e ? "</w>" : "", NULL);
      guint id = lookup (p, token);
      if (!id)
        ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path, "no token for byte %u%s", b,
                                e ? " at the end of a word" : "");
      self->bytes[e][b] = id - 1;
      g_free (token);
    }
  self->merges = g_hash_table_new_full (pair_hash, g_int64_equal, g_free, g_free);
  for (guint i = 0; i < p->merges->len && ok; i++) {
    const char *merge = p->merges->pdata[i], *space = strchr (merge, ' ');
    char *left = g_strndup (merge, (gsize)(space - merge)), *token = g_strconcat (left, space + 1, NULL);
    guint a = lookup (p, left), b = lookup (p, space + 1), c = lookup (p, token);
    gint64 key;
    if (!a || !b || !c)
      ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path,
                              "merge \"%.60s\": not all of its symbols are tokens", merge);
    else {
      key = (gint64)(a - 1) << 32 | (b - 1);
      gint64 value = (gint64)i << 32 | (c - 1);
      if (!g_hash_table_insert (self->merges, g_memdup2 (&key, 8), g_memdup2 (&value, 8)))
        ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, p->path, "merge \"%.60s\" stands there twice",
                                merge);
      g_checksum_update (sum, (const guchar *)&key, 8);
      g_checksum_update (sum, (const guchar *)&value, 8);
    }
    g_free (left);
    g_free (token);
  }
  g_checksum_update (sum, (const guchar *)self->bytes, sizeof self->bytes);
  g_checksum_update (sum, (const guchar *)&self->start, sizeof self->start);
  g_checksum_update (sum, (const guchar *)&self->end, sizeof self->end);
  ClipmoeAdded *added[] = {p->added_raw, p->added_cleaned};
  for (guint i = 0; i < G_N_ELEMENTS (added); i++)
    if (added[i]) {
      clipmoe_added_sort (added[i]);
      g_checksum_update (sum, (const guchar *)(i ? "cleaned\n" : "raw\n"), -1);
      digest_added (sum, added[i]);
    }
  self->added_raw = g_steal_pointer (&p->added_raw);
  self->added_cleaned = g_steal_pointer (&p->added_cleaned);
  self->digest = g_strdup (g_checksum_get_string (sum));
  g_checksum_free (sum);
  return ok;
}

gboolean
clipmoe_vocab_read (ClipmoeVocab *self, const char *path, guint size, GError **error) {
  char *found = NULL;
  if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    static const char *const names[] = {"tokenizer.json", "vocab.json", "bpe_simple_vocab_16e6.txt.gz",
                                        "bpe_simple_vocab_16e6.txt"};
    for (guint i = 0; i < G_N_ELEMENTS (names) && !found; i++) {
      found = g_build_filename (path, names[i], NULL);
      if (!clipmoe_file_is_there (found))
        g_clear_pointer (&found, g_free);
    }
    if (!found)
      return clipmoe_error_set (
          error, CLIPMOE_ERROR_FORMAT, path,
          "a folder without tokenizer.json, vocab.json or bpe_simple_vocab_16e6.txt.gz");
    path = found;
  }
  Parts p = {path,
             g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
             g_ptr_array_new_with_free_func (g_free),
             NULL,
             NULL,
             0};
  gsize length;
  gboolean ok = FALSE;
  char *data = clipmoe_file_read (path, CLIPMOE_MAX_VOCAB, &length, error), *text = NULL, *what = NULL;
  if (data && length >= 2 && (guint8)data[0] == 0x1F && (guint8)data[1] == 0x8B) {
    text = gunzip (path, data, length, &length, error);
    ok = text && read_bpe (&p, text, length, size ? size : CLIP_TOKENS, error);
  } else if (data && (g_str_has_suffix (path, ".json") || data[0] == '{')) {
    json_t *root = clipmoe_json_parse (path, data, length, error);
    if (root)
      ok = json_is_object (json_object_get (root, "model")) ? read_tokenizer_json (&p, root, error)
                                                            : read_vocab_json (&p, error);
    json_decref (root);
  } else if (data && (what = clipmoe_foreign_describe ((const guint8 *)data,
                                                       MIN (length, CLIPMOE_FOREIGN_HEAD), FALSE))) {
    clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "%s, expected a vocabulary", what);
  } else if (data) {
    ok = read_bpe (&p, data, length, size ? size : CLIP_TOKENS, error);
  }
  ok = ok && build (self, &p, error);
  if (ok && size && self->size != size)
    ok = clipmoe_error_set (error, CLIPMOE_ERROR_FORMAT, path, "%u tokens, the model has %u", self->size,
                            size);
  g_free (data);
  g_free (what);
  g_free (text);
  g_hash_table_unref (p.ids);
  g_ptr_array_unref (p.merges);
  clipmoe_added_free (p.added_raw);
  clipmoe_added_free (p.added_cleaned);
  g_free (found);
  return ok;
}

void
clipmoe_vocab_clear (ClipmoeVocab *self) {
  g_clear_pointer (&self->merges, g_hash_table_unref);
  g_clear_pointer (&self->added_raw, clipmoe_added_free);
  g_clear_pointer (&self->added_cleaned, clipmoe_added_free);
  g_clear_pointer (&self->digest, g_free);
}
