#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
io_error (GError **error, const char *path, const char *what) {
  int e = errno;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: %s: %s", path, what, g_strerror (e));
  return FALSE;
}

char *
clipmoe_file_read (const char *path, gsize limit, gsize *length, GError **error) {
  /* O_NONBLOCK: a named pipe must not hang us; fstat refuses it below. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    io_error (error, path, "cannot open");
    return NULL;
  }
  struct stat st;
  char *data = NULL;
  if (fstat (fd, &st) != 0) {
    io_error (error, path, "cannot stat");
  } else if (!S_ISREG (st.st_mode)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: not a regular file", path);
  } else if ((guint64)st.st_size > limit) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                 "%s: %" G_GUINT64_FORMAT " bytes, the limit is %" G_GSIZE_FORMAT, path, (guint64)st.st_size,
                 limit);
  } else if (!(data = g_try_malloc ((gsize)st.st_size + 1))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for %" G_GUINT64_FORMAT " bytes",
                 path, (guint64)st.st_size);
  } else {
    gsize done = 0;
    while (done < (gsize)st.st_size) {
      ssize_t n = pread (fd, data + done, (gsize)st.st_size - done, (off_t)done);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0) {
        if (n < 0)
          io_error (error, path, "cannot read");
        else
          g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: became shorter while it was read", path);
        g_clear_pointer (&data, g_free);
        break;
      }
      done += (gsize)n;
    }
    if (data) {
      data[done] = 0;
      *length = done;
    }
  }
  close (fd);
  return data;
}

static void
sync_folder_of (const char *path) {
  char *folder = g_path_get_dirname (path);
  int dir = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    fsync (dir); /* some file systems cannot; the data itself is synced */
    close (dir);
  }
  g_free (folder);
}

gboolean
clipmoe_file_publish (const char *from, const char *to, GError **error) {
  int fd = open (from, O_RDONLY | O_CLOEXEC);
  gboolean ok = fd >= 0 || io_error (error, from, "cannot open");
  if (ok && fsync (fd) != 0)
    ok = io_error (error, to, "cannot sync");
  if (fd >= 0)
    close (fd);
  if (ok && rename (from, to) != 0)
    ok = io_error (error, to, "cannot rename");
  if (ok)
    sync_folder_of (to);
  return ok;
}

gboolean
clipmoe_file_write (const char *path, const void *data, gsize length, GError **error) {
  char *tmp = g_strdup_printf ("%s.XXXXXX", path);
  int fd = g_mkstemp_full (tmp, O_WRONLY | O_CLOEXEC, 0666);
  gboolean ok = fd >= 0 || io_error (error, path, "cannot create");
  gsize done = 0;
  while (ok && done < length) {
    ssize_t n = write (fd, (const char *)data + done, length - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      ok = io_error (error, path, "cannot write");
    else
      done += (gsize)n;
  }
  if (ok && fsync (fd) != 0)
    ok = io_error (error, path, "cannot sync");
  if (fd >= 0 && close (fd) != 0 && ok)
    ok = io_error (error, path, "cannot write");
  if (ok && rename (tmp, path) != 0)
    ok = io_error (error, path, "cannot rename");
  if (ok)
    sync_folder_of (path);
  else if (fd >= 0)
    unlink (tmp);
  g_free (tmp);
  return ok;
}
