#include "unicode.h"

#include <string.h>
#include "unicode_tables.h"

/* The most combining marks in a row that are ordered together: GLib uses insertion sort. */
#define MARKS 512

static gboolean
in_ranges (const ClipmoeCodeRange *ranges, guint n, gunichar c) {
  guint low = 0, high = n;
  while (low < high) {
    guint middle = (low + high) / 2;
    if (c > ranges[middle].last)
      low = middle + 1;
    else if (c < ranges[middle].first)
      high = middle;
    else
      return TRUE;
  }
  return FALSE;
}

#define IN(table, c) in_ranges (clipmoe_unicode_##table, clipmoe_unicode_##table##_n, c)

gboolean
clipmoe_is_space (gunichar c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

gboolean
clipmoe_is_letter (gunichar c) {
  return c < 0x80 ? g_ascii_isalpha ((char)c) : IN (letters, c);
}

gboolean
clipmoe_is_number (gunichar c) {
  return c < 0x80 ? g_ascii_isdigit ((char)c) : IN (numbers, c);
}

static gunichar
lower_of (gunichar c) {
  guint low = 0, high = clipmoe_unicode_lower_n;
  while (low < high) {
    guint middle = (low + high) / 2;
    const ClipmoeCodeMapping *m = &clipmoe_unicode_lower[middle];
    if (c > m->last)
      low = middle + 1;
    else if (c < m->first)
      high = middle;
    else
      return (c - m->first) % m->step == 0 ? (gunichar)((gint32)c + m->delta) : c;
  }
  return c;
}

/* Whether the next character in this direction is cased, skipping case-ignorable ones. */
static gboolean
cased_near (const gunichar *text, glong n, glong i, int direction) {
  for (i += direction; i >= 0 && i < n; i += direction)
    if (!IN (ignorable, text[i]))
      return IN (cased, text[i]);
  return FALSE;
}

char *
clipmoe_lower (const char *text) {
  glong n;
  gunichar *u = g_utf8_to_ucs4_fast (text, -1, &n);
  GString *s = g_string_sized_new (strlen (text));
  for (glong i = 0; i < n; i++) {
    if (u[i] < 0x80)
      g_string_append_c (s, g_ascii_tolower ((char)u[i]));
    else if (u[i] == 0x130) /* the only one whose lower case is two characters */
      g_string_append (s, "i\314\207");
    else if (u[i] == 0x3A3)
      g_string_append_unichar (s, cased_near (u, n, i, -1) && !cased_near (u, n, i, 1) ? 0x3C2 : 0x3C3);
    else
      g_string_append_unichar (s, lower_of (u[i]));
  }
  g_free (u);
  return g_string_free (s, FALSE);
}

static void
append_piece (GString *s, const char *from, const char *to, gboolean compose) {
  char *piece = compose ? g_utf8_normalize (from, to - from, G_NORMALIZE_NFC) : NULL;
  g_string_append_len (s, piece ? piece : from, piece ? -1 : to - from);
  g_free (piece);
}

/* Unicode guarantees that the normal form of assigned characters never changes, so GLib's tables are used
 * for them; characters that are not assigned in 15.0 are left alone. GLib's composition takes quadratic
 * time, so it gets pieces that end before a character with which nothing composes. More marks in a row than
 * any script has are cut all the same. */
char *
clipmoe_compose (const char *text) {
  GString *s = g_string_sized_new (strlen (text));
  const char *from = text;
  gboolean compose = FALSE;
  guint marks = 0;
  for (const char *p = text; *p; p = g_utf8_next_char (p)) {
    gunichar c = (guint8)*p < 0xCC ? 0 : g_utf8_get_char (p); /* below U+0300 nothing changes */
    gboolean changes = c && IN (changes, c);
    marks = changes && g_unichar_combining_class (c) ? marks + 1 : 0;
    if (!changes || !IN (joins, c) || marks > MARKS) {
      append_piece (s, from, p, compose);
      from = p;
      compose = FALSE;
      marks = marks > MARKS;
    }
    compose |= changes;
    if (c && !IN (assigned, c)) { /* nothing composes with this character */
      from = g_utf8_next_char (p);
      g_string_append_len (s, p, from - p);
    }
  }
  append_piece (s, from, text + strlen (text), compose);
  return g_string_free (s, FALSE);
}
