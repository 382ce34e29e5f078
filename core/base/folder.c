#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/stat.h>
#include "error.h"
#include "plain.h"
#include "temporary.h"

/* Whether the folder may be deleted: it holds nothing but files named in @replaced, and the first of them
 * exists. */
static gboolean
holds_nothing_else (const char *path, GDir *dir, const char *const *replaced, GError **error) {
  const char *name;
  gboolean empty = TRUE, first = FALSE;
  while ((name = g_dir_read_name (dir))) {
    struct stat st;
    empty = FALSE;
    if (!replaced) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: is there already and not empty", path);
      return FALSE;
    }
    char *file = g_build_filename (path, name, NULL);
    gboolean plain = lstat (file, &st) == 0 && S_ISREG (st.st_mode), known = g_strv_contains (replaced, name);
    g_free (file);
    if (!plain || !known) {
      char *shown = clipmoe_plain (name, -1);
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                   "%s: not replaced, since \"%s\" in it is %s, expected an empty folder or another name",
                   path, shown, plain ? "nothing that we write there" : "no plain file");
      g_free (shown);
      return FALSE;
    }
    first |= g_str_equal (name, replaced[0]);
  }
  if (!empty && !first)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: not replaced, since there is no %s in it, expected an empty folder or another name",
                 path, replaced[0]);
  return empty || first;
}

/* Whether replacing what is at @path loses nothing but an empty folder or one of the kind that is written.
 */
static gboolean
may_replace (const char *path, const char *const *replaced, GError **error) {
  struct stat st;
  if (lstat (path, &st) != 0)
    return errno == ENOENT || clipmoe_error_set_errno (error, path, "cannot stat");
  if (!S_ISDIR (st.st_mode)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: is there and no folder, expected a free name",
                 path);
    return FALSE;
  }
  GDir *dir = g_dir_open (path, 0, NULL);
  if (!dir)
    return clipmoe_error_set_errno (error, path, "cannot list");
  gboolean ok = holds_nothing_else (path, dir, replaced, error);
  g_dir_close (dir);
  return ok;
}

char *
clipmoe_folder_begin (const char *path, const char *const *replaced, GError **error) {
  if (!may_replace (path, replaced, error))
    return NULL;
  char *tmp = clipmoe_temporary_template (path);
  if (!g_mkdtemp_full (tmp, 0777)) {
    clipmoe_error_set_errno (error, path, "cannot create");
    g_clear_pointer (&tmp, g_free);
  }
  return tmp;
}

static void
drop_files (const char *tmp) {
  GDir *dir = g_dir_open (tmp, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    char *file = g_build_filename (tmp, name, NULL);
    g_unlink (file);
    g_free (file);
  }
  if (dir)
    g_dir_close (dir);
  g_rmdir (tmp);
}

void
clipmoe_folder_drop (char *tmp) {
  drop_files (tmp);
  g_free (tmp);
}

/* Deletes the known files of an old folder, and the folder if nothing else was put into it meanwhile. */
static void
drop_known (const char *path, const char *const *replaced) {
  for (; *replaced; replaced++) {
    char *file = g_build_filename (path, *replaced, NULL);
    g_unlink (file);
    g_free (file);
  }
  g_rmdir (path);
}

/* For file systems that cannot exchange names. */
static gboolean
step_aside (const char *tmp, const char *path, const char *const *replaced, GError **error) {
  char *old = g_strconcat (path, ".clipmoe-old-XXXXXX", NULL);
  gboolean ok =
      g_mkdtemp_full (old, 0700) || clipmoe_error_set_errno (error, path, "cannot move the old folder aside");
  if (ok && rename (path, old) != 0) { /* onto an empty folder */
    ok = clipmoe_error_set_errno (error, path, "cannot move the old folder aside");
    g_rmdir (old);
  } else if (ok && rename (tmp, path) != 0) {
    ok = clipmoe_error_set_errno (error, path, "cannot rename");
    if (rename (old, path) != 0)
      g_prefix_error (error, "%s holds what stood there: ", old);
  } else if (ok) {
    drop_known (old, replaced);
  }
  g_free (old);
  return ok;
}

/* Both names exist at every moment; @tmp is the old folder then. On failure nothing is left of the new one.
 */
static gboolean
exchange (const char *tmp, const char *path, const char *const *replaced, GError **error) {
  if (renameat2 (AT_FDCWD, tmp, AT_FDCWD, path, RENAME_EXCHANGE) != 0) {
    gboolean ok = errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP
                      ? step_aside (tmp, path, replaced, error)
                      : clipmoe_error_set_errno (error, path, "cannot exchange it for the old folder");
    if (!ok)
      drop_files (tmp);
    return ok;
  }
  if (may_replace (tmp, replaced, NULL)) {
    drop_known (tmp, replaced);
    return TRUE;
  }
  /* another process changed it meanwhile */
  if (renameat2 (AT_FDCWD, tmp, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
    drop_files (tmp);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: was written to while it was to be replaced",
                 path);
  } else {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: was written to while it was replaced; what stood there is now %s", path, tmp);
  }
  return FALSE;
}

gboolean
clipmoe_folder_commit (char *tmp, const char *path, const char *const *replaced, GError **error) {
  gboolean ok = may_replace (path, replaced, error);
  if (!ok) {
    drop_files (tmp);
  } else if (rename (tmp, path) != 0) { /* else nothing was there, or an empty folder */
    if (replaced && (errno == ENOTEMPTY || errno == EEXIST)) {
      ok = exchange (tmp, path, replaced, error);
    } else {
      ok = clipmoe_error_set_errno (error, path, "cannot rename");
      drop_files (tmp);
    }
  }
  g_free (tmp);
  if (ok)
    clipmoe_sync_folder (path);
  return ok;
}
