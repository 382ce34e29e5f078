#include "raw.h"

#include <jansson.h>
#include <string.h>
#include <weights/json.h>

#define MAX_EXAMPLES 20

const char *const dmu_picture_endings[] = {"jpg", "jpeg", "png", "webp", "bmp",
                                           "gif", "ppm",  "tif", "tiff", NULL};

void
dmu_counts_init (DmuCounts *self) {
  *self = (DmuCounts){.examples = g_ptr_array_new_with_free_func (g_free)};
}

void
dmu_counts_clear (DmuCounts *self) {
  g_clear_pointer (&self->examples, g_ptr_array_unref);
}

void
dmu_counts_note (DmuCounts *self, guint64 *counter, const char *format, ...) {
  (*counter)++;
  if (self->examples->len >= MAX_EXAMPLES)
    return;
  va_list args;
  va_start (args, format);
  char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_ptr_array_add (self->examples, g_utf8_make_valid (text, -1));
  g_free (text);
}

gboolean
dmu_sink_pair (const DmuSink *sink, const DmuRaw *raw, GError **error) {
  gboolean words = (raw->captions && raw->captions[0]) || (raw->label && *raw->label),
           picture = raw->picture || raw->path;
  if (words && picture)
    return sink->take (sink->data, raw, error);
  dmu_counts_note (sink->counts, &sink->counts->orphans, "%s: %s", raw->key,
                   picture ? "a picture without words" : "words without a picture");
  return TRUE;
}

static void
add_caption (GPtrArray *captions, const char *text, gsize length) {
  if (captions->len >= DMU_MAX_CAPTIONS || length > DMU_MAX_CAPTION)
    return;
  char *copy = g_strndup (text, length), *valid = g_utf8_make_valid (copy, -1);
  g_strstrip (valid);
  if (*valid)
    g_ptr_array_add (captions, valid);
  else
    g_free (valid);
  g_free (copy);
}

char **
dmu_captions_split (const char *text, gsize length) {
  GPtrArray *captions = g_ptr_array_new ();
  while (length) {
    const char *end = memchr (text, '\n', length);
    gsize n = end ? (gsize)(end - text) : length;
    add_caption (captions, text, n);
    n += end != NULL;
    text += n;
    length -= n;
  }
  g_ptr_array_add (captions, NULL);
  return (char **)g_ptr_array_free (captions, FALSE);
}

static void
take_string (json_t *value, char **out) {
  if (!*out && json_is_string (value) && json_string_length (value) && json_string_length (value) <= 1024)
    *out = g_strdup (json_string_value (value));
}

void
dmu_json_read (const char *text, gsize length, GPtrArray *captions, char **label, char **source) {
  static const char *const words[] = {"caption", "captions", "text", "texts", "title"};
  json_t *root = json_loadb (text, length, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object (root)) {
    json_decref (root);
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    json_t *value = json_object_get (root, words[i]), *one;
    gsize index;
    if (json_is_string (value))
      add_caption (captions, json_string_value (value), json_string_length (value));
    json_array_foreach (value, index, one) if (json_is_string (one))
        add_caption (captions, json_string_value (one), json_string_length (one));
  }
  take_string (json_object_get (root, "class"), label);
  take_string (json_object_get (root, "label"), label);
  take_string (json_object_get (root, "source"), source);
  json_decref (root);
}
