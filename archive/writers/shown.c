#include "shown.h"

#include <math.h>
#include <string.h>

static gboolean
is_hidden (gunichar c) {
  return g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT || c == 0x2028 || c == 0x2029;
}

/* The length of the character at @p; 0: no character begins there. */
static gsize
character (const char *p, gunichar *c) {
  *c = g_utf8_get_char_validated (p, -1);
  return *c == (gunichar)-1 || *c == (gunichar)-2 ? 0 : (gsize)(g_utf8_next_char (p) - p);
}

char *
clipmoe_shown (const char *text) {
  GString *out = g_string_new (NULL);
  for (const char *p = text; *p;) {
    gunichar c;
    gsize length = character (p, &c);
    if (!length)
      g_string_append_printf (out, "\\x%02x", (guint8)*p);
    else if (c == '\n' || c == '\r' || c == '\t')
      g_string_append (out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    else if (c < 128 && is_hidden (c))
      g_string_append_printf (out, "\\x%02x", c);
    else if (is_hidden (c))
      g_string_append_printf (out, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
    else
      g_string_append_len (out, p, (gssize)length);
    p += MAX (length, 1);
  }
  return g_string_free (out, FALSE);
}

char *
clipmoe_shown_base (const char *file) {
  gsize length = strlen (file);
  while (length > 1 && file[length - 1] == '/')
    length--;
  char *whole = g_strndup (file, length), *slash = strrchr (whole, '/');
  char *base = clipmoe_shown (slash && slash[1] ? slash + 1 : whole);
  g_free (whole);
  return base;
}

void
clipmoe_shown_markup (GString *out, const char *text) {
  char *shown = clipmoe_shown (text), *escaped = g_markup_escape_text (shown, -1);
  g_string_append (out, escaped);
  g_free (escaped);
  g_free (shown);
}

void
clipmoe_shown_number (GString *out, double value, guint decimals) {
  char format[8], text[G_ASCII_DTOSTR_BUF_SIZE + 330];
  g_snprintf (format, sizeof format, "%%.%uf", MIN (decimals, 9u));
  if (isfinite (value))
    g_string_append (out, g_ascii_formatd (text, sizeof text, format, value));
}

const char *
clipmoe_clock (char text[32], double seconds) {
  gint64 hundredths = (gint64)(seconds * 100 + 0.5);
  g_snprintf (text, 32, "%" G_GINT64_FORMAT ":%02d:%02d.%02d", hundredths / 360000,
              (int)(hundredths / 6000 % 60), (int)(hundredths / 100 % 60), (int)(hundredths % 100));
  return text;
}

void
clipmoe_shown_clock (GString *out, double seconds) {
  char text[32];
  g_string_append (out, clipmoe_clock (text, seconds));
}
