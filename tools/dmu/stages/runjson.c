#include "runjson.h"

#include <math.h>
#include <base/file.h>
#include <base/json.h>

#define MAX_FILE (256u << 20)
/* An evaluation lists every answer, so it is large. */
#define MAX_MEMORY (G_GUINT64_CONSTANT (2) << 30)

json_t *
dmu_json_number (double x) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  /* jansson cannot represent NaN and infinity, and its NULL would be used as a value */
  if (!isfinite (x))
    return json_null ();
  return json_real (g_ascii_strtod (g_ascii_formatd (text, sizeof text, "%.6f", x), NULL));
}

char *
dmu_json_plain (const char *json) {
  GString *s = g_string_new (NULL);
  for (const char *p = json; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    if ((c >= 127 && c < 160) || c == 0x2028 || c == 0x2029 ||
        (c < 0x10000 && g_unichar_type (c) == G_UNICODE_FORMAT))
      g_string_append_printf (s, "\\u%04x", c);
    else
      g_string_append_len (s, p, g_utf8_next_char (p) - p);
  }
  return g_string_free (s, FALSE);
}

json_t *
dmu_json_load (const char *path, GError **error) {
  gsize n;
  char *text = clipmoe_file_read (path, MAX_FILE, &n, error);
  json_t *root = text ? clipmoe_json_parse_within (path, text, n, MAX_MEMORY, error) : NULL;
  if (root && !json_is_object (root)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: is no JSON object", path);
    g_clear_pointer (&root, json_decref);
  }
  g_free (text);
  return root;
}

json_t *
dmu_json_load_in (const char *folder, const char *name, GError **error) {
  char *path = g_build_filename (folder, name, NULL);
  json_t *root = dmu_json_load (path, error);
  g_free (path);
  return root;
}

double
dmu_json_real (json_t *object, const char *key) {
  return json_number_value (json_object_get (object, key));
}

const char *
dmu_json_string (json_t *object, const char *key) {
  const char *s = json_string_value (json_object_get (object, key));
  return s ? s : "";
}
