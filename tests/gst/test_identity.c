/* Checks that every look has an identity of its own and is fresh once, that a look which no buffer carries
 * arrives as well, and that it has the time at which its frame was taken. */
#include "common.h"
#include "clipmoelooks.h"

static GstHarness *
latest (const char *more, gboolean live) {
  char *text = g_strdup_printf ("labels=a,b threshold=0 rate=0 mode=latest %s", more);
  GstHarness *h = harness (text, RGB64, NULL);
  gst_harness_set_live (h, live);
  g_free (text);
  return h;
}

static guint64
sequence (GstBuffer *b) {
  return look (b, 0) ? number (look (b, 0), "sequence") : 0;
}

static char *
name (GstBuffer *b) {
  return g_strdup (gst_structure_get_string (look (b, 0), "tagger"));
}

static void
test_counts (void) {
  GstHarness *h = harness ("labels=a,b threshold=0 rate=5", RGB64, NULL), /* of ten frames a second */
      *other = harness ("labels=a,b threshold=0 rate=5", RGB64, NULL);
  char *first = NULL;
  for (guint i = 0; i < 6; i++) {
    GstBuffer *b = through (h, frame (RGB64, i));
    g_assert_cmpuint (sequence (b), ==, 1 + i / 2);
    g_assert_cmpint (is_fresh (look (b, 0)), ==, i % 2 == 0);
    if (!first)
      first = name (b);
    g_assert_cmpstr (gst_structure_get_string (look (b, 0), "tagger"), ==, first);
    gst_buffer_unref (b);
  }
  /* back, by a flush: the frames are the same, the looks are not */
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  GstBuffer *b = through (h, frame (RGB64, 0));
  g_assert_cmpuint (sequence (b), ==, 4);
  gst_buffer_unref (b);
  /* stopped and started again: the count goes on */
  gst_element_set_state (tagger (h), GST_STATE_READY);
  gst_element_set_state (tagger (h), GST_STATE_PLAYING);
  gst_harness_push_event (h, gst_event_new_stream_start ("again"));
  gst_harness_set_src_caps_str (h, RGB64);
  b = through (h, frame (RGB64, 0));
  g_assert_cmpuint (sequence (b), ==, 5);
  g_assert_cmpstr (gst_structure_get_string (look (b, 0), "tagger"), ==, first);
  gst_buffer_unref (b);
  /* another element of the same place and model */
  b = through (other, frame (RGB64, 0));
  g_assert_cmpuint (sequence (b), ==, 1);
  g_assert_cmpstr (gst_structure_get_string (look (b, 0), "tagger"), !=, first);
  g_assert_true (g_str_has_prefix (first, "/"));
  g_assert_nonnull (gst_structure_get_string (look (b, 0), "source")); /* where there is no URI */
  gst_buffer_unref (b);
  g_free (first);
  done (h, NULL);
  done (other, NULL);
}

/* The looks of the events that wait, NULL for none; the last of several counts. */
static GstStructure *
event_look (GstHarness *h, guint *n) {
  GstStructure *found = NULL;
  GstEvent *event;
  *n = 0;
  while ((event = gst_harness_try_pull_event (h))) {
    const GstStructure *s = clipmoe_looks_event (event);
    if (s) {
      g_clear_pointer (&found, gst_structure_free);
      found = gst_structure_copy (s);
      (*n)++;
    }
    gst_event_unref (event);
  }
  return found;
}

/* At the end, where another stream begins, and between two buffers: every look arrives once. */
static void
test_last (void) {
  for (guint how = 0; how < 3; how++) {
    GstHarness *h = latest ("source=cam", FALSE);
    guint n, arrived = 0;
    for (guint i = 0; i < 30; i++) {
      GstBuffer *b = through (h, frame (RGB64, i));
      arrived += look (b, 0) && is_fresh (look (b, 0));
      gst_buffer_unref (b);
    }
    g_clear_pointer (&(GstStructure *){event_look (h, &n)}, gst_structure_free);
    arrived += n;
    GstEvent *start = gst_event_new_stream_start ("other");
    if (how == 0)
      start = (gst_event_unref (start), gst_event_new_eos ());
    else if (how == 2)
      gst_event_set_group_id (start, 77); /* the same name, another time */
    g_assert_true (gst_harness_push_event (h, start));
    GstStructure *s = event_look (h, &n);
    g_assert_cmpuint (arrived + n, ==, stat_of (h, "looks"));
    ClipmoeLook found;
    if (n) { /* nearly always */
      g_assert_true (clipmoe_looks_read (s, 0, &found));
      g_assert_cmpuint (found.sequence, ==, stat_of (h, "looks"));
      g_assert_cmpstr (found.source, ==, "cam");
      g_assert_true (found.fresh);
      g_assert_cmpuint (found.n_tags, ==, 2);
      clipmoe_looks_clear (&found);
    }
    g_clear_pointer (&s, gst_structure_free);
    done (h, NULL);
  }
  /* what a buffer carried does not come again */
  GstHarness *h = harness ("labels=a,b threshold=0 rate=0 mode=sync", RGB64, NULL);
  guint n;
  gst_buffer_unref (through (h, frame (RGB64, 0)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_null (event_look (h, &n));
  done (h, NULL);
}

/* Every look is fresh on one buffer, its first. */
static void
test_fresh (void) {
  GstHarness *h = latest ("", FALSE);
  guint64 last = 0;
  for (guint i = 0; i < 200 && last < 5; i++) {
    GstBuffer *b = through (h, frame (RGB64, i));
    if (look (b, 0))
      g_assert_cmpint (is_fresh (look (b, 0)), ==, sequence (b) != last);
    last = sequence (b);
    gst_buffer_unref (b);
    g_usleep (2000);
  }
  g_assert_cmpuint (last, >, 0);
  done (h, NULL);
}

static gint64
at_of (GstHarness *h, GstBuffer *in) {
  gint64 at = 0;
  GstBuffer *b = through (h, in);
  gst_structure_get_int64 (look (b, 0), "at", &at);
  gst_buffer_unref (b);
  return at;
}

static GstBuffer *
stamped (guint n, const char *reference, GstClockTime time) {
  GstBuffer *b = frame (RGB64, n);
  GstCaps *caps = gst_caps_from_string (reference);
  gst_buffer_add_reference_timestamp_meta (b, caps, time, GST_CLOCK_TIME_NONE);
  gst_caps_unref (caps);
  return b;
}

/* The date of the frame: what the camera wrote; else by the clock, where the stream is live. */
static void
test_at (void) {
  const gint64 date = 1700000000123456,
               ntp = (G_GINT64_CONSTANT (2208988800) + 1700000000) * G_USEC_PER_SEC + 123456;
  GstHarness *h = harness ("labels=a,b threshold=0 rate=0 mode=sync", RGB64, NULL);
  g_assert_cmpint (at_of (h, frame (RGB64, 0)), ==, 0);
  g_assert_cmpint (at_of (h, stamped (1, "timestamp/x-unix", (GstClockTime)date * 1000)), ==, date);
  done (h, NULL);
  h = harness ("labels=a,b threshold=0 rate=0 mode=sync", RGB64, NULL);
  gst_harness_set_live (h, TRUE);
  gst_harness_use_testclock (h);
  gst_harness_set_time (h, 100 * GST_SECOND);
  gint64 before = g_get_real_time (), at = at_of (h, frame (RGB64, 0)), after = g_get_real_time ();
  GstClockTime base = gst_element_get_base_time (tagger (h));
  gint64 ago = (gint64)((100 * GST_SECOND - base) / GST_USECOND); /* the frame is of the base time */
  g_assert_cmpint (at, >=, before - ago);
  g_assert_cmpint (at, <=, after - ago);
  g_assert_cmpint (at_of (h, stamped (1, "timestamp/x-unix", (GstClockTime)date * 1000)), ==, date);
  g_assert_cmpint (at_of (h, stamped (2, "timestamp/x-ntp", (GstClockTime)ntp * 1000)), ==, date);
  /* a device's counter, and times that are no date */
  gint64 now = g_get_real_time () - ago;
  g_assert_cmpint (at_of (h, stamped (3, "timestamp/x-camera", 5)), >=, now);
  g_assert_cmpint (at_of (h, stamped (4, "timestamp/x-ntp", 5)), >=, now);
  g_assert_cmpint (at_of (h, stamped (6, "timestamp/x-unix", 0)), >=, now);
  done (h, NULL);
}

static GstPadProbeReturn
answer (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  if (GST_QUERY_TYPE (query) != GST_QUERY_URI)
    return GST_PAD_PROBE_OK;
  gst_query_set_uri (query, *(const char **)data);
  return GST_PAD_PROBE_HANDLED;
}

static void
assert_source (GstHarness *h, GstBus *bus, guint n, const char *source) {
  GstBuffer *b = through (h, frame (RGB64, n));
  g_assert_cmpstr (gst_structure_get_string (look (b, 0), "source"), ==, source);
  char *meta = gst_structure_to_string (clipmoe_looks_structure (b));
  g_assert_null (strstr (meta, "secret"));
  g_free (meta);
  gst_buffer_unref (b);
  GstMessage *m;
  while ((m = gst_bus_pop (bus))) {
    const GstStructure *s = gst_message_get_structure (m);
    char *text = s ? gst_structure_to_string (s) : g_strdup ("");
    g_assert_null (strstr (text, "secret"));
    g_free (text);
    gst_message_unref (m);
  }
}

/* What upstream calls the stream, without user and password; asked again when another one begins. */
static void
test_source (void) {
  const char *uri = "rtsp://user:secret@camera:554/1?x=1&password=secret";
  GstBus *bus;
  GstHarness *h =
      harness ("labels=a,b threshold=0 rate=0 mode=sync post-messages=all attach-embedding=true", NULL, &bus);
  gst_pad_add_probe (h->srcpad, GST_PAD_PROBE_TYPE_QUERY_UPSTREAM, answer, &uri, NULL);
  gst_harness_set_src_caps_str (h, RGB64);
  assert_source (h, bus, 0, "rtsp://camera:554/1?x=1&password=");
  uri = "file:///videos/a.mkv";
  assert_source (h, bus, 1, "rtsp://camera:554/1?x=1&password=");
  GstEvent *start = gst_event_new_stream_start ("other");
  gst_harness_push_event (h, start);
  assert_source (h, bus, 2, "file:///videos/a.mkv");
  g_object_set (tagger (h), "source", "rtsp://me:word@h", NULL); /* what the user says stays */
  assert_source (h, bus, 3, "rtsp://me:word@h");
  done (h, bus);
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/identity/counts", test_counts);
  g_test_add_func ("/identity/last", test_last);
  g_test_add_func ("/identity/fresh", test_fresh);
  g_test_add_func ("/identity/at", test_at);
  g_test_add_func ("/identity/source", test_source);
  return g_test_run ();
}
