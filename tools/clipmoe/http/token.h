/* The word that lets somebody in from another machine. One thread. */
#ifndef CLIPMOE_TOKEN_H
#define CLIPMOE_TOKEN_H

#include <clipmoe/error.h>

typedef struct _ClipmoeToken ClipmoeToken;

typedef enum {
  CLIPMOE_TOKEN_RIGHT,
  CLIPMOE_TOKEN_NONE, /* none was brought */
  CLIPMOE_TOKEN_WRONG,
  CLIPMOE_TOKEN_LOCKED, /* too many wrong ones came from this address: it was not looked at. Never whom this
                           process has given a cookie, since behind a proxy all have one address */
} ClipmoeTokenVerdict;

#define CLIPMOE_TOKEN_COOKIE "clipmoe"
#define CLIPMOE_TOKEN_DELAY 1   /* seconds that the answer to a wrong one takes */
#define CLIPMOE_TOKEN_TRIES 10  /* wrong ones from one address … */
#define CLIPMOE_TOKEN_WINDOW 60 /* … within these seconds: then none is looked at until they are over */

/* Reads it: 16 to 512 letters, digits and signs without spaces, in one line. */
ClipmoeToken *clipmoe_token_load (const char *path, GError **error);
void clipmoe_token_free (ClipmoeToken *self);
/* Each may be NULL: @query: the parameter `token`; @bearer: the header Authorization; @cookies: the header
 * Cookie. @address: of the client; @now: seconds that only grow. How long it takes does not depend on how
 * much of the token is right. */
ClipmoeTokenVerdict clipmoe_token_check (ClipmoeToken *self, const char *query, const char *bearer,
                                         const char *cookies, const char *address, gint64 now);
/* (transfer none): the cookie's value, of this process; the token cannot be computed from it. Its first part
 * is right for every process with this token. */
const char *clipmoe_token_get_cookie (const ClipmoeToken *self);
/* Whether the right cookie among @cookies (nullable) was given by another process, and is to be given anew.
 */
gboolean clipmoe_token_renews (const ClipmoeToken *self, const char *cookies);

/* Whether one of them is right, without counting it: for what may be read of a request until
 * clipmoe_token_check() decides about it. */
gboolean clipmoe_token_is_right (const ClipmoeToken *self, const char *bearer, const char *cookies);

#endif
