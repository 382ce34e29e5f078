/* Replies as bytes, for what libsoup does not answer: what every reply has, and how one is written. */
#ifndef CLIPMOE_PLAIN_H
#define CLIPMOE_PLAIN_H

#include <libsoup/soup.h>

/* What every reply has. */
void clipmoe_plain_headers (SoupMessageHeaders *headers);
/* What stands behind a status; a constant. */
const char *clipmoe_plain_phrase (guint status);
/* A whole reply with @headers and @body, or without (NULL); Content-Length is set by it. */
GString *clipmoe_plain_print (guint status, SoupMessageHeaders *headers, GBytes *body);
/* The same for an error, {"error": sentence}. @retry: seconds, 0: not said. */
GString *clipmoe_plain_fail (guint status, const char *sentence, guint retry);

#endif
