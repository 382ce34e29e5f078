#include "buildfolder.h"

#include <string.h>

#define MARKER "clipmoe-build.ini" /* meson.build writes it, nothing installs it */

static char *
read_marker (const char *folder) {
  char *path = g_build_filename (folder, MARKER, NULL), *models = NULL;
  GKeyFile *file = g_key_file_new ();
  if (g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL))
    models = g_key_file_get_string (file, "clipmoe-build", "models", NULL);
  g_key_file_unref (file);
  g_free (path);
  return models;
}

char *
clipmoe_build_folder (void) {
  static const char *const places[] = {"/tools/clipmoe/clipmoe", "/tools/clipmoe/bench/clipmoe-bench",
                                       "/tools/clipmoe/serve/clipmoe-serve", "/tools/dmu/clipmoe-dmu"};
  char *program = g_file_read_link ("/proc/self/exe", NULL), *folder = NULL;
  for (guint i = 0; program && !folder && i < G_N_ELEMENTS (places); i++)
    if (g_str_has_suffix (program, places[i])) {
      folder = g_strndup (program, strlen (program) - strlen (places[i]));
      char *models = read_marker (folder); /* other folders may have such names */
      if (!models)
        g_clear_pointer (&folder, g_free);
      g_free (models);
    }
  g_free (program);
  return folder;
}

char *
clipmoe_build_folder_models (const char *folder) {
  return read_marker (folder);
}
