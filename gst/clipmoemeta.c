#include "clipmoemeta.h"

#include <string.h>

#define NAME "ClipmoeTags"

void
clipmoe_meta_register (void) {
  static gsize once;
  if (g_once_init_enter (&once)) {
    static const gchar *tags[] = {NULL};
    if (!gst_meta_get_info (
            NAME)) /* another module may have been first, and a second registration is a critical */
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
  if (look->embedding) {
    GBytes *bytes = g_bytes_new (look->embedding, look->embed * sizeof (float));
    gst_structure_set (s, "embedding", G_TYPE_BYTES, bytes, "embedding-type", G_TYPE_STRING, "f32", NULL);
    g_bytes_unref (bytes);
  }
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
  for (guint i = 0; before && i < gst_value_array_get_size (before); i++)
    gst_value_array_append_value (&looks, gst_value_array_get_value (before, i));
  append_structure (&looks, look_structure (look));
  gst_structure_set (s, "schema", G_TYPE_UINT, 1, NULL);
  gst_structure_take_value (s, "looks", &looks);
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
    else if (c < 32 || c == 127 || (c >= 0x80 && c <= 0x9F) || (c >= 0x200E && c <= 0x200F) ||
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
  g_string_append (s, ",\"age\":");
  json_time (s, look->age);
  g_string_append_printf (s, ",\"fresh\":%s,\"model\":", look->fresh ? "true" : "false");
  json_string (s, look->model);
  g_string_append (s, ",\"region\":null,\"tags\":[");
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

static gboolean
format_from_gst (GstVideoFormat format, ClipmoeFormat *out) {
  static const struct {
    GstVideoFormat gst;
    ClipmoeFormat core;
  } table[] = {{GST_VIDEO_FORMAT_RGB, CLIPMOE_FORMAT_RGB},
               {GST_VIDEO_FORMAT_BGR, CLIPMOE_FORMAT_BGR},
               {GST_VIDEO_FORMAT_RGBx, CLIPMOE_FORMAT_RGBX},
               {GST_VIDEO_FORMAT_RGBA, CLIPMOE_FORMAT_RGBX},
               {GST_VIDEO_FORMAT_BGRx, CLIPMOE_FORMAT_BGRX},
               {GST_VIDEO_FORMAT_BGRA, CLIPMOE_FORMAT_BGRX},
               {GST_VIDEO_FORMAT_xRGB, CLIPMOE_FORMAT_XRGB},
               {GST_VIDEO_FORMAT_ARGB, CLIPMOE_FORMAT_XRGB},
               {GST_VIDEO_FORMAT_xBGR, CLIPMOE_FORMAT_XBGR},
               {GST_VIDEO_FORMAT_ABGR, CLIPMOE_FORMAT_XBGR},
               {GST_VIDEO_FORMAT_GRAY8, CLIPMOE_FORMAT_GRAY8},
               {GST_VIDEO_FORMAT_NV12, CLIPMOE_FORMAT_NV12},
               {GST_VIDEO_FORMAT_NV21, CLIPMOE_FORMAT_NV21},
               {GST_VIDEO_FORMAT_I420, CLIPMOE_FORMAT_I420},
               {GST_VIDEO_FORMAT_YV12, CLIPMOE_FORMAT_YV12},
               {GST_VIDEO_FORMAT_Y42B, CLIPMOE_FORMAT_Y42B},
               {GST_VIDEO_FORMAT_Y444, CLIPMOE_FORMAT_Y444},
               {GST_VIDEO_FORMAT_YUY2, CLIPMOE_FORMAT_YUY2},
               {GST_VIDEO_FORMAT_UYVY, CLIPMOE_FORMAT_UYVY},
               {GST_VIDEO_FORMAT_P010_10LE, CLIPMOE_FORMAT_P010_10LE},
               {GST_VIDEO_FORMAT_I420_10LE, CLIPMOE_FORMAT_I420_10LE},
               {GST_VIDEO_FORMAT_I422_10LE, CLIPMOE_FORMAT_I422_10LE},
               {GST_VIDEO_FORMAT_Y444_10LE, CLIPMOE_FORMAT_Y444_10LE}};
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (table[i].gst == format) {
      *out = table[i].core;
      return TRUE;
    }
  return FALSE;
}

gboolean
clipmoe_image_from_frame (ClipmoeImage *image, const GstVideoFrame *frame) {
  const GstVideoInfo *info = &frame->info;
  memset (image, 0, sizeof *image);
  if (!format_from_gst (GST_VIDEO_INFO_FORMAT (info), &image->format))
    return FALSE;
  image->width = (guint)GST_VIDEO_INFO_WIDTH (info);
  image->height = (guint)GST_VIDEO_INFO_HEIGHT (info);
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (frame) && i < 3; i++) {
    guint plane = i;
    if (image->format == CLIPMOE_FORMAT_YV12 && i) /* memory has V first; a view has U first */
      plane = 3 - i;
    image->planes[plane] = GST_VIDEO_FRAME_PLANE_DATA (frame, i);
    image->strides[plane] = GST_VIDEO_FRAME_PLANE_STRIDE (frame, i);
  }
  switch (info->colorimetry.matrix) {
  case GST_VIDEO_COLOR_MATRIX_BT709:
    image->matrix = CLIPMOE_MATRIX_BT709;
    break;
  case GST_VIDEO_COLOR_MATRIX_BT601:
    image->matrix = CLIPMOE_MATRIX_BT601;
    break;
  case GST_VIDEO_COLOR_MATRIX_BT2020:
    image->matrix = CLIPMOE_MATRIX_BT2020;
    break;
  default:
    break;
  }
  image->range =
      info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255 ? CLIPMOE_RANGE_FULL : CLIPMOE_RANGE_LIMITED;
  GstVideoChromaSite site = GST_VIDEO_INFO_CHROMA_SITE (info);
  if (site != GST_VIDEO_CHROMA_SITE_UNKNOWN)
    image->site = (site & GST_VIDEO_CHROMA_SITE_NONE ? CLIPMOE_SITE_CENTRED : 0) |
                  (site & GST_VIDEO_CHROMA_SITE_H_COSITED ? CLIPMOE_SITE_H_COSITED : 0) |
                  (site & GST_VIDEO_CHROMA_SITE_V_COSITED ? CLIPMOE_SITE_V_COSITED : 0);
  image->par_n = (guint)GST_VIDEO_INFO_PAR_N (info);
  image->par_d = (guint)GST_VIDEO_INFO_PAR_D (info);
  GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (frame->buffer);
  if (crop && crop->width && crop->height) {
    image->crop_x = crop->x;
    image->crop_y = crop->y;
    image->crop_width = crop->width;
    image->crop_height = crop->height;
  }
  return TRUE;
}
