/* Where a server listens. */
#ifndef CLIPMOE_ADDRESS_H
#define CLIPMOE_ADDRESS_H

#include <gio/gio.h>
#include <clipmoe/error.h>

/* "127.0.0.1:8765", "[::1]:8765", "localhost:8765", "0.0.0.0:80"; port 0 is any that is free. Names are not
 * looked up. NULL: ARGUMENT. */
GSocketAddress *clipmoe_address_parse (const char *text, GError **error);
/* Whether only this machine reaches it. */
gboolean clipmoe_address_is_loopback (GSocketAddress *address);
/* "http://127.0.0.1:8765/"; free with g_free(). */
char *clipmoe_address_to_url (GSocketAddress *address);
/* Whether the header `Host` names this machine by its loopback address or as localhost. A page of another
 * host, whose name was made to lead here, has that host's name in it. */
gboolean clipmoe_address_is_local_host (const char *header);

#endif
