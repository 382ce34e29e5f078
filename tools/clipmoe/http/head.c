#include "head.h"

#include <string.h>
#include <base/limits.h>

/* Behind the empty line that ends the head, or NULL. */
static const char *
find_end (const char *data, gsize n) {
  const char *end = data + n;
  for (const char *at = data; (at = memchr (at, '\n', end - at)); at++) {
    if (end - at > 1 && at[1] == '\n')
      return at + 2;
    if (end - at > 2 && at[1] == '\r' && at[2] == '\n')
      return at + 3;
  }
  return NULL;
}

/* The value of a line `Content-Length: 5`, of @n bytes, or NULL for another line. */
static const char *
find_length (const char *line, gsize n) {
  static const char name[] = "content-length";
  gsize at = sizeof name - 1;
  if (n <= at || g_ascii_strncasecmp (line, name, at) != 0)
    return NULL;
  while (at < n && (line[at] == ' ' || line[at] == '\t'))
    at++;
  return at < n && line[at] == ':' ? line + at + 1 : NULL;
}

/* Digits between blanks alone; no more than a number of 63 bits has. */
static gboolean
is_number (const char *text, const char *end) {
  gsize digits = 0;
  while (text < end && (*text == ' ' || *text == '\t'))
    text++;
  for (; text < end && g_ascii_isdigit (*text); text++)
    digits++;
  while (text < end && (*text == ' ' || *text == '\t' || *text == '\r'))
    text++;
  return digits >= 1 && digits <= 18 && text == end;
}

/* Whether the head says at most once how long the body is, and by a number. */
static gboolean
is_length_clear (const char *head, const char *end) {
  guint lengths = 0;
  for (const char *line = head; line < end;) {
    const char *line_end = memchr (line, '\n', end - line);
    if (!line_end)
      break;
    const char *value = find_length (line, line_end - line);
    if (value && (lengths++ || !is_number (value, line_end)))
      return FALSE;
    line = line_end + 1;
  }
  return TRUE;
}

ClipmoeHeadKind
clipmoe_head_look (const char *data, gsize n, guint *status, const char **sentence) {
  const char *end = find_end (data, n), *line = memchr (data, '\n', n);
  if ((line ? (gsize)(line - data) : n) > CLIPMOE_MAX_REQUEST_LINE) {
    *status = 414;
    *sentence =
        "the first line of the request is longer than " G_STRINGIFY (CLIPMOE_MAX_REQUEST_LINE) " bytes";
    return CLIPMOE_HEAD_REFUSED;
  }
  if (!end && n < CLIPMOE_MAX_HEAD)
    return CLIPMOE_HEAD_MORE;
  if (!end || end - data > CLIPMOE_MAX_HEAD) {
    *status = 431;
    *sentence = "the headers of the request are longer than " G_STRINGIFY (CLIPMOE_MAX_HEAD) " bytes";
    return CLIPMOE_HEAD_REFUSED;
  }
  if (!is_length_clear (data, end)) {
    *status = 400;
    *sentence = "Content-Length: expected one whole number without a sign";
    return CLIPMOE_HEAD_REFUSED;
  }
  return CLIPMOE_HEAD_WHOLE;
}
