#include "json.h"

#include "../base/file.h"

/* jansson recurses; nesting is counted before it may. */
static gboolean
too_deep (const char *text, gsize length) {
  gboolean string = FALSE;
  int depth = 0;
  for (gsize i = 0; i < length; i++) {
    if (string) {
      if (text[i] == '\\')
        i++;
      else if (text[i] == '"')
        string = FALSE;
    } else if (text[i] == '"') {
      string = TRUE;
    } else if (text[i] == '{' || text[i] == '[') {
      if (++depth > CLIPMOE_MAX_JSON_DEPTH)
        return TRUE;
    } else if (text[i] == '}' || text[i] == ']') {
      depth--;
    }
  }
  return FALSE;
}

json_t *
clipmoe_json_parse (const char *path, const char *text, gsize length, GError **error) {
  json_error_t where;
  if (too_deep (text, length)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT, "%s: JSON nested deeper than %d", path,
                 CLIPMOE_MAX_JSON_DEPTH);
    return NULL;
  }
  json_t *root = json_loadb (text, length, JSON_REJECT_DUPLICATES, &where);
  if (!root) {
    g_strdelimit (where.text, "\r\n\t", ' ');
    char *valid = g_utf8_make_valid (where.text, -1);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: not valid JSON at line %d, column %d: %.100s", path, where.line, where.column, valid);
    g_free (valid);
  }
  return root;
}

json_t *
clipmoe_json_read (const char *path, gsize limit, GError **error) {
  gsize length;
  char *text = clipmoe_file_read (path, limit, &length, error);
  json_t *root = text ? clipmoe_json_parse (path, text, length, error) : NULL;
  g_free (text);
  return root;
}
