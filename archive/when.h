/* Times, hours and durations as people write them, for filters. */
#ifndef CLIPMOE_WHEN_H
#define CLIPMOE_WHEN_H

#include "store.h"

/* Reads a moment in time:
 *   2026-11-01, 2026-11-01 08:00, 2026-11-01T08:00:12   local
 *   2026-11-01T08:00:12Z, …+01:00                       RFC 3339, fractions of a second allowed
 *   08:00, today, yesterday, now, yesterday 08:00       local; a time alone is today's
 *   -90s, -30m, -3h, -7d, -2w                           before now; days and weeks keep the time of day
 * @end: where a day without a time is named, its end is meant and not its begin (--until). @now: UTC
 * microseconds. *utc: UTC microseconds. FALSE (ARGUMENT): none of these, or there is no such day. */
gboolean clipmoe_when_parse (const char *text, gboolean end, gint64 now, GTimeZone *zone, gint64 *utc,
                             GError **error);
/* A time with its distance from UTC, for people: "2026-11-01 08:00:12 +01:00". (transfer full) */
char *clipmoe_when_describe (gint64 utc, GTimeZone *zone);
/* RFC 3339 in UTC, without a fraction where it is none: "2026-11-01T08:00:12Z". (transfer full) */
char *clipmoe_when_utc (gint64 utc);

/* Hours of the day, "22-6" or "7:30-16": minutes of the day as ClipmoeFilter has them. */
gboolean clipmoe_when_parse_hours (const char *text, int *from, int *until, GError **error);
/* "90", "90s", "1.5m", "2h" or "1:30" (minutes and seconds), "1:00:00": ns, above 0. */
gboolean clipmoe_when_parse_duration (const char *text, gint64 *ns, GError **error);

/* The pattern for a path: a folder without a wildcard becomes all that is in it, a file itself, both
 * absolute; else as it is. (transfer full) */
char *clipmoe_when_path (const char *pattern);

#endif
