#include "lookjson.h"

#include "../base/jsontext.h"

#define NS_PER_SECOND 1000000000

/* Seconds with at most nine decimals and no trailing zeros. */
static void
json_time (GString *s, guint64 t) {
  g_string_append_printf (s, "%" G_GUINT64_FORMAT, t / NS_PER_SECOND);
  guint rest = (guint)(t % NS_PER_SECOND), digits = 9;
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
  clipmoe_json_string (s, look->source);
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
  clipmoe_json_string (s, look->model);
  g_string_append (s, ",\"region\":");
  for (guint i = 0; look->has_region && i < 4; i++)
    g_string_append_printf (s, "%c%s", i ? ',' : '[',
                            g_ascii_formatd (number, sizeof number, "%.6f", look->region[i]));
  g_string_append (s, look->has_region ? "],\"tags\":[" : "null,\"tags\":[");
  for (guint i = 0; i < look->n_tags; i++) {
    g_string_append (s, i ? ",{\"label\":" : "{\"label\":");
    clipmoe_json_string (s, look->tags[i].label);
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
