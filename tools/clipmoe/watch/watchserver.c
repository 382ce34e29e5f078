/* Answers HTTP for `clipmoe watch`, which is at the other end of its standard input: clipmoe-watch-page
 * ADDRESS:PORT [TOKEN-FILE]. It ends with it. */
#include <pages.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "watchlink.h"

#define LINK 0                            /* the descriptor */
#define FRESH (G_TIME_SPAN_SECOND)        /* a picture is not asked for more often */
#define PATIENCE (3 * G_TIME_SPAN_SECOND) /* for a picture; then it is asked for again */
#define SILENCE (15 * G_TIME_SPAN_SECOND) /* of who watches: it hangs */
#define THREADS 8                         /* that wait for pictures */
#define WAITING 256

static const ClipmoeHttpPage pages[] = {
    {"/", "/clipmoe/watch/index.html", "text/html; charset=utf-8"},
    {"/page.css", "/clipmoe/watch/page.css", "text/css; charset=utf-8"},
    {"/page.js", "/clipmoe/watch/page.js", "text/javascript; charset=utf-8"},
    {"/tile.js", "/clipmoe/watch/tile.js", "text/javascript; charset=utf-8"},
    {"/icon.svg", "/clipmoe/watch/icon.svg", "image/svg+xml"},
};

typedef struct {
  gint64 asked, came; /* monotonic; 0: never */
  gboolean asking;
  GBytes *jpeg; /* NULL: there is none */
} Picture;

typedef struct {
  ClipmoeHttp *http;
  ClipmoeEvents *events;
  GByteArray *came;
  GBytes *cameras, *health, *figures;
  gboolean told;      /* where it listens */
  gboolean well, all; /* all: those who follow events get the cameras anew */
  gint64 heard;
  GMutex lock;
  GCond changed;
  /* under the lock */
  guint64 highest;
  GHashTable *pictures; /* id → Picture */
} Server;

static void
picture_free (gpointer data) {
  Picture *p = data;
  g_clear_pointer (&p->jpeg, g_bytes_unref);
  g_free (p);
}

/* --- what is asked for --- */

static void
answer_cameras (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  const Server *self = data;
  reply->type = CLIPMOE_HTTP_JSON;
  reply->body = g_bytes_ref (self->cameras);
}

static void
answer_health (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  const Server *self = data;
  if (!self->told || g_get_monotonic_time () - self->heard > SILENCE) {
    clipmoe_http_reply_fail (reply, 503, "the process that watches does not answer");
    return;
  }
  reply->status = self->well ? 200 : 503;
  reply->type = CLIPMOE_HTTP_JSON;
  reply->body = g_bytes_ref (self->health);
}

static void
append_figures (GString *out, gpointer data) {
  const Server *self = data;
  gsize n;
  const char *text = g_bytes_get_data (self->figures, &n);
  g_string_append_len (out, text, (gssize)n);
}

/* In a thread: waits until the picture is there or is known not to come. */
static void
answer_picture (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  static const char *const known[] = {"n", NULL};
  Server *self = data;
  GError *error = NULL;
  if (!clipmoe_http_ask_check (ask, known, &error)) {
    clipmoe_http_reply_error (reply, error);
    return;
  }
  gint64 now = g_get_monotonic_time (), id = ask->id;
  g_mutex_lock (&self->lock);
  Picture *p = NULL;
  if ((guint64)id <= self->highest && !(p = g_hash_table_lookup (self->pictures, &id))) {
    p = g_new0 (Picture, 1);
    g_hash_table_insert (self->pictures, g_memdup2 (&id, sizeof id), p);
  }
  if (p && (!p->came || now - p->came > FRESH)) {
    gint64 before = p->came;
    if (!p->asking || now - p->asked > PATIENCE) {
      p->asking = TRUE;
      p->asked = now;
      watch_link_send (LINK, WATCH_LINK_WANTED, (guint64)id, NULL, 0);
    }
    while (p->came == before && g_cond_wait_until (&self->changed, &self->lock, now + PATIENCE))
      ;
    if (p->came == before)
      g_clear_pointer (&p->jpeg, g_bytes_unref); /* what is there is old */
  }
  if (p && p->jpeg) {
    reply->type = "image/jpeg";
    reply->body = g_bytes_ref (p->jpeg);
  } else {
    clipmoe_http_reply_fail (reply, 404, p ? "this camera brings no pictures now" : "no such camera");
  }
  g_mutex_unlock (&self->lock);
}

static void
begin_events (GString *out, gpointer data) {
  Server *self = data;
  gsize n;
  const char *text = g_bytes_get_data (self->cameras, &n);
  char *json = g_strndup (text, n);
  clipmoe_event_print (out, "cameras", g_strchomp (json));
  g_free (json);
  self->all = TRUE; /* what has happened since they were sent is in the next ones */
}

/* --- what the process that watches says, and what it is told --- */

static void
send_text (WatchLinkKind kind, const char *text) {
  watch_link_send (LINK, kind, 0, text, strlen (text));
}

static void
replace (GBytes **to, const WatchLinkMessage *message) {
  g_bytes_unref (*to);
  *to = g_bytes_ref (message->bytes);
}

static void
send_event (Server *self, const char *type, GBytes *bytes) {
  gsize n;
  const char *text = g_bytes_get_data (bytes, &n);
  char *json = g_strndup (text ? text : "", n);
  clipmoe_events_send (self->events, type, g_strchomp (json));
  g_free (json);
}

static void
take_cameras (Server *self, const WatchLinkMessage *message) {
  replace (&self->cameras, message);
  g_mutex_lock (&self->lock);
  self->highest = message->number;
  g_mutex_unlock (&self->lock);
  self->heard = g_get_monotonic_time ();
  if (self->all)
    send_event (self, "cameras", self->cameras);
  self->all = FALSE;
}

static void
take_picture (Server *self, const WatchLinkMessage *message) {
  gint64 id = (gint64)message->number;
  g_mutex_lock (&self->lock);
  Picture *p = g_hash_table_lookup (self->pictures, &id);
  if (p) {
    g_clear_pointer (&p->jpeg, g_bytes_unref);
    if (g_bytes_get_size (message->bytes))
      p->jpeg = g_bytes_ref (message->bytes);
    p->came = g_get_monotonic_time ();
    p->asking = FALSE;
  }
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static void
take (Server *self, const WatchLinkMessage *message) {
  switch (message->kind) {
  case WATCH_LINK_CAMERAS:
    take_cameras (self, message);
    break;
  case WATCH_LINK_HEALTH:
    replace (&self->health, message);
    self->well = message->number == 1;
    break;
  case WATCH_LINK_FIGURES: /* the last of three: there is something to show */
    replace (&self->figures, message);
    if (!self->told)
      send_text (WATCH_LINK_LISTENS, clipmoe_http_get_url (self->http));
    self->told = TRUE;
    break;
  case WATCH_LINK_STATE:
    send_event (self, "state", message->bytes);
    break;
  case WATCH_LINK_TAGS:
    send_event (self, "tags", message->bytes);
    break;
  case WATCH_LINK_EVENT:
    send_event (self, "event", message->bytes);
    break;
  case WATCH_LINK_PICTURE:
    take_picture (self, message);
    break;
  case WATCH_LINK_ALL:
    self->all = TRUE;
    break;
  default:
    break;
  }
}

static gboolean
comes (int fd, GIOCondition condition, gpointer data) {
  Server *self = data;
  WatchLinkMessage message;
  gboolean more = watch_link_receive (fd, self->came);
  int taken;
  while ((taken = watch_link_take (self->came, &message)) > 0) {
    take (self, &message);
    g_bytes_unref (message.bytes);
  }
  if (!more || taken < 0)
    _exit (0); /* nothing is left to be shown, and whoever is connected sees that it is over */
  return G_SOURCE_CONTINUE;
}

static gpointer
open_lane (gpointer server, GError **error) {
  return server;
}

static gboolean
begin (Server *self, const char *listen, const char *token_file, GError **error) {
  const ClipmoeHttpOptions options = {.listen = listen,
                                      .token_file = token_file,
                                      .connections = CLIPMOE_HTTP_CONNECTIONS,
                                      .timeout = CLIPMOE_HTTP_TIMEOUT};
  const ClipmoeLaneOptions pictures = {
      .name = "pictures", .threads = THREADS, .waiting = WAITING, .open = open_lane, .data = self};
  self->http = clipmoe_http_new (&options, error);
  if (!self->http)
    return FALSE;
  ClipmoeLane *lane = clipmoe_lane_new (&pictures, error);
  if (!lane)
    return FALSE;
  clipmoe_http_add_pages (self->http, pages, G_N_ELEMENTS (pages));
  clipmoe_http_add (self->http, "/health", CLIPMOE_ROUTE_OPEN, answer_health, NULL, self);
  clipmoe_http_add (self->http, "/api/cameras", 0, answer_cameras, NULL, self);
  clipmoe_http_add (self->http, "/snapshot/#.jpg", 0, answer_picture, lane, self);
  self->events = clipmoe_http_add_events (self->http, "/api/events", 0,
                                          &(ClipmoeEventsOptions){.begin = begin_events, .data = self});
  clipmoe_http_set_more_metrics (self->http, append_figures, self);
  return TRUE;
}

int
main (int argc, char **argv) {
  Server self = {.came = g_byte_array_new (),
                 .cameras = g_bytes_new_static ("{\"schema\":\"clipmoe.cameras/1\",\"cameras\":[]}\n", 46),
                 .health = g_bytes_new_static ("", 0),
                 .figures = g_bytes_new_static ("", 0),
                 .heard = g_get_monotonic_time (),
                 .pictures = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, picture_free)};
  GError *error = NULL;
  /* a signal to the whole group is for the process that watches: this one ends with it */
  signal (SIGINT, SIG_IGN);
  signal (SIGTERM, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  g_mutex_init (&self.lock);
  g_cond_init (&self.changed);
  if (argc < 2 || argc > 3)
    return 2;
  if (!begin (&self, argv[1], argc > 2 ? argv[2] : NULL, &error)) {
    send_text (WATCH_LINK_FAILED, error->message);
    g_error_free (error);
    return 1;
  }
  if (clipmoe_http_get_warning (self.http))
    send_text (WATCH_LINK_SAYS, clipmoe_http_get_warning (self.http));
  GMainLoop *loop = g_main_loop_new (NULL, FALSE);
  g_unix_fd_add (LINK, G_IO_IN | G_IO_HUP, comes, &self);
  g_main_loop_run (loop);
  return 0;
}
