/* Where installed models and lists are found. */
#include "../clipmoe/model.h"

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

char *
clipmoe_resource_find (const char *kind, const char *name) {
  g_return_val_if_fail (kind != NULL && name != NULL, NULL);
  if (!*name || strchr (name, '/') || g_str_equal (name, ".") || g_str_equal (name, ".."))
    return NULL;

  char *found = NULL;
  const char *env = g_getenv ("CLIPMOE_MODEL_PATH");
  if (env && *env) {
    char **roots = g_strsplit (env, ":", -1);
    for (char **r = roots; *r && !found; r++)
      if (**r)
        found = probe (*r, kind, name);
    g_strfreev (roots);
  }
  if (!found) {
    char *root = g_build_filename (g_get_user_data_dir (), "clipmoe", "models", NULL);
    found = probe (root, kind, name);
    g_free (root);
  }
  if (!found)
    found = probe (CLIPMOE_DATADIR "/models", kind, name);
  return found;
}
