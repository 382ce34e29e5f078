/* A server for programs of clipmoe, on libsoup 3: who may ask, how much may be asked for, and what every
 * reply says. Without a token only this machine is listened to, and only by its loopback name; `/health`,
 * `/metrics` and the token's page are here, the rest is routes. The main thread, but for handlers of lanes.
 */
#ifndef CLIPMOE_HTTP_H
#define CLIPMOE_HTTP_H

#include "exchange.h"
#include "lane.h"
#include "metrics.h"

typedef struct _ClipmoeHttp ClipmoeHttp;

typedef struct {
  const char *listen;     /* address.h */
  const char *token_file; /* (nullable): required unless `listen` is a loopback address */
  guint connections;      /* the most at a time */
  guint timeout;          /* seconds after which one on which nothing moves is ended */
  guint64 body;           /* bytes that a POST may have at most */
} ClipmoeHttpOptions;

#define CLIPMOE_HTTP_CONNECTIONS 256
#define CLIPMOE_HTTP_TIMEOUT 60

/* NULL: ARGUMENT or FORMAT (options), IO (cannot listen). It answers when the main loop runs. */
ClipmoeHttp *clipmoe_http_new (const ClipmoeHttpOptions *options, GError **error);
/* Lanes are the caller's, and are freed before. */
void clipmoe_http_free (ClipmoeHttp *self);
/* "http://127.0.0.1:8765/"; (transfer none). */
const char *clipmoe_http_get_url (const ClipmoeHttp *self);
/* (nullable): a sentence for the user of one that other machines reach. A constant. */
const char *clipmoe_http_get_warning (const ClipmoeHttp *self);
/* (transfer none): clipmoe_http_… is declared; programs add their own. */
ClipmoeMetrics *clipmoe_http_get_metrics (ClipmoeHttp *self);

typedef enum {
  CLIPMOE_ROUTE_POST = 1, /* POST, too, not GET and HEAD alone */
  CLIPMOE_ROUTE_OPEN = 2, /* without a token; for what is no secret */
  CLIPMOE_ROUTE_PAGE = 4, /* a page that people visit: others may link to it, and a token in its address
                             becomes a cookie. Without a right one its status is 401 */
} ClipmoeRouteFlags;

/* @path, a constant: "/thumb/#.jpg", where # is a number, or without one. @lane NULL: in the main thread, and
 * it must not take time. @data: for handlers without a lane. */
void clipmoe_http_add (ClipmoeHttp *self, const char *path, ClipmoeRouteFlags flags,
                       ClipmoeHttpHandler handler, ClipmoeLane *lane, gpointer data);

#endif
