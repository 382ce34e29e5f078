#include "watchhours.h"

#include <time.h>

/* "22" or "6:30"; 24 is the end of the day. Returns what follows, or NULL. */
static const char *
parse_time (const char *p, guint *minutes) {
  char *end;
  if (!g_ascii_isdigit (*p))
    return NULL;
  guint64 hour = g_ascii_strtoull (p, &end, 10), minute = 0;
  if (*end == ':') {
    p = end + 1;
    if (!g_ascii_isdigit (p[0]) || !g_ascii_isdigit (p[1]))
      return NULL;
    minute = (guint64)(p[0] - '0') * 10 + (guint64)(p[1] - '0');
    end += 3;
  }
  if (hour > 24 || minute > 59 || (hour == 24 && minute))
    return NULL;
  *minutes = (guint)(hour * 60 + minute);
  return end;
}

gboolean
watch_hours_parse (WatchHours *self, const char *text) {
  const char *p = text;
  self->n = 0;
  for (;;) {
    guint from, to;
    while (*p == ' ')
      p++;
    if (self->n == WATCH_MOST_HOURS || !(p = parse_time (p, &from)) || *p != '-' ||
        !(p = parse_time (p + 1, &to)) || from == to)
      return FALSE;
    self->spans[self->n].from = from % 1440;
    self->spans[self->n++].to = to;
    while (*p == ' ')
      p++;
    if (!*p)
      return TRUE;
    if (*p++ != ',')
      return FALSE;
  }
}

gboolean
watch_hours_has (const WatchHours *self, guint minute) {
  for (guint i = 0; i < self->n; i++) {
    guint from = self->spans[i].from, to = self->spans[i].to;
    if (from < to ? minute >= from && minute < to : minute >= from || minute < to)
      return TRUE;
  }
  return !self->n;
}

gboolean
watch_hours_has_time (const WatchHours *self, gint64 utc) {
  const time_t time = (time_t)utc;
  struct tm local;
  localtime_r (&time, &local);
  return watch_hours_has (self, (guint)(local.tm_hour * 60 + local.tm_min));
}
