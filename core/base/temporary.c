#include "temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "error.h"

#define RANDOM "XXXXXX"
#define TRIES 64
#define PART (1u << 30) /* bytes of one call; the system takes no more than 2 GiB */

static const char *const marks[] = {".clipmoe-tmp-", ".clipmoe-part-"}; /* the second: earlier versions */

char *
clipmoe_temporary_template (const char *path) {
  char *folder = g_path_get_dirname (path), *name = g_strconcat (marks[0], RANDOM, NULL),
       *template = g_build_filename (folder, name, NULL);
  g_free (folder);
  g_free (name);
  return template;
}

gboolean
clipmoe_temporary_is_ours (const char *name) {
  for (guint i = 0; i < G_N_ELEMENTS (marks); i++)
    if (g_str_has_prefix (name, marks[i])) {
      const char *c = name + strlen (marks[i]);
      while (g_ascii_isalnum (*c))
        c++;
      return !*c && strlen (name) == strlen (marks[i]) + strlen (RANDOM);
    }
  return FALSE;
}

gboolean
clipmoe_temporary_open (ClipmoeTemporary *self, const char *path, int mode) {
  *self = (ClipmoeTemporary){-1, NULL};
  int why = EAGAIN;
  for (guint i = 0; i < TRIES; i++) {
    struct stat s;
    char *name = clipmoe_temporary_template (path);
    int fd = g_mkstemp_full (name, O_RDWR | O_CLOEXEC, mode);
    if (fd < 0) {
      why = errno;
      g_free (name);
      break;
    }
    gboolean locked = flock (fd, LOCK_EX | LOCK_NB) == 0;
    /* a sweep may have deleted it before the lock, or have the lock and be about to; a file system without
     * locks fails otherwise */
    if (locked ? fstat (fd, &s) != 0 || s.st_nlink > 0 : errno != EWOULDBLOCK) {
      *self = (ClipmoeTemporary){fd, name};
      return TRUE;
    }
    g_unlink (name);
    close (fd);
    g_free (name);
  }
  errno = why;
  return FALSE;
}

gboolean
clipmoe_write_at (int fd, const void *data, gsize length, guint64 offset) {
  for (gsize done = 0; done < length;) {
    ssize_t n = pwrite (fd, (const char *)data + done, MIN (length - done, PART), (off_t)(offset + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n == 0)
      errno = EIO;
    if (n <= 0)
      return FALSE;
    done += (gsize)n;
  }
  return TRUE;
}

gboolean
clipmoe_temporary_write (ClipmoeTemporary *self, const char *path, const void *data, gsize length,
                         GError **error) {
  if (!clipmoe_temporary_open (self, path, 0666))
    return clipmoe_error_set_errno (error, path, "cannot create");
  gboolean ok =
      clipmoe_write_at (self->fd, data, length, 0) || clipmoe_error_set_errno (error, path, "cannot write");
  if (ok && fsync (self->fd) != 0)
    ok = clipmoe_error_set_errno (error, path, "cannot sync");
  if (!ok)
    clipmoe_temporary_close (self, FALSE);
  return ok;
}

void
clipmoe_sync_folder (const char *path) {
  char *folder = g_path_get_dirname (path);
  int dir = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    fsync (dir); /* some file systems cannot; the data itself is synced */
    close (dir);
  }
  g_free (folder);
}

gboolean
clipmoe_temporary_publish (ClipmoeTemporary *self, const char *path, GError **error) {
  gboolean ok = fsync (self->fd) == 0 || clipmoe_error_set_errno (error, path, "cannot sync");
  ok = ok && (rename (self->path, path) == 0 || clipmoe_error_set_errno (error, path, "cannot rename"));
  if (ok)
    clipmoe_sync_folder (path);
  clipmoe_temporary_close (self, ok);
  return ok;
}

/* As rename(), but with EEXIST where there is something at @to. */
static gboolean
rename_new (const char *from, const char *to) {
  if (renameat2 (AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
    return TRUE;
  if (errno != EINVAL && errno != ENOSYS) /* file systems and kernels that do not know it */
    return FALSE;
  if (link (from, to) != 0)
    return FALSE;
  unlink (from);
  return TRUE;
}

gboolean
clipmoe_temporary_publish_new (ClipmoeTemporary *self, const char *path, gboolean *taken, GError **error) {
  gboolean ok = fsync (self->fd) == 0 || clipmoe_error_set_errno (error, path, "cannot sync");
  *taken = FALSE;
  if (ok && !rename_new (self->path, path)) {
    *taken = errno == EEXIST;
    if (*taken)
      return FALSE;
    ok = clipmoe_error_set_errno (error, path, "cannot rename");
  }
  if (ok)
    clipmoe_sync_folder (path);
  clipmoe_temporary_close (self, ok);
  return ok;
}

void
clipmoe_temporary_close (ClipmoeTemporary *self, gboolean renamed) {
  if (!renamed)
    g_unlink (self->path);
  close (self->fd);
  g_free (self->path);
  *self = (ClipmoeTemporary){-1, NULL};
}

static void
sweep (const char *path, guint stale) {
  struct stat s;
  /* does not follow a link and does not wait for the other end of a pipe */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
  if (fd < 0)
    return;
  if (fstat (fd, &s) == 0 && S_ISREG (s.st_mode) && s.st_uid == geteuid () &&
      (flock (fd, LOCK_EX | LOCK_NB) == 0 || /* a process that dies gives its locks back */
       (stale && g_get_real_time () / G_USEC_PER_SEC - s.st_mtim.tv_sec > stale)))
    g_unlink (path);
  close (fd);
}

void
clipmoe_temporary_sweep (const char *folder, guint stale) {
  GDir *dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (clipmoe_temporary_is_ours (name)) {
      char *path = g_build_filename (folder, name, NULL);
      sweep (path, stale);
      g_free (path);
    }
  if (dir)
    g_dir_close (dir);
}
