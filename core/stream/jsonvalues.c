#include "jsonvalues.h"

#include <math.h>

#define NS_PER_SECOND 1000000000

void
clipmoe_json_time (GString *out, guint64 ns) {
  g_string_append_printf (out, "%" G_GUINT64_FORMAT, ns / NS_PER_SECOND);
  guint rest = (guint)(ns % NS_PER_SECOND), digits = 9;
  if (!rest)
    return;
  for (; rest % 10 == 0; rest /= 10)
    digits--;
  g_string_append_printf (out, ".%0*u", (int)digits, rest);
}

void
clipmoe_json_number (GString *out, double value) {
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append (out, g_ascii_formatd (number, sizeof number, "%.6f", value));
}

gboolean
clipmoe_json_utc (GString *out, gint64 microseconds) {
  GDateTime *at = g_date_time_new_from_unix_utc (microseconds / G_USEC_PER_SEC);
  if (!at)
    return FALSE;
  char *text = g_date_time_format (at, "%Y-%m-%dT%H:%M:%S");
  g_string_append_printf (out, "\"%s.%03uZ\"", text, (guint)(microseconds / 1000 % 1000));
  g_free (text);
  g_date_time_unref (at);
  return TRUE;
}

gboolean
clipmoe_json_expected (const char *where, const char *key, const char *expected, GError **error) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: \"%s\": expected %s", where, key, expected);
  return FALSE;
}

gboolean
clipmoe_json_get_string (const json_t *object, const char *key, gboolean or_null, const char **value,
                         const char *where, GError **error) {
  json_t *found = json_object_get (object, key);
  *value = json_string_value (found);
  if (*value || (or_null && json_is_null (found)))
    return TRUE;
  return clipmoe_json_expected (where, key, or_null ? "a string or null" : "a string", error);
}

gboolean
clipmoe_json_get_time (const json_t *object, const char *key, guint64 *ns, const char *where,
                       GError **error) {
  json_t *found = json_object_get (object, key);
  double seconds = json_number_value (found), whole = floor (seconds);
  if (!json_is_number (found) || !(seconds >= 0) || !(whole <= (double)(G_MAXUINT64 / NS_PER_SECOND)))
    return clipmoe_json_expected (where, key, "seconds, 0 or more", error);
  guint64 rest = (guint64)nearbyint ((seconds - whole) * NS_PER_SECOND);
  *ns = (guint64)whole * NS_PER_SECOND;
  *ns += MIN (rest, G_MAXUINT64 - *ns);
  return TRUE;
}

gboolean
clipmoe_json_get_number (const json_t *object, const char *key, double most, double *value, const char *where,
                         GError **error) {
  json_t *found = json_object_get (object, key);
  *value = json_number_value (found);
  if (json_is_number (found) && fabs (*value) <= most)
    return TRUE;
  char *expected = g_strdup_printf ("a number from -%g to %g", most, most);
  clipmoe_json_expected (where, key, expected, error);
  g_free (expected);
  return FALSE;
}

gboolean
clipmoe_json_get_utc (const json_t *object, const char *key, gint64 *microseconds, const char *where,
                      GError **error) {
  json_t *found = json_object_get (object, key);
  *microseconds = 0;
  if (!found || json_is_null (found))
    return TRUE;
  const char *text = json_string_value (found);
  GDateTime *at = text ? g_date_time_new_from_iso8601 (text, NULL) : NULL;
  if (at) {
    *microseconds = g_date_time_to_unix (at) * G_USEC_PER_SEC + g_date_time_get_microsecond (at);
    g_date_time_unref (at);
  }
  if (!at || *microseconds < 0)
    return clipmoe_json_expected (where, key, "a time such as 2026-01-31T12:00:00.000Z", error);
  return TRUE;
}

json_t *
clipmoe_json_parse_schema (const char *text, gsize length, const char *schema, const char *where,
                           GError **error) {
  const char *found;
  json_t *root = clipmoe_json_parse (where, text, length, error);
  if (!root)
    return NULL;
  if (!clipmoe_json_get_string (root, "schema", FALSE, &found, where, error)) {
    json_decref (root);
    return NULL;
  }
  if (!g_str_equal (found, schema)) {
    char *shown = g_strdup_printf ("\"%s\"", schema);
    clipmoe_json_expected (where, "schema", shown, error);
    g_free (shown);
    json_decref (root);
    return NULL;
  }
  return root;
}
