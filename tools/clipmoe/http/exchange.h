/* What handlers see of HTTP: a request that was checked, and the reply to it. Plain data. */
#ifndef CLIPMOE_EXCHANGE_H
#define CLIPMOE_EXCHANGE_H

#include <clipmoe/error.h>

typedef struct {
  char *name, *value; /* UTF-8 */
} ClipmoeHttpParam;

typedef struct {
  gint64 id;         /* the number in the path; 0 where the route has none */
  GPtrArray *params; /* (element-type ClipmoeHttpParam): of the query, each name once */
  GBytes *body;      /* of a POST, else NULL */
} ClipmoeHttpAsk;

/* Parses the query of an address (without `?`; nullable). NULL: ARGUMENT, a sentence for the client. */
ClipmoeHttpAsk *clipmoe_http_ask_new (const char *query, GError **error);
void clipmoe_http_ask_free (ClipmoeHttpAsk *ask);
/* (transfer none): NULL where it was not given. */
const char *clipmoe_http_ask_get (const ClipmoeHttpAsk *ask, const char *name);
/* FALSE: ARGUMENT where a parameter has a name that is not in @known. */
gboolean clipmoe_http_ask_check (const ClipmoeHttpAsk *ask, const char *const *known, GError **error);
/* A number without sign from @least to @most; *value is left alone where it was not given. */
gboolean clipmoe_http_ask_number (const ClipmoeHttpAsk *ask, const char *name, gint64 least, gint64 most,
                                  gint64 *value, GError **error);

/* Begins as 200 without a body. */
typedef struct {
  guint status;
  const char *type; /* of the body; a constant */
  GBytes *body;     /* either this … */
  int fd; /* … or the first @size bytes of this open file, of which ranges are answered; -1: none */
  guint64 size;
  char *etag;        /* with its quotation marks, or NULL */
  guint keep;        /* seconds that a browser may keep it; 0: not at all */
  gboolean changes;  /* it may be kept, but must be asked for again by its etag each time */
  gboolean download; /* not to be shown by a browser as what it claims to be */
  guint retry;       /* seconds after which it is worth another try; 0: not said */
} ClipmoeHttpReply;

#define CLIPMOE_HTTP_JSON "application/json"

void clipmoe_http_reply_clear (ClipmoeHttpReply *reply);
void clipmoe_http_reply_init (ClipmoeHttpReply *reply);
/* @text is taken. */
void clipmoe_http_reply_json (ClipmoeHttpReply *reply, GString *text);
/* {"error": sentence} */
void clipmoe_http_reply_fail (ClipmoeHttpReply *reply, guint status, const char *sentence);
/* The same with the status that fits; frees @error. */
void clipmoe_http_reply_error (ClipmoeHttpReply *reply, GError *error);

/* @data: the lane's (lane.h), or the route's where it has no lane. */
typedef void (*ClipmoeHttpHandler) (const ClipmoeHttpAsk *ask, ClipmoeHttpReply *reply, gpointer data);

#endif
