#include "error.h"

#include <errno.h>

/* Not G_DEFINE_QUARK(), whose variable is written without an atomic by every thread that comes first. */
GQuark
clipmoe_error_quark (void) {
  return g_quark_from_static_string ("clipmoe-error-quark");
}

gboolean
clipmoe_error_set (GError **error, ClipmoeError code, const char *path, const char *format, ...) {
  va_list args;
  va_start (args, format);
  char *sentence = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, CLIPMOE_ERROR, code, "%s: %s", path, sentence);
  g_free (sentence);
  return FALSE;
}

gboolean
clipmoe_error_set_errno (GError **error, const char *path, const char *what) {
  int e = errno;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: %s: %s", path, what, g_strerror (e));
  errno = e;
  return FALSE;
}
