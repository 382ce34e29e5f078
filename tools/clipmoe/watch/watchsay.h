/* What `clipmoe watch` says of a camera on stderr, a line each. Any thread. */
#ifndef CLIPMOE_WATCH_SAY_H
#define CLIPMOE_WATCH_SAY_H

#include <glib.h>

/* "NAME: SENTENCE". */
void watch_say (const char *name, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* The same for what is tried again and may fail each time: the 1st, 2nd, 4th, 8th … time, from the second on
 * with how often it was. What has not been said for an hour begins anew. @error: freed. */
void watch_say_trouble (const char *name, GError *error);

#endif
