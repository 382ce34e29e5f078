#include "modelfile.h"

#include <stdlib.h>
#include <string.h>
#include <base/file.h>
#include <base/folder.h>
#include <model/derive.h>
#include <model/residence.h>
#include <model/save.h>

/* Returns (transfer full) the temporary folder that holds the model. */
static char *
write_folder (ClipmoeModel *m, const char *path, ClipmoeSaveAs store, gboolean overwrite, GError **error) {
  char *tmp = clipmoe_folder_begin (path, overwrite ? clipmoe_saved_names : NULL, error);
  if (!tmp)
    return NULL;
  /* The card describes the model that this one was made from, so it is not copied. */
  if (clipmoe_save_into (m, tmp, CLIPMOE_LAYOUT_CLIPMOE, store, FALSE, NULL, error))
    return tmp;
  clipmoe_folder_drop (tmp);
  return NULL;
}

static gboolean
save_folder (ClipmoeModel *m, const char *path, ClipmoeSaveAs store, gboolean overwrite, GError **error) {
  char *tmp = write_folder (m, path, store, overwrite, error);
  return tmp && clipmoe_folder_commit (tmp, path, overwrite ? clipmoe_saved_names : NULL, error);
}

/* @path without trailing slashes (transfer full); *file: whether it names one file. */
static char *
place_of (const char *path, gboolean *file) {
  char *place = g_strdup (path);
  for (gsize n = strlen (place); n > 1 && place[n - 1] == '/'; n--)
    place[n - 1] = 0;
  *file = g_str_has_suffix (place, ".safetensors");
  return place;
}

gboolean
dmu_model_place_is_free (const char *path, GError **error) {
  gboolean file, free = TRUE;
  char *place = place_of (path, &file);
  if (!file) {
    char *tmp = clipmoe_folder_begin (place, NULL, error);
    free = tmp != NULL;
    if (tmp)
      clipmoe_folder_drop (tmp);
  } else if (clipmoe_file_is_there (place)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: is there already", place);
    free = FALSE;
  }
  g_free (place);
  return free;
}

gboolean
dmu_model_save (ClipmoeModel *m, const char *path, ClipmoeSaveAs store, gboolean overwrite, GError **error) {
  gboolean file;
  char *place = place_of (path, &file), *name = g_path_get_basename (place);
  if (file)
    name[strlen (name) - strlen (".safetensors")] = 0;
  clipmoe_model_rename (m, name);
  gboolean ok = clipmoe_model_hold_weights (m, error);
  if (ok) {
    ok = file ? clipmoe_model_save (m, place, CLIPMOE_LAYOUT_CLIPMOE, store, overwrite, NULL, error)
              : save_folder (m, place, store, overwrite, error);
    clipmoe_model_drop_weights (m);
  }
  g_free (name);
  g_free (place);
  return ok;
}

char *
dmu_model_prepare (ClipmoeModel *m, const char *path, ClipmoeSaveAs store, GError **error) {
  char *name = g_path_get_basename (path);
  clipmoe_model_rename (m, name);
  g_free (name);
  if (!clipmoe_model_hold_weights (m, error))
    return NULL;
  char *tmp = write_folder (m, path, store, FALSE, error);
  clipmoe_model_drop_weights (m);
  return tmp;
}

gboolean
dmu_store_parse (const char *name, ClipmoeSaveAs *store, GError **error) {
  static const char *const names[] = {
      [CLIPMOE_STORE_F32] = "f32", [CLIPMOE_STORE_F16] = "f16", [CLIPMOE_STORE_BF16] = "bf16"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i] && name && strcmp (names[i], name) == 0) {
      *store = (ClipmoeSaveAs)i;
      return TRUE;
    }
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "dtype \"%.200s\": expected f32, f16 or bf16",
               name ? name : "");
  return FALSE;
}

static gboolean
number (const char *text, const char **end, guint *out) {
  char *stop;
  guint64 n = g_ascii_isdigit (*text) ? g_ascii_strtoull (text, &stop, 10) : G_MAXUINT64;
  *end = g_ascii_isdigit (*text) ? stop : text;
  *out = (guint)MIN (n, G_MAXUINT);
  return n < 100000;
}

gboolean
dmu_blocks_parse (const char *text, const char *what, guint layers, guint *first, guint *last,
                  GError **error) {
  const char *end;
  guint n;
  *first = *last = 0;
  if (!text || strcmp (text, "all") == 0) {
    *last = layers;
    return TRUE;
  }
  if (strcmp (text, "none") == 0)
    return TRUE;
  if (g_str_has_prefix (text, "last:") && number (text + 5, &end, &n) && !*end && n >= 1 && n <= layers) {
    *first = layers - n;
    *last = layers;
    return TRUE;
  }
  if (number (text, &end, first)) {
    *last = *first;
    if ((!*end || (*end == '-' && number (end + 1, &end, last) && !*end)) && *first <= *last &&
        *last < layers) {
      (*last)++;
      return TRUE;
    }
  }
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
               "%s \"%.200s\": expected all, none, last:N, or a range like 0-%u of a tower of %u blocks",
               what, text, layers - 1, layers);
  return FALSE;
}
