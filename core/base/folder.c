#include "folder.h"

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

/* Whether nothing in @path would be lost that somebody did not mean to lose. */
static gboolean
may_replace (const char *path, gboolean overwrite, GError **error) {
  struct stat st;
  if (lstat (path, &st) != 0)
    return errno == ENOENT || io_error (error, path, "cannot stat");
  GDir *dir = S_ISDIR (st.st_mode) ? g_dir_open (path, 0, NULL) : NULL;
  if (!dir) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: is there and no folder, expected a free name",
                 path);
    return FALSE;
  }
  gboolean ok = TRUE;
  for (const char *name; ok && (name = g_dir_read_name (dir));) {
    char *file = g_build_filename (path, name, NULL);
    if (!overwrite)
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: is there already and not empty", path);
    else if (lstat (file, &st) != 0 || !S_ISREG (st.st_mode))
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                   "%s: not overwritten, since \"%s\" in it is no plain file", path, name);
    ok = overwrite && S_ISREG (st.st_mode);
    g_free (file);
  }
  g_dir_close (dir);
  return ok;
}

char *
clipmoe_folder_begin (const char *path, gboolean overwrite, GError **error) {
  if (!may_replace (path, overwrite, error))
    return NULL;
  char *tmp = g_strdup_printf ("%s.XXXXXX", path);
  if (!g_mkdtemp_full (tmp, 0777)) {
    io_error (error, path, "cannot create");
    g_clear_pointer (&tmp, g_free);
  }
  return tmp;
}

void
clipmoe_folder_drop (char *tmp) {
  GDir *dir = g_dir_open (tmp, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    char *file = g_build_filename (tmp, name, NULL);
    g_unlink (file);
    g_free (file);
  }
  if (dir)
    g_dir_close (dir);
  g_rmdir (tmp);
  g_free (tmp);
}

gboolean
clipmoe_folder_commit (char *tmp, const char *path, gboolean overwrite, GError **error) {
  gboolean ok = may_replace (path, overwrite, error);
  if (ok && rename (tmp, path) == 0) { /* nothing there, or an empty folder */
    g_free (tmp);
  } else if (ok && overwrite && (errno == ENOTEMPTY || errno == EEXIST)) {
    /* Both names exist at every moment; tmp is the old folder afterwards. */
    ok = renameat2 (AT_FDCWD, tmp, AT_FDCWD, path, RENAME_EXCHANGE) == 0 ||
         io_error (error, path, "cannot exchange it for the old folder");
    clipmoe_folder_drop (tmp);
  } else {
    if (ok)
      ok = io_error (error, path, "cannot rename");
    clipmoe_folder_drop (tmp);
  }
  if (ok) {
    char *parent = g_path_get_dirname (path);
    int fd = open (parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
      fsync (fd); /* some file systems cannot; the files themselves are synced */
      close (fd);
    }
    g_free (parent);
  }
  return ok;
}
