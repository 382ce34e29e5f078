#include "json.h"

#include "file.h"
#include "foreign.h"

/* Bytes that jansson allocates for an object, a list, a string (or a key with its pair) and a number in a
 * list, rounded up by malloc. */
#define OBJECT_BYTES 224
#define LIST_BYTES 128
#define STRING_BYTES 80
#define NUMBER_BYTES 48

/* jansson recurses and allocates while it parses, so nesting and memory are counted first. */
static gboolean
check_size (const char *path, const char *text, gsize length, guint64 most, GError **error) {
  gboolean string = FALSE;
  guint depth = 0;
  guint64 memory = 0;
  for (gsize i = 0; i < length; i++) {
    if (string) {
      memory += 2; /* the text and the buffer that it grows in */
      if (text[i] == '\\')
        i++;
      else if (text[i] == '"')
        string = FALSE;
    } else if (text[i] == '"') {
      string = TRUE;
      memory += STRING_BYTES;
    } else if (text[i] == '{' || text[i] == '[') {
      memory += text[i] == '{' ? OBJECT_BYTES : LIST_BYTES;
      depth++;
    } else if (text[i] == '}' || text[i] == ']') {
      depth--; /* may wrap around, but then the text is not JSON */
    } else if (text[i] == ',') {
      memory += NUMBER_BYTES;
    }
    if (depth > CLIPMOE_MAX_JSON_DEPTH && depth < G_MAXINT) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT, "%s: JSON nested deeper than %d", path,
                   CLIPMOE_MAX_JSON_DEPTH);
      return FALSE;
    }
    if (memory > most) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                   "%s: JSON of more entries than %s: it would take more than %" G_GUINT64_FORMAT
                   " MiB of memory",
                   path, most == CLIPMOE_MAX_JSON_MEMORY ? "any model has" : "are expected here", most >> 20);
      return FALSE;
    }
  }
  return TRUE;
}

json_t *
clipmoe_json_parse (const char *path, const char *text, gsize length, GError **error) {
  return clipmoe_json_parse_within (path, text, length, CLIPMOE_MAX_JSON_MEMORY, error);
}

json_t *
clipmoe_json_parse_within (const char *path, const char *text, gsize length, guint64 most, GError **error) {
  json_error_t where;
  if (!check_size (path, text, length, most, error))
    return NULL;
  json_t *root = json_loadb (text, length, JSON_REJECT_DUPLICATES, &where);
  if (!root) {
    g_strdelimit (where.text, "\r\n\t", ' ');
    char *valid = g_utf8_make_valid (where.text, -1), *what = NULL;
    gsize skip = 0;
    while (skip < length && g_ascii_isspace (text[skip]))
      skip++;
    if (skip < length && text[skip] != '{' && text[skip] != '[') /* a truncated object is still JSON */
      what = clipmoe_foreign_describe ((const guint8 *)text, MIN (length, CLIPMOE_FOREIGN_HEAD), FALSE);
    if (what)
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s, expected JSON", path, what);
    else
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: not valid JSON at line %d, column %d: %.100s", path, where.line, where.column, valid);
    g_free (what);
    g_free (valid);
  }
  return root;
}

json_t *
clipmoe_json_text (const char *text) {
  char *valid = text ? g_utf8_make_valid (text, -1) : NULL;
  json_t *value = valid ? json_string (valid) : json_null ();
  g_free (valid);
  return value;
}

json_t *
clipmoe_json_read (const char *path, gsize limit, GError **error) {
  gsize length;
  char *text = clipmoe_file_read (path, limit, &length, error);
  json_t *root = text ? clipmoe_json_parse (path, text, length, error) : NULL;
  g_free (text);
  return root;
}
