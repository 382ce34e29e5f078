#include "send.h"

#include <string.h>
#include <unistd.h>
#include "connections.h"
#include "plain.h"
#include "range.h"

#define PIECE ((gsize)256 * 1024)

void
clipmoe_send_headers (SoupServerMessage *message) {
  clipmoe_plain_headers (soup_server_message_get_response_headers (message));
}

/* A file on its way. */
typedef struct {
  SoupServerMessage *message; /* NULL: the client has gone */
  int fd;
  guint64 at, end;
  guint references; /* of libsoup's signals, and of a read that runs */
} Sending;

typedef struct {
  Sending *sending;
  guint8 *data;
  gsize n;
} Piece;

static void
unref (Sending *self) {
  if (--self->references)
    return;
  close (self->fd);
  g_free (self);
}

static void
on_finished (SoupServerMessage *message, Sending *self) {
  g_signal_handlers_disconnect_by_data (message, self);
  self->message = NULL;
  unref (self);
}

static void
piece_free (gpointer data) {
  Piece *p = data;
  g_free (p->data);
  g_free (p);
}

static void
read_piece (GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
  Piece *p = data;
  const Sending *self = p->sending; /* fd and at do not change meanwhile */
  gsize wanted = p->n;
  p->n = 0;
  while (p->n < wanted) {
    gssize n = pread (self->fd, p->data + p->n, wanted - p->n, (off_t)(self->at + p->n));
    if (n <= 0)
      break;
    p->n += (gsize)n;
  }
  g_task_return_boolean (task, p->n == wanted);
}

static void
take_piece (GObject *source, GAsyncResult *result, gpointer data) {
  Piece *p = g_task_get_task_data (G_TASK (result));
  Sending *self = p->sending;
  gboolean whole = g_task_propagate_boolean (G_TASK (result), NULL);
  if (self->message && whole) {
    SoupMessageBody *body = soup_server_message_get_response_body (self->message);
    self->at += p->n;
    soup_message_body_append_take (body, g_steal_pointer (&p->data), p->n);
    if (self->at >= self->end)
      soup_message_body_complete (body);
    clipmoe_connection_moved (self->message);
    soup_server_message_unpause (self->message);
  } else if (self->message) { /* the file has become shorter: the client sees that bytes are missing */
    SoupServerMessage *message = self->message;
    on_finished (message, self); /* nobody says so of a connection that was taken away */
    GIOStream *stream = soup_server_message_steal_connection (message);
    if (stream)
      g_io_stream_close (stream, NULL, NULL);
    g_clear_object (&stream);
  }
  unref (self);
}

/* Until there is one, libsoup pauses the message by itself. */
static void
want_piece (SoupServerMessage *message, Sending *self) {
  if (self->at >= self->end)
    return;
  Piece *p = g_new0 (Piece, 1);
  p->sending = self;
  p->n = (gsize)MIN (PIECE, self->end - self->at);
  p->data = g_malloc (p->n);
  self->references++;
  clipmoe_connection_waits (message);
  GTask *task = g_task_new (NULL, NULL, take_piece, NULL);
  g_task_set_task_data (task, p, piece_free);
  g_task_run_in_thread (task, read_piece);
  g_object_unref (task);
}

static void
send_file (SoupServerMessage *message, ClipmoeHttpReply *reply, const char *range) {
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  guint64 first, last;
  ClipmoeRangeKind kind = clipmoe_range_parse (range, reply->size, &first, &last);
  soup_message_headers_replace (headers, "Accept-Ranges", "bytes");
  if (kind == CLIPMOE_RANGE_OUTSIDE) {
    char *all = g_strdup_printf ("bytes */%" G_GUINT64_FORMAT, reply->size);
    soup_message_headers_replace (headers, "Content-Range", all);
    soup_server_message_set_status (message, 416, NULL);
    g_free (all);
    return;
  }
  if (kind == CLIPMOE_RANGE_PART) {
    soup_message_headers_set_content_range (headers, (goffset)first, (goffset)last, (goffset)reply->size);
    soup_server_message_set_status (message, 206, NULL);
  }
  guint64 length = reply->size ? last - first + 1 : 0;
  soup_message_headers_set_content_length (headers, (goffset)length);
  if (!length || g_str_equal (soup_server_message_get_method (message), "HEAD"))
    return;
  Sending *self = g_new0 (Sending, 1);
  *self = (Sending){message, reply->fd, first, first + length, 1};
  reply->fd = -1;
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
  g_signal_connect (message, "wrote-chunk", G_CALLBACK (want_piece), self);
  g_signal_connect (message, "finished", G_CALLBACK (on_finished), self);
  want_piece (message, self);
}

static gboolean
is_etag (const char *header, const char *etag) {
  return header && etag && (strstr (header, etag) || g_str_equal (header, "*"));
}

void
clipmoe_send (SoupServerMessage *message, ClipmoeHttpReply *reply) {
  SoupMessageHeaders *asked = soup_server_message_get_request_headers (message),
                     *headers = soup_server_message_get_response_headers (message);
  char *range = g_strdup (soup_message_headers_get_one (asked, "Range"));
  const char *if_range = soup_message_headers_get_one (asked, "If-Range"),
             *if_none = soup_message_headers_get_list (asked, "If-None-Match");
  if (range && if_range && g_strcmp0 (if_range, reply->etag) != 0)
    g_clear_pointer (&range, g_free);
  soup_message_headers_remove (asked, "Range"); /* libsoup would answer it by itself */

  char *keep = reply->changes ? g_strdup ("private, no-cache")
               : reply->keep  ? g_strdup_printf ("private, max-age=%u", reply->keep)
                              : g_strdup ("no-store");
  soup_message_headers_replace (headers, "Cache-Control", keep);
  g_free (keep);
  if (reply->etag)
    soup_message_headers_replace (headers, "ETag", reply->etag);
  if (reply->type)
    soup_message_headers_replace (headers, "Content-Type", reply->type);
  if (reply->download)
    soup_message_headers_replace (headers, "Content-Disposition", "attachment");
  if (reply->retry) {
    char *seconds = g_strdup_printf ("%u", reply->retry);
    soup_message_headers_replace (headers, "Retry-After", seconds);
    g_free (seconds);
  }
  soup_server_message_set_status (message, reply->status, clipmoe_plain_phrase (reply->status));
  clipmoe_connection_moved (message);
  if (reply->status == 200 && is_etag (if_none, reply->etag)) {
    soup_message_headers_remove (headers, "Content-Type");
    soup_server_message_set_status (message, 304, NULL);
  } else if (reply->fd >= 0 && reply->status == 200) {
    send_file (message, reply, range);
  } else if (reply->body) {
    gsize n = g_bytes_get_size (reply->body);
    soup_message_headers_set_content_length (headers, (goffset)n);
    if (n && !g_str_equal (soup_server_message_get_method (message), "HEAD"))
      soup_message_body_append_bytes (soup_server_message_get_response_body (message), reply->body);
    soup_message_body_complete (soup_server_message_get_response_body (message));
  }
  g_free (range);
  clipmoe_http_reply_clear (reply);
}
