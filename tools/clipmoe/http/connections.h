/* Accepts connections, so many and no more, and ends those on which nothing moves. One request each: who
 * holds one open without asking anything is the first to go when somebody else comes. The main thread. */
#ifndef CLIPMOE_CONNECTIONS_H
#define CLIPMOE_CONNECTIONS_H

#include <libsoup/soup.h>
#include <clipmoe/error.h>

typedef struct _ClipmoeConnections ClipmoeConnections;

/* Listens and hands connections to @server from the next turn of the main loop on. */
ClipmoeConnections *clipmoe_connections_new (SoupServer *server, GSocketAddress *address, guint most,
                                             guint timeout, GError **error);
/* Nobody else is let in; those that are there go on. */
void clipmoe_connections_stop (ClipmoeConnections *self);
void clipmoe_connections_free (ClipmoeConnections *self); /* NULL: nothing */
/* (transfer none): where it listens; the port is not 0. */
GSocketAddress *clipmoe_connections_get_address (ClipmoeConnections *self);
guint clipmoe_connections_get_n (ClipmoeConnections *self);
/* The connection of @message is read from or written to: it moved just now, and has to move again in time. */
void clipmoe_connection_moved (SoupServerMessage *message);
/* It waits for us. */
void clipmoe_connection_waits (SoupServerMessage *message);

#endif
