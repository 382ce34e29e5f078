#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "error.h"
#include "temporary.h"

struct _ClipmoeFile {
  int fd;
  char *path;
  guint64 size;
  struct timespec changed;
};

ClipmoeFile *
clipmoe_file_open (const char *path, GError **error) {
  /* O_NONBLOCK: opening a named pipe must not block; fstat refuses it below. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    clipmoe_error_set_errno (error, path, "cannot open");
    return NULL;
  }
  struct stat st;
  if (fstat (fd, &st) != 0) {
    clipmoe_error_set_errno (error, path, "cannot stat");
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
    return clipmoe_error_set_errno (error, file->path, "cannot stat");
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
      return clipmoe_error_set_errno (error, file->path, "cannot read");
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

gboolean
clipmoe_file_write (const char *path, const void *data, gsize length, GError **error) {
  ClipmoeTemporary tmp;
  return clipmoe_temporary_write (&tmp, path, data, length, error) &&
         clipmoe_temporary_publish (&tmp, path, error);
}
