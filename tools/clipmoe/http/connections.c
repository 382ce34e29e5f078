#include "connections.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include "address.h"

#define KEY "clipmoe-connection"

typedef struct {
  ClipmoeConnections *owner;
  GSocketConnection *stream; /* libsoup holds it */
  GSocketAddress *remote;    /* messages have it, also those that outlive the connection */
  gint64 moved;              /* µs */
  gboolean asked;            /* a request has begun to be read */
  gboolean waits;            /* for us */
  GList link;
} Connection;

struct _ClipmoeConnections {
  SoupServer *server;
  GSocketService *service;
  GSocketAddress *address;
  GQueue all; /* Connection, the oldest first */
  guint most, timeout, timer;
};

static void
end (Connection *c) {
  GSocket *socket = g_socket_connection_get_socket (c->stream);
  g_socket_shutdown (socket, TRUE, TRUE, NULL); /* libsoup sees its end, and closes it */
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
incoming (GSocketService *service, GSocketConnection *stream, GObject *source, gpointer data) {
  ClipmoeConnections *self = data;
  GSocket *socket = g_socket_connection_get_socket (stream);
  GSocketAddress *local = g_socket_connection_get_local_address (stream, NULL),
                 *remote = g_socket_connection_get_remote_address (stream, NULL);
  if (local && remote && (g_queue_get_length (&self->all) < self->most || make_room (self))) {
    Connection *c = g_new0 (Connection, 1);
    c->owner = self;
    c->stream = stream;
    c->moved = g_get_monotonic_time ();
    c->link.data = c;
    g_queue_push_tail_link (&self->all, &c->link);
    c->remote = g_object_ref (remote);
    g_object_set_data (G_OBJECT (remote), KEY, c);
    g_object_weak_ref (G_OBJECT (stream), gone, c);
    g_socket_set_blocking (socket, FALSE);
    g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
    soup_server_accept_iostream (self->server, G_IO_STREAM (stream), local, remote, NULL);
  } else {
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
                               "Content-Length: 0\r\n\r\n";
    g_socket_set_blocking (socket, FALSE);
    g_socket_send (socket, busy, strlen (busy), NULL, NULL);
  }
  g_clear_object (&local);
  g_clear_object (&remote);
  return TRUE;
}

static gboolean
look (gpointer data) {
  ClipmoeConnections *self = data;
  gint64 oldest = g_get_monotonic_time () - (gint64)self->timeout * G_USEC_PER_SEC;
  for (GList *l = self->all.head; l; l = l->next) {
    Connection *c = l->data;
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
  self->timer = g_timeout_add_seconds (1, look, self);
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
    g_object_weak_unref (G_OBJECT (c->stream), gone, c);
    gone (c, NULL);
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
