/* Label lists and templates as people write them. */
#include "../clipmoe/labels.h"

#include <stdlib.h>
#include <string.h>
#include "../base/file.h"

#define MAX_FILE (16u << 20)
#define MAX_LABELS 100000
#define MAX_LABEL 8192
#define DEFAULT_TEMPLATE "a photo of a {}."

static void
label_free (gpointer data) {
  ClipmoeLabel *l = data;
  g_free (l->name);
  g_free (l->prompt);
  g_free (l);
}

static char *
strip (const char *text, gssize n) {
  return g_strstrip (g_strndup (text, n < 0 ? strlen (text) : (gsize)n));
}

/* Takes over @name and @prompt. */
static gboolean
add (GPtrArray *list, GHashTable *names, const char *where, char *name, char *prompt, double threshold,
     GError **error) {
  const char *fault = NULL;
  if (list->len >= MAX_LABELS)
    fault = "more than 100000 labels";
  else if (strlen (name) > MAX_LABEL || (prompt && strlen (prompt) > MAX_LABEL))
    fault = "a label longer than 8192 bytes";
  else if (!g_utf8_validate (name, -1, NULL) || (prompt && !g_utf8_validate (prompt, -1, NULL)))
    fault = "a label that is not UTF-8";
  else if (g_hash_table_contains (names, name))
    fault = "stands there twice";
  if (fault) {
    char *valid = g_utf8_make_valid (name, (gssize)MIN (strlen (name), 60));
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: label \"%s\": %s", where, valid, fault);
    g_free (valid);
    g_free (name);
    g_free (prompt);
    return FALSE;
  }
  ClipmoeLabel *l = g_new (ClipmoeLabel, 1);
  *l = (ClipmoeLabel){name, prompt, threshold};
  g_ptr_array_add (list, l);
  g_hash_table_add (names, name);
  return TRUE;
}

GPtrArray *
clipmoe_label_list_parse (const char *text, GError **error) {
  GPtrArray *list = g_ptr_array_new_with_free_func (label_free);
  GHashTable *names = g_hash_table_new (g_str_hash, g_str_equal);
  char **parts = g_strsplit (text, strchr (text, ';') ? ";" : ",", -1);
  gboolean ok = TRUE;
  for (char **p = parts; *p && ok; p++) {
    char *name = strip (*p, -1);
    if (*name)
      ok = add (list, names, "labels", name, NULL, NAN, error);
    else
      g_free (name);
  }
  g_strfreev (parts);
  g_hash_table_unref (names);
  if (!ok)
    g_clear_pointer (&list, g_ptr_array_unref);
  return list;
}

/* The last unescaped @sign, or NULL. */
static const char *
last_sign (const char *line, char sign) {
  for (const char *p = line + strlen (line); p-- > line;)
    if (*p == sign && (p == line || p[-1] != '\\'))
      return p;
  return NULL;
}

static char *
unescape (char *text) {
  char *to = text;
  for (const char *p = text; *p; p++) {
    if (*p == '\\' && (p[1] == '=' || p[1] == '@' || p[1] == '\\'))
      p++;
    *to++ = *p;
  }
  *to = 0;
  return g_strstrip (text);
}

static gboolean
parse_line (GPtrArray *list, GHashTable *names, const char *where, char *line, GError **error) {
  double threshold = NAN;
  const char *at = last_sign (line, '@');
  if (at && at > line && g_ascii_isspace (at[-1])) {
    char *number = strip (at + 1, -1), *end;
    double value = g_ascii_strtod (number, &end);
    if (*number && !*end && isfinite (value)) {
      threshold = value;
      line[at - line] = 0;
    }
    g_free (number);
  }
  char *equals = NULL;
  for (char *p = line; *p && !equals; p++)
    if (*p == '=' && (p == line || p[-1] != '\\'))
      equals = p;
  char *prompt = equals ? unescape (strip (equals + 1, -1)) : NULL,
       *name = unescape (strip (line, equals ? equals - line : -1));
  if (!*name || (prompt && !*prompt)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: expected label [= prompt] [@ threshold]",
                 where);
    g_free (name);
    g_free (prompt);
    return FALSE;
  }
  return add (list, names, where, name, prompt, threshold, error);
}

/* @path as it stands, else the installed @kind of that name. */
static char *
read_text (const char *kind, const char *path_or_name, char **path, gsize *length, GError **error) {
  *path = g_file_test (path_or_name, G_FILE_TEST_EXISTS) ? NULL : clipmoe_resource_find (kind, path_or_name);
  if (!*path)
    *path = g_strdup (path_or_name);
  char *text = clipmoe_file_read (*path, MAX_FILE, length, error);
  if (text && (!g_utf8_validate_len (text, *length, NULL))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: not UTF-8, or with a NUL", *path);
    g_clear_pointer (&text, g_free);
  }
  return text;
}

GPtrArray *
clipmoe_label_list_load (const char *path_or_name, GError **error) {
  char *path;
  gsize length;
  char *text = read_text ("labels", path_or_name, &path, &length, error);
  if (!text) {
    g_free (path);
    return NULL;
  }
  GPtrArray *list = g_ptr_array_new_with_free_func (label_free);
  GHashTable *names = g_hash_table_new (g_str_hash, g_str_equal);
  gboolean ok = TRUE;
  guint number = 1;
  for (char *p = g_str_has_prefix (text, "\357\273\277") ? text + 3 : text, *next; p && ok;
       p = next, number++) {
    next = strchr (p, '\n');
    if (next)
      *next++ = 0;
    gboolean comment = *p == '#';
    g_strstrip (p);
    if (!*p || comment)
      continue;
    char *where = g_strdup_printf ("%s:%u", path, number);
    ok = parse_line (list, names, where, p, error);
    g_free (where);
  }
  if (ok && !list->len) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no label in it, expected one a line", path);
    ok = FALSE;
  }
  g_hash_table_unref (names);
  g_free (text);
  g_free (path);
  if (!ok)
    g_clear_pointer (&list, g_ptr_array_unref);
  return list;
}

char **
clipmoe_templates_parse (const char *text, GError **error) {
  GPtrArray *list = g_ptr_array_new_with_free_func (g_free);
  char **parts, *file = NULL, *path = NULL;
  gsize length;
  if (!text)
    text = DEFAULT_TEMPLATE;
  if (g_str_equal (text, "none"))
    text = "{}";
  if (*text == '@') {
    if (!(file = read_text ("templates", text + 1, &path, &length, error))) {
      g_free (path);
      g_ptr_array_unref (list);
      return NULL;
    }
    parts = g_strsplit (file, "\n", -1);
  } else {
    path = g_strdup ("templates");
    parts = g_strsplit (text, ";", -1);
  }
  gboolean ok = TRUE;
  for (char **p = parts; *p && ok; p++) {
    g_strstrip (*p);
    if (!**p)
      continue;
    if (!strstr (*p, "{}") || strlen (*p) > MAX_LABEL || list->len >= 10000) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: \"%.60s\": expected a template with {} where the label goes", path, *p);
      ok = FALSE;
    }
    g_ptr_array_add (list, g_strdup (*p));
  }
  if (ok && !list->len) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no template in it", path);
    ok = FALSE;
  }
  g_strfreev (parts);
  g_free (file);
  g_free (path);
  g_ptr_array_add (list, NULL);
  if (!ok) {
    g_ptr_array_unref (list);
    return NULL;
  }
  return (char **)g_ptr_array_free (list, FALSE);
}
