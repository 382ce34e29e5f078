#include "gva.h"

#include <base/jsontext.h>
#include <math.h>
#include <stream/jsonvalues.h>

static void
add_box (GString *s, const double *region, guint width, guint height) {
  const double x = region[0], y = region[1], w = region[2], h = region[3];
  g_string_append_printf (s, "\"x\":%ld,\"y\":%ld,\"w\":%ld,\"h\":%ld,\"detection\":{\"bounding_box\":{",
                          lround (x * width), lround (y * height), lround (w * width), lround (h * height));
  const double edges[] = {x, x + w, y, y + h};
  static const char *const names[] = {"x_min", "x_max", "y_min", "y_max"};
  for (guint i = 0; i < 4; i++) {
    g_string_append_printf (s, "%s\"%s\":", i ? "," : "", names[i]);
    clipmoe_json_number (s, edges[i]);
  }
  g_string_append (s, "}}");
}

static void
add_tag (GString *s, const ClipmoeLook *look, const ClipmoeTag *tag, guint width, guint height) {
  static const double whole[] = {0, 0, 1, 1};
  g_string_append_c (s, '{');
  add_box (s, look->has_region ? look->region : whole, width, height);
  clipmoe_json_string (g_string_append (s, ",\"classification\":{\"label\":"), tag->label);
  clipmoe_json_number (g_string_append (s, ",\"confidence\":"), tag->score);
  clipmoe_json_string (g_string_append (s, ",\"model\":{\"name\":"), look->model);
  g_string_append (s, "}}}");
}

static void
add_embedding (GString *s, const ClipmoeLook *look) {
  clipmoe_json_string (g_string_append (s, ",\"tensors\":[{\"name\":\"embedding\",\"model_name\":"),
                       look->model);
  g_string_append_printf (s, ",\"precision\":\"FP32\",\"layout\":\"NC\",\"dims\":[1,%u],\"data\":[",
                          look->embed);
  for (guint i = 0; i < look->embed; i++) {
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf (s, "%s%s", i ? "," : "",
                            g_ascii_formatd (number, sizeof number, "%.9g", (double)look->embedding[i]));
  }
  g_string_append (s, "]}]");
}

char *
clipmoe_look_to_gva (const ClipmoeLook *look, guint width, guint height) {
  GString *s = g_string_new ("{\"objects\":[");
  for (guint i = 0; i < look->n_tags; i++) {
    if (i)
      g_string_append_c (s, ',');
    add_tag (s, look, &look->tags[i], width, height);
  }
  g_string_append_c (s, ']');
  if (width && height)
    g_string_append_printf (s, ",\"resolution\":{\"height\":%u,\"width\":%u}", height, width);
  clipmoe_json_string (g_string_append (s, ",\"source\":"), look->source);
  gsize before = s->len;
  if (look->at && !clipmoe_json_utc (g_string_append (s, ",\"system_timestamp\":"), look->at))
    g_string_truncate (s, before);
  if (look->embedding && look->embed)
    add_embedding (s, look);
  g_string_append_printf (s, ",\"timestamp\":%" G_GUINT64_FORMAT "}", look->time);
  return g_string_free (s, FALSE);
}
