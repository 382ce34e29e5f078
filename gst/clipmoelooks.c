#include "clipmoelooks.h"

#include <math.h>

/* No score or cosine is that large: what claims to be, or is no number, was written by somebody else. */
#define MOST 1000

/* An embedding is a row of floats; no model has so many. */
#define MOST_FLOATS 65536

const GstStructure *
clipmoe_looks_structure (GstBuffer *buffer) {
  /* asking for a meta that nobody registered yet is a critical */
  GstCustomMeta *meta =
      gst_meta_get_info ("ClipmoeTags") ? gst_buffer_get_custom_meta (buffer, "ClipmoeTags") : NULL;
  return meta ? gst_custom_meta_get_structure (meta) : NULL;
}

static const GValue *
looks_of (const GstStructure *s) {
  const GValue *looks = s ? gst_structure_get_value (s, "looks") : NULL;
  return looks && GST_VALUE_HOLDS_ARRAY (looks) ? looks : NULL;
}

const GstStructure *
clipmoe_looks_event (GstEvent *event) {
  const GstStructure *s =
      GST_EVENT_TYPE (event) == GST_EVENT_CUSTOM_DOWNSTREAM ? gst_event_get_structure (event) : NULL;
  return s && gst_structure_has_name (s, CLIPMOE_LOOK_EVENT) ? s : NULL;
}

guint
clipmoe_looks_count (const GstStructure *s) {
  const GValue *looks = looks_of (s);
  return looks ? gst_value_array_get_size (looks) : 0;
}

guint
clipmoe_looks_get_n (GstBuffer *buffer) {
  return clipmoe_looks_count (clipmoe_looks_structure (buffer));
}

static const GstStructure *
structure_at (const GValue *array, guint i) {
  const GValue *v = gst_value_array_get_value (array, i);
  return GST_VALUE_HOLDS_STRUCTURE (v) ? gst_value_get_structure (v) : NULL;
}

/* Floats in @bytes, copied. NULL: none, or no row of them. */
static float *
floats_in (GstBuffer *bytes, guint *n) {
  gsize size = bytes ? gst_buffer_get_size (bytes) : 0;
  if (!size || size % sizeof (float) || size > MOST_FLOATS * sizeof (float))
    return NULL;
  float *out = g_malloc (size);
  if (gst_buffer_extract (bytes, 0, out, size) != size)
    g_clear_pointer (&out, g_free);
  *n = out ? (guint)(size / sizeof (float)) : 0;
  return out;
}

static void
read_region (const GstStructure *s, ClipmoeLook *look) {
  const GValue *region = gst_structure_get_value (s, "region");
  gboolean ok = region && GST_VALUE_HOLDS_ARRAY (region) && gst_value_array_get_size (region) == 4;
  for (guint i = 0; ok && i < 4; i++) {
    const GValue *v = gst_value_array_get_value (region, i);
    look->region[i] = G_VALUE_HOLDS_DOUBLE (v) ? g_value_get_double (v) : NAN;
    ok = fabs (look->region[i]) < MOST; /* NaN is not */
  }
  look->has_region = ok;
}

gboolean
clipmoe_looks_get (GstBuffer *buffer, guint i, ClipmoeLook *look) {
  return clipmoe_looks_read (clipmoe_looks_structure (buffer), i, look);
}

gboolean
clipmoe_looks_read (const GstStructure *of, guint i, ClipmoeLook *look) {
  const GValue *looks = looks_of (of);
  *look = (ClipmoeLook){0};
  if (!looks || i >= gst_value_array_get_size (looks))
    return FALSE;
  const GstStructure *s = structure_at (looks, i);
  const GValue *tags = s ? gst_structure_get_value (s, "tags") : NULL;
  if (!s || !tags || !GST_VALUE_HOLDS_ARRAY (tags) ||
      !gst_structure_get (s, "time", G_TYPE_UINT64, &look->time, "age", G_TYPE_UINT64, &look->age, "fresh",
                          G_TYPE_BOOLEAN, &look->fresh, NULL))
    return FALSE;
  look->source = gst_structure_get_string (s, "source");
  look->model = gst_structure_get_string (s, "model");
  look->tagger = gst_structure_get_string (s, "tagger");
  if (!look->tagger || !*look->tagger || !gst_structure_get_uint64 (s, "sequence", &look->sequence))
    look->tagger = NULL;
  if (!gst_structure_get_int64 (s, "at", &look->at) || look->at < 0)
    look->at = 0;
  read_region (s, look);
  const GValue *embedding = gst_structure_get_value (s, "embedding");
  if (embedding && G_VALUE_HOLDS (embedding, GST_TYPE_BUFFER))
    look->embedding = look->owned = floats_in (gst_value_get_buffer (embedding), &look->embed);
  else if (embedding && G_VALUE_HOLDS (embedding, G_TYPE_BYTES) && g_value_get_boxed (embedding)) {
    GstBuffer *bytes = gst_buffer_new_wrapped_bytes (g_value_get_boxed (embedding)); /* others may write so */
    look->embedding = look->owned = floats_in (bytes, &look->embed);
    gst_buffer_unref (bytes);
  }
  guint n = gst_value_array_get_size (tags);
  ClipmoeTag *copy = g_new0 (ClipmoeTag, n + 1);
  for (guint t = 0; t < n; t++) {
    const GstStructure *tag = structure_at (tags, t);
    ClipmoeTag *to = &copy[look->n_tags];
    to->label = tag ? gst_structure_get_string (tag, "label") : NULL;
    if (to->label &&
        gst_structure_get (tag, "score", G_TYPE_DOUBLE, &to->score, "cosine", G_TYPE_DOUBLE, &to->cosine,
                           NULL) &&
        fabs (to->score) < MOST && fabs (to->cosine) < MOST)
      look->n_tags++;
  }
  look->tags = copy;
  return TRUE;
}

void
clipmoe_looks_clear (ClipmoeLook *look) {
  g_free ((gpointer)look->tags);
  g_free (look->owned);
  *look = (ClipmoeLook){0};
}
