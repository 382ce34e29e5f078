#include "clean.h"

#include <stdlib.h>
#include <string.h>
#include "entities.h"
#include "mojibake.h"
#include "unicode.h"

/* The most bytes that all passes over a text may process: enough for a label of 8 KiB however deeply its
 * entities are nested, while a megabyte of &amp;amp;amp;… does not take hours. */
#define WORK (16u << 20)
static const guint16 windows_1252[32] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                         0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                         0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                         0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};

static gboolean
is_python_space (gunichar c) {
  return clipmoe_is_space (c) || (c >= 0x1C && c <= 0x1F);
}

static const char *
entity_find (const char *name, gsize length) {
  guint low = 0, high = clipmoe_n_entities;
  while (low < high) {
    guint middle = (low + high) / 2;
    const char *other = clipmoe_entities[middle].name;
    int order = strncmp (name, other, length);
    if (order == 0 && other[length])
      order = -1;
    if (order == 0)
      return clipmoe_entities[middle].text;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

/* The character that a numeric reference stands for; 0: none. */
static gunichar
numeric (guint64 c) {
  if (c == 0 || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
    return 0xFFFD;
  if (c >= 0x80 && c <= 0x9F && windows_1252[c - 0x80] != c)
    return windows_1252[c - 0x80];
  if (c == 0x0D)
    return c;
  /* Python keeps bytes such as 0x81, which its windows-1252 table maps to themselves. */
  if (c == 0x81 || c == 0x8D || c == 0x8F || c == 0x90 || c == 0x9D)
    return (gunichar)c;
  if ((c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || (c >= 0x7F && c <= 0x9F) ||
      (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE)
    return 0;
  return (gunichar)c;
}

/* Reads "&#123;" or "&#x1F;" at @p. Returns its length in bytes; 0: none. */
static gsize
numeric_at (const char *p, gunichar *out) {
  gboolean hex = p[2] == 'x' || p[2] == 'X';
  const char *q = p + 2 + hex;
  guint64 value = 0;
  const char *first = q;
  for (; hex ? g_ascii_isxdigit (*q) : g_ascii_isdigit (*q); q++)
    if (value <= 0x10FFFF)
      value = value * (hex ? 16 : 10) + (guint)g_ascii_xdigit_value (*q);
  if (q == first)
    return 0;
  *out = numeric (value);
  return (gsize)(q - p) + (*q == ';');
}

/* Python's html.unescape. */
static char *
unescape (const char *text) {
  GString *s = g_string_sized_new (strlen (text));
  for (const char *p = text; *p;) {
    if (*p != '&') {
      g_string_append_c (s, *p++);
      continue;
    }
    gunichar c;
    gsize n = p[1] == '#' ? numeric_at (p, &c) : 0;
    if (n) {
      if (c)
        g_string_append_unichar (s, c);
      p += n;
      continue;
    }
    /* 1 to 32 characters other than tab, LF, FF, space, <, &, #, ; and then perhaps ; */
    const char *q = p + 1;
    for (guint i = 0; i < 32 && *q && !strchr ("\t\n\f <&#;", *q); i++)
      q = g_utf8_next_char (q);
    const char *found = NULL;
    gsize length = (gsize)(q - p) - 1;
    if (length && *q == ';' && (found = entity_find (p + 1, length + 1)))
      length++;
    for (gsize x = length; !found && x >= 2; x--)
      if ((found = entity_find (p + 1, x)))
        length = x;
    if (found) {
      g_string_append (s, found);
      p += 1 + length;
    } else {
      g_string_append_c (s, *p++);
    }
  }
  return g_string_free (s, FALSE);
}

/* One pass of ftfy's replacement of entities: `&#?[0-9A-Za-z]{1,24};` */
static char *
fix_entities (const char *text) {
  GString *s = g_string_sized_new (strlen (text));
  for (const char *p = text; *p;) {
    const char *q = p + 1;
    if (*p == '&') {
      q += *q == '#';
      const char *first = q;
      while (g_ascii_isalnum (*q) && q - first < 24)
        q++;
      if (q > first && *q == ';') {
        gsize length = (gsize)(q - p); /* name and ; */
        gunichar c = 0;
        if (p[1] == '#') {
          if (numeric_at (p, &c) == length + 1) {
            if (c)
              g_string_append_unichar (s, c);
            p = q + 1;
            continue;
          }
        } else {
          const char *found = entity_find (p + 1, length);
          char *upper = NULL;
          if (!found) { /* &EACUTE;: the lower-case name is known, and html.unescape does not know this
                           spelling */
            char *name = g_strndup (p + 1, length), *lower = g_ascii_strdown (name, -1),
                 *whole = g_strndup (p, length + 1);
            char *big = g_ascii_strup (name, -1), *plain = unescape (whole);
            const char *text_of_lower = entity_find (lower, strlen (lower));
            if (text_of_lower && strcmp (big, name) == 0 && strcmp (plain, whole) == 0)
              found = upper = g_utf8_strup (text_of_lower, -1);
            g_free (name);
            g_free (lower);
            g_free (whole);
            g_free (big);
            g_free (plain);
          }
          if (found) {
            g_string_append (s, found);
            g_free (upper);
            p = q + 1;
            continue;
          }
        }
      }
    }
    g_string_append_c (s, *p++);
  }
  return g_string_free (s, FALSE);
}

static const char *
ligature (gunichar c) {
  static const struct {
    gunichar c;
    const char *text;
  } table[] = {{0x132, "IJ"},         {0x133, "ij"},        {0x149, "\312\274n"}, {0x1C4, "D\305\275"},
               {0x1C5, "D\305\276"},  {0x1C6, "d\305\276"}, {0x1C7, "LJ"},        {0x1C8, "Lj"},
               {0x1C9, "lj"},         {0x1CA, "NJ"},        {0x1CB, "Nj"},        {0x1CC, "nj"},
               {0x1F1, "DZ"},         {0x1F2, "Dz"},        {0x1F3, "dz"},        {0xFB00, "ff"},
               {0xFB01, "fi"},        {0xFB02, "fl"},       {0xFB03, "ffi"},      {0xFB04, "ffl"},
               {0xFB05, "\305\277t"}, {0xFB06, "st"}};
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (table[i].c == c)
      return table[i].text;
  return NULL;
}

/* Replaces C1 controls (as Windows-1252), ligatures, full widths, quotes and line breaks, character by
 * character, in ftfy's order. */
static char *
fix_characters (const char *text) {
  GString *s = g_string_sized_new (strlen (text));
  for (const char *p = text; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    if (c < 0x80 && c != '\r') {
      g_string_append_c (s, (char)c);
      continue;
    }
    if (c >= 0x80 && c <= 0x9F)
      c = windows_1252[c - 0x80];
    const char *replaced = ligature (c);
    char *wide = NULL;
    if (c == 0x3000)
      c = ' ';
    if (c >= 0xFF01 && c <= 0xFFEF) {
      char one[7] = {0};
      g_unichar_to_utf8 (c, one);
      replaced = wide = g_utf8_normalize (one, -1, G_NORMALIZE_NFKC);
    }
    if (c == 0x149)
      replaced = "'n"; /* it expands to an apostrophe, which is a quote */
    if (c >= 0x201C && c <= 0x201F)
      c = '"';
    else if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B))
      c = '\'';
    else if (c == '\r' || c == 0x2028 || c == 0x2029)
      c = '\n';
    if (*p == '\r' && p[1] == '\n')
      ; /* the line feed follows */
    else if (replaced)
      g_string_append (s, replaced);
    else
      g_string_append_unichar (s, c);
    g_free (wide);
  }
  return g_string_free (s, FALSE);
}

/* Removes terminal escapes and control characters. */
static char *
drop_controls (const char *text) {
  GString *s = g_string_sized_new (strlen (text));
  for (const char *p = text; *p;) {
    if (p[0] == 0x1B && p[1] == '[') {
      const char *q = p + 2;
      while (g_ascii_isdigit (*q) || *q == ';')
        q++;
      if (g_ascii_isalpha (*q)) {
        p = q + 1;
        continue;
      }
    }
    gunichar c = g_utf8_get_char (p);
    if (!(c <= 8 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || (c >= 0x206A && c <= 0x206F) ||
          c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC)))
      g_string_append_unichar (s, c);
    p = g_utf8_next_char (p);
  }
  return g_string_free (s, FALSE);
}

static void
step (char **text, char *next) {
  g_free (*text);
  *text = next;
}

static void
fix_segment (GString *out, const char *segment, gsize length, gboolean entities, gsize *work) {
  char *t = g_strndup (segment, length), *before = NULL;
  do {
    *work += strlen (t);
    g_free (before);
    before = g_strdup (t);
    if (entities)
      step (&t, fix_entities (t));
    char *repaired = clipmoe_mojibake_fix (t, work, WORK);
    if (repaired)
      step (&t, repaired);
    step (&t, fix_characters (t));
    step (&t, drop_controls (t));
    step (&t, clipmoe_compose (t));
  } while (strcmp (before, t) != 0 && *work < WORK);
  g_string_append (out, t);
  g_free (before);
  g_free (t);
}

char *
clipmoe_clean (const char *text, gsize length) {
  /* U+0000 is dropped by the cleaning anyway */
  char *copy = g_malloc (length + 1);
  gsize kept = 0;
  for (gsize i = 0; i < length; i++)
    if (text[i])
      copy[kept++] = text[i];
  copy[kept] = 0;
  char *valid = g_utf8_make_valid (copy, (gssize)kept);
  g_free (copy);

  GString *fixed = g_string_sized_new (kept);
  gboolean entities = TRUE;
  gsize work = 0;
  for (const char *p = valid; *p;) {
    const char *end = strchr (p, '\n');
    gsize n = end ? (gsize)(end - p) + 1 : strlen (p);
    if (memchr (p, '<', n))
      entities = FALSE; /* for the rest of the text: this looks like HTML */
    fix_segment (fixed, p, n, entities, &work);
    p += n;
  }
  g_free (valid);
  char *t = g_string_free (fixed, FALSE);
  step (&t, unescape (t));
  step (&t, unescape (t));

  GString *s = g_string_sized_new (strlen (t));
  const char *p = t, *end = t + strlen (t);
  while (p < end && is_python_space (g_utf8_get_char (p)))
    p = g_utf8_next_char (p);
  while (end > p && is_python_space (g_utf8_get_char (g_utf8_prev_char (end))))
    end = g_utf8_prev_char (end);
  for (gboolean gap = FALSE; p < end; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    if (clipmoe_is_space (c)) {
      gap = TRUE;
      continue;
    }
    if (gap)
      g_string_append_c (s, ' ');
    gap = FALSE;
    g_string_append_unichar (s, c);
  }
  g_free (t);
  char *lowered = clipmoe_lower (s->str);
  g_string_free (s, TRUE);
  return lowered;
}
