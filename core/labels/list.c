/* Parses label lists: `label [= prompt] [@ threshold]`, `[group NAME]`. What pictures a prompt names is in
 * examples.c. */
#include <string.h>
#include "../clipmoe/labels.h"
#include "examples.h"
#include "lines.h"
#include "list.h"

typedef struct {
  GPtrArray *labels;
  GHashTable *names;   /* borrowed from the labels */
  GHashTable *groups;  /* all that were begun */
  char *group, *begun; /* the one that labels belong to now, and where it began; or NULL */
  guint in_group;      /* labels of it so far */
  guint pictures;      /* of all labels */
} List;

static List
list_new (void) {
  return (List){.labels = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_label_free),
                .names = g_hash_table_new (g_str_hash, g_str_equal),
                .groups = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL)};
}

/* Returns the labels, or NULL when not @ok. */
static GPtrArray *
list_free (List *self, gboolean ok) {
  g_hash_table_unref (self->names);
  g_hash_table_unref (self->groups);
  g_free (self->group);
  g_free (self->begun);
  if (!ok)
    g_clear_pointer (&self->labels, g_ptr_array_unref);
  return self->labels;
}

/* Takes over @name and @prompt. @pictures: (nullable): paths. */
static gboolean
add (List *list, const char *where, char *name, char *prompt, double threshold, char **pictures,
     GError **error) {
  guint n_pictures = pictures ? g_strv_length (pictures) : 0;
  const char *fault = NULL;
  ClipmoeError code = CLIPMOE_ERROR_FORMAT;
  if (list->labels->len >= CLIPMOE_MAX_LABELS) {
    fault = "more than " G_STRINGIFY (CLIPMOE_MAX_LABELS) " labels";
    code = CLIPMOE_ERROR_LIMIT;
  } else if (strlen (name) > CLIPMOE_MAX_LABEL || (prompt && strlen (prompt) > CLIPMOE_MAX_LABEL)) {
    fault = "longer than " G_STRINGIFY (CLIPMOE_MAX_LABEL) " bytes";
    code = CLIPMOE_ERROR_LIMIT;
  } else if (!g_utf8_validate (name, -1, NULL) || (prompt && !g_utf8_validate (prompt, -1, NULL))) {
    fault = "not UTF-8";
  } else if (g_hash_table_contains (list->names, name)) {
    fault = "stands there twice";
  } else if (list->group && g_str_equal (name, "unknown")) {
    fault = "is what a group is when none of its labels is there, expected another name";
  } else if (n_pictures > CLIPMOE_MAX_EXAMPLES) {
    fault = "more than " G_STRINGIFY (CLIPMOE_MAX_EXAMPLES) " pictures";
    code = CLIPMOE_ERROR_LIMIT;
  } else if (list->pictures + n_pictures > CLIPMOE_MAX_EXAMPLES_ALL) {
    fault = "more than " G_STRINGIFY (CLIPMOE_MAX_EXAMPLES_ALL) " pictures for all labels together";
    code = CLIPMOE_ERROR_LIMIT;
  }
  if (fault) {
    char *shown = clipmoe_lines_quote (name);
    g_set_error (error, CLIPMOE_ERROR, code, "%s: label \"%s\": %s", where, shown, fault);
    g_free (shown);
    g_free (name);
    g_free (prompt);
    return FALSE;
  }
  ClipmoeLabel *l = clipmoe_label_new (name, prompt, threshold);
  clipmoe_label_set_group (l, list->group);
  if (pictures)
    clipmoe_label_set_pictures (l, (const char *const *)pictures, where);
  list->pictures += n_pictures;
  list->in_group += list->group != NULL;
  g_ptr_array_add (list->labels, l);
  g_hash_table_add (list->names, (gpointer)l->name);
  g_free (name);
  g_free (prompt);
  return TRUE;
}

GPtrArray *
clipmoe_label_list_parse (const char *text, GError **error) {
  List list = list_new ();
  char sign = strchr (text, ';') ? ';' : ',';
  gboolean ok = TRUE;
  for (const char *p = text, *end; p && ok; p = end) {
    end = strchr (p, sign);
    char *name = clipmoe_lines_strip (g_strndup (p, end ? (gsize)(end++ - p) : strlen (p)));
    if (*name && clipmoe_examples_in_name (name)) {
      char *shown = clipmoe_lines_quote (name);
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "labels: \"%s\": expected words alone; a file of labels may name pictures", shown);
      g_free (shown);
      g_free (name);
      ok = FALSE;
    } else if (*name)
      ok = add (&list, "labels", name, NULL, NAN, NULL, error);
    else
      g_free (name);
  }
  return list_free (&list, ok);
}

/* The last @sign that is not escaped by a backslash, or NULL. */
static char *
last_sign (char *line, char sign) {
  for (char *p = line + strlen (line); p-- > line;)
    if (*p == sign && (p == line || p[-1] != '\\'))
      return p;
  return NULL;
}

/* Replaces \= and \@ by = and @ in place; any other backslash stays. */
static char *
unescape (char *text) {
  char *to = text;
  for (const char *p = text; *p; p++) {
    if (*p == '\\' && (p[1] == '=' || p[1] == '@'))
      p++;
    *to++ = *p;
  }
  *to = 0;
  return text;
}

/* Where @line's " @ number" begins, at its @. Other text behind @ belongs to the label; what only looks like
 * a number
 * ("0,5", "1e999") is an error, because the threshold would be lost silently. */
static gboolean
find_threshold (char *line, char **found, double *threshold, const char *where, GError **error) {
  char *at = last_sign (line, '@'), *end;
  *found = NULL;
  if (!at || !g_ascii_isspace (at == line ? at[1] : at[-1]))
    return TRUE;
  char *number = clipmoe_lines_strip (g_strdup (at + 1));
  gboolean ok = TRUE, digits = *number && strchr ("0123456789+-.,", *number) &&
                               strpbrk (number, "0123456789") && !number[strspn (number, "0123456789+-.,eE")];
  double value = g_ascii_strtod (number, &end);
  if (digits && !*end && isfinite (value)) {
    *threshold = value;
    *found = at;
  } else if (digits) {
    char *shown = clipmoe_lines_quote (number);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: \"@ %s\": expected a threshold such as 0.5, or \\@ for the sign itself", where, shown);
    g_free (shown);
    ok = FALSE;
  }
  g_free (number);
  return ok;
}

/* Cuts it off. */
static gboolean
take_threshold (char *line, double *threshold, const char *where, GError **error) {
  char *at;
  if (!find_threshold (line, &at, threshold, where, error))
    return FALSE;
  if (at)
    *at = 0;
  return TRUE;
}

char *
clipmoe_list_threshold (char *line) {
  char *at;
  double value;
  return find_threshold (line, &at, &value, "", NULL) ? at : NULL;
}

static gboolean
end_group (List *list, GError **error) {
  gboolean ok = !list->group || list->in_group > 1;
  if (!ok) {
    char *shown = clipmoe_lines_quote (list->group);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: group \"%s\": %s in it, expected two or more that exclude each other", list->begun,
                 shown, list->in_group ? "one label" : "no label");
    g_free (shown);
  }
  g_clear_pointer (&list->group, g_free);
  g_clear_pointer (&list->begun, g_free);
  list->in_group = 0;
  return ok;
}

/* @line: `[group NAME]` or `[]`. */
static gboolean
parse_section (List *list, const char *where, char *line, GError **error) {
  gsize length = strlen (line);
  const char *fault = NULL;
  ClipmoeError code = CLIPMOE_ERROR_FORMAT;
  char *shown = clipmoe_lines_quote (line), *name = NULL;
  if (!end_group (list, error)) {
    g_free (shown);
    return FALSE;
  }
  if (line[length - 1] == ']') {
    line[length - 1] = 0;
    name = clipmoe_lines_strip (line + 1);
  }
  if (name && !*name) {
    g_free (shown);
    return TRUE;
  }
  if (!name || !g_str_has_prefix (name, "group") || (name[5] && !g_ascii_isspace (name[5])) ||
      !*(name = clipmoe_lines_strip (name + 5))) {
    fault = "expected [group NAME], [] to end a group, or \\[ for a label that begins so";
  } else if (strlen (name) > CLIPMOE_MAX_LABEL) {
    fault = "longer than " G_STRINGIFY (CLIPMOE_MAX_LABEL) " bytes";
    code = CLIPMOE_ERROR_LIMIT;
  } else if (!g_hash_table_add (list->groups, g_strdup (name))) {
    fault = "this group stands there twice";
  }
  if (fault) {
    g_set_error (error, CLIPMOE_ERROR, code, "%s: %s: %s", where, shown, fault);
  } else {
    list->group = g_strdup (name);
    list->begun = g_strdup (where);
  }
  g_free (shown);
  return !fault;
}

static gboolean
parse_line (List *list, const char *path, const char *where, char *line, GError **error) {
  double threshold = NAN, early = NAN;
  if (line[0] == '[' && (g_str_has_suffix (line, "]") || g_str_has_prefix (line, "[group")))
    return parse_section (list, where, line, error);
  if (!take_threshold (line, &threshold, where, error))
    return FALSE;
  char *equals = NULL;
  for (char *p = line; *p && !equals; p++)
    if (*p == '=' && (p == line || p[-1] != '\\'))
      equals = p;
  if (equals)
    *equals++ = 0;
  if (equals && !take_threshold (line, &early, where, error))
    return FALSE;
  if (!isnan (early)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: a threshold in front of =, expected label [= prompt] [@ threshold]", where);
    return FALSE;
  }
  gboolean bracket = line[0] == '\\' && line[1] == '['; /* \[ begins a label and no section */
  char *name = clipmoe_lines_strip (unescape (g_strdup (line + bracket)));
  char *prompt = equals ? clipmoe_lines_strip (g_strdup (equals)) : NULL, **pictures = NULL;
  if (prompt && *prompt == '@' && strlen (prompt) <= CLIPMOE_MAX_LABEL &&
      !(pictures = clipmoe_examples_cut (&prompt, path, where, error))) {
    g_free (name);
    g_free (prompt);
    return FALSE;
  }
  if (prompt)
    unescape (prompt);
  if (!*name || (prompt && !*prompt)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: expected label [= prompt] [@ threshold]",
                 where);
    g_free (name);
    g_free (prompt);
    g_strfreev (pictures);
    return FALSE;
  }
  gboolean ok = add (list, where, name, prompt, threshold, pictures, error);
  g_strfreev (pictures);
  return ok;
}

GPtrArray *
clipmoe_list_read (const char *path_or_name, ClipmoeListSeen seen, gpointer data, GError **error) {
  ClipmoeLines lines;
  List list = list_new ();
  gboolean ok = clipmoe_lines_open (&lines, "labels", path_or_name, error);
  char *text = ok && seen ? g_strdup (lines.text) : NULL; /* lines are cut out of the other in place */
  for (char *line; ok && (line = clipmoe_lines_next (&lines));) {
    guint before = list.labels->len;
    char *where = g_strdup_printf ("%s:%u", lines.path, lines.number), *whole = seen ? g_strdup (line) : NULL;
    ok = parse_line (&list, lines.path, where, line, error);
    if (ok && seen && list.labels->len > before)
      seen (list.labels->pdata[before], text, strstr (text + (line - lines.text), whole), whole, data);
    g_free (where);
    g_free (whole);
  }
  g_free (text);
  ok = ok && end_group (&list, error);
  if (ok && !list.labels->len) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no label in it, expected one a line",
                 lines.path);
    ok = FALSE;
  }
  clipmoe_lines_clear (&lines);
  return list_free (&list, ok);
}

GPtrArray *
clipmoe_label_list_load (const char *path_or_name, GError **error) {
  return clipmoe_list_read (path_or_name, NULL, NULL, error);
}
