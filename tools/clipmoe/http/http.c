#include "http.h"

#include <string.h>
#include <sys/resource.h>
#include <base/limits.h>
#include <libsoup/soup.h>
#include "address.h"
#include "connections.h"
#include "plain.h"
#include "send.h"
#include "token.h"

typedef struct {
  const char *path;
  ClipmoeRouteFlags flags;
  ClipmoeHttpHandler handler;
  ClipmoeLane *lane;
  gpointer data;
  ClipmoeEvents *events; /* instead of a handler */
} Route;

struct _ClipmoeHttp {
  SoupServer *server;
  ClipmoeConnections *connections;
  ClipmoeToken *token;
  ClipmoeMetrics *metrics;
  GArray *routes;    /* Route */
  GHashTable *asked; /* of requests that wait for a lane: they outlive this */
  char *url;
  gboolean loopback, ends;
  guint64 body;
  guint most, timeout;
  void (*append_metrics) (GString *out, gpointer data); /* or NULL */
  gpointer append_data;
};

static void
health (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  reply->type = "text/plain; charset=utf-8";
  reply->body = g_bytes_new_static ("ok\n", 3);
}

static void
metrics (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
  ClipmoeHttp *self = data;
  clipmoe_metrics_set (self->metrics, "clipmoe_http_connections", "",
                       clipmoe_connections_get_n (self->connections));
  reply->type = "text/plain; version=0.0.4; charset=utf-8";
  GString *out = clipmoe_metrics_print (self->metrics);
  if (self->append_metrics)
    self->append_metrics (out, self->append_data);
  reply->body = g_string_free_to_bytes (out);
}

/* Whether @path is @pattern; *id gets the number that stands for #. */
static gboolean
matches (const char *pattern, const char *path, gint64 *id) {
  const char *hash = strchr (pattern, '#');
  *id = 0;
  if (!hash)
    return g_str_equal (pattern, path);
  gsize before = hash - pattern;
  if (strncmp (pattern, path, before) != 0)
    return FALSE;
  gsize digits = strspn (path + before, "0123456789");
  if (!digits || digits > 18 || path[before] == '0')
    return FALSE;
  *id = g_ascii_strtoll (path + before, NULL, 10);
  return g_str_equal (path + before + digits, hash + 1);
}

static const Route *
find_route (const ClipmoeHttp *self, const char *path, gint64 *id) {
  for (guint i = self->routes->len; i-- > 0;) {
    const Route *r = &g_array_index (self->routes, Route, i);
    if (matches (r->path, path, id))
      return r;
  }
  return NULL;
}

static const char *
header (SoupServerMessage *message, const char *name) {
  return soup_message_headers_get_one (soup_server_message_get_request_headers (message), name);
}

static void
count (ClipmoeHttp *self, guint status) {
  char *labels = g_strdup_printf ("code=\"%u\"", status);
  clipmoe_metrics_add (self->metrics, "clipmoe_http_requests_total", labels, 1);
  g_free (labels);
}

/* Who breaks off an answer makes libsoup's status 500: what was sent is what counts. */
static void
answered (SoupServerMessage *message, gpointer data) {
  g_object_set_data (G_OBJECT (message), "clipmoe-status",
                     GUINT_TO_POINTER (soup_server_message_get_status (message)));
}

static void
finished (SoupServerMessage *message, ClipmoeHttp *self) {
  guint status = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (message), "clipmoe-status"));
  if (status) /* else nobody waited for it */
    count (self, status);
}

/* What is in @reply is taken. FALSE: the message is no longer libsoup's. */
static gboolean
reply_with (ClipmoeHttp *self, SoupServerMessage *message, ClipmoeHttpReply *reply) {
  GBytes *body = reply->body ? g_bytes_ref (reply->body) : NULL;
  gboolean drops = clipmoe_connection_drops_body (message);
  clipmoe_send (message, reply);
  if (drops) { /* libsoup would read the request to its end first */
    GString *text = clipmoe_plain_print (soup_server_message_get_status (message),
                                         soup_server_message_get_response_headers (message), body);
    count (self, soup_server_message_get_status (message));
    clipmoe_connection_answer (message, text);
    g_string_free (text, TRUE);
  }
  g_clear_pointer (&body, g_bytes_unref);
  return !drops;
}

static void
refuse (ClipmoeHttp *self, SoupServerMessage *message, guint status, const char *sentence, guint retry) {
  ClipmoeHttpReply reply;
  clipmoe_http_reply_init (&reply);
  clipmoe_http_reply_fail (&reply, status, sentence);
  reply.retry = retry;
  reply_with (self, message, &reply);
}

/* A request from a page of another site: what a browser says of it. */
static gboolean
is_foreign (SoupServerMessage *message, const Route *route) {
  const char *site = header (message, "Sec-Fetch-Site"), *origin = header (message, "Origin"),
             *host = header (message, "Host");
  if (site && !(route->flags & CLIPMOE_ROUTE_PAGE) && !g_str_equal (site, "same-origin") &&
      !g_str_equal (site, "none"))
    return TRUE;
  const char *name = origin ? strstr (origin, "://") : NULL;
  return origin && (!name || !host || g_ascii_strcasecmp (name + 3, host) != 0);
}

/* --- a request that waits for its lane --- */
typedef struct {
  ClipmoeHttp *http; /* NULL: the server has ended */
  SoupServerMessage *message;
  ClipmoeHttpAsk *ask;
  ClipmoeHttpReply reply;
  ClipmoeHttpHandler handler;
  gpointer data;
  guint status; /* instead of 200, or 0 */
} Asked;

/* It pauses until answer(). @ask is taken. */
static Asked *
asked_new (ClipmoeHttp *self, SoupServerMessage *message, const Route *route, ClipmoeHttpAsk *ask,
           guint status) {
  Asked *a = g_new0 (Asked, 1);
  a->http = self;
  a->message = g_object_ref (message);
  a->ask = ask;
  a->handler = route->handler;
  a->data = route->data;
  a->status = status;
  clipmoe_http_reply_init (&a->reply);
  g_hash_table_add (self->asked, a);
  soup_server_message_pause (message);
  clipmoe_connection_waits (message);
  return a;
}

static gboolean
answer (gpointer data) {
  Asked *a = data;
  if (a->http) {
    g_hash_table_remove (a->http->asked, a);
    if (a->status && a->reply.status == 200)
      a->reply.status = a->status;
    if (reply_with (a->http, a->message, &a->reply))
      soup_server_message_unpause (a->message);
  }
  clipmoe_http_reply_clear (&a->reply);
  clipmoe_http_ask_free (a->ask);
  g_object_unref (a->message);
  g_free (a);
  return G_SOURCE_REMOVE;
}

static void
run_in_lane (gpointer job, gpointer own) {
  Asked *a = job;
  a->handler (a->ask, &a->reply, own);
  g_idle_add_full (G_PRIORITY_DEFAULT, answer, a, NULL);
}

/* @ask is taken. */
static void
run (ClipmoeHttp *self, SoupServerMessage *message, const Route *route, ClipmoeHttpAsk *ask, guint status) {
  if (route->events) {
    if (ask->params->len)
      refuse (self, message, 400, "no parameters here", 0);
    else if (!clipmoe_events_join (route->events, message))
      refuse (self, message, 503, "too many follow these events already", 10);
    clipmoe_http_ask_free (ask);
    return;
  }
  Asked *a = asked_new (self, message, route, ask, status);
  if (!route->lane) {
    route->handler (ask, &a->reply, route->data);
    answer (a);
  } else if (!clipmoe_lane_push (route->lane, run_in_lane, a)) {
    clipmoe_http_reply_fail (&a->reply, 503, "too many requests wait already");
    a->reply.retry = 1;
    answer (a);
  }
}

/* --- tokens --- */
#define COOKIE_SECONDS (30 * 24 * 3600)

static gboolean
answer_wrong_page (gpointer data) { /* it has a place for a token */
  Asked *a = data;
  if (a->http)
    a->handler (a->ask, &a->reply, a->data);
  return answer (a);
}

static gboolean
answer_wrong (gpointer data) {
  Asked *a = data;
  clipmoe_http_reply_fail (&a->reply, 401, "wrong token");
  return answer (a);
}

static void
set_cookie (SoupServerMessage *message, const char *value, guint seconds) {
  char *cookie = g_strdup_printf (CLIPMOE_TOKEN_COOKIE "=%s; Path=/; Max-Age=%u; HttpOnly; SameSite=Strict",
                                  value, seconds);
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Set-Cookie", cookie);
  g_free (cookie);
}

/* The address without its token. */
static char *
without_token (const char *path, const ClipmoeHttpAsk *ask) {
  GString *out = g_string_new (path);
  char mark = '?';
  for (guint i = 0; i < ask->params->len; i++) {
    const ClipmoeHttpParam *p = ask->params->pdata[i];
    if (g_str_equal (p->name, "token"))
      continue;
    g_string_append_c (out, mark);
    g_string_append_uri_escaped (out, p->name, NULL, FALSE);
    g_string_append_c (out, '=');
    g_string_append_uri_escaped (out, p->value, NULL, FALSE);
    mark = '&';
  }
  return g_string_free (out, FALSE);
}

/* Whether the request may go on; if not, it was answered or will be, and @ask was taken. *status: see run().
 */
static gboolean
is_let_in (ClipmoeHttp *self, SoupServerMessage *message, const Route *route, ClipmoeHttpAsk *ask,
           const char *path, guint *status) {
  gboolean page = route->flags & CLIPMOE_ROUTE_PAGE;
  const char *query = page ? clipmoe_http_ask_get (ask, "token") : NULL;
  GSocketAddress *remote = soup_server_message_get_remote_address (message);
  char *address =
      G_IS_INET_SOCKET_ADDRESS (remote)
          ? g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (remote)))
          : g_strdup ("");
  ClipmoeTokenVerdict verdict =
      clipmoe_token_check (self->token, query, header (message, "Authorization"), header (message, "Cookie"),
                           address, g_get_monotonic_time () / G_USEC_PER_SEC);
  g_free (address);
  if (verdict == CLIPMOE_TOKEN_RIGHT && !query) {
    if (page && clipmoe_token_renews (self->token, header (message, "Cookie")))
      set_cookie (message, clipmoe_token_get_cookie (self->token), COOKIE_SECONDS);
    return TRUE;
  }
  if (verdict == CLIPMOE_TOKEN_NONE && page) {
    *status = 401; /* the page itself is no secret, and asks for the token */
    return TRUE;
  }
  if (verdict == CLIPMOE_TOKEN_RIGHT) {
    char *to = without_token (path, ask);
    set_cookie (message, clipmoe_token_get_cookie (self->token), COOKIE_SECONDS);
    soup_message_headers_replace (soup_server_message_get_response_headers (message), "Location", to);
    ClipmoeHttpReply reply;
    clipmoe_http_reply_init (&reply);
    reply.status = 303;
    reply_with (self, message, &reply);
    g_free (to);
  } else if (verdict == CLIPMOE_TOKEN_WRONG) {
    clipmoe_metrics_add (self->metrics, "clipmoe_http_wrong_tokens_total", "", 1);
    set_cookie (message, "", 0);
    g_timeout_add (CLIPMOE_TOKEN_DELAY * 1000, /* …_seconds() may be up to a quarter of one too early */
                   page && !route->lane ? answer_wrong_page : answer_wrong,
                   asked_new (self, message, route, ask, 401));
    ask = NULL;
  } else if (verdict == CLIPMOE_TOKEN_LOCKED) {
    refuse (self, message, 429, "too many wrong tokens came from this address", CLIPMOE_TOKEN_WINDOW);
  } else {
    refuse (self, message, 401, "a token is needed", 0);
  }
  clipmoe_http_ask_free (ask);
  return FALSE;
}

static void
handle (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *form, gpointer data) {
  ClipmoeHttp *self = data;
  const char *method = soup_server_message_get_method (message),
             *query = g_uri_get_query (soup_server_message_get_uri (message));
  gint64 id = 0;
  guint status = 0;
  GError *error = NULL;
  const Route *route = find_route (self, path, &id);
  gboolean post = g_str_equal (method, "POST");
  if (self->ends)
    refuse (self, message, 503, "this server ends", 1);
  else if (!self->token && !clipmoe_address_is_local_host (header (message, "Host")))
    refuse (self, message, 421, "this server answers to 127.0.0.1, [::1] and localhost alone", 0);
  else if (!route)
    refuse (self, message, 404, "there is nothing at this address", 0);
  else if (!(post && route->flags & CLIPMOE_ROUTE_POST) && !g_str_equal (method, "GET") &&
           !g_str_equal (method, "HEAD"))
    refuse (self, message, 405, "this method is not for this address", 0);
  else if (is_foreign (message, route))
    refuse (self, message, 403, "a page of another site asked", 0);
  else if (query && strlen (query) > CLIPMOE_MAX_ADDRESS)
    refuse (self, message, 414, "the address is longer than " G_STRINGIFY (CLIPMOE_MAX_ADDRESS) " bytes", 0);
  else {
    ClipmoeHttpAsk *ask = clipmoe_http_ask_new (query, &error);
    if (!ask) {
      refuse (self, message, 400, error->message, 0);
      g_error_free (error);
      return;
    }
    ask->id = id;
    if (post && !clipmoe_connection_drops_body (message))
      ask->body = soup_message_body_flatten (soup_server_message_get_request_body (message));
    if (!self->token || route->flags & CLIPMOE_ROUTE_OPEN ||
        is_let_in (self, message, route, ask, path, &status))
      run (self, message, route, ask, status);
  }
}

/* Whether handle() would look at the body of this POST: no others are waited for. */
static gboolean
is_body_wanted (const ClipmoeHttp *self, SoupServerMessage *message, const char *path) {
  gint64 id;
  const Route *route = find_route (self, path, &id);
  return route && route->flags & CLIPMOE_ROUTE_POST && !is_foreign (message, route) &&
         (!self->token ? clipmoe_address_is_local_host (header (message, "Host"))
                       : route->flags & CLIPMOE_ROUTE_OPEN ||
                             clipmoe_token_is_right (self->token, header (message, "Authorization"),
                                                     header (message, "Cookie")));
}

/* The headers are there, and the body is not read yet. What is refused is answered now. */
static void
handle_early (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *form,
              gpointer data) {
  ClipmoeHttp *self = data;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  SoupEncoding encoding = soup_message_headers_get_encoding (headers);
  const char *method = soup_server_message_get_method (message);
  gboolean post = g_str_equal (method, "POST");
  guint64 length = encoding == SOUP_ENCODING_CONTENT_LENGTH
                       ? (guint64)soup_message_headers_get_content_length (headers)
                       : 0;
  clipmoe_connection_moved (message);
  if (post ? encoding == SOUP_ENCODING_CONTENT_LENGTH && length <= self->body &&
                 is_body_wanted (self, message, path)
           : !length && encoding != SOUP_ENCODING_CHUNKED)
    return;
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  clipmoe_connection_drop_body (message);
  if (length > self->body)
    refuse (self, message, 413, "the body is larger than this server takes", 0);
  else if (post && encoding != SOUP_ENCODING_CONTENT_LENGTH)
    refuse (self, message, 411, "the length of the body is not said", 0);
  else if (g_str_equal (method, "GET") || g_str_equal (method, "HEAD"))
    refuse (self, message, 400, "a body where none belongs", 0);
  else
    handle (server, message, path, form, data); /* which refuses it */
}

/* A body that comes slowly moves. Less than this in the time of a connection does not. */
#define LEAST_BODY 16384

static void
got_chunk (SoupServerMessage *message, GBytes *chunk, gpointer data) {
  gsize *got = data;
  *got += g_bytes_get_size (chunk);
  if (*got < LEAST_BODY)
    return;
  *got = 0;
  clipmoe_connection_moved (message);
}

static void
free_count (gpointer data, GClosure *closure) {
  g_free (data);
}

static void
started (SoupServer *server, SoupServerMessage *message, gpointer data) {
  ClipmoeHttp *self = data;
  clipmoe_send_headers (message);
  g_signal_connect (message, "wrote-body-data", G_CALLBACK (clipmoe_connection_moved), NULL);
  g_signal_connect_data (message, "got-chunk", G_CALLBACK (got_chunk), g_new0 (gsize, 1), free_count,
                         G_CONNECT_DEFAULT);
  g_signal_connect (message, "wrote-headers", G_CALLBACK (answered), NULL);
  g_signal_connect (message, "finished", G_CALLBACK (finished), self);
}

/* A connection and its file are two descriptors. */
static void
allow_files (guint connections) {
  struct rlimit limit;
  rlim_t wanted = (rlim_t)connections * 2 + 200;
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
    limit.rlim_cur = MIN (wanted, limit.rlim_max);
    setrlimit (RLIMIT_NOFILE, &limit);
  }
}

ClipmoeHttp *
clipmoe_http_new (const ClipmoeHttpOptions *options, GError **error) {
  GSocketAddress *address = clipmoe_address_parse (options->listen, error);
  if (!address)
    return NULL;
  ClipmoeHttp *self = g_new0 (ClipmoeHttp, 1);
  self->loopback = clipmoe_address_is_loopback (address);
  self->body = options->body;
  self->most = options->connections;
  self->timeout = options->timeout;
  self->routes = g_array_new (FALSE, FALSE, sizeof (Route));
  self->asked = g_hash_table_new (NULL, NULL);
  self->metrics = clipmoe_metrics_new ();
  gboolean ok = FALSE;
  if (!self->loopback && !options->token_file)
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
        "%s can be reached from other machines: --token-file FILE is needed, with a word in FILE that "
        "lets people in",
        options->listen);
  else
    ok = !options->token_file || (self->token = clipmoe_token_load (options->token_file, error));
  if (ok) {
    allow_files (options->connections);
    self->server = soup_server_new ("raw-paths", TRUE, NULL);
    g_signal_connect (self->server, "request-started", G_CALLBACK (started), self);
    soup_server_add_early_handler (self->server, NULL, handle_early, self, NULL);
    soup_server_add_handler (self->server, NULL, handle, self, NULL);
    self->connections =
        clipmoe_connections_new (self->server, address, options->connections, options->timeout, error);
  }
  g_object_unref (address);
  if (!self->connections) {
    clipmoe_http_free (self);
    return NULL;
  }
  self->url = clipmoe_address_to_url (clipmoe_connections_get_address (self->connections));
  clipmoe_metrics_declare (self->metrics, "clipmoe_http_requests_total", CLIPMOE_METRIC_COUNTER,
                           "Requests that were answered, by status.");
  clipmoe_metrics_declare (self->metrics, "clipmoe_http_connections", CLIPMOE_METRIC_GAUGE,
                           "Connections that are open.");
  clipmoe_metrics_declare (self->metrics, "clipmoe_http_wrong_tokens_total", CLIPMOE_METRIC_COUNTER,
                           "Requests with a wrong token.");
  clipmoe_metrics_add (self->metrics, "clipmoe_http_wrong_tokens_total", "", 0);
  clipmoe_http_add (self, "/health", CLIPMOE_ROUTE_OPEN, health, NULL, NULL);
  clipmoe_http_add (self, "/metrics", 0, metrics, NULL, self);
  return self;
}

void
clipmoe_http_free (ClipmoeHttp *self) {
  if (!self)
    return;
  GHashTableIter iter;
  gpointer asked;
  /* What lanes have answered is on its way here. Requests come, too, and the lanes are gone. */
  self->ends = TRUE;
  if (self->connections)
    clipmoe_connections_stop (self->connections);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_hash_table_iter_init (&iter, self->asked);
  while (g_hash_table_iter_next (&iter, &asked, NULL))
    ((Asked *)asked)->http = NULL;
  for (guint i = 0; i < self->routes->len; i++)
    g_clear_pointer (&g_array_index (self->routes, Route, i).events, clipmoe_events_free);
  clipmoe_connections_free (self->connections);
  g_clear_object (&self->server);
  clipmoe_token_free (self->token);
  clipmoe_metrics_free (self->metrics);
  g_array_unref (self->routes);
  g_hash_table_unref (self->asked);
  g_free (self->url);
  g_free (self);
}

const char *
clipmoe_http_get_url (const ClipmoeHttp *self) {
  return self->url;
}

const char *
clipmoe_http_get_warning (const ClipmoeHttp *self) {
  return self->loopback
             ? NULL
             : "what is sent over this address is not encrypted, the token included: a server that "
               "speaks TLS belongs in front of it";
}

ClipmoeMetrics *
clipmoe_http_get_metrics (ClipmoeHttp *self) {
  return self->metrics;
}

void
clipmoe_http_set_more_metrics (ClipmoeHttp *self, void (*append) (GString *out, gpointer data),
                               gpointer data) {
  self->append_metrics = append;
  self->append_data = data;
}

void
clipmoe_http_add (ClipmoeHttp *self, const char *path, ClipmoeRouteFlags flags, ClipmoeHttpHandler handler,
                  ClipmoeLane *lane, gpointer data) {
  const Route route = {path, flags, handler, lane, data, NULL};
  g_array_append_val (self->routes, route);
}

/* Of all streams of events together; declared by the first. */
static void
declare_events (ClipmoeHttp *self) {
  for (guint i = 0; i < self->routes->len; i++)
    if (g_array_index (self->routes, Route, i).events)
      return;
  clipmoe_metrics_declare (self->metrics, "clipmoe_http_event_clients", CLIPMOE_METRIC_GAUGE,
                           "Clients that follow events.");
  clipmoe_metrics_declare (self->metrics, "clipmoe_http_event_clients_ended_total", CLIPMOE_METRIC_COUNTER,
                           "Clients that took events too slowly and were ended.");
  clipmoe_metrics_add (self->metrics, "clipmoe_http_event_clients", "", 0);
  clipmoe_metrics_add (self->metrics, "clipmoe_http_event_clients_ended_total", "", 0);
}

ClipmoeEvents *
clipmoe_http_add_events (ClipmoeHttp *self, const char *path, ClipmoeRouteFlags flags,
                         const ClipmoeEventsOptions *options) {
  ClipmoeEventsOptions o = *options;
  declare_events (self);
  o.clients = MIN (o.clients ? o.clients : CLIPMOE_EVENTS_CLIENTS, MAX (self->most / 2, 1));
  const Route route = {path, flags,
                       NULL, NULL,
                       NULL, clipmoe_events_new (&o, MIN (self->timeout * 1000 / 3, 15000), self->metrics)};
  g_array_append_val (self->routes, route);
  return route.events;
}
