#include "events.h"

#include <string.h>
#include "connections.h"

typedef struct {
  ClipmoeEvents *owner;
  SoupServerMessage *message;
  gsize behind; /* bytes that it was sent and has not taken */
  gboolean ends;
  GList link;
} Client;

struct _ClipmoeEvents {
  ClipmoeEventsOptions options;
  ClipmoeMetrics *metrics;
  GQueue clients; /* Client */
  guint timer;

  GMutex mutex;
  GString *coming; /* was sent, and is not on its way to the clients yet */
  gboolean lost;   /* more came than anybody may be behind */
  guint source;    /* that takes it to them; 0: none */
  guint n;         /* of clients */
};

/* @text up to the end of its line; *next: behind that, or NULL. */
static gsize
line_length (const char *text, const char **next) {
  gsize n = strcspn (text, "\r\n");
  *next = !text[n] ? NULL : text + n + (text[n] == '\r' && text[n + 1] == '\n' ? 2 : 1);
  return n;
}

void
clipmoe_event_print (GString *out, const char *type, const char *data) {
  g_string_append_printf (out, "event: %s\n", type);
  for (const char *line = data, *next; line; line = next) {
    gsize n = line_length (line, &next);
    g_string_append (out, "data: ");
    g_string_append_len (out, line, (gssize)n);
    g_string_append_c (out, '\n');
  }
  g_string_append_c (out, '\n');
}

static void
give (Client *c, GBytes *bytes) {
  static const char any[] = ":\n\n";
  SoupMessageBody *body = soup_server_message_get_response_body (c->message);
  gsize n = g_bytes_get_size (bytes);
  if (c->ends)
    return;
  c->ends = c->behind + n > c->owner->options.behind;
  if (c->ends) {
    clipmoe_metrics_add (c->owner->metrics, "clipmoe_http_event_clients_ended_total", "", 1);
    clipmoe_connection_end (c->message);
    soup_message_body_append (body, SOUP_MEMORY_STATIC, any, sizeof any - 1); /* by writing libsoup notices */
  } else {
    c->behind += n;
    soup_message_body_append_bytes (body, bytes);
  }
  soup_server_message_unpause (c->message);
}

static void
give_all (ClipmoeEvents *self, GBytes *bytes) {
  for (GList *l = self->clients.head, *next; l; l = next) {
    next = l->next;
    give (l->data, bytes);
  }
}

static gboolean
take_over (gpointer data) {
  ClipmoeEvents *self = data;
  g_mutex_lock (&self->mutex);
  GBytes *bytes = g_string_free_to_bytes (self->coming);
  gboolean lost = self->lost;
  self->coming = g_string_new (NULL);
  self->lost = FALSE;
  self->source = 0;
  g_mutex_unlock (&self->mutex);
  if (lost) { /* as if each had been given it */
    g_bytes_unref (bytes);
    bytes = g_bytes_new_take (g_malloc0 (self->options.behind + 1), self->options.behind + 1);
  }
  give_all (self, bytes);
  g_bytes_unref (bytes);
  return G_SOURCE_REMOVE;
}

void
clipmoe_events_send (ClipmoeEvents *self, const char *type, const char *data) {
  g_mutex_lock (&self->mutex);
  if (self->n && !self->lost) {
    clipmoe_event_print (self->coming, type, data);
    self->lost = self->coming->len > self->options.behind;
    if (!self->source)
      self->source = g_idle_add_full (G_PRIORITY_DEFAULT, take_over, self, NULL);
  }
  g_mutex_unlock (&self->mutex);
}

guint
clipmoe_events_get_n (ClipmoeEvents *self) {
  g_mutex_lock (&self->mutex);
  guint n = self->n;
  g_mutex_unlock (&self->mutex);
  return n;
}

static gboolean
sign_of_life (gpointer data) {
  GBytes *bytes = g_bytes_new_static (":\n\n", 3); /* a comment */
  give_all (data, bytes);
  g_bytes_unref (bytes);
  return G_SOURCE_CONTINUE;
}

static void
change_n (ClipmoeEvents *self, int by) {
  g_mutex_lock (&self->mutex);
  self->n += (guint)by;
  clipmoe_metrics_add (self->metrics, "clipmoe_http_event_clients", "", by); /* of all streams */
  g_mutex_unlock (&self->mutex);
}

static void
client_free (Client *c) {
  g_signal_handlers_disconnect_by_data (c->message, c);
  g_queue_unlink (&c->owner->clients, &c->link);
  change_n (c->owner, -1);
  g_object_unref (c->message);
  g_free (c);
}

static void
wrote (SoupServerMessage *message, guint n, Client *c) {
  c->behind -= MIN (n, c->behind);
}

static void
finished (SoupServerMessage *message, Client *c) {
  client_free (c);
}

gboolean
clipmoe_events_join (ClipmoeEvents *self, SoupServerMessage *message) {
  gboolean head = g_str_equal (soup_server_message_get_method (message), "HEAD");
  if (!head && g_queue_get_length (&self->clients) >= self->options.clients)
    return FALSE;
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  SoupMessageBody *body = soup_server_message_get_response_body (message);
  soup_message_headers_replace (headers, "Content-Type", "text/event-stream");
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_message_headers_replace (headers, "X-Accel-Buffering", "no"); /* nginx would collect it */
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_EOF);
  soup_server_message_set_status (message, 200, NULL);
  if (head)
    return TRUE;
  GString *first = g_string_new ("retry: 2000\n\n");
  if (self->options.begin)
    self->options.begin (first, self->options.data);
  GBytes *bytes = g_string_free_to_bytes (first);
  Client *c = g_new0 (Client, 1);
  c->owner = self;
  c->message = g_object_ref (message);
  c->behind = g_bytes_get_size (bytes);
  c->link.data = c;
  g_queue_push_tail_link (&self->clients, &c->link);
  change_n (self, 1);
  clipmoe_connection_moved (message);
  clipmoe_connection_bound_send (message, self->options.behind);
  soup_message_body_set_accumulate (body, FALSE);
  soup_message_body_append_bytes (body, bytes);
  g_bytes_unref (bytes);
  g_signal_connect (message, "wrote-body-data", G_CALLBACK (wrote), c);
  g_signal_connect (message, "finished", G_CALLBACK (finished), c);
  return TRUE;
}

ClipmoeEvents *
clipmoe_events_new (const ClipmoeEventsOptions *options, guint pause, ClipmoeMetrics *metrics) {
  ClipmoeEvents *self = g_new0 (ClipmoeEvents, 1);
  self->options = *options;
  if (!self->options.behind)
    self->options.behind = CLIPMOE_EVENTS_BEHIND;
  self->metrics = metrics;
  self->coming = g_string_new (NULL);
  g_mutex_init (&self->mutex);
  self->timer = g_timeout_add (pause, sign_of_life, self);
  return self;
}

void
clipmoe_events_free (ClipmoeEvents *self) {
  for (Client *c; (c = g_queue_peek_head (&self->clients));)
    client_free (c);
  g_source_remove (self->timer);
  if (self->source)
    g_source_remove (self->source);
  g_string_free (self->coming, TRUE);
  g_mutex_clear (&self->mutex);
  g_free (self);
}
