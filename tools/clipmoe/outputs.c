#include "outputs.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean
clipmoe_output_check (const char *path, GError **error) {
  char *folder = g_path_get_dirname (path);
  gboolean ok = g_access (folder, W_OK | X_OK) == 0;
  if (!ok) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot create: %s", path, g_strerror (errno));
  } else if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: a folder, expected the name of a file", path);
    ok = FALSE;
  }
  g_free (folder);
  return ok;
}

gboolean
clipmoe_output_check_apart (const char *path, const GPtrArray *names, GError **error) {
  struct stat own, st;
  if (stat (path, &own) != 0)
    return TRUE;
  for (guint i = 0; i < names->len; i++) {
    const char *name = names->pdata[i];
    int r = g_str_equal (name, "-") ? fstat (STDIN_FILENO, &st) : stat (name, &st);
    if (r == 0 && st.st_dev == own.st_dev && st.st_ino == own.st_ino) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "%s: is also what is looked at (%s): it is not replaced", path, name);
      return FALSE;
    }
  }
  return TRUE;
}
