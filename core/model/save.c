#include "save.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "../base/folder.h"
#include "adapter.h"
#include "config.h"
#include "residence.h"
#include "save-companions.h"
#include "save-config.h"
#include "save-tensors.h"
#include "storage.h"

const char *const clipmoe_saved_names[] = {"model.safetensors",
                                           "config.json",
                                           "preprocessor_config.json",
                                           "README.md",
                                           "tokenizer.json",
                                           "vocab.json",
                                           "merges.txt",
                                           "tokenizer_config.json",
                                           "special_tokens_map.json",
                                           "bpe_simple_vocab_16e6.txt.gz",
                                           "bpe_simple_vocab_16e6.txt",
                                           NULL};

/* Tensors and metadata. */
static gboolean
save_weights (const ClipmoeModel *m, const char *path, ClipmoeLayout layout, ClipmoeSaveAs store,
              guint64 *n_rounded, GError **error) {
  GHashTable *metadata = clipmoe_save_metadata (m, layout);
  gboolean ok = clipmoe_save_tensors (m, path, layout, store, metadata, n_rounded, error);
  g_hash_table_unref (metadata);
  return ok;
}

/* Whether @path is the file @source, by any name, or a folder that contains it. */
static gboolean
is_or_holds (const char *path, const char *source) {
  struct stat a, b;
  if (stat (path, &a) != 0)
    return FALSE;
  if (stat (source, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
    return TRUE;
  char *out = realpath (path, NULL), *in = realpath (source, NULL);
  gsize n = out ? strlen (out) : 0;
  gboolean inside = out && in && S_ISDIR (a.st_mode) && strncmp (in, out, n) == 0 && (in[n] == '/' || n == 1);
  free (out);
  free (in);
  return inside;
}

/* What the model was read from: its file, and its adapter's. */
static gboolean
is_source (const ClipmoeModel *m, const char *path) {
  const char *adapter = ((const ClipmoeStorage *)m->storage)->adapter;
  gboolean found = is_or_holds (path, m->info.path) || (adapter && is_or_holds (path, adapter));
  for (guint i = 0; adapter && clipmoe_adapter_names[i] && !found; i++) {
    char *file = g_build_filename (adapter, clipmoe_adapter_names[i], NULL);
    found = is_or_holds (path, file);
    g_free (file);
  }
  return found;
}

/* What of the model needs a config.json since the metadata has no key for it; NULL: nothing. */
static const char *
beyond_metadata (const ClipmoeModel *m) {
  gboolean image = clipmoe_architecture_is_there (&m->image), text = clipmoe_architecture_is_there (&m->text);
  if (image && text && m->image.activation != m->text.activation)
    return "towers with different activations";
  if (m->image.heads != clipmoe_config_default_heads (m->image.width, TRUE) ||
      m->text.heads != clipmoe_config_default_heads (m->text.width, FALSE))
    return "heads of another size than its width says";
  if ((image && m->image.eps != 1e-5f) || (text && m->text.eps != 1e-5f))
    return "an eps other than 1e-5";
  return NULL;
}

static gboolean
save_file (const ClipmoeModel *m, const char *path, ClipmoeSaveAs store, gboolean overwrite,
           guint64 *n_rounded, GError **error) {
  static const char *const configs[] = {"config.json", "open_clip_config.json", "preprocessor_config.json",
                                        "processor_config.json"};
  char *folder = g_path_get_dirname (path), *source = g_path_get_dirname (m->info.path);
  struct stat a, b;
  /* A file beside the source is read with the source's configuration. */
  gboolean neighbour = stat (folder, &a) == 0 && stat (source, &b) == 0 && a.st_dev == b.st_dev &&
                       a.st_ino == b.st_ino,
           ok = TRUE;
  const char *beyond = neighbour ? NULL : beyond_metadata (m);
  if (g_file_test (path, G_FILE_TEST_EXISTS) && !overwrite) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: is there already", path);
    ok = FALSE;
  } else if (g_file_test (path, G_FILE_TEST_EXISTS) && !g_file_test (path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: not a regular file", path);
    ok = FALSE;
  } else if (beyond) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: one file cannot hold a model of %s, expected the name of a folder", path, beyond);
    ok = FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (configs) && ok && !neighbour; i++) {
    char *config = g_build_filename (folder, configs[i], NULL);
    if (g_file_test (config, G_FILE_TEST_EXISTS)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                   "%s: another model's %s lies beside it, expected a folder of its own", path, configs[i]);
      ok = FALSE;
    }
    g_free (config);
  }
  ok = ok && clipmoe_save_companions (m, folder, FALSE, TRUE, error) &&
       save_weights (m, path, CLIPMOE_LAYOUT_CLIPMOE, store, n_rounded, error) &&
       clipmoe_save_companions (m, folder, FALSE, FALSE, error);
  g_free (folder);
  g_free (source);
  return ok;
}

gboolean
clipmoe_save_into (const ClipmoeModel *m, const char *folder, ClipmoeLayout layout, ClipmoeSaveAs store,
                   gboolean card, guint64 *n_rounded, GError **error) {
  char *file = g_build_filename (folder, clipmoe_saved_names[0], NULL);
  gboolean ok = clipmoe_save_companions (m, folder, card, FALSE, error) &&
                clipmoe_save_config (m, folder, layout, store, error) &&
                (layout != CLIPMOE_LAYOUT_HUGGINGFACE || !clipmoe_architecture_is_there (&m->image) ||
                 clipmoe_save_preprocessor (m, folder, error)) &&
                save_weights (m, file, layout, store, n_rounded, error);
  g_free (file);
  return ok;
}

static gboolean
save_folder (const ClipmoeModel *m, const char *path, ClipmoeLayout layout, ClipmoeSaveAs store,
             gboolean overwrite, guint64 *n_rounded, GError **error) {
  char *tmp = clipmoe_folder_begin (path, overwrite ? clipmoe_saved_names : NULL, error);
  if (!tmp)
    return FALSE;
  if (clipmoe_save_into (m, tmp, layout, store, TRUE, n_rounded, error))
    return clipmoe_folder_commit (tmp, path, overwrite ? clipmoe_saved_names : NULL, error);
  clipmoe_folder_drop (tmp);
  return FALSE;
}

gboolean
clipmoe_model_save (const ClipmoeModel *self, const char *path, ClipmoeLayout layout, ClipmoeSaveAs store,
                    gboolean overwrite, guint64 *n_rounded, GError **error) {
  g_return_val_if_fail (self != NULL && path != NULL, FALSE);
  if ((guint)layout > CLIPMOE_LAYOUT_HUGGINGFACE || (guint)store > CLIPMOE_STORE_BF16) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "layout %d or store %d is unknown",
                 (int)layout, (int)store);
    return FALSE;
  }
  if (!self->info.path) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: made in memory, so it cannot be saved",
                 self->info.name);
    return FALSE;
  }
  char *name = g_strdup (path);
  for (gsize n = strlen (name); n > 1 && name[n - 1] == '/'; n--)
    name[n - 1] = 0;
  gboolean file = g_str_has_suffix (name, ".safetensors"), hf = layout == CLIPMOE_LAYOUT_HUGGINGFACE,
           ok = FALSE;
  if (!*name)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "expected the name of a file or folder");
  else if (hf && self->info.top_k)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: Hugging Face's CLIPModel has no mixtures of experts, so it cannot hold this model",
                 self->info.path);
  else if (hf && self->info.geometry == CLIPMOE_GEOMETRY_PAD)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: Hugging Face's CLIPImageProcessor does not pad pictures, which this model asks for",
                 self->info.path);
  else if (hf && file)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: Hugging Face's layout is a folder, expected a name without .safetensors", path);
  else if (is_source (self, name))
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: holds the model that is to be written, expected another place", path);
  else if ((ok = clipmoe_model_hold_weights ((ClipmoeModel *)self, error))) {
    ok = file ? save_file (self, name, store, overwrite, n_rounded, error)
              : save_folder (self, name, layout, store, overwrite, n_rounded, error);
    clipmoe_model_drop_weights ((ClipmoeModel *)self);
  }
  g_free (name);
  return ok;
}
