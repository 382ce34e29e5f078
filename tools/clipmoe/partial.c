#include "partial.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <base/file.h>
#include "interrupt.h"

/* Another prefix than in core/base/file.h: these files are locked while they are written, so that leftovers
 * can be told from files in use. */
#define MARK ".clipmoe-part-"
#define RANDOM "XXXXXX"

struct _ClipmoePartial {
  char *path, *name;
  int fd;
};

/* Deletes plain files of this user that no process has locked. */
static void
sweep (const char *folder) {
  GDir *dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    if (!clipmoe_temporary_has_mark (name, MARK))
      continue;
    char *path = g_build_filename (folder, name, NULL);
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    struct stat st;
    if (fd >= 0 && fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && st.st_uid == geteuid () &&
        flock (fd, LOCK_EX | LOCK_NB) == 0)
      unlink (path);
    if (fd >= 0)
      close (fd);
    g_free (path);
  }
  if (dir)
    g_dir_close (dir);
}

ClipmoePartial *
clipmoe_partial_new (const char *path, GError **error) {
  char *folder = g_path_get_dirname (path), *name = g_build_filename (folder, MARK RANDOM, NULL);
  struct stat st;
  sweep (folder);
  g_free (folder);
  clipmoe_interrupt_hold ();
  int fd = g_mkstemp_full (name, O_RDWR | O_CLOEXEC, 0666);
  int why = errno;
  if (fd >= 0) {
    /* another process's sweep may have deleted it before it was locked; without locks that cannot happen */
    if (flock (fd, LOCK_EX | LOCK_NB) == 0 && fstat (fd, &st) == 0 && st.st_nlink == 0) {
      close (fd);
      fd = -1;
      why = EAGAIN;
    } else if (!clipmoe_interrupt_add (name)) {
      close (fd);
      unlink (name);
      fd = -1;
      why = EMFILE;
    }
  }
  clipmoe_interrupt_release ();
  if (fd < 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot create: %s", path, g_strerror (why));
    g_free (name);
    return NULL;
  }
  ClipmoePartial *self = g_new (ClipmoePartial, 1);
  *self = (ClipmoePartial){g_strdup (path), name, fd};
  return self;
}

const char *
clipmoe_partial_get_name (const ClipmoePartial *self) {
  return self->name;
}

gboolean
clipmoe_partial_finish (ClipmoePartial *self, gboolean publish, GError **error) {
  clipmoe_interrupt_hold ();
  gboolean ok = publish && clipmoe_file_publish (self->name, self->path, error);
  if (!ok)
    unlink (self->name);
  clipmoe_interrupt_remove (self->name);
  close (self->fd);
  clipmoe_interrupt_release ();
  g_free (self->name);
  g_free (self->path);
  g_free (self);
  return ok || !publish;
}
