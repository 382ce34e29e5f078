/* ShareGPT4V: a JSON list of objects with "image" and "conversations", whose second one is the caption. Such
 * a list may be gigabytes: it is split here, and parsed one object at a time. */
#include <string.h>
#include <base/file.h>
#include "readers.h"

#define MAX_LIST (2047u << 20)
#define LIST "a JSON list of objects with image and conversations"

static gboolean
take (const char *path, const char *folder, json_t *item, guint64 index, const DmuSink *sink,
      GError **error) {
  const char *image = json_string_value (json_object_get (item, "image"));
  json_t *value = json_object_get (json_array_get (json_object_get (item, "conversations"), 1), "value");
  char *key = g_strdup_printf ("%s: item %" G_GUINT64_FORMAT, path, index),
       *picture = image && *image ? g_build_filename (folder, image, NULL) : NULL,
       *line =
           g_strndup (json_is_string (value) ? json_string_value (value) : "", json_string_length (value));
  g_strdelimit (line, "\r\n", ' ');
  char **captions = dmu_captions_split (line, strlen (line), key, sink->counts);
  DmuRaw raw = {.key = key, .path = picture, .captions = captions, .folder = folder, .source = "sharegpt4v"};
  gboolean ok = dmu_sink_pair (sink, &raw, error);
  g_strfreev (captions);
  g_free (line);
  g_free (picture);
  g_free (key);
  return ok;
}

static const char *
skip_blanks (const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
    at++;
  return at;
}

/* The comma or bracket that ends the item which begins at @at, or @end. */
static const char *
item_end (const char *at, const char *end) {
  gboolean string = FALSE;
  guint64 depth = 0;
  for (; at < end; at++) {
    if (string && *at == '\\')
      at++;
    else if (*at == '"')
      string = !string;
    else if (!string && (*at == '{' || *at == '['))
      depth++;
    else if (!string && depth && (*at == '}' || *at == ']'))
      depth--;
    else if (!string && !depth && (*at == ',' || *at == ']'))
      return at;
  }
  return end;
}

gboolean
dmu_sharegpt_read (const char *path, const DmuSink *sink, GError **error) {
  gsize n;
  char *text = clipmoe_file_read (path, MAX_LIST, &n, error);
  if (!text)
    return FALSE;
  const char *end = text + n, *at = text;
  if (n >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0)
    at += 3;
  at = skip_blanks (at, end);
  gboolean ok = at < end && *at == '[', closed = FALSE;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: expected " LIST, path);
  char *folder = g_path_get_dirname (path);
  guint64 index = 0;
  for (at += ok; ok && !closed && at < end; at++, index++) {
    at = skip_blanks (at, end);
    const char *stop = item_end (at, end);
    closed = stop < end && *stop == ']';
    if (!index && closed && at == stop) { /* an empty list */
      at++;
      break;
    }
    if (stop == end)
      break;
    if (*at != '{') {
      dmu_counts_note (sink->counts, &sink->counts->orphans, "%s: item %" G_GUINT64_FORMAT " is no object",
                       path, index);
      at = stop;
      continue;
    }
    char *name = g_strdup_printf ("%s: item %" G_GUINT64_FORMAT, path, index);
    json_t *item = dmu_json_open (name, at, (gsize)(stop - at), sink->counts);
    if (item)
      ok = take (path, folder, item, index, sink, error);
    json_decref (item);
    g_free (name);
    at = stop;
  }
  if (ok && !closed && !index) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: expected " LIST ", and it ends amid the first", path);
    ok = FALSE;
  } else if (ok && (!closed || skip_blanks (at, end) < end)) {
    dmu_counts_note (sink->counts, &sink->counts->broken, "%s: item %" G_GUINT64_FORMAT " %s", path, index,
                     closed ? "is followed by something else than the end" : "is cut");
  }
  g_free (text);
  g_free (folder);
  return ok;
}
