/* Checks that a scene that stands still is answered from memory and nothing else is: what counts as a change,
 * what forces a look, and that tags which time alone opens or closes do so all the same. */
#include "common.h"

#define RGB32 "video/x-raw,format=RGB,width=32,height=64,framerate=10/1"

/* A frame of one grey, of the @n-th tenth of a second. */
static GstBuffer *
grey (const char *caps, guint n, guint8 value) {
  GstBuffer *b = frame (caps, n);
  gst_buffer_memset (b, 0, value, gst_buffer_get_size (b));
  return b;
}

/* Every frame is due; in mode latest what was handed over is finished before the next one. */
static gboolean
push (GstHarness *h, GstBuffer *b) {
  guint64 before = stat_of (h, "looks"), still = stat_of (h, "still");
  GstBuffer *out = through (h, b);
  gboolean is_still = stat_of (h, "still") > still;
  for (guint i = 0; i < 10000 && !is_still && stat_of (h, "looks") == before; i++)
    g_usleep (1000);
  g_assert_cmpuint (stat_of (h, "looks"), ==, before + !is_still);
  if (is_still && stat_of (h, "looks") > 1 && look (out, 0))
    g_assert_cmpuint (number (look (out, 0), "age"), >, 0);
  gst_buffer_unref (out);
  return is_still;
}

static void
test_memory (void) {
  for (guint latest = 0; latest < 2; latest++) {
    GstHarness *h =
        harness (latest ? "labels=a,b rate=0 still-threshold=3.5 still-most=2 mode=latest threshold=0"
                        : "labels=a,b rate=0 still-threshold=3.5 still-most=2 mode=sync threshold=0",
                 RGB64, NULL);
    g_assert_false (push (h, grey (RGB64, 0, 100)));
    for (guint i = 1; i < 20; i++)
      g_assert_true (push (h, grey (RGB64, i, (guint8)(100 + i % 4))));
    g_assert_false (push (h, grey (RGB64, 20, 100))); /* two seconds */
    g_assert_true (push (h, grey (RGB64, 21, 103)));
    g_assert_false (push (h, grey (RGB64, 22, 104)));
    for (guint i = 0; i < 4; i++) /* a drift of one level a frame: every fourth is looked at */
      g_assert_cmpint (push (h, grey (RGB64, 23 + i, (guint8)(105 + i))), ==, i < 3);
    GstBuffer *b = through (h, grey (RGB64, 27, 108));
    g_assert_true (latest || !is_fresh (look (b, 0))); /* it may be the first buffer that carries it */
    g_assert_cmpuint (number (look (b, 0), "time"), ==, 26 * GST_SECOND / 10);
    g_assert_cmpuint (number (look (b, 0), "age"), ==, GST_SECOND / 10);
    g_assert_cmpuint (n_tags (look (b, 0)), ==, 2);
    gst_buffer_unref (b);
    b = through (h, grey (RGB64, 28, 108));
    g_assert_false (is_fresh (look (b, 0)));
    gst_buffer_unref (b);
    g_object_set (tagger (h), "still-threshold", 0.0, NULL); /* while playing */
    g_assert_false (push (h, grey (RGB64, 29, 108)));
    g_object_set (tagger (h), "still-threshold", 1.0, NULL);
    g_assert_false (push (h, grey (RGB64, 30, 108))); /* nothing was remembered */
    g_assert_true (push (h, grey (RGB64, 31, 108)));
    done (h, NULL);
  }
}

/* One cell of the model's square is enough. */
static void
test_corner (void) {
  GstHarness *h = harness ("labels=a,b rate=0 still-threshold=3.5 mode=sync", RGB64, NULL);
  g_assert_false (push (h, grey (RGB64, 0, 100)));
  GstBuffer *b = grey (RGB64, 1, 100);
  for (guint y = 0; y < 6; y++)
    gst_buffer_memset (b, y * 64 * 3, 160, 6 * 3);
  g_assert_false (push (h, b));
  done (h, NULL);
}

/* Waits until the labels are in use: the first frame then is looked at. */
static void
await_labels (GstHarness *h, guint *n) {
  guint64 looks = stat_of (h, "looks");
  for (guint i = 0; i < 10000 && stat_of (h, "looks") == looks; i++) {
    gst_buffer_unref (through (h, grey (RGB64, (*n)++, 100)));
    g_usleep (1000);
  }
  g_assert_cmpuint (stat_of (h, "looks"), ==, looks + 1);
}

static void
test_forced (void) {
  GstHarness *h = harness ("labels=a,b rate=0 still-threshold=3.5 still-most=0 mode=sync", RGB64, NULL);
  guint n = 0;
#define IS_STILL(YES, CAPS) g_assert_cmpint (push (h, grey (CAPS, n++, 100)), ==, YES)
  static const struct {
    const char *name, *value;
  } changes[] = {{"geometry", "squash"}, {"video-direction", "90r"}, {"threshold", "0.01"}, {"top-k", "1"},
                 {"score", "cosine"},    {"smoothing", "1"},         {"hold", "1"}};
  IS_STILL (FALSE, RGB64);
  IS_STILL (TRUE, RGB64);
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    gst_util_set_object_arg (G_OBJECT (tagger (h)), changes[i].name, changes[i].value);
    IS_STILL (FALSE, RGB64);
    IS_STILL (TRUE, RGB64);
  }
  g_object_set (tagger (h), "labels", "a,b,c", NULL);
  await_labels (h, &n);
  IS_STILL (TRUE, RGB64);
  gst_harness_set_src_caps_str (h, RGB32);
  IS_STILL (FALSE, RGB32);
  IS_STILL (TRUE, RGB32);
  gst_harness_set_src_caps_str (h, RGB64);
  IS_STILL (FALSE, RGB64);
  IS_STILL (TRUE, RGB64);
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  IS_STILL (FALSE, RGB64);
  IS_STILL (TRUE, RGB64);
  segment.time = 0;
  segment.base = n * GST_SECOND / 10;
  gst_harness_push_event (h, gst_event_new_segment (&segment)); /* a jump back without a flush */
  n = 0;
  IS_STILL (FALSE, RGB64);
  IS_STILL (TRUE, RGB64);
  gst_harness_push_event (h, gst_event_new_stream_start ("another"));
  gst_harness_set_src_caps_str (h, RGB64);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  IS_STILL (FALSE, RGB64);
  done (h, NULL);
}

/* A tag that is held over a gap goes when the gap is too long, however still the picture. */
static void
test_hold (void) {
  GstBus *bus;
  GstHarness *h = harness ("labels=a,b,c score=softmax top-k=3 rate=0 still-threshold=3.5 mode=sync hold=1 "
                           "threshold=0.0 post-messages=changes",
                           RGB64, &bus);
  g_assert_false (push (h, grey (RGB64, 0, 100)));
  count (bus, GST_MESSAGE_ANY);
  g_object_set (tagger (h), "threshold", 100.0, NULL); /* nothing reaches it */
  g_assert_false (push (h, grey (RGB64, 1, 100)));
  g_assert_cmpuint (count (bus, GST_MESSAGE_ELEMENT), ==, 0);
  guint held = 0;
  for (guint i = 2; i < 20; i++) {
    guint64 still = stat_of (h, "still");
    GstBuffer *b = through (h, grey (RGB64, i, 100));
    g_assert_cmpuint (stat_of (h, "still"), ==, still + 1);
    held += n_tags (look (b, 0)) == 3;
    g_assert_cmpint (n_tags (look (b, 0)), ==, i < 11 ? 3 : 0);
    gst_buffer_unref (b);
  }
  g_assert_cmpuint (held, ==, 9);
  g_assert_cmpuint (count (bus, GST_MESSAGE_ELEMENT), ==, 1);
  g_assert_cmpuint (stat_of (h, "looks"), ==, 2);
  done (h, bus);
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  g_test_add_func ("/still/memory", test_memory);
  g_test_add_func ("/still/corner", test_corner);
  g_test_add_func ("/still/forced", test_forced);
  g_test_add_func ("/still/hold", test_hold);
  return run ();
}
