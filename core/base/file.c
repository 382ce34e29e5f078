#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
io_error (GError **error, const char *path, const char *what) {
  int e = errno;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: %s: %s", path, what, g_strerror (e));
  return FALSE;
}

struct _ClipmoeFile {
  int fd;
  char *path;
  guint64 size;
  struct timespec changed;
};

ClipmoeFile *
clipmoe_file_open (const char *path, GError **error) {
  /* O_NONBLOCK: a named pipe must not hang us; fstat refuses it below. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    io_error (error, path, "cannot open");
    return NULL;
  }
  struct stat st;
  if (fstat (fd, &st) != 0) {
    io_error (error, path, "cannot stat");
  } else if (!S_ISREG (st.st_mode)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: not a regular file", path);
  } else {
    ClipmoeFile *file = g_new (ClipmoeFile, 1);
    file->fd = fd;
    file->path = g_strdup (path);
    file->size = (guint64)st.st_size;
    file->changed = st.st_mtim;
    return file;
  }
  close (fd);
  return NULL;
}

void
clipmoe_file_close (ClipmoeFile *file) {
  if (!file)
    return;
  close (file->fd);
  g_free (file->path);
  g_free (file);
}

gboolean
clipmoe_file_is_there (const char *path) {
  struct stat st;
  return lstat (path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

gboolean
clipmoe_file_is_unchanged (ClipmoeFile *file, GError **error) {
  struct stat st;
  if (fstat (file->fd, &st) != 0)
    return io_error (error, file->path, "cannot stat");
  if ((guint64)st.st_size == file->size && st.st_mtim.tv_sec == file->changed.tv_sec &&
      st.st_mtim.tv_nsec == file->changed.tv_nsec)
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: was written to while it was read", file->path);
  return FALSE;
}

const char *
clipmoe_file_get_path (const ClipmoeFile *file) {
  return file->path;
}

guint64
clipmoe_file_get_size (const ClipmoeFile *file) {
  return file->size;
}

gboolean
clipmoe_file_pread (ClipmoeFile *file, guint64 offset, void *data, gsize length, GError **error) {
  if (offset > file->size || length > file->size - offset) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: needs %" G_GSIZE_FORMAT " bytes from byte %" G_GUINT64_FORMAT
                 ", the file has %" G_GUINT64_FORMAT,
                 file->path, length, offset, file->size);
    return FALSE;
  }
  for (gsize done = 0; done < length;) {
    ssize_t n = pread (file->fd, (char *)data + done, length - done, (off_t)(offset + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return io_error (error, file->path, "cannot read");
    if (n == 0) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: became shorter while it was read",
                   file->path);
      return FALSE;
    }
    done += (gsize)n;
  }
  return TRUE;
}

char *
clipmoe_file_read (const char *path, gsize limit, gsize *length, GError **error) {
  ClipmoeFile *file = clipmoe_file_open (path, error);
  char *data = NULL;
  if (!file)
    return NULL;
  if (file->size > limit) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                 "%s: %" G_GUINT64_FORMAT " bytes, the limit is %" G_GSIZE_FORMAT, path, file->size, limit);
  } else if (!(data = g_try_malloc ((gsize)file->size + 1))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for %" G_GUINT64_FORMAT " bytes",
                 path, file->size);
  } else if (!clipmoe_file_pread (file, 0, data, (gsize)file->size, error) ||
             !clipmoe_file_is_unchanged (file, error)) {
    g_clear_pointer (&data, g_free);
  } else {
    *length = (gsize)file->size;
    data[*length] = 0;
  }
  clipmoe_file_close (file);
  return data;
}

#define MARK ".clipmoe-tmp-"
#define RANDOM "XXXXXX"

char *
clipmoe_temporary_template (const char *path) {
  char *folder = g_path_get_dirname (path);
  char *template = g_build_filename (folder, MARK RANDOM, NULL);
  g_free (folder);
  return template;
}

gboolean
clipmoe_temporary_has_mark (const char *name, const char *mark) {
  if (!g_str_has_prefix (name, mark) || strlen (name) != strlen (mark) + strlen (RANDOM))
    return FALSE;
  for (const char *c = name + strlen (mark); *c; c++)
    if (!g_ascii_isalnum (*c))
      return FALSE;
  return TRUE;
}

gboolean
clipmoe_temporary_is_ours (const char *name) {
  return clipmoe_temporary_has_mark (name, MARK);
}

void
clipmoe_file_sync_folder (const char *path) {
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
    clipmoe_file_sync_folder (to);
  return ok;
}

char *
clipmoe_temporary_write (const char *path, const void *data, gsize length, GError **error) {
  char *tmp = clipmoe_temporary_template (path);
  int fd = g_mkstemp_full (tmp, O_WRONLY | O_CLOEXEC, 0666);
  gboolean ok = fd >= 0 || io_error (error, path, "cannot create");
  for (gsize done = 0; ok && done < length;) {
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
  if (ok)
    return tmp;
  if (fd >= 0)
    unlink (tmp);
  g_free (tmp);
  return NULL;
}

gboolean
clipmoe_file_write (const char *path, const void *data, gsize length, GError **error) {
  char *tmp = clipmoe_temporary_write (path, data, length, error);
  gboolean ok = tmp && (rename (tmp, path) == 0 || io_error (error, path, "cannot rename"));
  if (ok)
    clipmoe_file_sync_folder (path);
  else if (tmp)
    unlink (tmp);
  g_free (tmp);
  return ok;
}
