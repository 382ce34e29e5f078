#include "linewriter.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include "linefile.h"

#define GRACE ((gint64)2 * G_USEC_PER_SEC)
#define PATIENCE                                                                                             \
  ((gint64)10 *                                                                                              \
   G_USEC_PER_SEC) /* of a stream that is not live, with a reader that left or does not read at the end */
#define RETRY (G_USEC_PER_SEC / 10)              /* between two attempts to open a pipe */
#define SAY_WAITING ((gint64)5 * G_USEC_PER_SEC) /* after a stream has waited this long it is reported */

typedef struct {
  ClipmoeLineKind kind;
  gsize length; /* with the line feed */
  char *text;
} Line;

static void
line_free (Line *line) {
  g_free (line->text);
  g_free (line);
}

struct _ClipmoeLineWriter {
  gint refs;            /* one of the owner, one of the thread */
  char *name;           /* the target, for messages */
  ClipmoeLineFile file; /* used by the thread alone once it runs */
  ClipmoeSinkTell tell;
  gpointer data;
  GThread *thread;
  GMutex lock;   /* guards what follows */
  GCond changed; /* a line was added or written, or a flag changed */
  GQueue lines;  /* of Line; the one being written is not in it */
  gsize bytes;
  gboolean live, writing, cancelled, reopen, ending;
  gboolean gave_up, over; /* a drain timed out and nothing was written since; the thread has finished */
  gint64 deadline;        /* for finishing, monotonic time */
  gint64 left;            /* when the reader of a named pipe left, monotonic time */
  gint64 moved;           /* when bytes were last written, or the queue was empty */
  int failed;             /* errno of the write that ended it, or 0 */
  guint told;             /* bit set of the ClipmoeSinkNews that were told and still hold */
  guint64 written[CLIPMOE_LINE_KINDS], dropped[CLIPMOE_LINE_KINDS];
};

/* A reader that left shall be EPIPE and a file over its size limit EFBIG, not a signal, whatever the host
 * does with signals. Both are sent to the thread that writes, so blocking them in this thread is enough. */
static void
block_signals (void) {
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGPIPE);
  sigaddset (&set, SIGXFSZ);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
}

static void
writer_unref (ClipmoeLineWriter *self) {
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  g_queue_clear_full (&self->lines, (GDestroyNotify)line_free);
  clipmoe_line_file_clear (&self->file);
  g_free (self->name);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
}

/* Called with the lock held; releases it while the callback runs, which may do anything. */
static void
tell (ClipmoeLineWriter *self, ClipmoeSinkNews news, int failed) {
  const guint nobody = 1u << CLIPMOE_SINK_NO_READER | 1u << CLIPMOE_SINK_LEFT,
              trouble = 1u << CLIPMOE_SINK_FAILED | 1u << CLIPMOE_SINK_WAITS;
  if (news == CLIPMOE_SINK_READER || news == CLIPMOE_SINK_WORKS) {
    guint known = self->told & (news == CLIPMOE_SINK_READER ? nobody : trouble);
    self->told &= ~known;
    if (!known)
      return;
  } else {
    /* LEFT implies NO_READER */
    if (self->told & (news == CLIPMOE_SINK_NO_READER ? nobody : 1u << news))
      return;
    self->told |= 1u << news;
  }
  ClipmoeSinkTell heard = self->tell; /* clipmoe_line_writer_finish() may clear it meanwhile */
  if (!heard || self->ending)
    return;
  g_mutex_unlock (&self->lock);
  char *sentence = clipmoe_sink_news_describe (news, self->name, failed);
  heard (self->data, news, sentence);
  g_free (sentence);
  g_mutex_lock (&self->lock);
}

/* With the lock held: whether the deadline for finishing is over. */
static gboolean
too_late (ClipmoeLineWriter *self) {
  return self->ending && g_get_monotonic_time () >= self->deadline;
}

/* The ClipmoeLineWait of this writer. */
static gboolean
go_on (gpointer data, gboolean moved) {
  ClipmoeLineWriter *self = data;
  g_mutex_lock (&self->lock);
  gint64 now = g_get_monotonic_time ();
  if (moved) {
    self->moved = now;
    g_cond_broadcast (&self->changed);
  }
  if (!self->live && now - self->moved > SAY_WAITING)
    tell (self, CLIPMOE_SINK_WAITS, 0);
  gboolean on = !too_late (self);
  g_mutex_unlock (&self->lock);
  return on;
}

/* With the lock held: takes over @line, the result of whose writing is @failed. */
static void
wrote (ClipmoeLineWriter *self, Line *line, int failed) {
  self->writing = FALSE;
  self->moved = g_get_monotonic_time ();
  if (failed == CLIPMOE_LINE_NOBODY) { /* the next reader gets the whole line */
    g_queue_push_head (&self->lines, line);
    self->bytes += line->length;
    self->left = self->moved;
    tell (self, CLIPMOE_SINK_LEFT, 0);
    return;
  }
  ClipmoeLineKind kind = line->kind;
  line_free (line);
  if (!failed) {
    self->written[kind]++;
    self->gave_up = FALSE;
    tell (self, CLIPMOE_SINK_WORKS, 0);
    return;
  }
  self->dropped[kind]++;
  if (failed != ECANCELED && self->live)
    tell (self, CLIPMOE_SINK_FAILED, failed);
  else
    self->failed = failed;
}

static gpointer
run (gpointer data) {
  ClipmoeLineWriter *self = data;
  block_signals ();
  g_mutex_lock (&self->lock);
  while (!self->failed && !too_late (self) && !(self->ending && !self->lines.length)) {
    if (self->reopen && self->file.regular && self->file.path)
      clipmoe_line_file_close (&self->file);
    self->reopen = FALSE;
    if (self->file.fd < 0) { /* a named pipe, or a file whose path is opened anew */
      g_mutex_unlock (&self->lock);
      int failed = clipmoe_line_file_open (&self->file);
      g_mutex_lock (&self->lock);
      if (!failed) {
        tell (self, CLIPMOE_SINK_READER, 0);
      } else {
        if (failed == CLIPMOE_LINE_NOBODY && !self->live && self->told & 1u << CLIPMOE_SINK_LEFT &&
            g_get_monotonic_time () - self->left > PATIENCE)
          self->failed = EPIPE; /* a script whose reader died must not wait for ever */
        else if (failed == CLIPMOE_LINE_NOBODY)
          tell (self, CLIPMOE_SINK_NO_READER, 0);
        else if (self->live)
          tell (self, CLIPMOE_SINK_FAILED, failed);
        else
          self->failed = failed;
        if (!self->failed && !self->ending)
          g_cond_wait_until (&self->changed, &self->lock, g_get_monotonic_time () + RETRY);
        else if (!self->failed) { /* the condition may be signalled constantly then */
          g_mutex_unlock (&self->lock);
          g_usleep (RETRY / 10);
          g_mutex_lock (&self->lock);
        }
      }
      continue;
    }
    if (!self->lines.length) {
      g_cond_wait (&self->changed, &self->lock);
      continue;
    }
    Line *line = g_queue_pop_head (&self->lines);
    self->bytes -= line->length;
    self->writing = TRUE;
    self->moved = g_get_monotonic_time ();
    g_cond_broadcast (&self->changed);
    g_mutex_unlock (&self->lock);
    int failed = clipmoe_line_file_write (&self->file, line->text, line->length, go_on, self);
    g_mutex_lock (&self->lock);
    wrote (self, line, failed);
    g_cond_broadcast (&self->changed);
  }
  self->over = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  writer_unref (self);
  return NULL;
}

ClipmoeLineWriter *
clipmoe_line_writer_new (const char *path, ClipmoeSinkTell tell, gpointer data, GError **error) {
  ClipmoeLineWriter *self = g_new0 (ClipmoeLineWriter, 1);
  self->refs = 1;
  self->tell = tell;
  self->data = data;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->lines);
  clipmoe_line_file_init (&self->file, path);
  self->name = path ? g_strconcat ("file:", path, NULL) : g_strdup ("stdout:");
  int failed = clipmoe_line_file_open (&self->file);
  if (failed && failed != CLIPMOE_LINE_NOBODY) {
    g_set_error (error, G_FILE_ERROR, (gint)g_file_error_from_errno (failed),
                 "%s: cannot be opened for writing: %s", path ? path : "standard output",
                 g_strerror (failed));
    writer_unref (self);
    return NULL;
  }
  self->refs = 2;
  self->thread = g_thread_try_new ("clipmoe-lines", run, self, error);
  if (!self->thread) {
    self->refs = 1;
    writer_unref (self);
    return NULL;
  }
  return self;
}

void
clipmoe_line_writer_set_live (ClipmoeLineWriter *self, gboolean live) {
  g_mutex_lock (&self->lock);
  self->live = live;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

guint64
clipmoe_line_writer_finish (ClipmoeLineWriter *self) {
  g_mutex_lock (&self->lock);
  GThread *thread = g_steal_pointer (&self->thread);
  /* called from the callback, in our own thread: a thread cannot wait for itself */
  gboolean myself = thread == g_thread_self ();
  gint64 now = g_get_monotonic_time ();
  self->ending = TRUE;
  self->deadline = now + (self->gave_up || myself ? 0 : GRACE);
  g_cond_broadcast (&self->changed);
  /* a thread that hangs in the kernel (a dead network mount) or in a message handler is left alone: it holds
   * a reference */
  while (!self->over && !myself)
    if (!g_cond_wait_until (&self->changed, &self->lock, self->deadline + GRACE))
      break;
  gboolean over = self->over;
  guint64 waiting = self->lines.length + (!over && self->writing);
  for (Line *line; (line = g_queue_pop_head (&self->lines)); line_free (line))
    self->dropped[line->kind]++; /* the line being written is counted by the thread */
  self->bytes = 0;
  self->tell = NULL;
  /* a failed write was reported when it failed */
  guint64 lost = self->failed == ECANCELED ? waiting + 1 : self->failed ? 0 : waiting;
  g_mutex_unlock (&self->lock);
  if (thread && over)
    g_thread_join (thread);
  else if (thread)
    g_thread_unref (thread);
  return lost;
}

void
clipmoe_line_writer_free (ClipmoeLineWriter *self) {
  if (self)
    writer_unref (self);
}

/* With the lock held: whether lines may be added. Finishing is no error for callers that are still adding. */
static gboolean
check (ClipmoeLineWriter *self, GError **error) {
  if (self->failed && !self->ending)
    g_set_error (error, G_FILE_ERROR, (gint)g_file_error_from_errno (self->failed),
                 "%s: cannot be written: %s", self->name, g_strerror (self->failed));
  return !self->failed && !self->cancelled && !self->ending;
}

gboolean
clipmoe_line_writer_add (ClipmoeLineWriter *self, ClipmoeLineKind kind, char *text, GError **error) {
  gsize length = strlen (text);
  Line *line = g_new (Line, 1);
  *line = (Line){kind, length + 1, g_realloc (text, length + 1)};
  line->text[length] = '\n';
  g_mutex_lock (&self->lock);
  while (check (self, NULL) && self->lines.length &&
         (self->lines.length >= CLIPMOE_LINES_MOST || self->bytes + line->length > CLIPMOE_LINES_BYTES)) {
    if (self->live) {
      Line *oldest = g_queue_pop_head (&self->lines);
      self->bytes -= oldest->length;
      self->dropped[oldest->kind]++;
      line_free (oldest);
      tell (self, CLIPMOE_SINK_SLOW, 0);
    } else {
      g_cond_wait (&self->changed, &self->lock);
    }
  }
  gboolean ok = check (self, error);
  if (ok) {
    g_queue_push_tail (&self->lines, line);
    self->bytes += line->length;
    g_cond_broadcast (&self->changed);
  } else {
    line_free (line);
    self->dropped[kind]++;
  }
  g_mutex_unlock (&self->lock);
  return ok;
}

guint
clipmoe_line_writer_drain (ClipmoeLineWriter *self, GError **error) {
  g_mutex_lock (&self->lock);
  gint64 begin = g_get_monotonic_time ();
  while (check (self, NULL) && (self->lines.length || self->writing)) {
    gint64 end = self->live ? begin + GRACE : MAX (begin, self->moved) + PATIENCE;
    if ((self->gave_up = g_get_monotonic_time () >= end))
      break;
    g_cond_wait_until (&self->changed, &self->lock, end);
  }
  check (self, error);
  guint left = self->failed ? 0 : self->lines.length + self->writing;
  g_mutex_unlock (&self->lock);
  return left;
}

void
clipmoe_line_writer_cancel (ClipmoeLineWriter *self, gboolean cancel) {
  g_mutex_lock (&self->lock);
  self->cancelled = cancel;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
clipmoe_line_writer_reopen (ClipmoeLineWriter *self) {
  g_mutex_lock (&self->lock);
  self->reopen = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
clipmoe_line_writer_get_counts (ClipmoeLineWriter *self, ClipmoeLineKind kind, guint64 *written,
                                guint64 *dropped) {
  g_mutex_lock (&self->lock);
  *written = self->written[kind];
  *dropped = self->dropped[kind];
  g_mutex_unlock (&self->lock);
}
