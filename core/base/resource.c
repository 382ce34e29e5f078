/* Finds installed models and lists. */
#include "../clipmoe/model.h"
#include "buildfolder.h"

#include <string.h>

static char *
probe (const char *root, const char *kind, const char *name) {
  char *path;
  if (*kind) {
    char *file = g_strconcat (name, ".txt", NULL);
    path = g_build_filename (root, kind, file, NULL);
    g_free (file);
    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      return path;
  } else {
    path = g_build_filename (root, name, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_DIR) || g_file_test (path, G_FILE_TEST_IS_REGULAR))
      return path;
  }
  g_free (path);
  return NULL;
}

/* The folders to search, in order. Free with g_ptr_array_unref(). */
static GPtrArray *
roots (void) {
  GPtrArray *all = g_ptr_array_new_with_free_func (g_free);
  const char *env = g_getenv ("CLIPMOE_MODEL_PATH");
  char **parts = g_strsplit (env ? env : "", ":", -1);
  for (char **r = parts; *r; r++)
    if (**r)
      g_ptr_array_add (all, g_strdup (*r));
  g_strfreev (parts);
  g_ptr_array_add (all, g_build_filename (g_get_user_data_dir (), "clipmoe", "models", NULL));
  char *build = clipmoe_build_folder (), *models = build ? clipmoe_build_folder_models (build) : NULL;
  if (models) /* before the models that another version has installed */
    g_ptr_array_add (all, models);
  g_free (build);
  g_ptr_array_add (all, g_strdup (CLIPMOE_DATADIR "/models"));
  return all;
}

char *
clipmoe_resource_find (const char *kind, const char *name) {
  g_return_val_if_fail (kind != NULL && name != NULL, NULL);
  if (!*name || strchr (name, '/') || g_str_equal (name, ".") || g_str_equal (name, ".."))
    return NULL;
  char *found = NULL;
  GPtrArray *all = roots ();
  for (guint i = 0; i < all->len && !found; i++)
    found = probe (all->pdata[i], kind, name);
  g_ptr_array_unref (all);
  return found;
}

static gboolean
is_checkpoint (const char *name) {
  static const char *const endings[] = {".safetensors", ".pt", ".bin", ".safetensors.index.json"};
  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    if (g_str_has_suffix (name, endings[i]))
      return TRUE;
  return FALSE;
}

/* The folders "labels" and "templates" are beside the models. */
static gboolean
looks_like_a_model (const char *path, const char *name) {
  GDir *dir = g_dir_open (path, 0, NULL);
  if (!dir)
    return is_checkpoint (name) && g_file_test (path, G_FILE_TEST_IS_REGULAR);
  gboolean found = FALSE;
  for (const char *file; !found && (file = g_dir_read_name (dir));)
    found = is_checkpoint (file);
  g_dir_close (dir);
  return found;
}

static int
compare (gconstpointer a, gconstpointer b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

char **
clipmoe_resource_list (const char *kind) {
  g_return_val_if_fail (kind != NULL, NULL);
  GPtrArray *all = roots (), *names = g_ptr_array_new ();
  GHashTable *seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < all->len; i++) {
    char *folder = g_build_filename (all->pdata[i], kind, NULL);
    GDir *dir = g_dir_open (folder, 0, NULL);
    for (const char *file; dir && (file = g_dir_read_name (dir));) {
      char *path = g_build_filename (folder, file, NULL), *name = g_strdup (file);
      gboolean fits = *kind ? g_str_has_suffix (name, ".txt") : looks_like_a_model (path, name);
      if (fits && *kind)
        name[strlen (name) - strlen (".txt")] = 0;
      if (fits && !g_hash_table_contains (seen, name)) {
        g_hash_table_add (seen, name);
        g_ptr_array_add (names, name);
      } else {
        g_free (name);
      }
      g_free (path);
    }
    if (dir)
      g_dir_close (dir);
    g_free (folder);
  }
  g_hash_table_unref (seen);
  g_ptr_array_unref (all);
  g_ptr_array_sort (names, compare);
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (names, FALSE);
}
