#include "linefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define LOCK_PATIENCE G_USEC_PER_SEC     /* of waiting for the lock of a file */
#define LOCK_PAUSE (10 * G_USEC_PER_SEC) /* afterwards it is not waited for during this time */
#define LONGEST_NAP 20000                /* microseconds between two attempts */

void
clipmoe_line_file_init (ClipmoeLineFile *self, const char *path) {
  *self = (ClipmoeLineFile){.path = g_strdup (path), .fd = -1};
}

/* The description of standard output is shared with the parent process. A pipe, and a file that is appended
 * to, is opened again: a description of our own may be non-blocking and locked, and the end of the file can
 * be read. Anything else is duplicated, above all a file with a write position. */
static int
open_stdout (ClipmoeLineFile *self, int flags) {
  const char *path = "/proc/self/fd/1";
  struct stat st;
  int fd = -1, state = fcntl (STDOUT_FILENO, F_GETFL);
  if (fstat (STDOUT_FILENO, &st) != 0 || state < 0)
    return -1;
  if (S_ISREG (st.st_mode) && state & O_APPEND) {
    fd = open (path, O_RDWR | flags);
    self->readable = fd >= 0;
  }
  if (fd < 0 && (S_ISFIFO (st.st_mode) || (S_ISREG (st.st_mode) && state & O_APPEND)))
    fd = open (path, O_WRONLY | flags);
  self->own = fd >= 0;
  return fd >= 0 ? fd : fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
}

int
clipmoe_line_file_open (ClipmoeLineFile *self) {
  const int flags = O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  struct stat st;
  if (self->fd >= 0)
    return 0;
  gboolean reopen = self->named; /* a pipe that was removed is not created as a file */
  gboolean named = self->path && stat (self->path, &st) == 0 && S_ISFIFO (st.st_mode);
  int fd;
  self->readable = FALSE;
  self->own = TRUE;
  if (!self->path) {
    fd = open_stdout (self, flags);
  } else if (named || reopen) {
    /* write only: a pipe opened for both has a reader, us, and never reports that there is none */
    fd = open (self->path, O_WRONLY | flags);
    if (fd < 0 && errno == ENXIO && named) {
      self->named = TRUE;
      return CLIPMOE_LINE_NOBODY;
    }
  } else {
    fd = open (self->path, O_RDWR | O_CREAT | flags, 0666);
    self->readable = fd >= 0;
    if (fd < 0 && errno == EACCES) /* write permission alone */
      fd = open (self->path, O_WRONLY | O_CREAT | flags, 0666);
  }
  if (fd < 0)
    return errno;
  if (fstat (fd, &st) != 0) {
    int failed = errno;
    close (fd);
    return failed;
  }
  if (self->path && self->readable && S_ISFIFO (st.st_mode)) { /* became a pipe since stat() */
    close (fd);
    self->named = TRUE;
    return CLIPMOE_LINE_NOBODY;
  }
  self->fd = fd;
  self->pipe = S_ISFIFO (st.st_mode);
  self->named = self->pipe && self->path;
  self->regular = S_ISREG (st.st_mode);
  self->torn = FALSE;
  return 0;
}

/* TRUE: we hold the lock. For a file it is held for one write; after LOCK_PATIENCE the line is written
 * without it, still in one call. A long line goes into a pipe in several pieces, so there the lock is waited
 * for without limit. @failed: ECANCELED when @wait gave up, else untouched. */
static gboolean
lock (ClipmoeLineFile *self, ClipmoeLineWait wait, gpointer data, int *failed) {
  gint64 begin = g_get_monotonic_time ();
  if (!self->own || (!self->regular && !self->pipe))
    return FALSE;
  for (gulong nap = 100;; nap = MIN (2 * nap, LONGEST_NAP)) {
    if (flock (self->fd, LOCK_EX | LOCK_NB) == 0)
      return TRUE;
    if (errno == EINTR)
      continue;
    if (errno != EWOULDBLOCK)
      return FALSE; /* the file system has no locks */
    gint64 now = g_get_monotonic_time ();
    if (self->regular && (now < self->no_lock_before || now - begin > LOCK_PATIENCE)) {
      self->no_lock_before = MAX (self->no_lock_before, now + (now - begin > LOCK_PATIENCE ? LOCK_PAUSE : 0));
      return FALSE;
    }
    if (!wait (data, FALSE)) {
      *failed = ECANCELED;
      return FALSE;
    }
    g_usleep (nap);
  }
}

static ssize_t
write_both (int fd, const char *first, gsize n_first, const char *line, gsize length) {
  struct iovec parts[2] = {{(void *)(guintptr)first, n_first}, {(void *)(guintptr)line, length}};
  ssize_t n;
  do
    n = n_first ? writev (fd, parts, 2) : write (fd, line, length);
  while (n < 0 && errno == EINTR);
  return n;
}

/* A regular file: one write() for each line. A partial write (the disk is full) is truncated again, unless
 * another process appended behind it. Half a line that another writer left (killed, or a full disk) gets a
 * line feed before ours. */
static int
append (ClipmoeLineFile *self, const char *line, gsize length, gboolean locked) {
  struct stat st;
  char last = '\n';
  gboolean end = self->torn;
  if (locked && self->readable && fstat (self->fd, &st) == 0 && st.st_size > 0 &&
      pread (self->fd, &last, 1, st.st_size - 1) == 1)
    end = last != '\n';
  gsize whole = length + end;
  ssize_t n = write_both (self->fd, "\n", end, line, length);
  if (n < 0)
    return errno;
  if ((gsize)n == whole) {
    self->torn = FALSE;
    return 0;
  }
  /* write the rest, or find out why that fails */
  gsize done = (gsize)n;
  int failed = ENOSPC;
  while (done < whole) {
    n = end && !done ? write_both (self->fd, "\n", 1, line, length)
                     : write_both (self->fd, NULL, 0, line + (done - end), whole - done);
    if (n <= 0) {
      failed = n < 0 ? errno : ENOSPC;
      break;
    }
    done += (gsize)n;
  }
  if (done == whole) {
    self->torn = FALSE;
    return 0;
  }
  off_t at = lseek (self->fd, 0, SEEK_CUR);
  gboolean last_one = at >= (off_t)done && fstat (self->fd, &st) == 0 && st.st_size == at;
  self->torn = !last_one || ftruncate (self->fd, at - (off_t)done) != 0;
  if (!self->torn)
    lseek (self->fd, at - (off_t)done, SEEK_SET);
  return failed;
}

/* A pipe, socket or device: writes as much as the reader has room for. */
static int
hand_over (ClipmoeLineFile *self, const char *line, gsize length, ClipmoeLineWait wait, gpointer data) {
  gboolean moved = FALSE;
  gsize done = 0, first = self->torn; /* a line feed ends the half line */
  for (length += first; done < length;) {
    struct pollfd p = {.fd = self->fd, .events = POLLOUT};
    int ready = poll (&p, 1, 100);
    if (ready < 0 && errno != EINTR)
      return errno;
    if (ready <= 0) {
      if (!wait (data, moved)) {
        self->torn = done ? done > first : first;
        return ECANCELED;
      }
      moved = FALSE;
      continue;
    }
    /* a pipe that polls as writable has room for PIPE_BUF bytes: this never blocks, and a line up to that
     * length is written at once */
    ssize_t n = done < first ? write (self->fd, "\n", 1)
                             : write (self->fd, line + (done - first), MIN (length - done, PIPE_BUF));
    if (n < 0 && errno == EPIPE && self->named) {
      clipmoe_line_file_close (self);
      return CLIPMOE_LINE_NOBODY;
    }
    if (n < 0 && errno == EAGAIN)
      g_usleep (LONGEST_NAP); /* another writer took the room */
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
      int failed = errno;
      self->torn = done ? done > first : first;
      return failed;
    }
    if (n > 0) {
      done += (gsize)n;
      moved = TRUE;
    }
  }
  self->torn = FALSE;
  return 0;
}

/* Lines written to a deleted or replaced file would be lost, so its path is opened again. A file that was
 * only renamed is still written to. */
static int
follow_path (ClipmoeLineFile *self) {
  struct stat ours, there;
  if (!self->regular || !self->path || fstat (self->fd, &ours) != 0 || ours.st_nlink > 0)
    return 0;
  if (stat (self->path, &there) == 0 && there.st_dev == ours.st_dev && there.st_ino == ours.st_ino)
    return 0; /* the file system does not count links */
  clipmoe_line_file_close (self);
  return clipmoe_line_file_open (self);
}

int
clipmoe_line_file_write (ClipmoeLineFile *self, const char *line, gsize length, ClipmoeLineWait wait,
                         gpointer data) {
  int failed = follow_path (self);
  if (failed)
    return failed;
  gboolean locked = lock (self, wait, data, &failed);
  if (failed)
    return failed;
  failed = self->regular ? append (self, line, length, locked) : hand_over (self, line, length, wait, data);
  if (locked && self->fd >= 0)
    flock (self->fd, LOCK_UN);
  return failed;
}

void
clipmoe_line_file_close (ClipmoeLineFile *self) {
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  self->torn = FALSE;
}

void
clipmoe_line_file_clear (ClipmoeLineFile *self) {
  clipmoe_line_file_close (self);
  g_clear_pointer (&self->path, g_free);
}
