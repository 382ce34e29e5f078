/* ShareGPT4V: a JSON list of objects with "image" and "conversations", whose second one is the caption. */
#include <jansson.h>
#include <string.h>
#include <base/file.h>
#include "raw.h"

#define MAX_LIST (2047u << 20)

static gboolean
take (const char *path, const char *folder, json_t *item, gsize index, const DmuSink *sink, GError **error) {
  const char *image = json_string_value (json_object_get (item, "image")),
             *words = json_string_value (
                 json_object_get (json_array_get (json_object_get (item, "conversations"), 1), "value"));
  char *key = g_strdup_printf ("%s: item %" G_GSIZE_FORMAT, path, index),
       *picture = image && *image ? g_build_filename (folder, image, NULL) : NULL,
       *line = g_strdup (words ? words : "");
  g_strdelimit (line, "\r\n", ' ');
  char **captions = dmu_captions_split (line, strlen (line));
  DmuRaw raw = {.key = key, .path = picture, .captions = captions, .source = "sharegpt4v"};
  gboolean ok = dmu_sink_pair (sink, &raw, error);
  g_strfreev (captions);
  g_free (line);
  g_free (picture);
  g_free (key);
  return ok;
}

gboolean
dmu_sharegpt_read (const char *path, const DmuSink *sink, GError **error) {
  gsize n, index;
  char *text = clipmoe_file_read (path, MAX_LIST, &n, error);
  if (!text)
    return FALSE;
  json_error_t e;
  json_t *root = json_loadb (text, n, JSON_REJECT_DUPLICATES, &e), *item;
  g_free (text);
  char *folder = g_path_get_dirname (path);
  gboolean ok = json_is_array (root);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: expected a JSON list of objects with image and conversations%s%s", path,
                 root ? "" : ": ", root ? "" : e.text);
  json_array_foreach (root, index, item) if (ok) ok = take (path, folder, item, index, sink, error);
  json_decref (root);
  g_free (folder);
  return ok;
}
