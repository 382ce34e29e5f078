#include "clipmoemeta.h"

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

static void
json_string (GString *s, const char *text) {
  if (!text) {
    g_string_append (s, "null");
    return;
  }
  char *valid = g_utf8_make_valid (text, -1);
  g_string_append_c (s, '"');
  for (const char *p = valid; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    if (c == '"' || c == '\\')
      g_string_append_printf (s, "\\%c", (char)c);
    else if (c < 32 || c == 127 || (c >= 0x80 && c <= 0x9F) || c == 0x061C || (c >= 0x200E && c <= 0x200F) ||
             (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069)) /* what would act on a terminal */
      g_string_append_printf (s, "\\u%04x", c);
    else
      g_string_append_unichar (s, c);
  }
  g_string_append_c (s, '"');
  g_free (valid);
}

/* Seconds with at most nine decimals and no trailing zeros. */
static void
json_time (GString *s, GstClockTime t) {
  g_string_append_printf (s, "%" G_GUINT64_FORMAT, t / GST_SECOND);
  guint rest = (guint)(t % GST_SECOND), digits = 9;
  if (!rest)
    return;
  for (; rest % 10 == 0; rest /= 10)
    digits--;
  g_string_append_printf (s, ".%0*u", (int)digits, rest);
}

char *
clipmoe_look_to_json (const ClipmoeLook *look) {
  GString *s = g_string_new ("{\"schema\":\"clipmoe.tags/1\",\"source\":");
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  json_string (s, look->source);
  g_string_append (s, ",\"time\":");
  json_time (s, look->time);
  GDateTime *at = look->at ? g_date_time_new_from_unix_utc (look->at / G_USEC_PER_SEC) : NULL;
  if (at) {
    char *text = g_date_time_format (at, "%Y-%m-%dT%H:%M:%S");
    g_string_append_printf (s, ",\"at\":\"%s.%03uZ\"", text, (guint)(look->at / 1000 % 1000));
    g_free (text);
    g_date_time_unref (at);
  }
  g_string_append (s, ",\"age\":");
  json_time (s, look->age);
  g_string_append_printf (s, ",\"fresh\":%s,\"model\":", look->fresh ? "true" : "false");
  json_string (s, look->model);
  g_string_append (s, ",\"region\":");
  for (guint i = 0; look->has_region && i < 4; i++)
    g_string_append_printf (s, "%c%s", i ? ',' : '[',
                            g_ascii_formatd (number, sizeof number, "%.6f", look->region[i]));
  g_string_append (s, look->has_region ? "],\"tags\":[" : "null,\"tags\":[");
  for (guint i = 0; i < look->n_tags; i++) {
    g_string_append (s, i ? ",{\"label\":" : "{\"label\":");
    json_string (s, look->tags[i].label);
    g_string_append_printf (s, ",\"score\":%s",
                            g_ascii_formatd (number, sizeof number, "%.6f", look->tags[i].score));
    g_string_append_printf (s, ",\"cosine\":%s}",
                            g_ascii_formatd (number, sizeof number, "%.6f", look->tags[i].cosine));
  }
  g_string_append (s, "],\"embedding\":");
  if (look->embedding) {
    char *base64 = g_base64_encode ((const guchar *)look->embedding, look->embed * sizeof (float));
    g_string_append_printf (s, "{\"dtype\":\"f32\",\"shape\":[%u],\"base64\":\"%s\"}", look->embed, base64);
    g_free (base64);
  } else {
    g_string_append (s, "null");
  }
  g_string_append_c (s, '}');
  return g_string_free (s, FALSE);
}
