#include "linewriter.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define GRACE (2 * G_USEC_PER_SEC)

struct _ClipmoeLineWriter {
  int fd;
  gboolean close, drop;
  GThread *thread;
  GMutex lock;
  GCond changed; /* a line came or went, or a flag turned */
  GQueue lines;  /* of char *, the first one is being written */
  gsize bytes;
  gboolean writing, cancelled, ending;
  gint64 deadline; /* of the ending, monotonic */
  int failed;      /* errno of a write */
  guint64 written, dropped;
};

/* A reader that went away gives EPIPE and no signal, whatever the host does with SIGPIPE: blocked in this
 * thread for good, so nobody else's signals change. */
static void
block_sigpipe (void) {
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
}

/* 0, an errno, or ECANCELED when the ending's time is over. */
static int
write_line (ClipmoeLineWriter *self, const char *line, gsize length) {
  while (length) {
    struct pollfd p = {.fd = self->fd, .events = POLLOUT};
    int ready = poll (&p, 1, 100);
    if (ready < 0 && errno != EINTR)
      return errno;
    if (ready <= 0) {
      g_mutex_lock (&self->lock);
      gboolean over = self->ending && g_get_monotonic_time () > self->deadline;
      g_mutex_unlock (&self->lock);
      if (over)
        return ECANCELED;
      continue;
    }
    /* a pipe that is ready has room for so much, so this never blocks */
    ssize_t n = write (self->fd, line, MIN (length, PIPE_BUF));
    if (n < 0 && errno != EINTR && errno != EAGAIN)
      return errno;
    if (n > 0) {
      line += n;
      length -= (gsize)n;
    }
  }
  return 0;
}

static gpointer
run (gpointer data) {
  ClipmoeLineWriter *self = data;
  block_sigpipe ();
  g_mutex_lock (&self->lock);
  for (;;) {
    while (!self->lines.length && !self->ending)
      g_cond_wait (&self->changed, &self->lock);
    if (!self->lines.length || self->failed)
      break;
    char *line = g_queue_pop_head (&self->lines);
    gsize length = strlen (line);
    self->bytes -= length;
    self->writing = TRUE;
    g_mutex_unlock (&self->lock);
    line[length] = '\n'; /* whole lines; there is room, see clipmoe_line_writer_add() */
    int failed = write_line (self, line, length + 1);
    g_free (line);
    g_mutex_lock (&self->lock);
    self->writing = FALSE;
    self->failed = failed;
    if (failed)
      self->dropped++;
    else
      self->written++;
    g_cond_broadcast (&self->changed);
    if (failed)
      break;
  }
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  return NULL;
}

ClipmoeLineWriter *
clipmoe_line_writer_new (int fd, gboolean close_it, GError **error) {
  ClipmoeLineWriter *self = g_new0 (ClipmoeLineWriter, 1);
  self->fd = fd;
  self->close = close_it;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->lines);
  self->thread = g_thread_try_new ("clipmoe-lines", run, self, error);
  if (!self->thread) {
    clipmoe_line_writer_free (self);
    return NULL;
  }
  return self;
}

void
clipmoe_line_writer_set_drop (ClipmoeLineWriter *self, gboolean drop) {
  g_mutex_lock (&self->lock);
  self->drop = drop;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

guint
clipmoe_line_writer_free (ClipmoeLineWriter *self) {
  if (!self)
    return 0;
  g_mutex_lock (&self->lock);
  self->ending = TRUE;
  self->deadline = g_get_monotonic_time () + GRACE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  if (self->thread)
    g_thread_join (self->thread);
  /* a write that failed was said when it did */
  guint lost =
      self->failed && self->failed != ECANCELED ? 0 : self->lines.length + (self->failed == ECANCELED);
  g_queue_clear_full (&self->lines, g_free);
  if (self->close)
    close (self->fd);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
  return lost;
}

/* With the lock held. */
static gboolean
check (ClipmoeLineWriter *self, GError **error) {
  if (self->failed)
    g_set_error (error, GST_RESOURCE_ERROR,
                 self->failed == ENOSPC ? GST_RESOURCE_ERROR_NO_SPACE_LEFT : GST_RESOURCE_ERROR_WRITE, "%s",
                 g_strerror (self->failed));
  return !self->failed && !self->cancelled;
}

gboolean
clipmoe_line_writer_add (ClipmoeLineWriter *self, char *line, GError **error) {
  gsize length = strlen (line);
  line = g_realloc (line, length + 2);
  g_mutex_lock (&self->lock);
  while (check (self, NULL) && self->lines.length &&
         (self->lines.length >= CLIPMOE_LINES_MOST || self->bytes + length > CLIPMOE_LINES_BYTES)) {
    if (self->drop) {
      char *oldest = g_queue_pop_head (&self->lines);
      self->bytes -= strlen (oldest);
      g_free (oldest);
      self->dropped++;
    } else {
      g_cond_wait (&self->changed, &self->lock);
    }
  }
  gboolean ok = check (self, error);
  if (ok) {
    g_queue_push_tail (&self->lines, line);
    self->bytes += length;
    g_cond_broadcast (&self->changed);
  } else {
    g_free (line);
  }
  g_mutex_unlock (&self->lock);
  return ok;
}

gboolean
clipmoe_line_writer_drain (ClipmoeLineWriter *self, GError **error) {
  g_mutex_lock (&self->lock);
  while (check (self, NULL) && (self->lines.length || self->writing))
    g_cond_wait (&self->changed, &self->lock);
  gboolean ok = check (self, error);
  g_mutex_unlock (&self->lock);
  return ok;
}

void
clipmoe_line_writer_cancel (ClipmoeLineWriter *self, gboolean cancel) {
  g_mutex_lock (&self->lock);
  self->cancelled = cancel;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
clipmoe_line_writer_get_counts (ClipmoeLineWriter *self, guint64 *written, guint64 *dropped) {
  g_mutex_lock (&self->lock);
  *written = self->written;
  *dropped = self->dropped;
  g_mutex_unlock (&self->lock);
}
