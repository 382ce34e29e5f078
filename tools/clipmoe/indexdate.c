#include "indexdate.h"

#include <string.h>

#define DAY (G_GINT64_CONSTANT (24) * 3600)
#define YEAR (365 * DAY)

/* @n digits at @at as a number; -1: there are not so many. */
static int
digits (const char *at, guint n) {
  int value = 0;
  for (guint i = 0; i < n; i++) {
    if (!g_ascii_isdigit (at[i]))
      return -1;
    value = value * 10 + (at[i] - '0');
  }
  return value;
}

/* The time of day behind a date, at @at: [separators]HH[sep]MM[sep]SS. FALSE: none. */
static gboolean
time_of_day (const char *at, int *hour, int *minute, int *second) {
  guint between = 0;
  while (*at && strchr (" _-T.", *at) && between < 3) {
    at++;
    between++;
  }
  if (g_str_has_prefix (at, "at ")) { /* "Screen Recording 2026-11-30 at 10.15.00" */
    at += 3;
  }
  int *parts[] = {hour, minute, second};
  for (guint i = 0; i < 3; i++) {
    if ((*parts[i] = digits (at, 2)) < 0)
      return FALSE;
    at += 2;
    if (i < 2 && *at && strchr (".:-_", *at))
      at++;
  }
  return *hour < 24 && *minute < 60 && *second < 60;
}

/* A date that begins at @at. */
static gboolean
date (const char *at, gboolean is_utc, gint64 *utc) {
  int year = digits (at, 4), month, day, hour = 0, minute = 0, second = 0;
  const char *rest;
  if (year < 1970 || year > 2199)
    return FALSE;
  if ((month = digits (at + 4, 2)) >= 0) {
    day = digits (at + 6, 2);
    rest = at + 8;
  } else {
    if (!strchr ("-._", at[4]) || (month = digits (at + 5, 2)) < 0 || at[7] != at[4])
      return FALSE;
    day = digits (at + 8, 2);
    rest = at + 10;
  }
  if (day < 0)
    return FALSE;
  if (!time_of_day (rest, &hour, &minute, &second)) {
    if (g_ascii_isdigit (*rest)) /* a number that looks like a date */
      return FALSE;
    hour = minute = second = 0;
  }
  GTimeZone *zone = is_utc ? g_time_zone_new_utc () : g_time_zone_new_local ();
  GDateTime *when = g_date_time_new (zone, year, month, day, hour, minute, second);
  if (when) {
    *utc = g_date_time_to_unix (when) * G_USEC_PER_SEC;
    g_date_time_unref (when);
  }
  g_time_zone_unref (zone);
  return when != NULL;
}

gboolean
clipmoe_index_date (const char *name, gint64 *utc) {
  gboolean is_utc = g_str_has_prefix (name, "PXL_");
  for (const char *at = name; *at; at++)
    if (g_ascii_isdigit (*at) && (at == name || !g_ascii_isdigit (at[-1])) && date (at, is_utc, utc))
      return TRUE;
  return FALSE;
}

gboolean
clipmoe_index_date_taken (const char *taken, const char *offset, gint64 *utc) {
  static const char form[] = "dddd:dd:dd dd:dd:dd";
  if (strlen (taken) != sizeof form - 1)
    return FALSE;
  for (guint i = 0; form[i]; i++)
    if (form[i] == 'd' ? !g_ascii_isdigit (taken[i]) : taken[i] != form[i])
      return FALSE;
  gboolean signed_offset = *offset == '+' || *offset == '-';
  GTimeZone *zone = signed_offset ? g_time_zone_new_identifier (offset) : g_time_zone_new_local ();
  GDateTime *when =
      zone ? g_date_time_new (zone, digits (taken, 4), digits (taken + 5, 2), digits (taken + 8, 2),
                              digits (taken + 11, 2), digits (taken + 14, 2), digits (taken + 17, 2))
           : NULL;
  gint64 seconds = when ? g_date_time_to_unix (when) : 0;
  g_clear_pointer (&when, g_date_time_unref);
  g_clear_pointer (&zone, g_time_zone_unref);
  if (seconds <= YEAR || seconds >= g_get_real_time () / G_USEC_PER_SEC + 2 * DAY)
    return FALSE;
  *utc = seconds * G_USEC_PER_SEC;
  return TRUE;
}
