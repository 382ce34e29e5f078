#include "clipmoemeta.h"

#include <stream/lookjson.h>

#include <string.h>

#define NAME "ClipmoeTags"

void
clipmoe_meta_register (void) {
  static gsize once;
  if (g_once_init_enter (&once)) {
    static const gchar *tags[] = {NULL};
    /* another module may have been first, and a second registration is a critical */
    if (!gst_meta_get_info (NAME))
      gst_meta_register_custom (NAME, tags, NULL, NULL, NULL);
    g_once_init_leave (&once, 1);
  }
}

/* Takes over @s. */
static void
append_structure (GValue *array, GstStructure *s) {
  GValue v = G_VALUE_INIT;
  g_value_init (&v, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&v, s);
  gst_value_array_append_and_take_value (array, &v);
}

static GstStructure *
look_structure (const ClipmoeLook *look) {
  GstStructure *s = gst_structure_new ("look", "source", G_TYPE_STRING, look->source, "model", G_TYPE_STRING,
                                       look->model, "time", G_TYPE_UINT64, look->time, "age", G_TYPE_UINT64,
                                       look->age, "fresh", G_TYPE_BOOLEAN, look->fresh, NULL);
  GValue tags = G_VALUE_INIT;
  g_value_init (&tags, GST_TYPE_ARRAY);
  for (guint i = 0; i < look->n_tags; i++)
    append_structure (&tags, gst_structure_new ("tag", "label", G_TYPE_STRING, look->tags[i].label, "score",
                                                G_TYPE_DOUBLE, look->tags[i].score, "cosine", G_TYPE_DOUBLE,
                                                look->tags[i].cosine, NULL));
  gst_structure_take_value (s, "tags", &tags);
  if (look->at)
    gst_structure_set (s, "at", G_TYPE_INT64, look->at, NULL);
  if (look->tagger)
    gst_structure_set (s, "tagger", G_TYPE_STRING, look->tagger, "sequence", G_TYPE_UINT64, look->sequence,
                       NULL);
  if (look->has_region) {
    GValue region = G_VALUE_INIT, v = G_VALUE_INIT;
    g_value_init (&region, GST_TYPE_ARRAY);
    g_value_init (&v, G_TYPE_DOUBLE);
    for (guint i = 0; i < 4; i++) {
      g_value_set_double (&v, look->region[i]);
      gst_value_array_append_value (&region, &v);
    }
    gst_structure_take_value (s, "region", &region);
  }
  if (look->embedding) {
    /* GBytes would do but for text: GStreamer writes their Base64 without quotes, and cannot read its "=" */
    GstBuffer *bytes = gst_buffer_new_memdup (look->embedding, look->embed * sizeof (float));
    gst_structure_set (s, "embedding", GST_TYPE_BUFFER, bytes, "embedding-type", G_TYPE_STRING, "f32", NULL);
    gst_buffer_unref (bytes);
  }
  return s;
}

/* Takes over @looks. */
static void
set_looks (GstStructure *s, GValue *looks) {
  gst_structure_set (s, "schema", G_TYPE_UINT, 1, NULL);
  gst_structure_take_value (s, "looks", looks);
}

GstStructure *
clipmoe_look_to_structure (const char *name, const ClipmoeLook *look) {
  GstStructure *s = gst_structure_new_empty (name);
  GValue looks = G_VALUE_INIT;
  g_value_init (&looks, GST_TYPE_ARRAY);
  append_structure (&looks, look_structure (look));
  set_looks (s, &looks);
  return s;
}

GstStructure *
clipmoe_look_to_message (const ClipmoeLook *look, const ClipmoeLookFrame *frame) {
  GstStructure *s = clipmoe_look_to_structure ("clipmoe-tags", look);
  char *json = clipmoe_look_to_json (look);
  gst_structure_set (s, "timestamp", G_TYPE_UINT64, frame->timestamp, "stream-time", G_TYPE_UINT64,
                     look->time, "running-time", G_TYPE_UINT64, frame->running_time, "duration",
                     G_TYPE_UINT64, frame->duration, "json", G_TYPE_STRING, json, NULL);
  g_free (json);
  return s;
}

void
clipmoe_meta_append (GstBuffer *buffer, const ClipmoeLook *look) {
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, NAME);
  GValue looks = G_VALUE_INIT;
  g_value_init (&looks, GST_TYPE_ARRAY);
  if (!meta)
    meta = gst_buffer_add_custom_meta (buffer, NAME);
  if (!meta)
    return;
  GstStructure *s = gst_custom_meta_get_structure (meta);
  const GValue *before = gst_structure_get_value (s, "looks");
  if (before && !GST_VALUE_HOLDS_ARRAY (before)) /* anybody can write a custom meta */
    before = NULL;
  for (guint i = 0; before && i < gst_value_array_get_size (before); i++)
    gst_value_array_append_value (&looks, gst_value_array_get_value (before, i));
  append_structure (&looks, look_structure (look));
  set_looks (s, &looks);
}
