/* An event as one line of JSON, schema clipmoe.event/1. */
#ifndef CLIPMOE_EVENT_JSON_H
#define CLIPMOE_EVENT_JSON_H

#include "../clipmoe/error.h"
#include "event.h"

/* Returns (transfer full): the line without a line feed, UTF-8, the same in every locale; every key is there.
 * Free with g_free(). */
char *clipmoe_event_to_json (const ClipmoeEvent *event);
/* The event that a line holds, as clipmoe_look_from_json() does it. Free with clipmoe_event_free(). */
ClipmoeEvent *clipmoe_event_from_json (const char *text, gsize length, const char *where, GError **error);

#endif
