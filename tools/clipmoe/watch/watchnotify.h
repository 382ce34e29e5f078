/* Tells systemd how a service is: a datagram to the socket that NOTIFY_SOCKET names. Nothing where it names
 * none. */
#ifndef CLIPMOE_WATCH_NOTIFY_H
#define CLIPMOE_WATCH_NOTIFY_H

#include <glib.h>

/* @state: lines such as "READY=1". */
void watch_notify (const char *state);
/* How often at least "WATCHDOG=1" is expected, in µs; 0: never. */
gint64 watch_notify_interval (void);

#endif
