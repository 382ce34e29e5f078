/* Templates: sentences with {} where a label goes. */
#include "../clipmoe/labels.h"

#include <string.h>
#include "lines.h"

#define DEFAULT_TEMPLATE "a photo of a {}."

static gboolean
add (GPtrArray *list, const char *where, const char *text, GError **error) {
  const char *fault = NULL;
  ClipmoeError code = CLIPMOE_ERROR_LIMIT;
  if (list->len >= CLIPMOE_MAX_TEMPLATES) {
    fault = "more than " G_STRINGIFY (CLIPMOE_MAX_TEMPLATES) " templates";
  } else if (strlen (text) > CLIPMOE_MAX_LABEL) {
    fault = "longer than " G_STRINGIFY (CLIPMOE_MAX_LABEL) " bytes";
  } else if (!g_utf8_validate (text, -1, NULL) || !strstr (text, "{}")) {
    fault = "expected a template in UTF-8 with {} where the label goes";
    code = CLIPMOE_ERROR_FORMAT;
  }
  if (fault) {
    char *shown = clipmoe_lines_quote (text);
    g_set_error (error, CLIPMOE_ERROR, code, "%s: \"%s\": %s", where, shown, fault);
    g_free (shown);
    return FALSE;
  }
  g_ptr_array_add (list, g_strdup (text));
  return TRUE;
}

static gboolean
load (GPtrArray *list, const char *path_or_name, GError **error) {
  ClipmoeLines lines;
  gboolean ok = clipmoe_lines_open (&lines, "templates", path_or_name, error);
  for (char *line; ok && (line = clipmoe_lines_next (&lines));) {
    char *where = g_strdup_printf ("%s:%u", lines.path, lines.number);
    ok = add (list, where, line, error);
    g_free (where);
  }
  if (ok && !list->len) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no template in it, expected one a line",
                 lines.path);
    ok = FALSE;
  }
  clipmoe_lines_clear (&lines);
  return ok;
}

static gboolean
parse (GPtrArray *list, const char *text, GError **error) {
  gboolean ok = TRUE;
  for (const char *p = text, *end; p && ok; p = end) {
    end = strchr (p, ';');
    char *one = clipmoe_lines_strip (g_strndup (p, end ? (gsize)(end++ - p) : strlen (p)));
    ok = !*one || add (list, "templates", one, error);
    g_free (one);
  }
  if (ok && !list->len) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "templates: expected one or more, or none");
    ok = FALSE;
  }
  return ok;
}

char **
clipmoe_templates_parse (const char *text, GError **error) {
  GPtrArray *list = g_ptr_array_new_with_free_func (g_free);
  if (!text)
    text = DEFAULT_TEMPLATE;
  if (g_str_equal (text, "none"))
    text = "{}";
  if (*text == '@' ? !load (list, text + 1, error) : !parse (list, text, error)) {
    g_ptr_array_unref (list);
    return NULL;
  }
  g_ptr_array_add (list, NULL);
  return (char **)g_ptr_array_free (list, FALSE);
}
