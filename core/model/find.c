#include "find.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "../base/file.h"
#include "../clipmoe/model.h"
#include "../base/plain.h"
#include "../checkpoint/checkpoint.h"
#include "place.h"

#define MAX_CARD (1u << 20) /* bytes of the card that are looked at */

static char *
first_there (const char *folder, const char *const *names) {
  for (; *names; names++) {
    char *path = g_build_filename (folder, *names, NULL);
    if (clipmoe_file_is_there (path))
      return path;
    g_free (path);
  }
  return NULL;
}

/* How likely a file is meant, as far as names tell: 2 for both towers of a CLIP, 1 for one tower or for
 * several CLIPs. 2 for a file that cannot be read: opening it will report why. */
static guint
rank_of (const char *path, const char *prefix) {
  ClipmoeTensors *tensors = clipmoe_tensors_read_shapes (path, NULL);
  ClipmoePlace place = {0};
  GError *error = NULL;
  guint rank = 2;
  if (tensors && !clipmoe_place_find (path, tensors, prefix, &place, &error))
    rank = g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT) ? 1 : 0;
  else if (tensors && (!place.image || !place.text))
    rank = 1;
  g_clear_error (&error);
  clipmoe_place_clear (&place);
  clipmoe_tensors_free (tensors);
  return rank;
}

/* Of the files with these names the first that holds a CLIP, else the first with one tower; if none does, the
 * first one. */
static char *
usual_weights (const char *folder, const char *prefix) {
  static const char *const names[] = {"model.safetensors",
                                      "model.safetensors.index.json",
                                      "pytorch_model.bin",
                                      "pytorch_model.bin.index.json",
                                      "open_clip_model.safetensors",
                                      "open_clip_pytorch_model.bin",
                                      NULL};
  char *first = first_there (folder, names), *found = NULL;
  guint n = 0, best = 0;
  for (const char *const *name = names; first && *name; name++) {
    char *path = g_build_filename (folder, *name, NULL);
    n += clipmoe_file_is_there (path);
    g_free (path);
  }
  for (const char *const *name = names; n > 1 && *name && best < 2; name++) {
    char *path = g_build_filename (folder, *name, NULL);
    guint rank = clipmoe_file_is_there (path) ? rank_of (path, prefix) : 0;
    if (rank > best) {
      best = rank;
      g_free (found);
      found = g_steal_pointer (&path);
    }
    g_free (path);
  }
  if (!found)
    return first;
  g_free (first);
  return found;
}

/* The weights of a folder: under one of the usual names, or the only file of the kind. */
static char *
find_weights (const char *folder, const char *prefix, GError **error) {
  static const char *const endings[] = {".safetensors", ".pt"};
  char *found = usual_weights (folder, prefix);
  for (guint i = 0; i < G_N_ELEMENTS (endings) && !found; i++) {
    GDir *dir = g_dir_open (folder, 0, error);
    const char *name;
    guint n = 0;
    if (!dir)
      return NULL;
    while ((name = g_dir_read_name (dir)))
      if (g_str_has_suffix (name, endings[i]) && n++ == 0)
        found = g_build_filename (folder, name, NULL);
    g_dir_close (dir);
    if (n > 1) {
      g_clear_pointer (&found, g_free);
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                   "%s: a folder with %u files *%s and no model.safetensors: name one of them", folder, n,
                   endings[i]);
      return NULL;
    }
  }
  if (!found)
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
        "%s: a folder without weights: expected model.safetensors, its index, pytorch_model.bin, or a "
        "single *.safetensors or *.pt",
        folder);
  return found;
}

gboolean
clipmoe_files_find (const char *path, const char *vocab, const char *prefix, ClipmoeFiles *files,
                    GError **error) {
  char *found = NULL;
  if (path && !*path) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "an empty name for a model, expected a file, a folder or the name of an installed one");
    return FALSE;
  }
  if (!path)
    found = clipmoe_resource_find ("", "default");
  else if (!g_file_test (path, G_FILE_TEST_EXISTS))
    found = clipmoe_resource_find ("", path);
  if (!path && !found) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "the default model is not installed: expected a folder \"default\" in $CLIPMOE_MODEL_PATH "
                 "or " CLIPMOE_DATADIR "/models");
    return FALSE;
  }
  if (!found && !strchr (path, '/') && !g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: no such file or folder, and no model of that name is installed", path);
    return FALSE;
  }
  if (!found)
    found = g_strdup (path);
  struct stat st;
  if (stat (found, &st) != 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot open: %s", found, g_strerror (errno));
    g_free (found);
    return FALSE;
  }
  if (!S_ISDIR (st.st_mode) && !S_ISREG (st.st_mode)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: neither a regular file nor a folder", found);
    g_free (found);
    return FALSE;
  }
  files->name = g_path_get_basename (found);
  if (S_ISDIR (st.st_mode)) {
    files->folder = found;
    files->weights = find_weights (found, prefix, error);
    if (!files->weights) {
      clipmoe_files_clear (files);
      return FALSE;
    }
  } else {
    files->folder = g_path_get_dirname (found);
    files->weights = found;
    char *dot = strrchr (files->name, '.');
    if (dot && dot != files->name)
      *dot = 0;
  }
  static const char *const configs[] = {"config.json", NULL}, *const openclips[] = {"open_clip_config.json",
                                                                                    NULL};
  static const char *const preprocessors[] = {"preprocessor_config.json", NULL};
  static const char *const processors[] = {"processor_config.json", NULL};
  static const char *const vocabs[] = {"tokenizer.json", "vocab.json", "bpe_simple_vocab_16e6.txt.gz",
                                       "bpe_simple_vocab_16e6.txt", NULL};
  files->config = first_there (files->folder, configs);
  files->openclip = first_there (files->folder, openclips);
  files->preprocessor = first_there (files->folder, preprocessors);
  files->processor = first_there (files->folder, processors);
  files->vocab = vocab ? g_strdup (vocab) : first_there (files->folder, vocabs);
  return TRUE;
}

void
clipmoe_files_clear (ClipmoeFiles *files) {
  g_free (files->name);
  g_free (files->folder);
  g_free (files->weights);
  g_free (files->config);
  g_free (files->openclip);
  g_free (files->preprocessor);
  g_free (files->processor);
  g_free (files->vocab);
  memset (files, 0, sizeof *files);
}

gboolean
clipmoe_files_licence (const ClipmoeFiles *files, char **licence, GError **error) {
  char *path = g_build_filename (files->folder, "README.md", NULL), *text = NULL;
  ClipmoeFile *file = NULL;
  gboolean ok = TRUE;
  *licence = NULL;
  if (clipmoe_file_is_there (path)) {
    file = clipmoe_file_open (path, error);
    gsize length = file ? (gsize)MIN (clipmoe_file_get_size (file), MAX_CARD) : 0;
    text = g_malloc0 (length + 1); /* at most MAX_CARD, and in the file */
    ok = file && clipmoe_file_pread (file, 0, text, length, error);
  }
  char *use = ok && text ? strstr (text, "\nUse: ") : NULL;
  if (use) {
    use += strlen ("\nUse: ");
    char *end = strstr (use, "\n\n");
    if (end)
      *end = 0;
    g_strdelimit (use, "\r\n", ' ');
    *licence = clipmoe_plain (g_strstrip (use), -1);
  }
  clipmoe_file_close (file);
  g_free (text);
  g_free (path);
  return ok;
}
