#include "when.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SECOND_NS G_GINT64_CONSTANT (1000000000)

static gboolean
refuse (GError **error, const char *text, const char *expected) {
  char *shown = g_utf8_make_valid (text, (gssize)strnlen (text, 60));
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: expected %s", shown, expected);
  g_free (shown);
  return FALSE;
}

/* Exactly @n digits at *at, moved behind them; -1: others stand there. */
static int
digits (const char **at, int n) {
  int value = 0;
  for (int i = 0; i < n; i++) {
    if (!g_ascii_isdigit ((*at)[i]))
      return -1;
    value = value * 10 + ((*at)[i] - '0');
  }
  *at += n;
  return value;
}

typedef struct {
  int year, month, day, hour, minute;
  double second;
} Civil;

static gboolean
read_date (const char **at, Civil *c) {
  c->year = digits (at, 4);
  if (c->year < 1 || *(*at)++ != '-')
    return FALSE;
  c->month = digits (at, 2);
  if (c->month < 1 || *(*at)++ != '-')
    return FALSE;
  c->day = digits (at, 2);
  return c->day >= 1;
}

/* H:MM, HH:MM, HH:MM:SS, HH:MM:SS.sss */
static gboolean
read_time (const char **at, Civil *c) {
  c->hour = digits (at, g_ascii_isdigit ((*at)[0]) && g_ascii_isdigit ((*at)[1]) ? 2 : 1);
  if (c->hour < 0 || c->hour > 23 || *(*at)++ != ':')
    return FALSE;
  c->minute = digits (at, 2);
  c->second = 0;
  if (c->minute < 0 || c->minute > 59)
    return FALSE;
  if (**at != ':')
    return TRUE;
  (*at)++;
  int second = digits (at, 2);
  c->second = second;
  if (second < 0 || second > 59)
    return FALSE;
  if (**at == '.') {
    double place = 0.1;
    if (!g_ascii_isdigit (*++(*at)))
      return FALSE;
    for (; g_ascii_isdigit (**at); (*at)++, place /= 10)
      c->second += place * (**at - '0');
  }
  return TRUE;
}

/* UTC microseconds; FALSE: there is no such day. */
static gboolean
to_utc (const Civil *c, int more_days, GTimeZone *zone, gint64 *utc) {
  /* days are counted at noon: where clocks change at midnight, a day may have none */
  GDateTime *noon = g_date_time_new (zone, c->year, c->month, c->day, 12, 0, 0),
            *day = noon ? g_date_time_add_days (noon, more_days) : NULL, *t = NULL;
  if (day)
    t = g_date_time_new (zone, g_date_time_get_year (day), g_date_time_get_month (day),
                         g_date_time_get_day_of_month (day), c->hour, c->minute, c->second);
  g_clear_pointer (&noon, g_date_time_unref);
  g_clear_pointer (&day, g_date_time_unref);
  if (!t)
    return FALSE;
  *utc = g_date_time_to_unix (t) * G_USEC_PER_SEC + g_date_time_get_microsecond (t);
  g_date_time_unref (t);
  return TRUE;
}

/* "Z" or "+01:00" at the end of RFC 3339: a zone, else NULL. */
static GTimeZone *
read_zone (const char *at) {
  if (g_ascii_strcasecmp (at, "Z") == 0)
    return g_time_zone_new_utc ();
  const char *p = at + 1;
  if ((*at != '+' && *at != '-') || digits (&p, 2) < 0 || *p++ != ':' || digits (&p, 2) < 0 || *p)
    return NULL;
  return g_time_zone_new_identifier (at);
}

static gboolean
parse_before (const char *text, gint64 now, GTimeZone *zone, gint64 *utc) {
  guint64 n;
  char *rest;
  if (*text != '-' || !g_ascii_isdigit (text[1]))
    return FALSE;
  n = g_ascii_strtoull (text + 1, &rest, 10);
  if (n > 1000000 || !*rest || rest[1])
    return FALSE;
  if (*rest == 'd' || *rest == 'w') {
    GDateTime *epoch = g_date_time_new_from_unix_utc (now / G_USEC_PER_SEC),
              *t = epoch ? g_date_time_to_timezone (epoch, zone) : NULL,
              *then = t ? g_date_time_add_days (t, -(int)(n * (*rest == 'w' ? 7 : 1))) : NULL;
    if (then)
      *utc = g_date_time_to_unix (then) * G_USEC_PER_SEC + now % G_USEC_PER_SEC;
    gboolean ok = then != NULL;
    g_clear_pointer (&epoch, g_date_time_unref);
    g_clear_pointer (&t, g_date_time_unref);
    g_clear_pointer (&then, g_date_time_unref);
    return ok;
  }
  gint64 unit = *rest == 's' ? 1 : *rest == 'm' ? 60 : *rest == 'h' ? 3600 : 0;
  *utc = now - (gint64)n * unit * G_USEC_PER_SEC;
  return unit != 0;
}

/* The local day of @now, at midnight. */
static gboolean
local_day (gint64 now, int more_days, GTimeZone *zone, Civil *c) {
  GDateTime *epoch = g_date_time_new_from_unix_utc (now / G_USEC_PER_SEC),
            *t = epoch ? g_date_time_to_timezone (epoch, zone) : NULL,
            *then = t ? g_date_time_add_days (t, more_days) : NULL;
  gboolean ok = then != NULL;
  *c = (Civil){0};
  if (ok)
    g_date_time_get_ymd (then, &c->year, &c->month, &c->day);
  g_clear_pointer (&epoch, g_date_time_unref);
  g_clear_pointer (&t, g_date_time_unref);
  g_clear_pointer (&then, g_date_time_unref);
  return ok;
}

static gboolean
parse_civil (const char *text, gboolean end, gint64 now, GTimeZone *zone, gint64 *utc) {
  const char *at = text;
  Civil c = {0};
  gboolean timed = FALSE;
  if (g_str_has_prefix (text, "today") || g_str_has_prefix (text, "yesterday")) {
    gboolean today = *text == 't';
    at += today ? 5 : 9;
    if (!local_day (now, today ? 0 : -1, zone, &c))
      return FALSE;
  } else if (strchr (text, '-') == text + 4) {
    if (!read_date (&at, &c))
      return FALSE;
  } else {
    if (!local_day (now, 0, zone, &c) || !read_time (&at, &c))
      return FALSE;
    timed = TRUE;
  }
  if (!timed && (*at == 'T' || *at == 't' || *at == ' ')) {
    at += strspn (at, *at == ' ' ? " " : "Tt");
    if (!read_time (&at, &c))
      return FALSE;
    timed = TRUE;
  }
  GTimeZone *own = timed && *at ? read_zone (at) : NULL;
  gboolean ok = (own || !*at) && to_utc (&c, !timed && end ? 1 : 0, own ? own : zone, utc);
  g_clear_pointer (&own, g_time_zone_unref);
  return ok;
}

gboolean
clipmoe_when_parse (const char *text, gboolean end, gint64 now, GTimeZone *zone, gint64 *utc,
                    GError **error) {
  char *plain = g_strstrip (g_strdup (text));
  gboolean ok = TRUE;
  if (g_str_equal (plain, "now"))
    *utc = now;
  else
    ok = parse_before (plain, now, zone, utc) || parse_civil (plain, end, now, zone, utc);
  g_free (plain);
  if (!ok)
    return refuse (error, text,
                   "a day or a time such as 2026-11-01, 2026-11-01 08:00, 2026-11-01T08:00:12Z, 08:00, "
                   "yesterday, -7d or -3h");
  return TRUE;
}

char *
clipmoe_when_describe (gint64 utc, GTimeZone *zone) {
  GDateTime *epoch = g_date_time_new_from_unix_utc (utc / G_USEC_PER_SEC),
            *t = epoch ? g_date_time_to_timezone (epoch, zone) : NULL;
  char *text = t ? g_date_time_format (t, "%Y-%m-%d %H:%M:%S %:z") : g_strdup ("?");
  g_clear_pointer (&epoch, g_date_time_unref);
  g_clear_pointer (&t, g_date_time_unref);
  return text;
}

char *
clipmoe_when_utc (gint64 utc) {
  gint64 part = ((utc % G_USEC_PER_SEC) + G_USEC_PER_SEC) % G_USEC_PER_SEC;
  GDateTime *t = g_date_time_new_from_unix_utc ((utc - part) / G_USEC_PER_SEC);
  char *whole = t ? g_date_time_format (t, "%Y-%m-%dT%H:%M:%S") : g_strdup ("0000-01-01T00:00:00"),
       fraction[16];
  int n = g_snprintf (fraction, sizeof fraction, ".%06d", (int)part);
  while (n > 0 && (fraction[n - 1] == '0' || fraction[n - 1] == '.'))
    fraction[--n] = 0;
  char *text = g_strconcat (whole, fraction, "Z", NULL);
  g_free (whole);
  g_clear_pointer (&t, g_date_time_unref);
  return text;
}

/* "22", "7:30": minutes of the day, at most 1440; -1: neither. */
static int
read_minutes (const char **at) {
  int hour = digits (at, g_ascii_isdigit ((*at)[0]) && g_ascii_isdigit ((*at)[1]) ? 2 : 1), minute = 0;
  if (hour < 0)
    return -1;
  if (**at == ':') {
    (*at)++;
    minute = digits (at, 2);
  }
  int all = hour * 60 + minute;
  return minute < 0 || minute > 59 || all > 1440 ? -1 : all;
}

gboolean
clipmoe_when_parse_hours (const char *text, int *from, int *until, GError **error) {
  const char *at = text;
  *from = read_minutes (&at);
  gboolean ok = *from >= 0 && *from < 1440 && *at++ == '-' && (*until = read_minutes (&at)) >= 0 && !*at &&
                *from != *until;
  if (ok && *until == 0) /* 22-0: up to midnight, which is not "any" where it begins at 0 */
    *until = 1440;
  return ok || refuse (error, text, "hours of the day such as 22-6 or 7:30-16");
}

gboolean
clipmoe_when_parse_duration (const char *text, gint64 *ns, GError **error) {
  double seconds = 0;
  char *rest;
  gboolean ok = FALSE;
  if (strchr (text, ':')) {
    const char *at = text;
    int fields = 0;
    ok = TRUE;
    while (ok && fields < 3) {
      ok = g_ascii_isdigit (*at);
      double value = ok ? (double)g_ascii_strtoull (at, &rest, 10) : 0;
      ok = ok && value < 1e6 && (!fields || value < 60);
      seconds = seconds * 60 + value;
      fields++;
      if (!ok || *rest != ':')
        break;
      at = rest + 1;
    }
    ok = ok && !*rest && fields >= 2;
  } else if (g_ascii_isdigit (*text) || *text == '.') {
    seconds = g_ascii_strtod (text, &rest);
    double unit = !*rest || g_str_equal (rest, "s") ? 1
                  : g_str_equal (rest, "m")         ? 60
                  : g_str_equal (rest, "h")         ? 3600
                                                    : 0;
    seconds *= unit;
    ok = unit > 0;
  }
  if (!ok || !(seconds > 0 && seconds <= 1e9))
    return refuse (error, text, "a duration above 0 such as 5, 5s, 1.5m, 2h or 1:30");
  *ns = (gint64)llround (seconds * SECOND_NS);
  return TRUE;
}

char *
clipmoe_when_path (const char *pattern) {
  if (strpbrk (pattern, "*?[\\") || !g_file_test (pattern, G_FILE_TEST_EXISTS))
    return g_strdup (pattern);
  char *whole = g_canonicalize_filename (pattern, NULL);
  if (g_file_test (pattern, G_FILE_TEST_IS_DIR)) {
    char *all = g_strconcat (whole, g_str_has_suffix (whole, "/") ? "*" : "/*", NULL);
    g_free (whole);
    return all;
  }
  return whole;
}
