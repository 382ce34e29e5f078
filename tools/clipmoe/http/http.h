/* A server for programs of clipmoe, on libsoup 3: who may ask, how much may be asked for, and what every
 * reply says. Without a token only this machine is listened to, and only by its loopback name; `/health`,
 * `/metrics` and the token's page are here, the rest is routes.
 *
 * A program with a page, an answer of its own, a figure and events:
 *
 *   static const ClipmoeHttpPage pages[] = {{"/", "/clipmoe/page/index.html", "text/html; charset=utf-8"}};
 *
 *   static void
 *   answer_state (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data) {
 *     clipmoe_http_reply_json (reply, print_state (data));
 *   }
 *
 *   ClipmoeHttpArguments arguments = CLIPMOE_HTTP_ARGUMENTS;        // arguments.h: --listen, --token-file …
 *   …                                                               // CLIPMOE_HTTP_ENTRIES, …_check()
 *   ClipmoeHttpOptions options = clipmoe_http_arguments_options (&arguments, 0);
 *   ClipmoeHttp *http = clipmoe_http_new (&options, &error);
 *   clipmoe_http_add_pages (http, pages, G_N_ELEMENTS (pages));     // pages.h: files that are compiled in
 *   clipmoe_http_add (http, "/api/state", 0, answer_state, NULL, state);
 *   ClipmoeEvents *events = clipmoe_http_add_events (http, "/events", 0, &(ClipmoeEventsOptions){0});
 *   ClipmoeMetrics *metrics = clipmoe_http_get_metrics (http);      // metrics.h; any thread
 *   clipmoe_metrics_declare (metrics, "clipmoe_cameras", CLIPMOE_METRIC_GAUGE, "Cameras that run.");
 *   if (clipmoe_http_get_warning (http))
 *     clipmoe_say (clipmoe_http_get_warning (http));
 *   printf ("%s\n", clipmoe_http_get_url (http));
 *   g_main_loop_run (loop);                                         // the default main context
 *   clipmoe_http_free (http);
 *
 * What takes time is done in a lane (lane.h): threads with data of their own. All functions are for the main
 * thread, which is the one that runs the default main context, but for handlers of lanes, clipmoe_metrics_…
 * and clipmoe_events_send(). All routes are added before the main loop runs.
 *
 * What is true for every route, and need not be looked at by a handler:
 *  - A request whose token is missing or wrong, which a page of another site has made, or which names another
 *    host (without a token), never reaches it, and its body is not read.
 *  - A path has no part that was chosen by the client but a number. Parameters are UTF-8, at most 32, each
 *    at most once; clipmoe_http_ask_check() refuses those that the handler does not know.
 *  - The browser is forbidden everything from elsewhere and scripts in the page (plain.c): scripts and styles
 *    are files of their own, and what is shown is set as text.
 *  - One request a connection. Who is slow or silent holds nobody up and is ended.
 *
 * A program that links this may not load GStreamer's elements: their libsoup may be another one, and two in
 * one process abort it.
 */
#ifndef CLIPMOE_HTTP_H
#define CLIPMOE_HTTP_H

#include "events.h"
#include "exchange.h"
#include "lane.h"
#include "metrics.h"

typedef struct _ClipmoeHttp ClipmoeHttp;

typedef struct {
  const char *listen;     /* address.h */
  const char *token_file; /* (nullable): required unless `listen` is a loopback address */
  guint connections;      /* the most at a time; the process's limit on descriptors is raised for them */
  guint timeout;          /* seconds after which one on which nothing moves is ended */
  guint64 body;           /* bytes that a POST may have at most */
} ClipmoeHttpOptions;

#define CLIPMOE_HTTP_CONNECTIONS 256
#define CLIPMOE_HTTP_TIMEOUT 60

/* NULL: ARGUMENT or FORMAT (options), IO (cannot listen). It answers when the main loop runs. */
ClipmoeHttp *clipmoe_http_new (const ClipmoeHttpOptions *options, GError **error);
/* NULL: nothing. Lanes are the caller's, and are freed before; nobody sends events any more. */
void clipmoe_http_free (ClipmoeHttp *self);
/* "http://127.0.0.1:8765/"; (transfer none). */
const char *clipmoe_http_get_url (const ClipmoeHttp *self);
/* (nullable): a sentence for the user of one that other machines reach. A constant. */
const char *clipmoe_http_get_warning (const ClipmoeHttp *self);
/* (transfer none): clipmoe_http_… is declared; programs add their own. */
ClipmoeMetrics *clipmoe_http_get_metrics (ClipmoeHttp *self);
/* @append: adds figures to what a scrape gets that somebody else counts, in the same format. In the main
 * thread, and it must not take time. */
void clipmoe_http_set_more_metrics (ClipmoeHttp *self, void (*append) (GString *out, gpointer data),
                                    gpointer data);

typedef enum {
  CLIPMOE_ROUTE_POST = 1, /* POST, too, not GET and HEAD alone */
  CLIPMOE_ROUTE_OPEN = 2, /* without a token; for what is no secret */
  CLIPMOE_ROUTE_PAGE = 4, /* a page that people visit: others may link to it, and a token in its address
                             becomes a cookie. Without a right one its status is 401 */
} ClipmoeRouteFlags;

/* @path, a constant: "/thumb/#.jpg", where # is a number, or without one. @lane NULL: in the main thread, and
 * it must not take time. @data: for handlers without a lane. A path that is there already gets this handler
 * instead. */
void clipmoe_http_add (ClipmoeHttp *self, const char *path, ClipmoeRouteFlags flags,
                       ClipmoeHttpHandler handler, ClipmoeLane *lane, gpointer data);
/* A stream of events (events.h). (transfer none): it lives as long as @self. */
ClipmoeEvents *clipmoe_http_add_events (ClipmoeHttp *self, const char *path, ClipmoeRouteFlags flags,
                                        const ClipmoeEventsOptions *options);

#endif
