#include "glob.h"

#include <string.h>

/* Behind the ] that ends the class which begins at @p ('['), or NULL; *in: whether @c is in it. */
static const char *
class_end (const char *p, guchar c, gboolean *in) {
  gboolean negated = *++p == '!' || *p == '^', found = FALSE;
  p += negated;
  for (gboolean first = TRUE; *p && (*p != ']' || first); first = FALSE) {
    guchar low = (guchar)*p++, high = low;
    if (*p == '-' && p[1] && p[1] != ']') {
      high = (guchar)p[1];
      p += 2;
    }
    found |= c >= low && c <= high;
  }
  *in = found != negated;
  return *p ? p + 1 : NULL;
}

/* Bytes of @text that the element of the pattern at *p takes, 0: it does not; *p goes behind the element. */
static gsize
match_one (const char **p, const char *text) {
  const char *pattern = *p, *end;
  gboolean in = FALSE;
  if (*pattern == '?') {
    *p = pattern + 1;
    gunichar c = g_utf8_get_char_validated (text, -1);
    return c == (gunichar)-1 || c == (gunichar)-2 ? 1 : (gsize)(g_utf8_next_char (text) - text);
  }
  if (*pattern == '[' && (end = class_end (pattern, (guchar)*text, &in))) {
    *p = end;
    return in;
  }
  if (*pattern == '\\' && pattern[1])
    pattern++;
  *p = pattern + 1;
  return *pattern == *text;
}

gboolean
clipmoe_glob (const char *pattern, const char *text) {
  const char *star = NULL, *from = NULL; /* behind the last *, and where in the text it stopped taking */
  while (*text) {
    const char *p = pattern;
    gsize n;
    if (*pattern == '*') {
      star = ++pattern;
      from = text;
    } else if (*pattern && (n = match_one (&p, text)) > 0) {
      pattern = p;
      text += n;
    } else if (star) {
      pattern = star;
      text = ++from;
    } else {
      return FALSE;
    }
  }
  return pattern[strspn (pattern, "*")] == 0;
}
