#include "mojibake.h"

#include <string.h>
#include "mojibake_tables.h"
#include "unicode.h"

/* A text as code points, since a repair may produce U+0000. */
typedef struct {
  gunichar *c;
  gsize n;
} Codes;

static guint8
class_of (gunichar c) {
  guint low = 0, high = clipmoe_mojibake_classes_n;
  while (low < high) {
    guint middle = (low + high) / 2;
    if (clipmoe_mojibake_classes[middle].c == c)
      return clipmoe_mojibake_classes[middle].class;
    if (clipmoe_mojibake_classes[middle].c < c)
      low = middle + 1;
    else
      high = middle;
  }
  if (clipmoe_is_space (c) || (c >= 0x1C && c <= 0x1F))
    return clipmoe_mojibake_other_space;
  return c == '_' || clipmoe_is_letter (c) || clipmoe_is_number (c) ? clipmoe_mojibake_other_word
                                                                    : clipmoe_mojibake_other;
}

static gboolean
holds (const ClipmoeClassSet *set, guint8 class) {
  return set->bits[class / 64] >> class % 64 & 1;
}

static gboolean
is_ascii (Codes t) {
  for (gsize i = 0; i < t.n; i++)
    if (t.c[i] >= 0x80)
      return FALSE;
  return TRUE;
}

/* Whether @t has one of the sequences that hardly occur in any language. */
static gboolean
is_bad (Codes t) {
  guint8 *classes = g_malloc (t.n + 1);
  gboolean bad = FALSE;
  for (gsize i = 0; i < t.n; i++)
    classes[i] = class_of (t.c[i]);
  for (gsize i = 0; i < t.n && !bad; i++)
    for (guint r = 0; r < clipmoe_mojibake_rules_n && !bad; r++) {
      const ClipmoeMojibakeRule *rule = &clipmoe_mojibake_rules[r];
      if (rule->length > t.n - i || (rule->at_start && i))
        continue;
      bad = TRUE;
      for (guint k = 0; k < rule->length && bad; k++)
        bad = holds (&rule->sets[k], classes[i + k]);
    }
  g_free (classes);
  return bad;
}

static gboolean
is_windows (guint encoding) {
  return encoding >= CLIPMOE_WINDOWS_1252 && encoding <= CLIPMOE_WINDOWS_1257;
}

/* The byte that is @c in this encoding, or -1. Bytes to which Windows assigns no character are read as the
 * control character of the same number; 0x1A stands for a lost byte (U+FFFD). */
static int
byte_of (guint encoding, gunichar c) {
  if (c < 0x80)
    return c == 0x1A && is_windows (encoding) ? -1 : (int)c;
  if (encoding == CLIPMOE_LATIN_1)
    return c < 0x100 ? (int)c : -1;
  if (is_windows (encoding)) {
    if (c == 0xFFFD)
      return 0x1A;
    if (c < 0x100 && !clipmoe_one_byte[encoding][c - 0x80])
      return (int)c;
  }
  for (int i = 0; i < 128; i++)
    if (clipmoe_one_byte[encoding][i] == c)
      return 0x80 + i;
  return -1;
}

/* @t in this encoding; NULL when it lacks a character. */
static GByteArray *
encode (Codes t, guint encoding) {
  GByteArray *bytes = g_byte_array_sized_new ((guint)t.n + 1);
  for (gsize i = 0; i < t.n; i++) {
    int b = byte_of (encoding, t.c[i]);
    if (b < 0) {
      g_byte_array_unref (bytes);
      return NULL;
    }
    guint8 byte = (guint8)b;
    g_byte_array_append (bytes, &byte, 1);
  }
  return bytes;
}

/* A set of bytes in a pattern, as ranges; "\x1a\x1a" is a single byte. */
typedef struct {
  guint8 length;
  const char *ranges[6];
} Pattern;

static gboolean
in_pattern (const char *ranges, guint8 b) {
  for (; *ranges; ranges += 2)
    if (b >= (guint8)ranges[0] && b <= (guint8)ranges[1])
      return TRUE;
  return FALSE;
}

/* The first of the patterns that matches at @p, or NULL. */
static const Pattern *
match (const Pattern *patterns, guint n, const guint8 *p, gsize left) {
  for (guint i = 0; i < n; i++) {
    gboolean all = patterns[i].length <= left;
    for (guint k = 0; k < patterns[i].length && all; k++)
      all = in_pattern (patterns[i].ranges[k], p[k]);
    if (all)
      return &patterns[i];
  }
  return NULL;
}

#define SPACE "\x20\x20"
#define NOT_85_A0 "\x80\x84\x86\x9f\xa1\xbf"
#define CONTINUES "\x80\xbf"
#define LOST "\x1a\x1a"
#define LOST_OR_CONTINUES "\x1a\x1a\x80\xbf"
#define UNSURE "\x1a\x1a??"
#define UNSURE_OR_CONTINUES "\x1a\x1a??\x80\xbf"

/* Patterns of UTF-8 in which a no-break space (0xA0) became a space. */
static const Pattern spaced[] = {
    {2, {"\xc2\xc3\xc5\xc5\xce\xce\xd0\xd0\xd9\xd9", SPACE}},
    {3, {"\xe2\xe3", SPACE, NOT_85_A0}},
    {3, {"\xe0\xe3", NOT_85_A0, SPACE}},
    {4, {"\xf0\xf0", SPACE, CONTINUES, CONTINUES}},
    {4, {"\xf0\xf0", CONTINUES, SPACE, CONTINUES}},
    {4, {"\xf0\xf0", CONTINUES, CONTINUES, SPACE}},
};

/* Patterns of UTF-8 with lost bytes. */
static const Pattern lossy[] = {
    {2, {"\xc2\xdf", LOST}},
    {2, {"\xc2\xc3", "??"}},
    {6, {"\xed\xed", "\xa0\xaf", UNSURE, "\xed\xed", "\xb0\xbf", UNSURE_OR_CONTINUES}},
    {6, {"\xed\xed", "\xa0\xaf", UNSURE_OR_CONTINUES, "\xed\xed", "\xb0\xbf", UNSURE}},
    {3, {"\xe0\xef", UNSURE, LOST_OR_CONTINUES}},
    {3, {"\xe0\xef", LOST_OR_CONTINUES, UNSURE}},
    {4, {"\xf0\xf4", UNSURE, LOST_OR_CONTINUES, LOST_OR_CONTINUES}},
    {4, {"\xf0\xf4", LOST_OR_CONTINUES, UNSURE, LOST_OR_CONTINUES}},
    {4, {"\xf0\xf4", LOST_OR_CONTINUES, LOST_OR_CONTINUES, UNSURE}},
    {1, {LOST}},
};

/* "Ã " is mostly the word "à", whose no-break space was merged with the space after it, except in four
 * Portuguese words. @p: after the space. */
static gboolean
is_word_a (const guint8 *p, gsize left) {
  static const char *const words[] = {" ", "quele", "quela", "quilo", "s "};
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strlen (words[i]) <= left && memcmp (p, words[i], strlen (words[i])) == 0)
      return FALSE;
  return TRUE;
}

static GByteArray *
restore_no_break_spaces (GByteArray *bytes) {
  gboolean any = FALSE;
  for (guint i = 0; i < bytes->len && !any; i++)
    any = match (spaced, G_N_ELEMENTS (spaced), bytes->data + i, bytes->len - i) != NULL;
  if (!any)
    return bytes;
  GByteArray *words = g_byte_array_sized_new (bytes->len);
  for (guint i = 0; i < bytes->len; i++) {
    const guint8 *p = bytes->data + i;
    if (p[0] == 0xC3 && i + 1 < bytes->len && p[1] == ' ' && is_word_a (p + 2, bytes->len - i - 2)) {
      g_byte_array_append (words, (const guint8 *)"\xc3\xa0 ", 3);
      i++;
    } else {
      g_byte_array_append (words, p, 1);
    }
  }
  g_byte_array_unref (bytes);
  for (guint i = 0; i < words->len;) {
    const Pattern *found = match (spaced, G_N_ELEMENTS (spaced), words->data + i, words->len - i);
    guint n = found ? found->length : 1;
    for (guint k = 0; found && k < n; k++)
      if (words->data[i + k] == ' ')
        words->data[i + k] = 0xA0;
    i += n;
  }
  return words;
}

static GByteArray *
replace_lossy (GByteArray *bytes) {
  GByteArray *out = g_byte_array_sized_new (bytes->len);
  for (guint i = 0; i < bytes->len;) {
    const Pattern *found = match (lossy, G_N_ELEMENTS (lossy), bytes->data + i, bytes->len - i);
    if (found)
      g_byte_array_append (out, (const guint8 *)"\xef\xbf\xbd", 3);
    else
      g_byte_array_append (out, bytes->data + i, 1);
    i += found ? found->length : 1;
  }
  g_byte_array_unref (bytes);
  return out;
}

/* Decodes UTF-8, also with Java's two bytes for U+0000 and with surrogates of three bytes each. FALSE:
 * invalid. */
static gboolean
decode (const GByteArray *bytes, Codes *out) {
  static const Pattern surrogates[] = {
      {6, {"\xed\xed", "\xa0\xaf", CONTINUES, "\xed\xed", "\xb0\xbf", CONTINUES}}};
  out->c = g_new (gunichar, bytes->len + 1);
  out->n = 0;
  for (guint i = 0; i < bytes->len;) {
    const guint8 *p = bytes->data + i;
    gsize left = bytes->len - i;
    if (left >= 2 && p[0] == 0xC0 && p[1] == 0x80) {
      out->c[out->n++] = 0;
      i += 2;
      continue;
    }
    if (match (surrogates, 1, p, left)) {
      out->c[out->n++] =
          0x10000u + ((p[1] & 0x0Fu) << 16) + ((p[2] & 0x3Fu) << 10) + ((p[4] & 0x0Fu) << 6) + (p[5] & 0x3Fu);
      i += 6;
      continue;
    }
    gunichar c = p[0] ? g_utf8_get_char_validated ((const char *)p, (gssize)left) : 0;
    if (c == (gunichar)-1 || c == (gunichar)-2) {
      g_clear_pointer (&out->c, g_free);
      return FALSE;
    }
    out->c[out->n++] = c;
    i += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  }
  return TRUE;
}

static Codes
copy (const gunichar *c, gsize n) {
  Codes t = {g_new (gunichar, n + 1), n};
  memcpy (t.c, c, n * sizeof *c);
  return t;
}

static gboolean
equal (Codes a, Codes b) {
  return a.n == b.n && memcmp (a.c, b.c, a.n * sizeof *a.c) == 0;
}

/* The length of the run of sequences at @i that may be UTF-8 decoded byte by byte; 0: none. */
static gsize
sequences_at (Codes t, gsize i) {
  gsize at = i;
  if (i && holds (&clipmoe_mojibake_continues_alone, class_of (t.c[i - 1])))
    return 0;
  for (;;) {
    guint8 class = at < t.n ? class_of (t.c[at]) : 0;
    gsize more = at >= t.n                                 ? 0
                 : holds (&clipmoe_mojibake_lead_2, class) ? 1
                 : holds (&clipmoe_mojibake_lead_3, class) ? 2
                 : holds (&clipmoe_mojibake_lead_4, class) ? 3
                                                           : 0;
    if (!more || more >= t.n - at)
      return at - i;
    for (gsize k = 1; k <= more; k++)
      if (!holds (&clipmoe_mojibake_continues, class_of (t.c[at + k])))
        return at - i;
    at += more + 1;
  }
}

static Codes fix (Codes t, gsize *work, gsize most);

/* Repairs each such run on its own. */
static Codes
fix_runs (Codes t, gsize *work, gsize most) {
  GArray *out = g_array_sized_new (FALSE, FALSE, sizeof (gunichar), (guint)t.n + 1);
  for (gsize i = 0; i < t.n;) {
    gsize n = sequences_at (t, i);
    if (!n) {
      g_array_append_val (out, t.c[i]);
      i++;
      continue;
    }
    Codes run = copy (t.c + i, n);
    if (n < t.n && is_bad (run))
      run = fix (run, work, most);
    g_array_append_vals (out, run.c, (guint)run.n);
    g_free (run.c);
    i += n;
  }
  Codes fixed = {NULL, out->len};
  fixed.c = (gunichar *)(gpointer)g_array_free (out, FALSE);
  return fixed;
}

/* Replaces C1 controls with the characters of Windows-1252. @strict: FALSE if one of them has none. */
static gboolean
fix_controls (Codes t, gboolean strict) {
  for (gsize i = 0; i < t.n; i++)
    if (t.c[i] >= 0x80 && t.c[i] < 0xA0) {
      guint16 c = clipmoe_one_byte[CLIPMOE_WINDOWS_1252][t.c[i] - 0x80];
      if (c)
        t.c[i] = c;
      else if (strict)
        return FALSE;
    }
  return TRUE;
}

/* One step of repair; returns a text equal to @t when nothing is to be repaired. */
static Codes
fix_once (Codes t, gsize *work, gsize most) {
  if (is_ascii (t) || !is_bad (t))
    return copy (t.c, t.n);
  gboolean latin = FALSE;
  for (guint e = 0; e < CLIPMOE_ONE_BYTE_ENCODINGS; e++) {
    GByteArray *bytes = encode (t, e);
    if (!bytes)
      continue;
    latin |= e == CLIPMOE_LATIN_1;
    if (e != CLIPMOE_MAC_ROMAN) /* it would match a dash followed by a space */
      bytes = restore_no_break_spaces (bytes);
    if (is_windows (e))
      bytes = replace_lossy (bytes);
    Codes fixed;
    gboolean ok = decode (bytes, &fixed);
    g_byte_array_unref (bytes);
    if (ok)
      return fixed;
  }
  Codes fixed = fix_runs (t, work, most);
  if (!equal (fixed, t))
    return fixed;
  g_free (fixed.c);
  fixed = copy (t.c, t.n);
  if (latin && fix_controls (fixed, TRUE) && !equal (fixed, t))
    return fixed;
  memcpy (fixed.c, t.c, t.n * sizeof *t.c);
  fix_controls (fixed, FALSE);
  return fixed;
}

/* Frees @t. */
static Codes
fix (Codes t, gsize *work, gsize most) {
  for (gboolean changed = TRUE; changed && *work < most;) {
    *work += t.n;
    Codes next = fix_once (t, work, most);
    changed = !equal (next, t);
    g_free (t.c);
    t = next;
  }
  return t;
}

char *
clipmoe_mojibake_fix (const char *text, gsize *work, gsize most) {
  glong n;
  Codes t = {g_utf8_to_ucs4_fast (text, -1, &n), 0};
  t.n = (gsize)n;
  if (is_ascii (t) || !is_bad (t)) {
    g_free (t.c);
    return NULL;
  }
  t = fix (t, work, most);
  GString *s = g_string_sized_new (t.n);
  for (gsize i = 0; i < t.n; i++)
    if (t.c[i]) /* cleaning removes it anyway */
      g_string_append_unichar (s, t.c[i]);
  g_free (t.c);
  return g_string_free (s, FALSE);
}
