#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/error.h>
#include <base/file.h>
#include <base/folder.h>
#include <base/temporary.h>

#define LINE "{\"stage\":"

static gboolean
taken (const char *path, GError **error) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
               "%s: is there, and run.json does not list it: expected a free name, nothing was changed",
               path);
  return FALSE;
}

gboolean
dmu_place_is_free (const char *path, GError **error) {
  return !clipmoe_file_is_there (path) || taken (path, error);
}

/* Renames, unless the new name exists. */
static gboolean
take_place (const char *tmp, const char *path, GError **error) {
  if (renameat2 (AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
    return TRUE;
  if (errno == EEXIST)
    return taken (path, error);
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
    return clipmoe_error_set_errno (error, path, "cannot rename");
  /* the file system cannot do it atomically: check, then rename */
  return dmu_place_is_free (path, error) &&
         (rename (tmp, path) == 0 || clipmoe_error_set_errno (error, path, "cannot rename"));
}

gboolean
dmu_place_file (const char *path, const void *data, gsize length, GError **error) {
  ClipmoeTemporary tmp;
  if (!clipmoe_temporary_write (&tmp, path, data, length, error))
    return FALSE;
  gboolean ok = take_place (tmp.path, path, error);
  clipmoe_temporary_close (&tmp, ok);
  if (ok)
    clipmoe_sync_folder (path);
  return ok;
}

gboolean
dmu_place_folder (char *tmp, const char *path, GError **error) {
  if (!take_place (tmp, path, error)) {
    clipmoe_folder_drop (tmp);
    return FALSE;
  }
  clipmoe_sync_folder (path);
  g_free (tmp);
  return TRUE;
}

char *
dmu_place_digest (const char *path, GError **error) {
  guint8 block[65536];
  ClipmoeFile *file = clipmoe_file_open (path, error);
  if (!file)
    return NULL;
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  guint64 size = clipmoe_file_get_size (file);
  gboolean ok = TRUE;
  for (guint64 at = 0; at < size && ok; at += sizeof block) {
    gsize n = (gsize)MIN (size - at, sizeof block);
    if ((ok = clipmoe_file_pread (file, at, block, n, error)))
      g_checksum_update (sum, block, (gssize)n);
  }
  char *digest = ok ? g_strdup (g_checksum_get_string (sum)) : NULL;
  g_checksum_free (sum);
  clipmoe_file_close (file);
  return digest;
}

void
dmu_place_sweep (const char *folder) {
  clipmoe_temporary_sweep (folder, 0);
  GDir *dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir))) {
    struct stat st;
    char *path = g_build_filename (folder, name, NULL);
    if (clipmoe_temporary_is_ours (name) && lstat (path, &st) == 0 && S_ISDIR (st.st_mode))
      clipmoe_folder_drop (g_steal_pointer (&path));
    g_free (path);
  }
  if (dir)
    g_dir_close (dir);
}

int
dmu_place_lines (const char *path, GError **error) {
  char begin[sizeof LINE - 1];
  struct stat st;
  /* O_NONBLOCK: opening a named pipe must not block */
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (fd < 0 || fstat (fd, &st) != 0) {
    clipmoe_error_set_errno (error, path, "cannot open");
  } else if (!S_ISREG (st.st_mode)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: not a regular file", path);
  } else {
    ssize_t n = pread (fd, begin, sizeof begin, 0);
    if (n == 0 || (n > 0 && memcmp (begin, LINE, (gsize)n) == 0))
      return fd;
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: is there and holds no lines of training, expected a free name, nothing was changed",
                 path);
  }
  if (fd >= 0)
    close (fd);
  return -1;
}
