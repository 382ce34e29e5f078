#include "range.h"

#include <string.h>

/* Digits at *@at, which is moved behind them; more than 18 are as many as 18 nines. FALSE: there is none. */
static gboolean
number (const char **at, guint64 *value) {
  gsize n = strspn (*at, "0123456789");
  *value = n > 18 ? G_GUINT64_CONSTANT (999999999999999999) : g_ascii_strtoull (*at, NULL, 10);
  *at += n;
  return n > 0;
}

ClipmoeRangeKind
clipmoe_range_parse (const char *header, guint64 size, guint64 *first, guint64 *last) {
  *first = 0;
  *last = size ? size - 1 : 0;
  if (!header || g_ascii_strncasecmp (header, "bytes=", 6) != 0)
    return CLIPMOE_RANGE_ALL;
  const char *at = header + 6;
  guint64 from = 0, to = 0;
  gboolean has_from = number (&at, &from);
  if (*at++ != '-')
    return CLIPMOE_RANGE_ALL;
  gboolean has_to = number (&at, &to);
  if (*at || (!has_from && !has_to) || (has_from && has_to && to < from))
    return CLIPMOE_RANGE_ALL;
  if (!has_from) { /* the last @to bytes */
    if (!to || !size)
      return CLIPMOE_RANGE_OUTSIDE;
    *first = to < size ? size - to : 0;
    return CLIPMOE_RANGE_PART;
  }
  if (from >= size)
    return CLIPMOE_RANGE_OUTSIDE;
  *first = from;
  if (has_to)
    *last = MIN (to, size - 1);
  return CLIPMOE_RANGE_PART;
}
