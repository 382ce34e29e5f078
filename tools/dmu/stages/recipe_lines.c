#include "recipe_lines.h"

#include <string.h>
#include <counts.h>

static gboolean
bad (const char *path, guint line, const char *group, const char *key, const char *what, GError **error) {
  char *g = dmu_quote (group, -1), *k = key ? dmu_quote (key, -1) : NULL;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: line %u: [%s]%s%s: %s", path, line, g,
               k ? " " : "", k ? k : "", what);
  g_free (g);
  g_free (k);
  return FALSE;
}

/* Writes down where @key of @group, or with NULL the group itself, stands; once. */
static gboolean
take (GHashTable *lines, const char *path, guint line, const char *group, const char *key, GError **error) {
  guint before = dmu_recipe_line_of (lines, group, key ? key : "");
  if (before) {
    char *what = g_strdup_printf ("stands in line %u already, expected each once", before);
    bad (path, line, group, key, what, error);
    g_free (what);
    return FALSE;
  }
  g_hash_table_insert (lines, g_strconcat (group, "\n", key ? key : "", NULL), GUINT_TO_POINTER (line));
  return TRUE;
}

static gboolean
take_group (GHashTable *lines, const char *path, guint line, const char *group, const char *const *groups,
            GError **error) {
  if (g_strv_contains (groups, group))
    return take (lines, path, line, group, NULL, error);
  char *all = g_strjoinv (", ", (char **)(gpointer)groups),
       *what = g_strdup_printf ("no such group, expected %s", all);
  bad (path, line, group, NULL, what, error);
  g_free (all);
  g_free (what);
  return FALSE;
}

GHashTable *
dmu_recipe_lines (const char *path, const char *text, const char *const *groups, GError **error) {
  GHashTable *lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  char **all = g_strsplit (text, "\n", -1), *group = NULL;
  gboolean ok = TRUE;
  for (guint i = 0; all[i] && ok; i++) {
    char *at = g_strstrip (all[i]), *end;
    if (*at == '[' && (end = strchr (at, ']'))) {
      *end = 0;
      group = at + 1;
      ok = take_group (lines, path, i + 1, group, groups, error);
    } else if (*at != '#' && group && (end = strchr (at, '='))) {
      *end = 0;
      g_strchomp (at);
      ok = strchr (at, '[') ? bad (path, i + 1, group, at, "no such key: there are none for languages", error)
                            : take (lines, path, i + 1, group, at, error);
    } /* what else it is, the key file says */
  }
  g_strfreev (all);
  if (!ok)
    g_clear_pointer (&lines, g_hash_table_unref);
  return lines;
}

guint
dmu_recipe_line_of (GHashTable *lines, const char *group, const char *key) {
  char *name = g_strconcat (group, "\n", key, NULL);
  guint line = GPOINTER_TO_UINT (g_hash_table_lookup (lines, name));
  g_free (name);
  return line;
}
