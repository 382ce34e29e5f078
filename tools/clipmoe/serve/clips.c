#include "clips.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "figures.h"
#include "original.h"

#define KEPT 8 /* clips */

typedef struct {
  gint64 moment;
  char *etag; /* of the original */
  int fd;     /* -1: it is being made */
} Clip;

struct _ClipmoeClips {
  const ClipmoeReaderPlace *place;
  char *program;
  GMutex mutex;
  GCond changed;
  GQueue clips; /* Clip, the one used last first */
};

typedef struct {
  ClipmoeClips *all;
  ClipmoeReader *reader;
} Own;

ClipmoeClips *
clipmoe_clips_new (const ClipmoeReaderPlace *place, const char *program) {
  ClipmoeClips *self = g_new0 (ClipmoeClips, 1);
  self->place = place;
  self->program = g_strdup (program);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->changed);
  return self;
}

static void
clip_free (gpointer data) {
  Clip *c = data;
  if (c->fd >= 0)
    close (c->fd);
  g_free (c->etag);
  g_free (c);
}

void
clipmoe_clips_free (ClipmoeClips *self) {
  if (!self)
    return;
  g_queue_clear_full (&self->clips, clip_free);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->mutex);
  g_free (self->program);
  g_free (self);
}

gpointer
clipmoe_clip_open (gpointer clips, GError **error) {
  ClipmoeReader *reader = clipmoe_reader_open (((ClipmoeClips *)clips)->place, error);
  if (!reader)
    return NULL;
  Own *own = g_new (Own, 1);
  *own = (Own){clips, reader};
  return own;
}

void
clipmoe_clip_close (gpointer data) {
  Own *own = data;
  clipmoe_reader_close (own->reader);
  g_free (own);
}

/* A file that has no name and goes with its last descriptor. */
static int
open_nameless (void) {
  int fd = open (g_get_tmp_dir (), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  return fd >= 0 ? fd : memfd_create ("clipmoe-clip", MFD_CLOEXEC);
}

/* What the process says, until it ends or the time is over. FALSE: it is over. */
static gboolean
listen_to (int fd, GString *said) {
  gint64 end = g_get_monotonic_time () + (gint64)CLIPMOE_CLIP_SECONDS * G_USEC_PER_SEC;
  for (;;) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    gint64 left = (end - g_get_monotonic_time ()) / 1000;
    char piece[512];
    int ready = poll (&p, 1, (int)MAX (left, 0)); /* what was said while we were stopped counts */
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready <= 0)
      return FALSE;
    gssize n = read (fd, piece, sizeof piece);
    if (n <= 0)
      return TRUE;
    if (said->len < 1000)
      g_string_append_len (said, piece, n);
  }
}

/* Reads the original from @in and writes the clip to @out. */
static gboolean
make (const ClipmoeClips *self, int in, int out, gint64 start, gint64 end, GError **error) {
  char *from = g_strdup_printf ("%" G_GINT64_FORMAT, start), *to = g_strdup_printf ("%" G_GINT64_FORMAT, end);
  const char *const argv[] = {self->program, from, to, NULL};
  GPid pid;
  int err = -1, status = 0;
  GError *why = NULL;
  gboolean ok = g_spawn_async_with_pipes_and_fds (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, in,
                                                  out, -1, NULL, NULL, 0, &pid, NULL, NULL, &err, &why);
  g_free (from);
  g_free (to);
  if (!ok) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "clips cannot be made: %s", why->message);
    g_error_free (why);
    return FALSE;
  }
  GString *said = g_string_new (NULL);
  gboolean in_time = listen_to (err, said);
  if (!in_time)
    kill (pid, SIGKILL);
  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    ;
  close (err);
  g_strchomp (said->str);
  ok = in_time && WIFEXITED (status) && WEXITSTATUS (status) == 0;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "no clip can be made of this moment: %s",
                 !in_time     ? "it takes too long"
                 : *said->str ? said->str
                              : "its decoder has crashed");
  g_string_free (said, TRUE);
  return ok;
}

/* The clip, made or about to be made, and the first of all; with the lock. *made: it need not be made. */
static Clip *
find (ClipmoeClips *self, gint64 moment, const char *etag, gboolean *made) {
  for (GList *l = self->clips.head; l;) {
    Clip *c = l->data;
    if (c->moment != moment || !g_str_equal (c->etag, etag)) {
      l = l->next;
    } else if (c->fd < 0) {
      g_cond_wait (&self->changed, &self->mutex);
      l = self->clips.head;
    } else {
      g_queue_unlink (&self->clips, l);
      g_queue_push_head_link (&self->clips, l);
      *made = TRUE;
      return c;
    }
  }
  Clip *c = g_new0 (Clip, 1);
  *c = (Clip){moment, g_strdup (etag), -1};
  g_queue_push_head (&self->clips, c);
  *made = FALSE;
  return c;
}

/* With the lock: those that were not used for the longest time go. */
static void
forget_old (ClipmoeClips *self) {
  for (GList *l = self->clips.tail; l && g_queue_get_length (&self->clips) > KEPT;) {
    GList *before = l->prev;
    if (((Clip *)l->data)->fd >= 0) {
      clip_free (l->data);
      g_queue_delete_link (&self->clips, l);
    }
    l = before;
  }
}

/* A descriptor of its own of the clip; -1 on error. */
static int
get_clip (ClipmoeClips *self, const ClipmoeOriginal *original, const ClipmoeFound *found, GError **error) {
  gboolean made;
  int fd = -1;
  g_mutex_lock (&self->mutex);
  Clip *c = find (self, found->id, original->etag, &made);
  if (!made) {
    gint64 start, end;
    clipmoe_figures_clip (found, &start, &end);
    g_mutex_unlock (&self->mutex);
    int out = open_nameless ();
    if (out < 0) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "no room for a clip: %s", g_strerror (errno));
    } else if (!make (self, original->fd, out, start, end, error)) {
      close (out);
      out = -1;
    }
    g_mutex_lock (&self->mutex);
    c->fd = out;
    made = out >= 0;
    if (!made) {
      g_queue_remove (&self->clips, c);
      clip_free (c);
    }
    forget_old (self);
    g_cond_broadcast (&self->changed);
  }
  if (made) {
    fd = fcntl (c->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "too many files are open");
  }
  g_mutex_unlock (&self->mutex);
  return fd;
}

void
clipmoe_clip_answer (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  static const char *const none[] = {NULL};
  Own *own = data;
  ClipmoeOriginal original = {.fd = -1};
  GError *error = NULL;
  struct stat st;
  ClipmoeFound *found =
      clipmoe_http_ask_check (ask, none, &error) ? clipmoe_reader_find (own->reader, ask->id, &error) : NULL;
  if (found && found->picture)
    g_set_error (&error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "a picture has no clip");
  else if (found && clipmoe_original_open (&original, own->reader, found->file, &error)) {
    int fd = get_clip (own->all, &original, found, &error);
    if (fd >= 0 && fstat (fd, &st) == 0) {
      reply->fd = fd;
      reply->size = (guint64)st.st_size;
      reply->type = "video/webm";
      reply->etag = g_strdup_printf ("\"%" G_GINT64_FORMAT "-%s", found->id, original.etag + 1);
      reply->changes = TRUE;
    }
  }
  if (error)
    clipmoe_http_reply_error (reply, error);
  clipmoe_original_clear (&original);
  g_clear_pointer (&found, clipmoe_found_free);
}
