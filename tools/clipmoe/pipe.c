#include "pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common.h"

/* /tmp is in memory on many machines, and a video may be larger than that. */
static const char *
spool_folder (void) {
  return !g_getenv ("TMPDIR") && g_access ("/var/tmp", W_OK | X_OK) == 0 ? "/var/tmp" : g_get_tmp_dir ();
}

static gboolean
copy (int from, int to, GError **error) {
  enum { SIZE = 1 << 16 };
  guint8 *bytes = g_malloc (SIZE);
  ssize_t n = 0;
  gboolean ok = TRUE;
  while (ok && (n = read (from, bytes, SIZE)) != 0) {
    if (n < 0 && errno == EINTR)
      continue;
    ok = n > 0;
    if (!ok)
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "standard input: %s", g_strerror (errno));
    for (ssize_t done = 0, m; ok && done < n; done += MAX (m, 0)) {
      m = write (to, bytes + done, (size_t)(n - done));
      int e = errno;
      ok = m >= 0 || e == EINTR;
      if (!ok)
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "standard input: no room for it in %s: %s",
                     spool_folder (), g_strerror (e));
    }
  }
  g_free (bytes);
  return ok;
}

/* A path to standard input if that is a regular file at its start, which need not be copied; else NULL. */
static char *
reopen (void) {
  struct stat st, again;
  char *path = NULL;
  if (fstat (0, &st) != 0 || !S_ISREG (st.st_mode) || lseek (0, 0, SEEK_CUR) != 0)
    return NULL;
  int fd = open ("/proc/self/fd/0", O_RDONLY | O_CLOEXEC);
  if (fd >= 0 && fstat (fd, &again) == 0 && again.st_dev == st.st_dev && again.st_ino == st.st_ino)
    path = g_strdup_printf ("/proc/self/fd/%d", fd); /* open as long as the process is */
  else if (fd >= 0)
    close (fd);
  return path;
}

char *
clipmoe_pipe_spool (GError **error) {
  const char *folder = spool_folder ();
  char *already = reopen ();
  if (already)
    return already;
  int fd = open (folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) { /* a file system that cannot: the name is taken away at once */
    char *path = g_build_filename (folder, "clipmoe-XXXXXX", NULL);
    fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
      unlink (path);
    g_free (path);
  }
  if (fd < 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot keep standard input there: %s", folder,
                 g_strerror (errno));
    return NULL;
  }
  if (!copy (0, fd, error)) {
    close (fd);
    return NULL;
  }
  return g_strdup_printf ("/proc/self/fd/%d", fd); /* open as long as the process is */
}

char *
clipmoe_pipe_path (const char *name, GError **error) {
  return strcmp (name, "-") == 0 ? clipmoe_pipe_spool (error) : g_strdup (name);
}

void
clipmoe_pipe_name (const char *name, const char *path, GError *error) {
  if (strcmp (name, "-") != 0 || !path ||
      !error) /* without a path its sentence says "standard input" already */
    return;
  GString *message = g_string_new (error->message);
  g_string_replace (message, path, "standard input", 0);
  g_free (error->message);
  error->message = g_string_free (message, FALSE);
}
