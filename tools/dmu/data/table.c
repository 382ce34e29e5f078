/* Manifests: one pair a row. The first line of CSV and TSV names the columns; JSONL has an object a line. */
#include <jansson.h>
#include <string.h>
#include <base/file.h>
#include "raw.h"

#define MAX_TABLE (1u << 30)
#define MAX_COLUMNS 256

enum { PICTURE, CAPTION, LABEL, SOURCE, N_ROLES };

static const char *const roles[N_ROLES][6] = {{"image", "filepath", "file", "path", "image_path", "filename"},
                                              {"caption", "text", "title", "captions"},
                                              {"class", "label"},
                                              {"source", "set"}};

/* The next field of @at, ended by @separator or the end of the line. CSV knows quotes, TSV does not; a quote
 * that is closed by nothing, or by one that something follows, makes the row *bad. Returns (transfer full)
 * the field; *at stands behind it, *last says that the row ends here. */
static char *
next_field (const char **at, const char *end, char separator, gboolean *last, gboolean *bad) {
  GString *field = g_string_new (NULL);
  const char *p = *at;
  gboolean quoted = separator == ',' && p < end && *p == '"', closed = FALSE;
  p += quoted;
  for (; p < end; p++) {
    if (quoted && *p == '"' && p + 1 < end && p[1] == '"') {
      g_string_append_c (field, *p++);
    } else if (quoted && *p == '"') {
      quoted = FALSE;
      closed = TRUE;
    } else if (!quoted && (*p == separator || *p == '\n')) {
      break;
    } else if (*p != '\r' || quoted) {
      *bad |= closed;
      g_string_append_c (field, *p);
    }
  }
  *bad |= quoted;
  *last = p >= end || *p == '\n';
  *at = p < end ? p + 1 : end;
  return g_string_free (field, FALSE);
}

/* NULL: the line is no row, *at stands behind it. What follows is read as if it had not been there. */
static GPtrArray *
next_row (const char **at, const char *end, char separator) {
  GPtrArray *row = g_ptr_array_new_with_free_func (g_free);
  const char *begin = *at, *line = memchr (begin, '\n', (gsize)(end - begin));
  gboolean last = FALSE, bad = FALSE;
  while (!last && !bad) {
    g_ptr_array_add (row, next_field (at, end, separator, &last, &bad));
    bad |= row->len > MAX_COLUMNS;
  }
  if (!bad)
    return row;
  *at = line ? line + 1 : end;
  g_ptr_array_unref (row);
  return NULL;
}

static int
role_of (const char *column) {
  for (int r = 0; r < N_ROLES; r++)
    for (guint i = 0; i < G_N_ELEMENTS (roles[r]) && roles[r][i]; i++)
      if (g_ascii_strcasecmp (column, roles[r][i]) == 0)
        return r;
  return -1;
}

static gboolean
take_row (const char *path, const char *folder, const char *set, const char *const values[N_ROLES],
          char **captions, const char *unit, guint64 number, const DmuSink *sink, GError **error) {
  char *key = g_strdup_printf ("%s: %s %" G_GUINT64_FORMAT, path, unit, number);
  const char *name = values[PICTURE];
  char *picture = !name || !*name             ? NULL
                  : g_path_is_absolute (name) ? g_strdup (name)
                                              : g_build_filename (folder, name, NULL);
  DmuRaw raw = {.key = key,
                .path = picture,
                .captions = captions,
                .label = values[LABEL],
                .source = values[SOURCE] && *values[SOURCE] ? values[SOURCE] : set};
  gboolean ok = dmu_sink_pair (sink, &raw, error);
  g_free (picture);
  g_free (key);
  return ok;
}

static gboolean
read_rows (const char *path, const char *text, gsize n, char separator, const char *folder, const char *set,
           const DmuSink *sink, GError **error) {
  const char *at = text, *end = text + n;
  if (n >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0)
    at += 3;
  GPtrArray *header = next_row (&at, end, separator);
  int columns[N_ROLES] = {-1, -1, -1, -1};
  guint n_columns = header ? header->len : 0;
  for (guint i = 0; i < n_columns; i++) {
    int r = role_of (g_strstrip (header->pdata[i]));
    if (r >= 0 && columns[r] < 0)
      columns[r] = (int)i;
  }
  if (header)
    g_ptr_array_unref (header);
  gboolean ok = columns[PICTURE] >= 0 && (columns[CAPTION] >= 0 || columns[LABEL] >= 0);
  if (!ok)
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
        "%s: the first line names no columns for pictures and words, expected image (or filepath) and "
        "caption (or title, text, class)",
        path);
  for (guint64 number = 2; ok && at < end; number++) {
    const char *values[N_ROLES] = {NULL};
    GPtrArray *row = next_row (&at, end, separator);
    if (!row || row->len > n_columns) {
      dmu_counts_note (sink->counts, &sink->counts->broken,
                       "%s: row %" G_GUINT64_FORMAT
                       " has more fields than the first line has names, or a quote that is not closed",
                       path, number);
      if (row)
        g_ptr_array_unref (row);
      continue;
    }
    gboolean blank = row->len == 1 && !*(char *)row->pdata[0];
    for (int r = 0; r < N_ROLES; r++)
      if (columns[r] >= 0 && (guint)columns[r] < row->len)
        values[r] = row->pdata[columns[r]];
    char **captions = values[CAPTION] ? dmu_captions_split (values[CAPTION], strlen (values[CAPTION])) : NULL;
    if (!blank)
      ok = take_row (path, folder, set, values, captions, "row", number, sink, error);
    g_strfreev (captions);
    g_ptr_array_unref (row);
  }
  return ok;
}

static gboolean
read_objects (const char *path, const char *text, gsize n, const char *folder, const char *set,
              const DmuSink *sink, GError **error) {
  const char *end = text + n;
  gboolean ok = TRUE;
  for (guint64 line = 1; ok && text < end; line++) {
    const char *stop = memchr (text, '\n', (gsize)(end - text));
    gsize length = stop ? (gsize)(stop - text) : (gsize)(end - text);
    const char *values[N_ROLES] = {NULL};
    json_t *root = length > 1 ? json_loadb (text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    GPtrArray *captions = g_ptr_array_new_with_free_func (g_free);
    char *label = NULL, *source = NULL;
    for (guint i = 0; i < G_N_ELEMENTS (roles[PICTURE]) && !values[PICTURE]; i++)
      values[PICTURE] = json_string_value (json_object_get (root, roles[PICTURE][i]));
    if (json_is_object (root)) {
      dmu_json_read (text, length, captions, &label, &source);
      g_ptr_array_add (captions, NULL);
      values[LABEL] = label;
      values[SOURCE] = source;
      ok = take_row (path, folder, set, values, (char **)captions->pdata, "line", line, sink, error);
    } else if (length > 1) {
      dmu_counts_note (sink->counts, &sink->counts->broken,
                       "%s: line %" G_GUINT64_FORMAT " is no JSON object", path, line);
    }
    g_ptr_array_unref (captions);
    g_free (label);
    g_free (source);
    json_decref (root);
    text += length + (stop != NULL);
  }
  return ok;
}

gboolean
dmu_table_read (const char *path, const DmuSink *sink, GError **error) {
  gsize n;
  char *text = clipmoe_file_read (path, MAX_TABLE, &n, error);
  if (!text)
    return FALSE;
  char *folder = g_path_get_dirname (path), *set = g_path_get_basename (path), *dot = strrchr (set, '.');
  gboolean lines = dot && g_ascii_strcasecmp (dot, ".jsonl") == 0,
           tabs = dot && g_ascii_strcasecmp (dot, ".tsv") == 0;
  if (dot)
    *dot = 0;
  gboolean ok = lines ? read_objects (path, text, n, folder, set, sink, error)
                      : read_rows (path, text, n, tabs ? '\t' : ',', folder, set, sink, error);
  g_free (folder);
  g_free (set);
  g_free (text);
  return ok;
}
