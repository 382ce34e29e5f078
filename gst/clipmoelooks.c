#include "clipmoelooks.h"

#include <math.h>

/* No score or cosine is that large: what claims to be, or is no number, was written by somebody else. */
#define MOST 1000

static const GValue *
looks_of (GstBuffer *buffer) {
  /* asking for a meta that nobody registered yet is a critical */
  GstCustomMeta *meta =
      gst_meta_get_info ("ClipmoeTags") ? gst_buffer_get_custom_meta (buffer, "ClipmoeTags") : NULL;
  const GValue *looks = meta ? gst_structure_get_value (gst_custom_meta_get_structure (meta), "looks") : NULL;
  return looks && GST_VALUE_HOLDS_ARRAY (looks) ? looks : NULL;
}

guint
clipmoe_looks_get_n (GstBuffer *buffer) {
  const GValue *looks = looks_of (buffer);
  return looks ? gst_value_array_get_size (looks) : 0;
}

static const GstStructure *
structure_at (const GValue *array, guint i) {
  const GValue *v = gst_value_array_get_value (array, i);
  return GST_VALUE_HOLDS_STRUCTURE (v) ? gst_value_get_structure (v) : NULL;
}

gboolean
clipmoe_looks_get (GstBuffer *buffer, guint i, ClipmoeLook *look) {
  const GValue *looks = looks_of (buffer);
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
  const GValue *embedding = gst_structure_get_value (s, "embedding");
  if (embedding && G_VALUE_HOLDS (embedding, G_TYPE_BYTES) && g_value_get_boxed (embedding)) {
    gsize size;
    look->embedding = g_bytes_get_data (g_value_get_boxed (embedding), &size);
    look->embed = (guint)(size / sizeof (float));
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
  *look = (ClipmoeLook){0};
}
