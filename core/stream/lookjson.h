/* A look as one line of JSON, schema clipmoe.tags/1: the same on the bus, in lines that are published, and of
 * the command. */
#ifndef CLIPMOE_LOOK_JSON_H
#define CLIPMOE_LOOK_JSON_H

#include "look.h"

/* Returns (transfer full): the line without a line feed, UTF-8, the same in every locale. Free with
 * g_free(). */
char *clipmoe_look_to_json (const ClipmoeLook *look);

#endif
