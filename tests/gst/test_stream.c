/* Checks the element over the life of a stream: what each mode promises, QoS that skips looks and never
 * frames, latency, flushes, seeks, gaps, ends, labels that change while it plays. */
#include "common.h"

static const char *const modes[] = {"sync", "latest", "auto"};

/* A harness in @mode with looks at every frame. */
static GstHarness *
every (const char *mode, const char *more, GstBus **bus) {
  char *text = g_strdup_printf ("labels=a,b threshold=0 rate=0 mode=%s %s", mode, more);
  GstHarness *h = harness (text, RGB64, bus);
  g_free (text);
  return h;
}

static void
test_rate (void) {
  GstHarness *h = harness ("labels=a,b threshold=0 rate=2.5", RGB64, NULL); /* of ten frames a second */
  for (guint i = 0; i < 20; i++) {
    GstBuffer *b = through (h, frame (RGB64, i));
    g_assert_cmpint (is_fresh (look (b, 0)), ==, i % 4 == 0);
    g_assert_cmpuint (number (look (b, 0), "age"), ==, i % 4 * GST_SECOND / 10);
    g_assert_cmpuint (number (look (b, 0), "time"), ==, (i - i % 4) * GST_SECOND / 10);
    gst_buffer_unref (b);
  }
  g_assert_cmpuint (stat_of (h, "frames"), ==, 20);
  g_assert_cmpuint (stat_of (h, "looks"), ==, 5);
  g_object_set (tagger (h), "rate", 0.0, "top-k", 1, "inference-interval", 2, NULL); /* while playing */
  for (guint i = 20; i < 24; i++) {
    GstBuffer *b = through (h, frame (RGB64, i));
    if (i > 20)
      g_assert_cmpuint (n_tags (look (b, 0)), ==, 1);
    gst_buffer_unref (b);
  }
  g_assert_cmpuint (stat_of (h, "looks"), ==, 7);
  done (h, NULL);
}

/* Waits for @n looks, at most ten seconds. */
static void
wait_looks (GstHarness *h, guint n) {
  for (guint i = 0; i < 10000 && stat_of (h, "looks") < n; i++)
    g_usleep (1000);
  g_assert_cmpuint (stat_of (h, "looks"), >=, n);
}

static void
test_latest (void) {
  GstBus *bus;
  GstHarness *h = every ("latest", "post-messages=all", &bus);
  count (bus, GST_MESSAGE_ANY);
  GstBuffer *b = through (h, frame (RGB64, 0));
  gboolean quick = look (b, 0) != NULL; /* the worker may have been */
  if (quick)
    g_assert_true (is_fresh (look (b, 0)));
  g_assert_cmpint (GST_MINI_OBJECT_REFCOUNT_VALUE (b), ==, 1); /* nothing of upstream's is held */
  g_assert_cmpint (GST_MINI_OBJECT_REFCOUNT_VALUE (gst_buffer_peek_memory (b, 0)), ==, 1);
  gst_buffer_unref (b);
  wait_looks (h, 1);
  b = through (h, frame (RGB64, 3));
  g_assert_nonnull (look (b, 0));
  g_assert_cmpint (is_fresh (look (b, 0)), ==, !quick || number (look (b, 0), "time") > 0);
  g_assert_cmpuint (number (look (b, 0), "time") + number (look (b, 0), "age"), ==, GST_SECOND * 3 / 10);
  gst_buffer_unref (b);
  for (guint i = 4; i < 104; i++)
    gst_buffer_unref (through (h, frame (RGB64, i)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  /* what was handed over is finished before the end passes, and every look was posted */
  g_assert_cmpuint (stat_of (h, "looks") + stat_of (h, "skipped"), ==, 102);
  g_assert_cmpuint (count (bus, GST_MESSAGE_ELEMENT), ==, stat_of (h, "looks"));
  done (h, bus);
}

static void
test_auto (void) {
  for (guint live = 0; live < 2; live++) {
    GstHarness *h = harness ("labels=a,b", NULL, NULL);
    GstStructure *s;
    gst_harness_set_live (h, live);
    gst_harness_set_src_caps_str (h, RGB64);
    gst_buffer_unref (through (h, frame (RGB64, 0)));
    g_object_get (tagger (h), "stats", &s, NULL);
    g_assert_cmpstr (gst_structure_get_string (s, "mode"), ==, live ? "latest" : "sync");
    g_assert_nonnull (gst_structure_get_string (s, "tier"));
    g_assert_cmpstr (gst_structure_get_string (s, "precision"), ==, "f32");
    g_assert_nonnull (strchr (gst_structure_get_string (s, "model"), '@'));
    gst_structure_free (s);
    done (h, NULL);
  }
}

static void
test_latency (void) {
  static const struct {
    const char *mode;
    gboolean live, adds;
  } cases[] = {{"sync", TRUE, TRUE},
               {"sync", FALSE, TRUE},
               {"latest", TRUE, FALSE},
               {"auto", TRUE, FALSE},
               {"auto", FALSE, TRUE}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstHarness *h = every (cases[i].mode, "", NULL);
    gst_harness_set_live (h, cases[i].live);
    gst_harness_set_upstream_latency (h, 7 * GST_MSECOND);
    /* the harness's bin tells nothing of upstream that is not live */
    GstClockTime upstream = cases[i].live ? 7 * GST_MSECOND : 0;
    GstQuery *query = gst_query_new_latency ();
    GstClockTime all;
    gboolean live;
    GstPad *src = gst_element_get_static_pad (tagger (h), "src");
    g_assert_true (gst_pad_query (src, query));
    gst_object_unref (src);
    gst_query_parse_latency (query, &live, &all, NULL);
    gst_query_unref (query);
    g_assert_cmpint (live, ==, cases[i].live);
    if (cases[i].adds)
      g_assert_cmpuint (all, >, upstream);
    else
      g_assert_cmpuint (all, ==, upstream);
    g_assert_cmpuint (all, <, 20 * GST_SECOND);
    done (h, NULL);
  }
}

/* What a latency query at the tagger's source pad says that it adds to 7 ms of upstream's. */
static GstClockTime
adds (GstHarness *h) {
  GstQuery *query = gst_query_new_latency ();
  GstPad *src = gst_element_get_static_pad (tagger (h), "src");
  GstClockTime all;
  gboolean live;
  g_assert_true (gst_pad_query (src, query));
  gst_query_parse_latency (query, &live, &all, NULL);
  gst_query_unref (query);
  gst_object_unref (src);
  return all - (live ? 7 * GST_MSECOND : 0);
}

static void
begin_stream (GstHarness *h, const char *id, gboolean live) {
  GstSegment s;
  GstCaps *caps = gst_caps_from_string (RGB64);
  gst_segment_init (&s, GST_FORMAT_TIME);
  gst_harness_set_live (h, live);
  g_assert_true (gst_harness_push_event (h, gst_event_new_stream_start (id)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_caps (caps)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&s)));
  gst_caps_unref (caps);
}

/* The answer is that of the mode that runs, and whoever has asked hears when it changes, up or down. */
static void
test_running_latency (void) {
  GstBus *bus;
  GstHarness *h = harness ("labels=a,b rate=0", NULL, &bus);
  gst_harness_set_upstream_latency (h, 7 * GST_MSECOND);
  begin_stream (h, "camera", TRUE);
  gst_buffer_unref (through (h, frame (RGB64, 0)));
  g_assert_cmpuint (adds (h), ==, 0);
  gst_util_set_object_arg (G_OBJECT (tagger (h)), "mode", "sync"); /* for the next time that it opens */
  g_assert_cmpuint (adds (h), ==, 0);
  gst_util_set_object_arg (G_OBJECT (tagger (h)), "mode", "auto");
  count (bus, GST_MESSAGE_ANY);
  begin_stream (h, "file", FALSE);
  gst_buffer_unref (through (h, frame (RGB64, 0)));
  g_assert_cmpuint (count (bus, GST_MESSAGE_LATENCY), >=, 1); /* looks that got slower say it, too */
  g_assert_cmpuint (adds (h), >, 0);
  begin_stream (h, "camera again", TRUE);
  gst_buffer_unref (through (h, frame (RGB64, 0)));
  g_assert_cmpuint (count (bus, GST_MESSAGE_LATENCY), >=, 1);
  g_assert_cmpuint (adds (h), ==, 0);
  done (h, bus);
}

/* The buffers are downstream's as they are, so nothing is promised on its behalf: a crop that it does not
 * know would show another part of the frame than without us. */
static void
test_allocation (void) {
  for (guint knows = 0; knows < 2; knows++) {
    GstHarness *h = harness ("labels=a,b", RGB64, NULL);
    if (knows)
      gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
    GstBuffer *b = through (h, frame (RGB64, 0)); /* negotiated */
    gst_buffer_unref (b);
    GstCaps *caps = gst_caps_from_string (RGB64);
    GstQuery *query = gst_query_new_allocation (caps, FALSE);
    gboolean answered = gst_pad_peer_query (h->srcpad, query);
    g_assert_true (answered || !knows);
    g_assert_cmpint (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL), ==, knows);
    g_assert_false (gst_query_find_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, NULL));
    gst_query_unref (query);
    gst_caps_unref (caps);
    done (h, NULL);
  }
}

static void
test_qos (void) {
  GstBus *bus;
  GstHarness *h = every ("sync", "", &bus);
  gst_buffer_unref (through (h, frame (RGB64, 0)));
  count (bus, GST_MESSAGE_ANY);
  gst_harness_push_upstream_event (
      h, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, GST_SECOND / 10, GST_SECOND / 10));
  for (guint i = 1; i < 6; i++) { /* up to 0.3 s is late */
    GstBuffer *b = through (h, frame (RGB64, i));
    g_assert_cmpint (is_fresh (look (b, 0)), ==, i > 3);
    gst_buffer_unref (b);
  }
  g_assert_cmpuint (stat_of (h, "skipped"), ==, 3);
  g_assert_cmpuint (stat_of (h, "frames"), ==, 6);
  g_assert_cmpuint (count (bus, GST_MESSAGE_QOS), ==, 3);
  gst_harness_push_upstream_event (
      h, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, 100 * GST_SECOND, GST_SECOND));
  for (guint i = 6; i < 26; i++)
    gst_buffer_unref (through (h, frame (RGB64, i)));
  g_assert_cmpuint (stat_of (h, "looks"), ==, 5); /* always late: one look in ten frames */
  gst_harness_push_upstream_event (
      h, gst_event_new_qos (GST_QOS_TYPE_OVERFLOW, 0.5, -(GstClockTimeDiff)GST_SECOND, 3 * GST_SECOND));
  GstBuffer *b = through (h, frame (RGB64, 30));
  g_assert_true (is_fresh (look (b, 0)));
  gst_buffer_unref (b);
  done (h, bus);
}

static void
segment (GstHarness *h, GstClockTime start, double rate) {
  GstSegment s;
  gst_segment_init (&s, GST_FORMAT_TIME);
  s.rate = rate;
  s.start = s.time = rate > 0 ? start : 0;
  s.position = start;
  if (rate < 0)
    s.stop = start;
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&s)));
}

static void
test_flush (void) {
  for (guint m = 0; m < G_N_ELEMENTS (modes); m++) {
    GstHarness *h = every (modes[m], "", NULL);
    for (guint round = 0; round < 50; round++) {
      for (guint i = 20; i < 23; i++)
        gst_buffer_unref (through (h, frame (RGB64, i)));
      g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
      g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
      segment (h, 0, 1);
      GstBuffer *b = through (h, frame (RGB64, round % 10));
      if (look (b, 0)) /* never what was seen before the flush */
        g_assert_cmpuint (number (look (b, 0), "time"), ==, round % 10 * GST_SECOND / 10);
      gst_buffer_unref (b);
    }
    done (h, NULL);
  }
}

static void
test_segments (void) {
  GstHarness *h = harness ("labels=a,b threshold=0 rate=2.5", RGB64, NULL);
  for (guint i = 20; i < 23; i++)
    gst_buffer_unref (through (h, frame (RGB64, i)));
  segment (h, GST_SECOND / 2, 1); /* back, without a flush */
  GstBuffer *b = through (h, frame (RGB64, 5));
  g_assert_true (is_fresh (look (b, 0)));
  gst_buffer_unref (b);
  segment (h, 0, 1); /* the same again, as live demuxers send it: no reason to look */
  b = through (h, frame (RGB64, 6));
  g_assert_false (is_fresh (look (b, 0)));
  gst_buffer_unref (b);
  segment (h, 4 * GST_SECOND / 10, 1); /* back again, to a frame that nobody can look at: the next one is */
  b = frame (RGB64, 4);
  gst_buffer_set_size (b, 100);
  gst_buffer_unref (through (h, b));
  g_assert_cmpuint (stat_of (h, "unusable"), ==, 1);
  b = through (h, frame (RGB64, 5));
  g_assert_true (look (b, 0) && is_fresh (look (b, 0)));
  gst_buffer_unref (b);
  segment (h, 4 * GST_SECOND, -1); /* backwards: as many looks as forwards */
  guint64 before = stat_of (h, "looks");
  for (guint i = 39; i > 19; i--)
    gst_buffer_unref (through (h, frame (RGB64, i)));
  g_assert_cmpuint (stat_of (h, "looks") - before, ==, 5);
  done (h, NULL);
}

static void
test_ends (void) {
  for (guint m = 0; m < G_N_ELEMENTS (modes); m++) {
    GstHarness *h = every (modes[m], "", NULL);
    g_assert_true (gst_harness_push_event (h, gst_event_new_eos ())); /* before the first buffer */
    done (h, NULL);
    h = every (modes[m], "", NULL);
    g_assert_true (gst_harness_push_event (h, gst_event_new_gap (0, GST_SECOND)));
    gst_buffer_unref (through (h, frame (RGB64, 10)));
    g_assert_true (gst_harness_push_event (h, gst_event_new_gap (GST_SECOND, GST_SECOND)));
    GstBuffer *b = frame (RGB64, 20);
    GST_BUFFER_FLAG_SET (b, GST_BUFFER_FLAG_GAP); /* nothing to see */
    gst_buffer_unref (through (h, b));
    b = frame (RGB64, 21);
    GST_BUFFER_PTS (b) = GST_CLOCK_TIME_NONE;
    gst_buffer_unref (through (h, b));
    g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
    g_assert_cmpuint (stat_of (h, "looks") + stat_of (h, "skipped"), ==, 2);
    done (h, NULL);
  }
}

/* The label of the first tag becomes @name within ten seconds of frames. */
static void
becomes (GstHarness *h, const char *name) {
  gboolean is = FALSE;
  for (guint i = 0; i < 5000 && !is; i++) {
    GstBuffer *b = through (h, frame (RGB64, i));
    is = look (b, 0) && n_tags (look (b, 0)) &&
         g_str_equal (gst_structure_get_string (tag_of (look (b, 0), 0), "label"), name);
    gst_buffer_unref (b);
    g_usleep (is ? 0 : 2000);
  }
  g_assert_true (is);
}

static void
test_labels (void) {
  for (guint m = 0; m < 2; m++) {
    GstBus *bus;
    GstHarness *h = every (modes[m], "", &bus);
    g_object_set (tagger (h), "labels", "x", NULL);
    becomes (h, "x");
    g_object_set (tagger (h), "labels", "y", "templates", "none", "negative-labels", "z", NULL);
    becomes (h, "y");
    count (bus, GST_MESSAGE_ANY);
    g_object_set (tagger (h), "labels", NULL, "labels-file", "/nowhere/list.txt", NULL);
    guint warnings = 0;
    for (guint i = 0; i < 5000 && !warnings; i++) {
      GstBuffer *b = through (h, frame (RGB64, i));
      if (look (b, 0)) /* the old set stays */
        g_assert_cmpstr (gst_structure_get_string (tag_of (look (b, 0), 0), "label"), ==, "y");
      gst_buffer_unref (b);
      GstMessage *w;
      while ((w = gst_bus_pop (bus))) {
        g_assert_cmpint (GST_MESSAGE_TYPE (w), !=, GST_MESSAGE_ERROR);
        warnings += GST_MESSAGE_TYPE (w) == GST_MESSAGE_WARNING;
        gst_message_unref (w);
      }
      g_usleep (1000);
    }
    g_assert_cmpuint (warnings, ==, 1);
    g_object_set (tagger (h), "labels", "back", NULL);
    becomes (h, "back");
    done (h, bus);
  }
}

/* Every property that may change is set from another thread while frames pass. */
static gint stop;

static gpointer
fiddle (gpointer element) {
  for (guint i = 0; !g_atomic_int_get (&stop); i++) {
    char *words = g_strdup_printf ("a%u,b%u", i, i % 7);
    GstStructure *s;
    g_object_set (element, "labels", i % 5 ? words : "", "labels-file", i % 3 ? NULL : "/nowhere",
                  "threshold", i % 10 / 10.0, "top-k", 1 + i % 3, "rate", (double)(i % 50), "score", i % 3,
                  "geometry", i % 3, "video-direction", i % 9, "smoothing", i % 2 * 0.5, "hold", i % 3 * 0.5,
                  "post-messages", i % 3, "attach-embedding", i % 4 == 0, "source", words, "templates",
                  i % 6 ? NULL : "none", NULL);
    g_object_get (element, "stats", &s, NULL);
    gst_structure_free (s);
    g_free (words);
    g_usleep (1000);
  }
  return NULL;
}

static void
test_fiddle (void) {
  for (guint m = 0; m < 2; m++) {
    GstBus *bus;
    GstHarness *h = every (modes[m], "", &bus);
    g_atomic_int_set (&stop, FALSE);
    GThread *thread = g_thread_new ("fiddle", fiddle, tagger (h));
    gint64 end = g_get_monotonic_time () + 2 * G_USEC_PER_SEC;
    for (guint i = 0; g_get_monotonic_time () < end; i++)
      gst_buffer_unref (through (h, frame (RGB64, i)));
    g_atomic_int_set (&stop, TRUE);
    g_thread_join (thread);
    GstMessage *said;
    while ((said = gst_bus_pop (bus))) {
      g_assert_cmpint (GST_MESSAGE_TYPE (said), !=, GST_MESSAGE_ERROR);
      gst_message_unref (said);
    }
    done (h, bus);
  }
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  g_test_add_func ("/stream/rate", test_rate);
  g_test_add_func ("/stream/latest", test_latest);
  g_test_add_func ("/stream/auto", test_auto);
  g_test_add_func ("/stream/latency", test_latency);
  g_test_add_func ("/stream/running-latency", test_running_latency);
  g_test_add_func ("/stream/allocation", test_allocation);
  g_test_add_func ("/stream/qos", test_qos);
  g_test_add_func ("/stream/flush", test_flush);
  g_test_add_func ("/stream/segments", test_segments);
  g_test_add_func ("/stream/ends", test_ends);
  g_test_add_func ("/stream/labels", test_labels);
  g_test_add_func ("/stream/fiddle", test_fiddle);
  return run ();
}
