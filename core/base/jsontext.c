#include "jsontext.h"

void
clipmoe_json_string (GString *out, const char *text) {
  if (!text) {
    g_string_append (out, "null");
    return;
  }
  char *valid = g_utf8_make_valid (text, -1);
  g_string_append_c (out, '"');
  for (const char *p = valid; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    if (c == '"' || c == '\\')
      g_string_append_printf (out, "\\%c", (char)c);
    else if (c < 32 || (c >= 127 && c <= 0x9F) || c == 0x061C || (c >= 0x200E && c <= 0x200F) ||
             (c >= 0x2028 && c <= 0x202E) ||
             (c >= 0x2066 && c <= 0x2069)) /* characters that act on a terminal */
      g_string_append_printf (out, "\\u%04x", c);
    else
      g_string_append_unichar (out, c);
  }
  g_string_append_c (out, '"');
  g_free (valid);
}

void
clipmoe_json_shortest (GString *out, double value) {
  char format[8], text[G_ASCII_DTOSTR_BUF_SIZE];
  gint digits = 0;
  do {
    g_snprintf (format, sizeof format, "%%.%dg", ++digits);
    g_ascii_formatd (text, sizeof text, format, value);
  } while (digits < 17 && g_ascii_strtod (text, NULL) != value);
  g_string_append (out, text);
}
