/* Manifests: one pair a row. The first line of CSV and TSV names the columns; JSONL has an object a line. */
#include <string.h>
#include <base/file.h>
#include "readers.h"

#define MAX_TABLE (1u << 30)
#define MAX_COLUMNS 256

enum { PICTURE, CAPTION, LABEL, SOURCE, N_ROLES };

static const char *const roles[N_ROLES][6] = {{"image", "filepath", "file", "path", "image_path", "filename"},
                                              {"caption", "text", "title", "captions"},
                                              {"class", "label"},
                                              {"source", "set"}};

/* A table's syntax. */
typedef struct {
  char separator;
  gboolean quotes; /* fields may be quoted; in a .tsv quotes are ordinary characters, unless it begins with
                      one */
} Form;

/* Separators and their names in messages. */
static const struct {
  char separator;
  const char *name;
} separators[] = {{',', "commas"}, {'\t', "tabs"}, {';', "semicolons"}, {'|', "bars"}};

/* The next field of @at, ended by the separator or the end of the line. An unterminated quote, characters
 * after a closing quote, or a zero byte make the row *bad. Returns (transfer full) the field; *at is moved
 * behind it; *last: the row ends here. */
static char *
next_field (const char **at, const char *end, Form form, gboolean *last, gboolean *bad) {
  GString *field = g_string_new (NULL);
  const char *p = *at;
  gboolean quoted = form.quotes && p < end && *p == '"', closed = FALSE;
  p += quoted;
  for (; p < end; p++) {
    if (quoted && *p == '"' && p + 1 < end && p[1] == '"') {
      g_string_append_c (field, *p++);
    } else if (quoted && *p == '"') {
      quoted = FALSE;
      closed = TRUE;
    } else if (!quoted && (*p == form.separator || *p == '\n')) {
      break;
    } else if (*p != '\r' || quoted) {
      *bad |= closed || !*p;
      g_string_append_c (field, *p);
    }
  }
  *bad |= quoted;
  *last = p >= end || *p == '\n';
  *at = p < end ? p + 1 : end;
  return g_string_free (field, FALSE);
}

/* NULL: the line is not a valid row and is skipped; *at is moved behind it. */
static GPtrArray *
next_row (const char **at, const char *end, Form form) {
  GPtrArray *row = g_ptr_array_new_with_free_func (g_free);
  const char *begin = *at, *line = memchr (begin, '\n', (gsize)(end - begin));
  gboolean last = FALSE, bad = FALSE;
  while (!last && !bad) {
    g_ptr_array_add (row, next_field (at, end, form, &last, &bad));
    bad |= row->len > MAX_COLUMNS;
  }
  if (!bad)
    return row;
  *at = line ? line + 1 : end;
  g_ptr_array_unref (row);
  return NULL;
}

static int
role_of (const DmuMemberKeys *keys, const char *column) {
  for (int r = 0; r < N_ROLES; r++) {
    char **named = !keys ? NULL : r == PICTURE ? keys->image : r == CAPTION ? keys->caption : NULL;
    for (guint i = 0; named ? named[i] != NULL : i < G_N_ELEMENTS (roles[r]) && roles[r][i]; i++)
      if (g_ascii_strcasecmp (column, named ? named[i] : roles[r][i]) == 0)
        return r;
  }
  return -1;
}

/* The columns of a header in one syntax; -1 for none. */
typedef struct {
  int of[N_ROLES];
  guint n;
  gboolean enough; /* has pictures and captions */
} Columns;

static Columns
columns_of (const DmuMemberKeys *keys, const GPtrArray *header) {
  Columns c = {.of = {-1, -1, -1, -1}, .n = header ? header->len : 0};
  for (guint i = 0; i < c.n; i++) {
    int r = role_of (keys, g_strstrip (header->pdata[i]));
    if (r >= 0 && c.of[r] < 0)
      c.of[r] = (int)i;
  }
  c.enough = c.of[PICTURE] >= 0 && (c.of[CAPTION] >= 0 || c.of[LABEL] >= 0);
  return c;
}

/* Tries the separator that the file's ending implies, then the others, and takes the first with which the
 * header names pictures and captions. *at is moved behind the header. */
static gboolean
find_form (const char *path, const char **at, const char *end, gboolean tsv, const DmuSink *sink, Form *form,
           Columns *columns, GError **error) {
  guint usual = tsv ? 1 : 0;
  GString *found = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (separators); i++) {
    guint k = i == 0 ? usual : i == usual ? 0 : i; /* the usual one first */
    const char *behind = *at;
    /* if the first line is quoted, the others are too */
    *form = (Form){separators[k].separator,
                   !(tsv && separators[k].separator == '\t') || (behind < end && *behind == '"')};
    GPtrArray *header = next_row (&behind, end, *form);
    *columns = columns_of (sink->keys, header);
    /* for the message: the separator of the ending, or one that gives several columns */
    if (header && (!found || (header->len > 1 && found->str[0] == '1'))) {
      if (found)
        g_string_free (found, TRUE);
      found = g_string_new (NULL);
      g_string_printf (found, "%u column%s by %s (", header->len, header->len == 1 ? "" : "s",
                       separators[k].name);
      for (guint c = 0; c < header->len && c < 8; c++) {
        char *name = dmu_quote (header->pdata[c], (gssize)MIN (strlen (header->pdata[c]), 60));
        g_string_append_printf (found, "%s%s", c ? ", " : "", name);
        g_free (name);
      }
      g_string_append (found, header->len > 8 ? ", …)" : ")");
    }
    if (header)
      g_ptr_array_unref (header);
    if (!columns->enough)
      continue;
    if (k != usual)
      dmu_counts_say (sink->counts, "%s: read as separated by %s", path, separators[k].name);
    if (found)
      g_string_free (found, TRUE);
    *at = behind;
    return TRUE;
  }
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
               "%s: the first line has %s, expected one for pictures (image, filepath) and one for words "
               "(caption, title, "
               "text, class), or image-key and caption-key that say how they are called",
               path, found ? found->str : "no columns");
  if (found)
    g_string_free (found, TRUE);
  return FALSE;
}

static gboolean
take_row (const char *key, const char *folder, const char *set, const char *const values[N_ROLES],
          char **captions, const DmuSink *sink, GError **error) {
  const char *name = values[PICTURE];
  char *picture = !name || !*name             ? NULL
                  : g_path_is_absolute (name) ? g_strdup (name)
                                              : g_build_filename (folder, name, NULL);
  DmuRaw raw = {.key = key,
                .path = picture,
                .captions = captions,
                .label = values[LABEL],
                .folder = folder,
                .source = values[SOURCE] && *values[SOURCE] ? values[SOURCE] : set};
  gboolean ok = dmu_sink_pair (sink, &raw, error);
  g_free (picture);
  return ok;
}

/* Skips Excel's first line "sep=;" and blank lines. */
static const char *
skip_to_header (const char *at, const char *end) {
  for (;;) {
    const char *line = memchr (at, '\n', (gsize)(end - at)), *c = at;
    while (c < end && (*c == ' ' || *c == '\r'))
      c++;
    gboolean blank = line && c == line,
             sep = line && line - at <= 7 && line - at >= 5 && g_ascii_strncasecmp (at, "sep=", 4) == 0;
    if (!blank && !sep)
      return at;
    at = line + 1;
  }
}

static gboolean
read_rows (const char *path, const char *text, gsize n, gboolean tsv, const char *folder, const char *set,
           const DmuSink *sink, GError **error) {
  const char *at = text, *end = text + n;
  Form form;
  Columns columns;
  if (n >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0)
    at += 3;
  guint64 number = 2;
  const char *header = skip_to_header (at, end);
  for (; at < header; at++)
    number += *at == '\n';
  gboolean ok = find_form (path, &at, end, tsv, sink, &form, &columns, error);
  for (; ok && at < end; number++) {
    const char *values[N_ROLES] = {NULL};
    GPtrArray *row = next_row (&at, end, form);
    if (!row || row->len > columns.n) {
      dmu_counts_note (
          sink->counts, &sink->counts->broken,
          "%s: row %" G_GUINT64_FORMAT
          " has more fields than the first line has names, a quote that is not closed, or a zero byte",
          path, number);
      if (row)
        g_ptr_array_unref (row);
      continue;
    }
    gboolean blank = row->len == 1 && !*(char *)row->pdata[0];
    for (int r = 0; r < N_ROLES; r++)
      if (columns.of[r] >= 0 && (guint)columns.of[r] < row->len)
        values[r] = row->pdata[columns.of[r]];
    char *key = g_strdup_printf ("%s: row %" G_GUINT64_FORMAT, path, number),
         **captions = values[CAPTION]
                          ? dmu_captions_split (values[CAPTION], strlen (values[CAPTION]), key, sink->counts)
                          : NULL;
    if (!blank)
      ok = take_row (key, folder, set, values, captions, sink, error);
    g_free (key);
    g_strfreev (captions);
    g_ptr_array_unref (row);
  }
  return ok;
}

/* The picture's name in an object. */
static const char *
picture_of (json_t *root, const DmuMemberKeys *keys) {
  const char *name = NULL;
  for (guint i = 0; !(keys && keys->image) && i < G_N_ELEMENTS (roles[PICTURE]) && !name; i++)
    name = json_string_value (json_object_get (root, roles[PICTURE][i]));
  for (char **k = keys ? keys->image : NULL; k && *k && !name; k++)
    name = json_string_value (json_object_get (root, *k));
  return name;
}

static gboolean
is_blank (const char *text, gsize n) {
  for (gsize i = 0; i < n; i++)
    if (!g_ascii_isspace (text[i]))
      return FALSE;
  return TRUE;
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
    char *label = NULL, *source = NULL, *key = g_strdup_printf ("%s: line %" G_GUINT64_FORMAT, path, line);
    json_t *root = is_blank (text, length) ? NULL : dmu_json_open (key, text, length, sink->counts);
    if (root) {
      GPtrArray *captions = g_ptr_array_new_with_free_func (g_free);
      dmu_json_read (root, key, sink, captions, &label, &source);
      g_ptr_array_add (captions, NULL);
      values[PICTURE] = picture_of (root, sink->keys);
      values[LABEL] = label;
      values[SOURCE] = source;
      ok = take_row (key, folder, set, values, (char **)captions->pdata, sink, error);
      g_ptr_array_unref (captions);
    }
    g_free (label);
    g_free (source);
    g_free (key);
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
           tsv = dot && g_ascii_strcasecmp (dot, ".tsv") == 0;
  if (dot)
    *dot = 0;
  if (n >= 2 && (memcmp (text, "\xff\xfe", 2) == 0 || memcmp (text, "\xfe\xff", 2) == 0)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: is UTF-16, expected UTF-8", path);
    g_free (folder);
    g_free (set);
    g_free (text);
    return FALSE;
  }
  if (!memchr (text, '\n', n)) /* lines may end in \r alone */
    for (gsize i = 0; i < n; i++)
      if (text[i] == '\r')
        text[i] = '\n';
  gboolean ok = lines ? read_objects (path, text, n, folder, set, sink, error)
                      : read_rows (path, text, n, tsv, folder, set, sink, error);
  g_free (folder);
  g_free (set);
  g_free (text);
  return ok;
}
