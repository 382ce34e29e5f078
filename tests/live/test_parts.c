/* Checks small parts of cameras: hours, addresses with logins, and the video that waits for an event. */
#include <glib/gstdio.h>
#include <time.h>
#include "srcaddress.h"
#include "watchhours.h"
#include "watchring.h"

static void
test_hours (void) {
  static const char *const bad[] = {"",     "x",        "22",    "22-",     "-6",    "25-3",  "8-8",
                                    "8-9,", "8-9,,1-2", "8:5-9", "24:30-1", "8-9 x", "1-2-3", "8.5-9"};
  WatchHours h;
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (watch_hours_parse (&h, bad[i]));
  g_assert_true (watch_hours_parse (&h, "22-6"));
  g_assert_true (watch_hours_has (&h, 22 * 60) && watch_hours_has (&h, 0) &&
                 watch_hours_has (&h, 5 * 60 + 59));
  g_assert_false (watch_hours_has (&h, 6 * 60) || watch_hours_has (&h, 12 * 60) ||
                  watch_hours_has (&h, 22 * 60 - 1));
  g_assert_true (watch_hours_parse (&h, " 8:30-12 , 14-24"));
  g_assert_true (watch_hours_has (&h, 8 * 60 + 30) && watch_hours_has (&h, 1439));
  g_assert_false (watch_hours_has (&h, 8 * 60 + 29) || watch_hours_has (&h, 13 * 60));
  g_assert_true (watch_hours_parse (&h, "0-24") && watch_hours_has (&h, 0) && watch_hours_has (&h, 1439));
}

/* @text is "2026-03-29T01:30Z" and so on. */
static gboolean
is_open (const char *hours, const char *text) {
  WatchHours h;
  GDateTime *t = g_date_time_new_from_iso8601 (text, NULL);
  g_assert_true (watch_hours_parse (&h, hours));
  gboolean open = watch_hours_has_time (&h, g_date_time_to_unix (t));
  g_date_time_unref (t);
  return open;
}

/* Hours are what the clock on the wall shows, also over midnight and when it is set. */
static void
test_clock (void) {
  char *zone = g_strdup (g_getenv ("TZ"));
  g_setenv ("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", TRUE);
  tzset ();
  g_assert_true (is_open ("22-6", "2026-01-10T21:00:00Z") && is_open ("22-6", "2026-01-11T04:59:00Z"));
  g_assert_false (is_open ("22-6", "2026-01-10T20:59:00Z") || is_open ("22-6", "2026-01-11T05:00:00Z"));
  /* set forward: 2:00 to 3:00 is not there, what lasts over it is not broken */
  g_assert_true (is_open ("22-6", "2026-03-29T00:59:00Z") && is_open ("22-6", "2026-03-29T01:00:00Z"));
  g_assert_true (is_open ("22-6", "2026-03-29T03:59:00Z"));
  g_assert_false (is_open ("22-6", "2026-03-29T04:00:00Z"));
  g_assert_false (is_open ("2-3", "2026-03-29T00:59:00Z") || is_open ("2-3", "2026-03-29T01:00:00Z"));
  /* set back: 2:00 to 3:00 is there twice */
  g_assert_true (is_open ("2-3", "2026-10-25T00:30:00Z") && is_open ("2-3", "2026-10-25T01:30:00Z"));
  g_assert_false (is_open ("2-3", "2026-10-24T23:59:00Z") || is_open ("2-3", "2026-10-25T02:00:00Z"));
  if (zone)
    g_setenv ("TZ", zone, TRUE);
  else
    g_unsetenv ("TZ");
  tzset ();
  g_free (zone);
}

static void
test_address (void) {
  static const struct {
    const char *given, *uri, *user, *password;
  } good[] = {
      {"/tmp/a b.mp4", "file:///tmp/a%20b.mp4", NULL, NULL},
      {"file:///tmp/a.mp4", "file:///tmp/a.mp4", NULL, NULL},
      {"v4l2:/dev/video0", "v4l2:/dev/video0", NULL, NULL},
      {"v4l2:///dev/video0", "v4l2:///dev/video0", NULL, NULL},
  };
  static const char *const bad[] = {NULL, "", "nothing://x", "v4l2:video0", "://x"};
  SrcAddress a;
  GError *error = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_assert_true (src_address_init (&a, good[i].given, NULL, NULL, &error));
    g_assert_cmpstr (a.uri, ==, good[i].uri);
    g_assert_cmpstr (a.user, ==, good[i].user);
    src_address_clear (&a);
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_assert_false (src_address_init (&a, bad[i], NULL, NULL, &error));
    g_assert_nonnull (error);
    g_clear_error (&error);
  }
  static const struct {
    const char *given, *uri, *user, *password;
  } logins[] = {
      {"rtsp://u:p@h/s", "rtsp://h/s", "u", "p"},
      {"rtsp://u@h:554/s", "rtsp://h:554/s", "u", ""},
      {"rtsp://u:a%40b%2Fc@h/s", "rtsp://h/s", "u", "a@b/c"},
      {"rtsp://u:p@x@h/s", "rtsp://h/s", "u", "p@x"},
      {"rtsp://h/s@x", "rtsp://h/s@x", NULL, NULL},
      {"rtsp://u:p:q@h/s", "rtsp://h/s", "u", "p:q"},
      {"rtsp://u:100%25%3F%23@h/s", "rtsp://h/s", "u", "100%?#"},
      {"rtsp://u:1%2F2%3A3%40@h:554/s", "rtsp://h:554/s", "u", "1/2:3@"},
      {"rtsp://u:50%@h/s", "rtsp://h/s", "u", "50%"},
      {"rtsp://u:p@h/s@x?y=@", "rtsp://h/s@x?y=@", "u", "p"},
      {"rtsp://h:554/s?mail=a@b", "rtsp://h:554/s?mail=a@b", NULL, NULL},
      {"rtsp://[::1]:554/s%40x", "rtsp://[::1]:554/s%40x", NULL, NULL},
  };
  static const char *const cut[] = {"rtsp://u:geheim/1@h/s",  "rtsp://u:geheim?1@h/s",
                                    "rtsp://u:geheim#1@h",    "http://u:/geheim@h/s",
                                    "rtsp://u:4711/geheim@h", "rtsp://u:geheim/a@b@h/s",
                                    "rtsp://u:geheim@/x@h/s", "rtsp://[::1]:554/geheim@x"};
  for (guint i = 0; i < G_N_ELEMENTS (cut); i++) {
    g_assert_false (src_address_init (&a, cut[i], NULL, NULL, &error));
    g_assert_nonnull (strstr (error->message, "%2F"));
    g_assert_null (strstr (error->message, "geheim"));
    g_clear_error (&error);
  }
  if (!gst_uri_protocol_is_supported (GST_URI_SRC, "rtsp"))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (logins); i++) {
    g_assert_true (src_address_init (&a, logins[i].given, NULL, NULL, &error));
    g_assert_cmpstr (a.uri, ==, logins[i].uri);
    g_assert_cmpstr (a.user, ==, logins[i].user);
    g_assert_cmpstr (a.password, ==, logins[i].password);
    src_address_clear (&a);
  }
  g_assert_true (src_address_init (&a, "rtsp://u:p@h/s", "me", "mine", &error));
  g_assert_cmpstr (a.user, ==, "me");
  g_assert_cmpstr (a.uri, ==, "rtsp://h/s");
  src_address_clear (&a);
}

static void
test_login (void) {
  static const struct {
    const char *text, *user, *password;
  } files[] = {{"u:p\n", "u", "p"},       {"u:p:q # x", "u", "p:q # x"},
               {"u:\r\n", "u", ""},       {"# door\nuser = u\npassword = p\n", "u", "p"},
               {"u:p\nmore", NULL, NULL}, {"u", NULL, NULL},
               {":p\n", NULL, NULL},      {"", NULL, NULL}};
  char *path = NULL;
  int fd = g_file_open_tmp (NULL, &path, NULL);
  g_assert_true (g_close (fd, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    SrcAddress a = {0};
    GError *error = NULL;
    g_assert_true (g_file_set_contents (path, files[i].text, -1, NULL));
    g_assert_true (src_address_read_login (&a, path, &error) == (files[i].user != NULL));
    g_assert_true (!files[i].user == !!error);
    g_assert_cmpstr (a.user, ==, files[i].user);
    g_assert_cmpstr (a.password, ==, files[i].password);
    g_clear_error (&error);
    src_address_clear (&a);
  }
  g_unlink (path);
  g_free (path);
}

static void
add (WatchRing *ring, guint second, gboolean key, gsize size) {
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);
  GST_BUFFER_PTS (buffer) = second * GST_SECOND;
  if (!key)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  watch_ring_add (ring, buffer);
  gst_buffer_unref (buffer);
}

static void
note (GstBuffer *buffer, gpointer data) {
  g_string_append_printf (data, "%u ", (guint)(GST_BUFFER_PTS (buffer) / GST_SECOND));
}

static void
replays (const WatchRing *ring, guint second, const char *expected) {
  GString *text = g_string_new (NULL);
  gboolean any = watch_ring_replay (ring, second * GST_SECOND, note, text);
  g_assert_cmpstr (text->str, ==, expected);
  g_assert_true (any == (*expected != 0));
  g_string_free (text, TRUE);
}

static void
test_ring (void) {
  WatchRing *ring = watch_ring_new (5 * GST_SECOND, 1000);
  add (ring, 0, FALSE, 10); /* nothing before it */
  replays (ring, 9, "");
  for (guint i = 1; i < 10; i++)
    add (ring, i, i % 3 == 1, 10); /* key frames at 1, 4, 7 */
  replays (ring, 0, "1 2 3 4 5 6 7 8 9 ");
  replays (ring, 5, "4 5 6 7 8 9 ");
  replays (ring, 7, "7 8 9 ");
  add (ring, 10, TRUE, 10); /* 5 s before it lies in the group of 4 */
  replays (ring, 0, "4 5 6 7 8 9 10 ");
  add (ring, 11, FALSE, 970); /* too much: the oldest groups go */
  replays (ring, 0, "10 11 ");
  add (ring, 12, FALSE, 970); /* a group that alone is too much */
  replays (ring, 0, "");
  add (ring, 13, TRUE, 10);
  replays (ring, 0, "13 ");
  watch_ring_free (ring);
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  test_hours ();
  test_clock ();
  test_address ();
  test_login ();
  test_ring ();
  return 0;
}
