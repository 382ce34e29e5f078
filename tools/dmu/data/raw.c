#include "raw.h"

#include <string.h>
#include <base/json.h>

/* Whether the class is usable and has a name; *name is borrowed, or in *own (transfer full). */
static gboolean
name_of_class (const DmuSink *sink, const DmuRaw *raw, const char **name, char **own) {
  DmuCounts *counts = sink->counts;
  *name = raw->label;
  if (!raw->label || !*raw->label)
    return TRUE;
  if (raw->captions && raw->captions[0] && sink->classes && raw->folder && dmu_class_is_number (raw->label) &&
      !dmu_classes_have_names (sink->classes, raw->folder)) {
    dmu_counts_say (counts,
                    "numbers of classes without a classnames.txt are left aside where there are captions");
    *name = NULL;
    return TRUE;
  }
  if (strlen (raw->label) > DMU_MAX_CLASS) {
    dmu_counts_note (counts, &counts->lost, "%.200s: a class of more than %d bytes", raw->key, DMU_MAX_CLASS);
    return FALSE;
  }
  if (!g_utf8_validate (raw->label, -1, NULL)) {
    dmu_counts_note (counts, &counts->mended, "%.200s: a class that is not UTF-8", raw->key);
    *name = *own = g_utf8_make_valid (raw->label, -1);
  }
  GError *e = NULL;
  if (sink->classes && raw->folder &&
      !(*name = dmu_classes_name (sink->classes, raw->folder, *name, raw->key, &e))) {
    dmu_counts_note (counts, &counts->lost, "%.200s: %s", raw->key, e->message);
    g_error_free (e);
    return FALSE;
  }
  return TRUE;
}

gboolean
dmu_sink_pair (const DmuSink *sink, const DmuRaw *raw, GError **error) {
  gboolean words = (raw->captions && raw->captions[0]) || (raw->label && *raw->label),
           picture = raw->picture || raw->path, ok = TRUE;
  char *own = NULL;
  DmuRaw named = *raw;
  if (!words || !picture)
    dmu_counts_note (sink->counts, &sink->counts->orphans, "%.400s: %s", raw->key,
                     picture ? "a picture without words" : "words without a picture");
  else if (name_of_class (sink, raw, &named.label, &own))
    ok = sink->take (sink->data, &named, error);
  g_free (own);
  return ok;
}

static void
add_caption (GPtrArray *captions, const char *text, gsize length, const char *name, DmuCounts *counts) {
  if (captions->len >= DMU_MAX_CAPTIONS) {
    dmu_counts_note (counts, &counts->lost, "%.400s: more than %d captions", name, DMU_MAX_CAPTIONS);
  } else if (length > DMU_MAX_CAPTION) {
    dmu_counts_note (counts, &counts->lost, "%.400s: a caption of more than %d bytes", name, DMU_MAX_CAPTION);
  } else if (memchr (text, 0, length)) {
    dmu_counts_note (counts, &counts->lost, "%.400s: a caption with a zero byte in it, expected UTF-8", name);
  } else {
    char *valid = g_utf8_make_valid (text, (gssize)length);
    if (strlen (valid) != length || memcmp (valid, text, length) != 0)
      dmu_counts_note (counts, &counts->mended, "%.400s: a caption that is not UTF-8", name);
    g_strstrip (valid);
    if (*valid)
      g_ptr_array_add (captions, valid);
    else
      g_free (valid);
  }
}

char **
dmu_captions_split (const char *text, gsize length, const char *name, DmuCounts *counts) {
  GPtrArray *captions = g_ptr_array_new ();
  if (length >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0) {
    text += 3;
    length -= 3;
  }
  while (length) {
    const char *end = memchr (text, '\n', length);
    gsize n = end ? (gsize)(end - text) : length;
    /* text beyond the limit is not counted as a caption */
    gsize blank = 0;
    while (blank < n && g_ascii_isspace (text[blank]))
      blank++;
    if (blank < n)
      add_caption (captions, text, n, name, counts);
    n += end != NULL;
    text += n;
    length -= n;
  }
  g_ptr_array_add (captions, NULL);
  return (char **)g_ptr_array_free (captions, FALSE);
}

json_t *
dmu_json_open (const char *name, const char *text, gsize length, DmuCounts *counts) {
  GError *e = NULL;
  char *shown = dmu_quote (name, -1);
  if (length >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0) {
    text += 3;
    length -= 3;
  }
  json_t *root = clipmoe_json_parse (shown, text, length, &e);
  if (!json_is_object (root)) {
    if (e)
      dmu_counts_note (counts, &counts->broken, "%s", e->message);
    else
      dmu_counts_note (counts, &counts->broken, "%s: is no JSON object", shown);
    g_clear_error (&e);
    g_clear_pointer (&root, json_decref);
  }
  g_free (shown);
  return root;
}

static void
take_string (json_t *value, const char *name, DmuCounts *counts, char **out) {
  if (*out || !json_is_string (value) || !json_string_length (value))
    return;
  if (json_string_length (value) <= DMU_MAX_CLASS)
    *out = g_strdup (json_string_value (value));
  else
    dmu_counts_note (counts, &counts->lost, "%.400s: a class or source of more than %d bytes", name,
                     DMU_MAX_CLASS);
}

/* A class may be an unquoted number, also 3.0, which pandas writes for integer columns with gaps. */
static void
take_class (json_t *value, const char *name, DmuCounts *counts, char **out) {
  char number[G_ASCII_DTOSTR_BUF_SIZE] = "";
  if (*out || !value || json_is_null (value) || json_is_string (value)) {
    take_string (value, name, counts, out);
    return;
  }
  if (json_is_integer (value))
    g_snprintf (number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value (value));
  else if (json_is_real (value))
    g_ascii_formatd (number, sizeof number, "%.17g", json_real_value (value));
  if (dmu_class_is_number (number))
    *out = g_strdup (number);
  else
    dmu_counts_note (counts, &counts->lost, "%.400s: a class that is neither words nor a whole number", name);
}

static void
take_captions (json_t *value, const char *name, DmuCounts *counts, GPtrArray *captions) {
  gsize index;
  json_t *one;
  if (json_is_string (value))
    add_caption (captions, json_string_value (value), json_string_length (value), name, counts);
  json_array_foreach (value, index, one) {
    if (json_is_string (one))
      add_caption (captions, json_string_value (one), json_string_length (one), name, counts);
    else if (!json_is_null (one))
      dmu_counts_note (counts, &counts->lost, "%.400s: a caption that is no text", name);
  }
}

/* A field named @key, ignoring case, as the options do. */
static json_t *
field (json_t *root, const char *key) {
  const char *name;
  json_t *value = json_object_get (root, key), *other;
  if (!value)
    json_object_foreach (root, name, other) if (g_ascii_strcasecmp (name, key) == 0) return other;
  return value;
}

void
dmu_json_read (json_t *root, const char *name, const DmuSink *sink, GPtrArray *captions, char **label,
               char **source) {
  static const char *const words[] = {"caption", "captions", "text", "texts", "title"};
  char **keys = sink->keys ? sink->keys->caption : NULL;
  for (char **k = keys; captions && k && *k; k++)
    take_captions (field (root, *k), name, sink->counts, captions);
  for (guint i = 0; captions && !keys && i < G_N_ELEMENTS (words); i++)
    take_captions (json_object_get (root, words[i]), name, sink->counts, captions);
  take_class (json_object_get (root, "class"), name, sink->counts, label);
  take_class (json_object_get (root, "label"), name, sink->counts, label);
  take_string (json_object_get (root, "source"), name, sink->counts, source);
}

void
dmu_class_read (const char *text, gsize length, const char *name, DmuCounts *counts, char **label) {
  if (memchr (text, 0, length) || length > DMU_MAX_CLASS) {
    dmu_counts_note (counts, &counts->lost,
                     "%.400s: a class of more than %d bytes, or with a zero byte in it", name, DMU_MAX_CLASS);
    return;
  }
  char *own = g_strstrip (g_strndup (text, length));
  /* a word is preferred to a number */
  if (*own && (!*label || !dmu_class_is_number (own))) {
    g_free (*label);
    *label = g_steal_pointer (&own);
  }
  g_free (own);
}
