/* The values that the JSON of looks and of events have in common, written and read. */
#ifndef CLIPMOE_JSON_VALUES_H
#define CLIPMOE_JSON_VALUES_H

#include "../base/json.h"

/* Appends ns as seconds with at most nine decimals and no trailing zeros. */
void clipmoe_json_time (GString *out, guint64 ns);
/* Appends a finite number with six decimals. */
void clipmoe_json_number (GString *out, double value);
/* Appends UTC, microseconds since 1970, as RFC 3339 in milliseconds, in quotation marks. FALSE: no calendar
 * has that year, and nothing was appended. */
gboolean clipmoe_json_utc (GString *out, gint64 microseconds);

/* What follows reads the member @key of @object. FALSE: it is missing, or is something else; @error names
 * @where, the key and what was expected. Strings are borrowed from @object. */
gboolean clipmoe_json_get_string (const json_t *object, const char *key, gboolean or_null, const char **value,
                                  const char *where, GError **error);
/* Seconds; to the ns up to 2^22 of them (48 days), and beyond as exact as a double is. */
gboolean clipmoe_json_get_time (const json_t *object, const char *key, guint64 *ns, const char *where,
                                GError **error);
/* A number whose magnitude is at most @most. */
gboolean clipmoe_json_get_number (const json_t *object, const char *key, double most, double *value,
                                  const char *where, GError **error);
/* A missing key, or null, is 0. */
gboolean clipmoe_json_get_utc (const json_t *object, const char *key, gint64 *microseconds, const char *where,
                               GError **error);
/* Sets @error: @where: "@key": @expected. Returns FALSE. */
gboolean clipmoe_json_expected (const char *where, const char *key, const char *expected, GError **error);
/* Parses one object whose "schema" is @schema. Returns (transfer full). */
json_t *clipmoe_json_parse_schema (const char *text, gsize length, const char *schema, const char *where,
                                   GError **error);

#endif
