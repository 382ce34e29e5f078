/* Strict JSON from untrusted files: no duplicate keys, bounded depth, one sentence on failure. */
#ifndef CLIPMOE_JSON_H
#define CLIPMOE_JSON_H

#include <jansson.h>
#include "../clipmoe/error.h"
#include "../base/limits.h"

/* @path names the file in messages. Returns (transfer full): json_decref() it. */
json_t *clipmoe_json_parse (const char *path, const char *text, gsize length, GError **error);
/* The same with a limit of @most bytes instead of that for a model's files. */
json_t *clipmoe_json_parse_within (const char *path, const char *text, gsize length, guint64 most,
                                   GError **error);
/* A string in which invalid UTF-8 is U+FFFD; null for NULL. (transfer full) */
json_t *clipmoe_json_text (const char *text);
/* Parses a whole file of at most @limit bytes. */
json_t *clipmoe_json_read (const char *path, gsize limit, GError **error);

#endif
