/* When a camera is watched: "22-6", "8-12,14:30-18", in local time. Pure. */
#ifndef CLIPMOE_WATCH_HOURS_H
#define CLIPMOE_WATCH_HOURS_H

#include <glib.h>

#define WATCH_MOST_HOURS 16

typedef struct {
  guint n; /* 0: always */
  struct {
    guint from, to; /* minutes since midnight; to below from: over midnight */
  } spans[WATCH_MOST_HOURS];
} WatchHours;

/* FALSE: not of this form. */
gboolean watch_hours_parse (WatchHours *self, const char *text);
/* @minute of the day, 0 to 1439. */
gboolean watch_hours_has (const WatchHours *self, guint minute);

/* The same for local time at @utc, seconds since 1970: where clocks are set back an hour is there twice,
 * where they are set forward one is missing. */
gboolean watch_hours_has_time (const WatchHours *self, gint64 utc);

#endif
