#include "connections.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <base/limits.h>
#include "address.h"
#include "head.h"
#include "plain.h"

#define KEY "clipmoe-connection"

typedef struct {
  ClipmoeConnections *owner;
  GSocketConnection *stream; /* libsoup holds it, unless it is ours */
  GSource *ours;          /* waits for the head, or for the end of what is dropped; NULL: it is libsoup's */
  gsize seen;             /* bytes of the head */
  GSocketAddress *remote; /* messages have it, also those that outlive the connection */
  gint64 moved;           /* µs */
  gboolean asked;         /* a request has begun to be read */
  gboolean waits;         /* for us */
  gboolean drops;         /* its request's body is not read */
  GList link;
} Connection;

struct _ClipmoeConnections {
  SoupServer *server;
  GSocketService *service;
  GSocketAddress *address;
  GQueue all; /* Connection, the oldest first */
  guint most, timeout, timer;
  gint64 looked; /* µs: when look() ran last */
};

static GSocket *
socket_of (const Connection *c) {
  return g_socket_connection_get_socket (c->stream);
}

/* libsoup has dropped the connection. */
static void
gone (gpointer data, GObject *stream) {
  Connection *c = data;
  g_queue_unlink (&c->owner->all, &c->link);
  g_object_set_data (G_OBJECT (c->remote), KEY, NULL);
  g_object_unref (c->remote);
  g_free (c);
}

static Connection *
connection_of (SoupServerMessage *message) {
  GSocketAddress *remote = soup_server_message_get_remote_address (message);
  return remote ? g_object_get_data (G_OBJECT (remote), KEY) : NULL;
}

void
clipmoe_connection_moved (SoupServerMessage *message) {
  Connection *c = connection_of (message);
  if (!c)
    return;
  c->asked = TRUE;
  c->waits = FALSE;
  c->moved = g_get_monotonic_time ();
}

void
clipmoe_connection_waits (SoupServerMessage *message) {
  Connection *c = connection_of (message);
  if (c)
    c->waits = c->asked = TRUE;
}

/* --- while it is ours --- */
static void
watch (Connection *c, GSource *source, GSourceFunc call) {
  if (c->ours) {
    g_source_destroy (c->ours);
    g_source_unref (c->ours);
  }
  c->ours = source;
  if (source) {
    g_source_set_callback (source, call, c, NULL);
    g_source_attach (source, NULL);
  }
}

/* @c may be gone afterwards. */
static void
let_go (Connection *c) {
  watch (c, NULL, NULL);
  g_object_unref (c->stream);
}

/* @c may be gone afterwards. */
static void
end (Connection *c) {
  if (c->ours)
    let_go (c);
  else
    g_socket_shutdown (socket_of (c), TRUE, TRUE, NULL); /* libsoup sees its end, and closes it */
}

void
clipmoe_connection_end (SoupServerMessage *message) {
  Connection *c = connection_of (message);
  if (c)
    end (c);
}

/* Ends one that asks nothing. FALSE: all do. */
static gboolean
make_room (ClipmoeConnections *self) {
  for (GList *l = self->all.head; l; l = l->next) {
    Connection *c = l->data;
    if (!c->asked) {
      c->asked = TRUE; /* not chosen twice */
      end (c);
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
drop_rest (GSocket *socket, GIOCondition condition, gpointer data) {
  static char piece[65536];
  gssize n = recv (g_socket_get_fd (socket), piece, sizeof piece, MSG_DONTWAIT);
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
    return G_SOURCE_CONTINUE;
  let_go (data);
  return G_SOURCE_REMOVE;
}

/* The last that is said. Not moved by what still comes: it goes when its time is over, or to make room. */
static void
answer (Connection *c, const GString *text) {
  GSocket *socket = socket_of (c);
  g_socket_send (socket, text->str, text->len, NULL, NULL); /* nothing was sent before: there is room */
  g_socket_shutdown (socket, FALSE, TRUE, NULL);
  c->asked = c->waits = FALSE;
  c->moved = g_get_monotonic_time ();
  watch (c, g_socket_create_source (socket, G_IO_IN, NULL), G_SOURCE_FUNC (drop_rest));
}

void
clipmoe_connection_answer (SoupServerMessage *message, const GString *text) {
  Connection *c = connection_of (message);
  if (c)
    g_object_ref (c->stream);
  GIOStream *around = soup_server_message_steal_connection (message); /* libsoup's own, around ours */
  g_clear_object (&around);
  if (c)
    answer (c, text);
}

void
clipmoe_connection_bound_send (SoupServerMessage *message, gsize bytes) {
  Connection *c = connection_of (message);
  if (!c)
    return;
  g_socket_set_option (socket_of (c), SOL_SOCKET, SO_SNDBUF, (gint)MIN (bytes, 1 << 20), NULL);
  g_socket_set_option (socket_of (c), IPPROTO_TCP, TCP_USER_TIMEOUT, (gint)c->owner->timeout * 1000, NULL);
}

void
clipmoe_connection_drop_body (SoupServerMessage *message) {
  Connection *c = connection_of (message);
  if (c)
    c->drops = TRUE;
}

gboolean
clipmoe_connection_drops_body (SoupServerMessage *message) {
  const Connection *c = connection_of (message);
  return c && c->drops;
}

static void
set_low_water (const Connection *c, gsize bytes) {
  g_socket_set_option (socket_of (c), SOL_SOCKET, SO_RCVLOWAT, (gint)bytes, NULL);
}

static void
hand_over (Connection *c) {
  GSocketConnection *stream = c->stream;
  GSocketAddress *local = g_socket_connection_get_local_address (stream, NULL);
  set_low_water (c, 1);
  watch (c, NULL, NULL); /* libsoup reads at once: it may be ours again, or gone, when that returns */
  if (local)
    soup_server_accept_iostream (c->owner->server, G_IO_STREAM (stream), local, c->remote, NULL);
  g_clear_object (&local);
  g_object_unref (stream);
}

static gboolean
has_ended (GSocket *socket) {
  struct pollfd p = {.fd = g_socket_get_fd (socket), .events = POLLRDHUP};
  return poll (&p, 1, 0) > 0;
}

static gboolean head_came (GSocket *socket, GIOCondition condition, gpointer data);

static gboolean
head_may_have_come (gpointer data) {
  Connection *c = data;
  head_came (socket_of (c), G_IO_IN, c);
  return G_SOURCE_REMOVE;
}

/* Looks at what has come and leaves it there for libsoup. Woken again when there is more of it. */
static gboolean
head_came (GSocket *socket, GIOCondition condition, gpointer data) {
  Connection *c = data;
  char head[CLIPMOE_MAX_HEAD];
  guint status;
  const char *sentence;
  gssize n = recv (g_socket_get_fd (socket), head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    watch (c, g_socket_create_source (socket, G_IO_IN, NULL), G_SOURCE_FUNC (head_came));
    return G_SOURCE_REMOVE;
  }
  if (n <= 0) {
    let_go (c);
    return G_SOURCE_REMOVE;
  }
  ClipmoeHeadKind kind = clipmoe_head_look (head, (gsize)n, &status, &sentence);
  if (kind == CLIPMOE_HEAD_REFUSED) {
    GString *text = clipmoe_plain_fail (status, sentence, 0);
    set_low_water (c, 1);
    answer (c, text);
    g_string_free (text, TRUE);
  } else if (kind == CLIPMOE_HEAD_WHOLE || has_ended (socket)) {
    hand_over (c);
  } else if ((gsize)n == c->seen) { /* the system woke us for less than it was told to, as it may: not at once
                                       again */
    watch (c, g_timeout_source_new (50), head_may_have_come);
  } else {
    c->seen = (gsize)n;
    set_low_water (c, c->seen + 1);
    watch (c, g_socket_create_source (socket, G_IO_IN, NULL), G_SOURCE_FUNC (head_came));
  }
  return G_SOURCE_REMOVE;
}

static gboolean
incoming (GSocketService *service, GSocketConnection *stream, GObject *source, gpointer data) {
  ClipmoeConnections *self = data;
  GSocket *socket = g_socket_connection_get_socket (stream);
  GSocketAddress *remote = g_socket_connection_get_remote_address (stream, NULL);
  g_socket_set_blocking (socket, FALSE);
  if (remote && (g_queue_get_length (&self->all) < self->most || make_room (self))) {
    Connection *c = g_new0 (Connection, 1);
    c->owner = self;
    c->stream = g_object_ref (stream);
    c->moved = g_get_monotonic_time ();
    c->link.data = c;
    g_queue_push_tail_link (&self->all, &c->link);
    c->remote = g_object_ref (remote);
    g_object_set_data (G_OBJECT (remote), KEY, c);
    g_object_weak_ref (G_OBJECT (stream), gone, c);
    g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
    head_came (socket, G_IO_IN, c);
  } else {
    GString *text = clipmoe_plain_fail (503, "too many are connected", 1);
    g_socket_send (socket, text->str, text->len, NULL, NULL);
    g_string_free (text, TRUE);
  }
  g_clear_object (&remote);
  return TRUE;
}

#define LOOKS G_USEC_PER_SEC /* µs between two */

static gboolean
look (gpointer data) {
  ClipmoeConnections *self = data;
  gint64 now = g_get_monotonic_time (), oldest = now - (gint64)self->timeout * G_USEC_PER_SEC,
         late = now - self->looked - LOOKS; /* a process that was stopped is no reason to end anything */
  self->looked = now;
  for (GList *l = self->all.head, *next; l; l = next) {
    Connection *c = l->data;
    next = l->next;
    if (late > LOOKS)
      c->moved = MIN (c->moved + late, now);
    if (!c->waits && c->moved < oldest)
      end (c);
  }
  return TRUE;
}

ClipmoeConnections *
clipmoe_connections_new (SoupServer *server, GSocketAddress *address, guint most, guint timeout,
                         GError **error) {
  ClipmoeConnections *self = g_new0 (ClipmoeConnections, 1);
  GError *why = NULL;
  self->server = server;
  self->most = most;
  self->timeout = timeout;
  self->service = g_socket_service_new ();
  g_socket_listener_set_backlog (G_SOCKET_LISTENER (self->service), 512);
  if (!g_socket_listener_add_address (G_SOCKET_LISTENER (self->service), address, G_SOCKET_TYPE_STREAM,
                                      G_SOCKET_PROTOCOL_TCP, NULL, &self->address, &why)) {
    char *url = clipmoe_address_to_url (address);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "cannot listen at %s: %s", url, why->message);
    g_error_free (why);
    g_free (url);
    clipmoe_connections_free (self);
    return NULL;
  }
  g_signal_connect (self->service, "incoming", G_CALLBACK (incoming), self);
  g_socket_service_start (self->service);
  self->looked = g_get_monotonic_time ();
  self->timer = g_timeout_add (LOOKS / 1000, look, self);
  return self;
}

void
clipmoe_connections_stop (ClipmoeConnections *self) {
  g_socket_service_stop (self->service);
  g_socket_listener_close (G_SOCKET_LISTENER (self->service));
}

void
clipmoe_connections_free (ClipmoeConnections *self) {
  if (!self)
    return;
  clipmoe_connections_stop (self);
  g_object_unref (self->service);
  if (self->timer)
    g_source_remove (self->timer);
  soup_server_disconnect (self->server);
  for (Connection *c; (c = g_queue_peek_head (&self->all));) {
    GSocketConnection *ours = c->ours ? c->stream : NULL;
    watch (c, NULL, NULL);
    g_object_weak_unref (G_OBJECT (c->stream), gone, c);
    gone (c, NULL);
    g_clear_object (&ours);
  }
  g_clear_object (&self->address);
  g_free (self);
}

GSocketAddress *
clipmoe_connections_get_address (ClipmoeConnections *self) {
  return self->address;
}

guint
clipmoe_connections_get_n (ClipmoeConnections *self) {
  return g_queue_get_length (&self->all);
}
