#include "watchpage.h"

#include <common.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <base/buildfolder.h>
#include "watchfigures.h"
#include "clipmoepicture.h"

#ifdef CLIPMOE_WITH_SERVE
#define HAS_SERVER TRUE
#else
#define HAS_SERVER FALSE
#endif
#define PROGRAM "clipmoe-watch-page"
#define LONGEST 640       /* pixels of a picture's longer side */
#define MOST_WAITING 2048 /* news for the server; what comes while it does not read is lost */
#define BEGIN (15 * G_TIME_SPAN_SECOND)
#define STUCK (15 * G_TIME_SPAN_SECOND)
#define RETRY_LEAST 1u /* s */
#define RETRY_MOST 30u

/* What the sending thread gets. */
typedef struct {
  WatchLinkKind kind; /* or 0: @number is the descriptor to use from now on, -1 none; or TICK */
  guint64 number;
  GBytes *bytes; /* (nullable) */
} News;

#define TICK ((WatchLinkKind)1000)

typedef struct {
  guint64 id;
  GstSample *frame;
} Frame;

struct _WatchPage {
  char *listen, *token_file, *signature; /* NULL: nothing listens */
  GMutex lock;
  GPtrArray *views; /* (element-type WatchView): of the file's cameras, in its order; under the lock */
  guint64 ids;
  GAsyncQueue *news, *frames;
  gint lost;   /* atomic: somebody was not told of something */
  gint stalls; /* atomic: ticks that were not sent yet */
  /* the server */
  GPid pid; /* 0: none */
  int fd;   /* -1: none */
  GByteArray *came;
  guint watch, child, timer, delay;
  char *url, *failed;
  gboolean listens;
};

static void start_again (WatchPage *self);

static void
say (const char *what) {
  char *line = g_strdup_printf ("page: %s", what);
  clipmoe_say (line);
  g_free (line);
}

/* --- news, of any thread --- */

static void
news_free (gpointer data) {
  News *n = data;
  g_clear_pointer (&n->bytes, g_bytes_unref);
  g_free (n);
}

static void
push (WatchPage *self, WatchLinkKind kind, guint64 number, GBytes *bytes) {
  const News n = {kind, number, bytes};
  g_async_queue_push (self->news, g_memdup2 (&n, sizeof n));
}

static void
tell (gpointer data, WatchLinkKind kind, guint64 id, GString *json) {
  WatchPage *self = data;
  if (g_async_queue_length (self->news) < MOST_WAITING) {
    push (self, kind, id, g_string_free_to_bytes (json));
    return;
  }
  g_atomic_int_set (&self->lost, TRUE);
  g_string_free (json, TRUE);
}

static void
show (gpointer data, guint64 id, GstSample *frame) {
  WatchPage *self = data;
  const Frame f = {id, frame};
  g_async_queue_push (self->frames, g_memdup2 (&f, sizeof f));
}

/* --- the thread that sends --- */

static GPtrArray *
copy_views (WatchPage *self) {
  g_mutex_lock (&self->lock);
  GPtrArray *views = g_ptr_array_new_full (self->views->len, watch_view_unref);
  for (guint i = 0; i < self->views->len; i++)
    g_ptr_array_add (views, watch_view_ref (self->views->pdata[i]));
  g_mutex_unlock (&self->lock);
  return views;
}

static gboolean
send_text (int fd, WatchLinkKind kind, guint64 number, GString *text) {
  gboolean ok = text->len <= WATCH_LINK_MOST && watch_link_send (fd, kind, number, text->str, text->len);
  g_string_free (text, TRUE);
  return ok;
}

/* @alive: 1. */
static gboolean
send_all (WatchPage *self, int fd, guint64 alive) {
  GPtrArray *views = copy_views (self);
  GString *cameras = g_string_new ("{\"schema\":\"clipmoe.cameras/1\",\"cameras\":["),
          *health = g_string_new (NULL), *figures = g_string_new (NULL);
  guint64 highest = 0;
  guint online = 0;
  for (guint i = 0; i < views->len; i++) {
    WatchView *view = views->pdata[i];
    if (i)
      g_string_append (cameras, ",\n");
    watch_view_print (view, cameras);
    online += watch_view_is_online (view);
    highest = MAX (highest, watch_view_get_id (view));
  }
  g_string_append (cameras, "]}\n");
  g_string_printf (health, "{\"status\":\"%s\",\"cameras\":%u,\"online\":%u,\"offline\":%u}\n",
                   alive ? "ok" : "stuck", views->len, online, views->len - online);
  watch_figures_print (figures, views);
  g_ptr_array_unref (views);
  gboolean ok = send_text (fd, WATCH_LINK_CAMERAS, highest, cameras);
  ok = send_text (fd, WATCH_LINK_HEALTH, alive, health) && ok;
  return send_text (fd, WATCH_LINK_FIGURES, 0, figures) && ok;
}

static gpointer
send_news (gpointer data) {
  WatchPage *self = data;
  int fd = -1;
  for (;;) {
    News *n = g_async_queue_pop (self->news);
    gboolean ok = TRUE;
    if (!n->kind) {
      if (fd >= 0)
        close (fd);
      fd = (int)(gint64)n->number;
    } else if (n->kind == TICK) {
      if (fd >= 0 && g_atomic_int_compare_and_exchange (&self->lost, TRUE, FALSE))
        ok = watch_link_send (fd, WATCH_LINK_ALL, 0, NULL, 0);
      ok = ok && (fd < 0 || send_all (self, fd, n->number));
      g_atomic_int_set (&self->stalls, 0);
    } else if (fd >= 0) {
      gsize size = 0;
      const void *bytes = n->bytes ? g_bytes_get_data (n->bytes, &size) : NULL;
      ok = size > WATCH_LINK_MOST || watch_link_send (fd, n->kind, n->number, bytes, size);
    }
    if (!ok) { /* nobody is there any more; another descriptor comes */
      close (fd);
      fd = -1;
    }
    news_free (n);
  }
  return NULL;
}

/* --- the thread that encodes --- */

static gpointer
encode (gpointer data) {
  WatchPage *self = data;
  for (;;) {
    Frame *f = g_async_queue_pop (self->frames);
    GError *error = NULL;
    GBytes *jpeg = clipmoe_picture_encode (f->frame, LONGEST, &error);
    if (error)
      clipmoe_say_once (error->message);
    g_clear_error (&error);
    push (self, WATCH_LINK_PICTURE, f->id, jpeg);
    gst_sample_unref (f->frame);
    g_free (f);
  }
  return NULL;
}

/* --- what the server says --- */

static void
want_picture (WatchPage *self, guint64 id) {
  gboolean comes = FALSE;
  for (guint i = 0; i < self->views->len; i++)
    if (watch_view_get_id (self->views->pdata[i]) == id)
      comes = watch_view_want_picture (self->views->pdata[i]);
  /* else it does not read, and asks again */
  if (!comes && g_async_queue_length (self->news) < MOST_WAITING)
    push (self, WATCH_LINK_PICTURE, id, NULL);
}

static void
hear (WatchPage *self, const WatchLinkMessage *message) {
  gsize n = 0;
  const char *bytes = g_bytes_get_data (message->bytes, &n);
  char *text = g_strndup (bytes ? bytes : "", n);
  switch (message->kind) {
  case WATCH_LINK_WANTED:
    want_picture (self, message->number);
    break;
  case WATCH_LINK_LISTENS:
    self->listens = TRUE;
    self->delay = 0;
    if (g_strcmp0 (self->url, text) != 0)
      say (text);
    g_free (self->url);
    self->url = g_strdup (text);
    break;
  case WATCH_LINK_SAYS:
    say (text);
    break;
  case WATCH_LINK_FAILED:
    g_free (self->failed);
    self->failed = g_strdup (text);
    break;
  default:
    break;
  }
  g_free (text);
}

/* FALSE: nothing comes any more. */
static gboolean
hear_all (WatchPage *self) {
  WatchLinkMessage message;
  gboolean more = watch_link_receive (self->fd, self->came);
  int taken;
  while ((taken = watch_link_take (self->came, &message)) > 0) {
    hear (self, &message);
    g_bytes_unref (message.bytes);
  }
  return more && taken == 0;
}

static gboolean
comes (int fd, GIOCondition condition, gpointer data) {
  WatchPage *self = data;
  if (hear_all (self))
    return G_SOURCE_CONTINUE;
  self->watch = 0;
  kill (self->pid, SIGKILL); /* it ends, or says what it should not */
  return G_SOURCE_REMOVE;
}

/* --- the process --- */

static void
let_go (WatchPage *self) {
  if (self->watch)
    g_source_remove (self->watch);
  if (self->child)
    g_source_remove (self->child);
  if (self->fd >= 0) {
    shutdown (self->fd, SHUT_RDWR); /* the thread may be sending */
    close (self->fd);
    push (self, 0, (guint64)(gint64)-1, NULL);
  }
  if (self->pid)
    g_spawn_close_pid (self->pid);
  self->watch = self->child = 0;
  self->pid = 0;
  self->fd = -1;
  self->listens = FALSE;
}

static void
ended (GPid pid, int status, gpointer data) {
  WatchPage *self = data;
  self->child = 0;
  if (self->fd >= 0)
    hear_all (self); /* its last words */
  let_go (self);
  self->delay = MIN (MAX (2 * self->delay, RETRY_LEAST), RETRY_MOST);
  char *line = g_strdup_printf ("it has ended (%s); tried again in %u s",
                                self->failed ? self->failed : "not known why", self->delay);
  say (line);
  g_free (line);
  g_clear_pointer (&self->failed, g_free);
  start_again (self);
}

static char *
program (void) {
  char *build = clipmoe_build_folder ();
  char *path = build ? g_build_filename (build, "tools", "clipmoe", "watch", PROGRAM, NULL)
                     : g_strdup (CLIPMOE_LIBEXECDIR "/" PROGRAM);
  g_free (build);
  return path;
}

/* (transfer full): the environment without what is not of the libraries: a camera's login may stand in it,
 * and who answers strangers has no use for that. */
static char **
environment (void) {
  static const char *const names[] = {"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", NULL},
                           *const begin[] = {"LC_",     "LD_",   "G_",     "GIO_", "XDG_",
                                             "MALLOC_", "ASAN_", "UBSAN_", "LSAN_"};
  char **all = g_get_environ ();
  guint n = 0;
  for (char **one = all; *one; one++) {
    char *name = g_strndup (*one, strcspn (*one, "="));
    gboolean kept = g_strv_contains (names, name);
    for (guint i = 0; i < G_N_ELEMENTS (begin); i++)
      kept = kept || g_str_has_prefix (name, begin[i]);
    g_free (name);
    if (kept)
      all[n++] = *one;
    else
      g_free (*one);
  }
  all[n] = NULL;
  return all;
}

static gboolean
spawn (WatchPage *self, GError **error) {
  int ends[2], copy = -1;
  if (!HAS_SERVER) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "listen: this clipmoe was built without a server: the package libsoup-3.0-dev was missing");
    return FALSE;
  }
  char *path = program (), **envp = environment ();
  const char *const argv[] = {path, self->listen, self->token_file, NULL};
  gboolean ok = socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
  if (ok && (copy = fcntl (ends[0], F_DUPFD_CLOEXEC, 3)) >= 0 &&
      g_spawn_async_with_pipes_and_fds (
          NULL, argv, (const char *const *)envp, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
          NULL, ends[1], -1, -1, NULL, NULL, 0, &self->pid, NULL, NULL, NULL, error)) {
    close (ends[1]);
    self->fd = ends[0];
    g_byte_array_set_size (self->came, 0);
    self->child = g_child_watch_add (self->pid, ended, self);
    self->watch = g_unix_fd_add (self->fd, G_IO_IN | G_IO_HUP, comes, self);
    g_atomic_int_set (&self->stalls, 0);
    push (self, 0, (guint64)copy, NULL);
    push (self, TICK, TRUE, NULL);
    g_strfreev (envp);
    g_free (path);
    return TRUE;
  }
  if (!ok || copy < 0)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "the page: %s", g_strerror (errno));
  if (ok) {
    close (ends[0]);
    close (ends[1]);
  }
  if (copy >= 0)
    close (copy);
  g_strfreev (envp);
  g_free (path);
  return FALSE;
}

static gboolean
try_again (gpointer data) {
  WatchPage *self = data;
  GError *error = NULL;
  self->timer = 0;
  if (spawn (self, &error))
    return G_SOURCE_REMOVE;
  say (error->message);
  g_error_free (error);
  self->delay = MIN (2 * self->delay, RETRY_MOST);
  start_again (self);
  return G_SOURCE_REMOVE;
}

static void
start_again (WatchPage *self) {
  if (!self->timer)
    self->timer = g_timeout_add_seconds (self->delay, try_again, self);
}

static void
stop (WatchPage *self) {
  if (self->timer)
    g_source_remove (self->timer);
  self->timer = 0;
  if (self->pid) { /* it has nothing to lose, and its address is free then */
    GPid pid = self->pid;
    kill (pid, SIGKILL);
    let_go (self);
    waitpid (pid, NULL, 0);
  }
  self->delay = 0;
  g_clear_pointer (&self->failed, g_free);
}

/* Waits until it is known whether it listens. */
static gboolean
begin (WatchPage *self, GError **error) {
  gint64 end = g_get_monotonic_time () + BEGIN;
  if (!spawn (self, error))
    return FALSE;
  gboolean more = TRUE;
  while (more && !self->listens && !self->failed && g_get_monotonic_time () < end) {
    struct pollfd p = {.fd = self->fd, .events = POLLIN};
    if (poll (&p, 1, 100) > 0)
      more = hear_all (self);
  }
  if (self->listens)
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "the page cannot be shown: %s",
               self->failed ? self->failed : "its process does not answer");
  return FALSE;
}

/* --- for the command --- */

WatchPage *
watch_page_new (void) {
  WatchPage *self = g_new0 (WatchPage, 1);
  g_mutex_init (&self->lock);
  self->views = g_ptr_array_new_with_free_func (watch_view_unref);
  self->news = g_async_queue_new_full (news_free);
  self->frames = g_async_queue_new ();
  self->fd = -1;
  self->came = g_byte_array_new ();
  g_thread_unref (g_thread_new ("page", send_news, self));
  g_thread_unref (g_thread_new ("page pictures", encode, self));
  return self;
}

/* Where it listens and with what token. */
static char *
sign (const WatchConfig *config) {
  struct stat st = {0};
  if (!config->http.listen)
    return NULL;
  if (config->http.token_file && stat (config->http.token_file, &st) != 0)
    st = (struct stat){0};
  return g_strdup_printf ("%s\n%s\n%" G_GINT64_FORMAT ".%09ld", config->http.listen,
                          config->http.token_file ? config->http.token_file : "", (gint64)st.st_mtim.tv_sec,
                          st.st_mtim.tv_nsec);
}

static WatchView *
find (const GPtrArray *views, const char *name) {
  for (guint i = 0; i < views->len; i++)
    if (g_str_equal (watch_view_get_name (views->pdata[i]), name))
      return views->pdata[i];
  return NULL;
}

static void
set_cameras (WatchPage *self, const WatchConfig *config) {
  const WatchViewListener listener = {tell, show, self};
  GPtrArray *views = g_ptr_array_new_with_free_func (watch_view_unref);
  for (guint i = 0; i < config->cameras->len; i++) {
    const char *name = ((WatchCamera *)config->cameras->pdata[i])->name;
    WatchView *view = find (self->views, name);
    g_ptr_array_add (views, view ? watch_view_ref (view) : watch_view_new (++self->ids, name, &listener));
  }
  g_mutex_lock (&self->lock);
  GPtrArray *before = self->views;
  self->views = views;
  g_mutex_unlock (&self->lock);
  g_ptr_array_unref (before);
  g_atomic_int_set (&self->lost, TRUE);
}

gboolean
watch_page_configure (WatchPage *self, const WatchConfig *config, GError **error) {
  char *signature = sign (config);
  set_cameras (self, config);
  if (g_strcmp0 (signature, self->signature) == 0) {
    g_free (signature);
    return TRUE;
  }
  stop (self);
  g_free (self->signature);
  g_free (self->listen);
  g_free (self->token_file);
  self->signature = signature;
  self->listen = g_strdup (config->http.listen);
  self->token_file = g_strdup (config->http.token_file);
  if (!self->listen || begin (self, error))
    return TRUE;
  stop (self);
  self->delay = RETRY_MOST;
  start_again (self);
  return FALSE;
}

WatchView *
watch_page_get_view (WatchPage *self, const char *name) {
  WatchView *view = find (self->views, name);
  return view ? watch_view_ref (view) : NULL;
}

void
watch_page_tick (WatchPage *self, gboolean alive) {
  if (!self->pid)
    return;
  if (g_atomic_int_add (&self->stalls, 1) > STUCK / G_TIME_SPAN_SECOND)
    kill (self->pid, SIGKILL); /* it does not read: another one is started */
  else
    push (self, TICK, (guint64)alive, NULL);
}

void
watch_page_end (WatchPage *self) {
  stop (self);
}
