/* A connection to PostgreSQL is made in a thread of its own, so that who waits for it may leave. */
#ifndef CLIPMOE_PGCONNECT_H
#define CLIPMOE_PGCONNECT_H

#include <glib.h>
#include <libpq-fe.h>

/* As PQconnectdbParams() with an address in "dbname". NULL: no memory, or @leave (called some ten times a
 * second) returned TRUE first; what comes of it then is closed. */
PGconn *clipmoe_pg_connect_aside (const char *const *names, const char *const *values,
                                  gboolean (*leave) (gpointer data), gpointer data);

#endif
