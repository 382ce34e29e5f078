/* A look as one line of JSON, schema clipmoe.tags/1: the same on the bus, in lines that are published, and of
 * the command. */
#ifndef CLIPMOE_LOOK_JSON_H
#define CLIPMOE_LOOK_JSON_H

#include "look.h"

/* Returns (transfer full): the line without a line feed, UTF-8, the same in every locale. Free with
 * g_free(). */
char *clipmoe_look_to_json (const ClipmoeLook *look);
/* The look that a line holds; it has no tagger and no sequence, and numbers as exact as they were written.
 * Keys that are not known are passed over. @where names the line in messages. Returns (transfer full): free
 * with clipmoe_look_free(); NULL: @error says which key holds something else than expected. */
ClipmoeLook *clipmoe_look_from_json (const char *text, gsize length, const char *where, GError **error);

#endif
