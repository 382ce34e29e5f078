/* Strict JSON from untrusted files: no duplicate keys, bounded depth, one sentence on failure. */
#ifndef CLIPMOE_JSON_H
#define CLIPMOE_JSON_H

#include <jansson.h>
#include "../clipmoe/error.h"
#include "../base/limits.h"

/* @path names the file in messages. Returns (transfer full): json_decref() it. */
json_t *clipmoe_json_parse (const char *path, const char *text, gsize length, GError **error);
/* Where more memory than a model's files need may be taken: @most bytes. */
json_t *clipmoe_json_parse_within (const char *path, const char *text, gsize length, guint64 most,
                                   GError **error);
/* The whole of a file of at most @limit bytes. */
json_t *clipmoe_json_read (const char *path, gsize limit, GError **error);

#endif
