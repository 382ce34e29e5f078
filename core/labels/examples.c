#include "examples.h"

#include <string.h>
#include "lines.h"

/* Signs that a backslash takes the meaning from; any other backslash stays. */
static char *
unescape (char *name) {
  char *to = name;
  for (const char *p = name; *p; p++) {
    if (*p == '\\' && p[1] && strchr ("=@;+", p[1]))
      p++;
    *to++ = *p;
  }
  *to = 0;
  return name;
}

/* The first + that stands between white space, or NULL. A \+ has no white space before its +. */
static char *
find_plus (char *text) {
  for (char *p = strchr (text, '+'); p; p = strchr (p + 1, '+'))
    if (p > text && g_ascii_isspace (p[-1]) && (!p[1] || g_ascii_isspace (p[1])))
      return p;
  return NULL;
}

static char *
find_end (char *name) {
  char *p = strchr (name, ';');
  while (p && p > name && p[-1] == '\\')
    p = strchr (p + 1, ';');
  return p;
}

char **
clipmoe_examples_cut (char **prompt, const char *path, const char *where, GError **error) {
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  char *folder = g_path_get_dirname (path), *plus = find_plus (*prompt), *words = NULL;
  const char *fault = NULL;
  gboolean in_place = g_str_equal (folder, ".");
  if (plus) {
    *plus = 0;
    words = clipmoe_lines_strip (g_strdup (plus + 1));
    if (!*words)
      fault = "expected words behind +, or \\+ for the sign itself";
  }
  for (char *p = *prompt + 1, *end; p; p = end) {
    end = find_end (p);
    if (end)
      *end++ = 0;
    char *name = unescape (clipmoe_lines_strip (g_strdup (p)));
    if (*name)
      g_ptr_array_add (paths, in_place || g_path_is_absolute (name) ? g_strdup (name)
                                                                    : g_build_filename (folder, name, NULL));
    g_free (name);
  }
  if (!fault && !paths->len)
    fault = "expected pictures behind @, or \\@ for the sign itself";
  g_free (folder);
  g_free (*prompt);
  *prompt = words;
  if (fault) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s", where, fault);
    g_ptr_array_unref (paths);
    return NULL;
  }
  g_ptr_array_add (paths, NULL);
  return (char **)g_ptr_array_free (paths, FALSE);
}

gboolean
clipmoe_examples_in_name (const char *name) {
  for (const char *p = strchr (name, '='); p; p = strchr (p + 1, '=')) {
    const char *behind = p + 1;
    while (g_ascii_isspace (*behind))
      behind++;
    if (*behind == '@' && (p == name || p[-1] != '\\'))
      return TRUE;
  }
  return FALSE;
}
