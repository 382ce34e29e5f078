#include "save-companions.h"

#include <string.h>
#include "../base/file.h"
#include "storage.h"

#define MAX_COMPANION (256u << 20)

/* Copies @from into @folder as @name, if @from is there. */
static gboolean
copy (const char *from, const char *folder, const char *name, gboolean dry, GError **error) {
  if (!clipmoe_file_is_there (from))
    return TRUE;
  gsize length, old_length = 0;
  char *data = clipmoe_file_read (from, MAX_COMPANION, &length, error), *old = NULL;
  char *to = g_build_filename (folder, name, NULL);
  gboolean ok = data != NULL;
  if (ok && clipmoe_file_is_there (to)) {
    old = clipmoe_file_read (to, MAX_COMPANION, &old_length, error);
    ok = old != NULL;
    if (ok && (old_length != length || memcmp (old, data, length) != 0)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                   "%s: another model's file stands where %s is to be copied, expected a folder of its own",
                   to, from);
      ok = FALSE;
    }
  } else if (ok && !dry) {
    ok = clipmoe_file_write (to, data, length, error);
  }
  g_free (old);
  g_free (data);
  g_free (to);
  return ok;
}

/* Files of another vocabulary must not be in @folder: they would be read as part of the saved model. */
static gboolean
nothing_foreign (const char *folder, const char *name, GError **error) {
  char *there = g_build_filename (folder, name, NULL);
  gboolean ok = !g_file_test (there, G_FILE_TEST_EXISTS);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: another vocabulary's file stands where a model is to be written that has none of that "
                 "name, expected a folder of its own",
                 there);
  g_free (there);
  return ok;
}

gboolean
clipmoe_save_companions (const ClipmoeModel *m, const char *folder, gboolean card, gboolean dry,
                         GError **error) {
  static const char *const forms[] = {"tokenizer.json",
                                      "vocab.json",
                                      "merges.txt",
                                      "tokenizer_config.json",
                                      "special_tokens_map.json",
                                      "added_tokens.json",
                                      "bpe_simple_vocab_16e6.txt.gz",
                                      "bpe_simple_vocab_16e6.txt",
                                      NULL};
  const ClipmoeStorage *storage = m->storage;
  char *source = g_path_get_dirname (storage->path), *place = NULL;
  const char *other = NULL; /* the usual name for a vocabulary whose own name is not in @forms */
  gboolean ok = TRUE;
  if (storage->vocab) {
    gboolean is_folder = g_file_test (storage->vocab, G_FILE_TEST_IS_DIR);
    char *base = g_path_get_basename (storage->vocab);
    place = is_folder ? g_strdup (storage->vocab) : g_path_get_dirname (storage->vocab);
    gboolean listed = is_folder || g_strv_contains (forms, base);
    if (!listed) /* an unusual name; the copy gets the usual one, which is found when the model is opened */
      other = g_str_has_suffix (base, ".json") ? "tokenizer.json"
              : g_str_has_suffix (base, ".gz") ? "bpe_simple_vocab_16e6.txt.gz"
                                               : "bpe_simple_vocab_16e6.txt";
    gboolean first = g_strcmp0 (other, forms[0]) == 0; /* the copy is read in preference to CLIP's own form */
    for (guint i = 0; i < G_N_ELEMENTS (forms) - 1 && ok; i++) {
      /* Of a vocabulary in another folder only its own files: others there need not belong to it. */
      gboolean own = is_folder || strcmp (place, source) == 0 || strcmp (base, forms[i]) == 0 ||
                     (strcmp (base, "vocab.json") == 0 && strcmp (forms[i], "merges.txt") == 0);
      char *from = g_build_filename (place, forms[i], NULL);
      if (own && clipmoe_file_is_there (from)) {
        ok = copy (from, folder, forms[i], dry, error);
        first |= i < 2;
      } else if (g_strcmp0 (forms[i], other) != 0 && !(first && g_str_has_prefix (forms[i], "bpe_")))
        ok = nothing_foreign (folder, forms[i], error);
      g_free (from);
    }
    if (ok && other)
      ok = copy (storage->vocab, folder, other, dry, error);
    g_free (base);
  } else {
    for (guint i = 0; i < G_N_ELEMENTS (forms) - 1 && ok; i++)
      ok = nothing_foreign (folder, forms[i], error);
  }
  if (ok && card) {
    char *from = g_build_filename (source, "README.md", NULL);
    ok = copy (from, folder, "README.md", dry, error);
    g_free (from);
  }
  g_free (place);
  g_free (source);
  return ok;
}
