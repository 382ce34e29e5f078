/* Protects when a file was recorded, by its name. */
#include <stdlib.h>
#include <time.h>
#include "indexdate.h"

static void
test_dates (void) {
  static const struct {
    const char *name, *expected; /* UTC; the local time is an hour ahead. NULL: none */
  } cases[] = {
      {"20261130_101500.mp4", "2026-11-30T09:15:00Z"},
      {"VID_20261130_101500.mp4", "2026-11-30T09:15:00Z"},
      {"VID_20261130_101500_HSR.mp4", "2026-11-30T09:15:00Z"},
      {"IMG_20261130_101500123.jpg", "2026-11-30T09:15:00Z"},
      {"PXL_20261130_101500123.mp4", "2026-11-30T10:15:00Z"},
      {"2026-11-30 10.15.00.mov", "2026-11-30T09:15:00Z"},
      {"2026-11-30T10:15:00.mkv", "2026-11-30T09:15:00Z"},
      {"2026-11-30_10-15-00.mkv", "2026-11-30T09:15:00Z"},
      {"Screen Recording 2026-11-30 at 10.15.00.mov", "2026-11-30T09:15:00Z"},
      {"camera3-20261130101500.avi", "2026-11-30T09:15:00Z"},
      {"20261130T101500.ts", "2026-11-30T09:15:00Z"},
      {"VID-20261130-WA0001.mp4", "2026-11-29T23:00:00Z"},
      {"holiday 2026-07-01.mp4", "2026-06-30T22:00:00Z"}, /* summer time */
      {"2026.11.30 walk.mp4", "2026-11-29T23:00:00Z"},
      {"take 3 of 20261130_101500.mp4", "2026-11-30T09:15:00Z"},
      {"19700101_010000.mp4", "1970-01-01T00:00:00Z"},
      {"GX010042.MP4", NULL},
      {"20261330_101500.mp4", NULL}, /* month 13 */
      {"20260230.mp4", NULL},        /* no such day */
      {"202611301.mp4", NULL},       /* a number */
      {"18991130_101500.mp4", NULL},
      {"2026-1130.mp4", NULL},
      {"2026.mp4", NULL},
      {"", NULL},
      {"\xff\xfe", NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gint64 utc = 0;
    gboolean found = clipmoe_index_date (cases[i].name, &utc);
    g_test_message ("%s", cases[i].name);
    g_assert_cmpint (found, ==, cases[i].expected != NULL);
    if (!found)
      continue;
    GDateTime *when = g_date_time_new_from_unix_utc (utc / G_USEC_PER_SEC);
    char *text = g_date_time_format (when, "%Y-%m-%dT%H:%M:%SZ");
    g_assert_cmpstr (text, ==, cases[i].expected);
    g_free (text);
    g_date_time_unref (when);
  }
}

static void
test_taken (void) {
  static const struct {
    const char *taken, *offset;
    gint64 expected; /* 0: none */
  } cases[] = {
      {"2024:07:01 10:15:00", "+05:30", 1719809100},
      {"2024:07:01 10:15:00", "-08:00", 1719857700},
      {"2024:07:01 10:15:00", "", 1719821700},
      {"2024:01:01 10:15:00", "      ", 1704100500},
      {"2024:07:01 10:15:00", "+99:99", 0},
      {"0000:00:00 00:00:00", "", 0},
      {"    :  :     :  :  ", "", 0},
      {"1970:01:01 00:00:00", "", 0},
      {"2199:07:01 10:15:00", "", 0},
      {"2024:02:30 10:15:00", "", 0},
      {"2024-07-01 10:15:00", "", 0},
      {"2024:07:01 24:15:00", "", 0},
      {"2024:07:01 10:15", "", 0},
      {"", "", 0},
      {"\xff\xfe", "+\xff", 0},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    gint64 utc = 0;
    g_test_message ("%s %s", cases[i].taken, cases[i].offset);
    g_assert_cmpint (clipmoe_index_date_taken (cases[i].taken, cases[i].offset, &utc), ==,
                     cases[i].expected != 0);
    g_assert_cmpint (utc, ==, cases[i].expected * G_USEC_PER_SEC);
  }
}

int
main (int argc, char **argv) {
  setenv ("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  tzset ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/index/date", test_dates);
  g_test_add_func ("/index/taken", test_taken);
  return g_test_run ();
}
