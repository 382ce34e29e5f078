/* Accepts connections, so many and no more, and ends those on which nothing moves. One request each: who
 * holds one open without asking anything is the first to go when somebody else comes. A request is given to
 * libsoup when its head is whole (head.h). The main thread. */
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

/* Ends it, whatever is on its way; libsoup sees that in the next turn of the main loop. */
void clipmoe_connection_end (SoupServerMessage *message);
/* What is sent to it and not taken fills about @bytes of the system's memory, and not what it finds best, and
 * a client that has vanished without a word is given up after the time of a connection. */
void clipmoe_connection_bound_send (SoupServerMessage *message, gsize bytes);
/* Answers with @text, a whole reply, without waiting for the rest of the request: what still comes of it is
 * read and dropped, since a client that finds its connection closed while it writes never reads the answer.
 * @message is no longer libsoup's afterwards: nothing may be done with it but to let go of it. */
void clipmoe_connection_answer (SoupServerMessage *message, const GString *text);
/* Its request has a body that nobody will read: what answers it is clipmoe_connection_answer(). */
void clipmoe_connection_drop_body (SoupServerMessage *message);
gboolean clipmoe_connection_drops_body (SoupServerMessage *message);

#endif
