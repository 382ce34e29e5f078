#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define CLEAR "\r\033[K"

void
dmu_progress (gint64 *told, gboolean last, const char *format, ...) {
  gint64 now = g_get_monotonic_time ();
  gboolean terminal = isatty (STDERR_FILENO);
  if (!last && now - *told < (terminal ? 200000 : 30000000))
    return;
  *told = now;
  va_list args;
  va_start (args, format);
  char *line = g_strdup_vprintf (format, args);
  va_end (args);
  fprintf (stderr, "%s%s%s", terminal ? CLEAR : "", line, terminal && !last ? "" : "\n");
  g_free (line);
}

void
dmu_progress_clear (void) {
  if (isatty (STDERR_FILENO))
    fprintf (stderr, CLEAR);
}
