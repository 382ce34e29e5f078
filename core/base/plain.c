#include "plain.h"

char *
clipmoe_plain (const char *text, gssize length) {
  char *valid = g_utf8_make_valid (text, length);
  GString *s = g_string_new (NULL);
  for (const char *p = valid; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    gboolean hidden =
        g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT || c == 0x2028 || c == 0x2029;
    g_string_append_unichar (s, hidden ? 0xFFFD : c);
  }
  g_free (valid);
  return g_string_free (s, FALSE);
}
