/* Writes a reply to a request. The main thread. */
#ifndef CLIPMOE_SEND_H
#define CLIPMOE_SEND_H

#include <libsoup/soup.h>
#include "exchange.h"

/* What every reply has, also those that libsoup makes. */
void clipmoe_send_headers (SoupServerMessage *message);
/* The message is in its handler, or paused, and then the caller lets it go on afterwards. What is in @reply
 * is taken. A file is read piece by piece in other threads, as the client takes it. */
void clipmoe_send (SoupServerMessage *message, ClipmoeHttpReply *reply);

#endif
