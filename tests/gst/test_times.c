/* Checks `rate`, times and ages of looks where time stamps are missing, constant, decreasing or nonsense,
 * where the segment is in bytes, and where a stream is played backwards; and that the replacement is
 * reported once. */
#include "common.h"

#define NO_RATE "video/x-raw,format=RGB,width=64,height=64,framerate=0/1"

/* How the @i-th of a stream's frames, a tenth of a second apart, is stamped. */
typedef struct {
  const char *name;
  GstFormat format; /* of the segment */
  double rate, applied;
  gboolean live;
  const char *caps;
  GstClockTime (*pts) (guint i), (*dts) (guint i);
  const char *clock; /* what is taken */
  guint looks;       /* of a hundred frames, one a second asked for; 0: depends on the clock */
  gboolean says;     /* there is a warning */
} Case;

static GstClockTime
none (guint i) {
  return GST_CLOCK_TIME_NONE;
}
static GstClockTime
good (guint i) {
  return i * GST_SECOND / 10;
}
static GstClockTime
falling (guint i) {
  return (99 - i) * GST_SECOND / 10;
}
static GstClockTime
zero (guint i) {
  return 0;
}
static GstClockTime
still (guint i) {
  return 7 * GST_SECOND;
}
static GstClockTime
some (guint i) { /* one in three has none */
  return i % 3 == 1 ? GST_CLOCK_TIME_NONE : good (i);
}
static GstClockTime
first_ones (guint i) {
  return i < 20 ? good (i) : GST_CLOCK_TIME_NONE;
}
static GstClockTime
nonsense (guint i) {
  return G_MAXUINT64 - 1 - i;
}
static GstClockTime
wraps (guint i) {
  return good (i < 50 ? i : i - 50);
}
static GstClockTime
pairs (guint i) {
  return good (i / 2 * 2);
}
static GstClockTime
packets (guint i) { /* five frames a packet, which has one time */
  return good (i / 5 * 5);
}
static GstClockTime
shuffled (guint i) { /* as in decoding order */
  static const guint order[] = {0, 3, 1, 2};
  return good (i / 4 * 4 + order[i % 4]);
}

static const Case cases[] = {
    {"plain", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, good, none, "pts", 10, FALSE},
    {"pts and dts", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, good, zero, "pts", 10, FALSE},
    {"no rate in the caps", GST_FORMAT_TIME, 1, 1, FALSE, NO_RATE, good, none, "pts", 10, FALSE},
    {"dts alone", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, none, good, "dts", 10, TRUE},
    {"dts, pts 0", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, zero, good, "dts", 10, TRUE},
    {"nothing", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, none, none, "frame-rate", 10, TRUE},
    {"all 0", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, zero, none, "frame-rate", 10, TRUE},
    {"all 0, dts too", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, zero, zero, "frame-rate", 10, TRUE},
    {"stands still", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, still, none, "frame-rate", 10, TRUE},
    {"some", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, some, none, "pts", 10, FALSE},
    {"first ones", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, first_ones, none, "frame-rate", 10, TRUE},
    {"nonsense", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, nonsense, none, "frame-rate", 10, TRUE},
    {"wraps", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, wraps, none, "pts", 10, FALSE},
    {"pairs", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, pairs, none, "pts", 10, FALSE},
    {"packets", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, packets, none, "frame-rate", 10, FALSE},
    {"shuffled", GST_FORMAT_TIME, 1, 1, FALSE, RGB64, shuffled, none, "pts", 10, FALSE},
    {"pictures", GST_FORMAT_TIME, 1, 1, FALSE, NO_RATE, none, none, "clock", 100, TRUE},
    {"pictures at 0", GST_FORMAT_TIME, 1, 1, FALSE, NO_RATE, zero, none, "clock", 100, TRUE},
    {"live, nothing", GST_FORMAT_TIME, 1, 1, TRUE, RGB64, none, none, "frame-rate", 10, TRUE},
    {"live, no rate", GST_FORMAT_TIME, 1, 1, TRUE, NO_RATE, none, none, "clock", 0, TRUE},
    {"bytes", GST_FORMAT_BYTES, 1, 1, FALSE, RGB64, good, none, "pts", 10, FALSE},
    {"bytes, nothing", GST_FORMAT_BYTES, 1, 1, FALSE, RGB64, none, none, "frame-rate", 10, TRUE},
    {"bytes, pictures", GST_FORMAT_BYTES, 1, 1, FALSE, NO_RATE, none, none, "clock", 100, TRUE},
    {"default", GST_FORMAT_DEFAULT, 1, 1, FALSE, RGB64, good, none, "pts", 10, FALSE},
    {"percent", GST_FORMAT_PERCENT, 1, 1, FALSE, RGB64, none, good, "dts", 10, TRUE},
    {"backwards", GST_FORMAT_TIME, -1, 1, FALSE, RGB64, falling, none, "pts", 10, FALSE},
    {"backwards, nothing", GST_FORMAT_TIME, -1, 1, FALSE, RGB64, none, none, "frame-rate", 10, TRUE},
    {"applied backwards", GST_FORMAT_TIME, 1, -1, FALSE, RGB64, good, none, "pts", 10, FALSE},
    {"twice backwards", GST_FORMAT_TIME, -1, -1, FALSE, RGB64, falling, none, "pts", 10, FALSE},
    {"applied twice as fast", GST_FORMAT_TIME, 1, 2, FALSE, RGB64, good, none, "pts", 20, FALSE},
};

static void
set_segment (GstHarness *h, const Case *c) {
  GstSegment s;
  gst_segment_init (&s, c->format);
  if (c->format == GST_FORMAT_TIME) {
    s.rate = c->rate;
    s.applied_rate = c->applied;
    s.stop = 10 * GST_SECOND;
  }
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&s)));
}

static void
test_case (gconstpointer data) {
  const Case *c = data;
  GstBus *bus;
  GstHarness *h = harness ("labels=a,b threshold=0 mode=sync", NULL, &bus);
  gst_harness_set_live (h, c->live);
  gst_harness_set_src_caps_str (h, c->caps);
  count (bus, GST_MESSAGE_ANY);
  set_segment (h, c);
  gboolean back = (c->rate < 0) != (c->applied < 0);
  guint64 last_look = back ? G_MAXUINT64 : 0, looks = 0;
  for (guint i = 0; i < 100; i++) {
    GstBuffer *b = frame (RGB64, i);
    GST_BUFFER_PTS (b) = c->pts (i);
    GST_BUFFER_DTS (b) = c->dts (i);
    GST_BUFFER_DURATION (b) = GST_CLOCK_TIME_NONE;
    b = through (h, b);
    g_assert_nonnull (look (b, 0));
    guint64 time = number (look (b, 0), "time"), age = number (look (b, 0), "age");
    if (is_fresh (look (b, 0))) {
      g_assert_cmpuint (age, ==, 0);
      if (looks++ && c->pts != wraps) {
        if (back)
          g_assert_cmpuint (time, <, last_look);
        else
          g_assert_cmpuint (time, >, last_look);
      }
      last_look = time;
    } else {
      g_assert_cmpuint (time, ==, last_look);
      g_assert_cmpuint (age, <, (c->applied > 1 || c->live ? 30 : 11) * GST_SECOND / 10);
      /* what is behind the look is younger than what is not; two of a pair are as old */
      g_assert_true (age || c->pts == zero || c->pts == still || c->pts == packets || c->pts == pairs);
    }
    gst_buffer_unref (b);
  }
  GstStructure *s;
  g_object_get (tagger (h), "stats", &s, NULL);
  if (g_strcmp0 (gst_structure_get_string (s, "clock"), c->clock) != 0)
    g_error ("%s: times are taken from %s, expected %s", c->name, gst_structure_get_string (s, "clock"),
             c->clock);
  gst_structure_free (s);
  if (c->looks && (looks + 1 < c->looks || looks > c->looks + 1))
    g_error ("%s: %" G_GUINT64_FORMAT " looks, expected %u", c->name, looks, c->looks);
  guint said = 0;
  for (GstMessage *m; (m = gst_bus_pop (bus)); gst_message_unref (m))
    said += GST_MESSAGE_TYPE (m) == GST_MESSAGE_WARNING && strstr (warning_text (m), "time stamps") != NULL;
  if ((said != 0) != c->says || said > 1)
    g_error ("%s: %u warnings, expected %d", c->name, said, c->says);
  done (h, bus);
}

/* Frames without a time start where the segment does, also after a flush; and one that has a time again sets
 * things right. */
static void
test_places (void) {
  GstHarness *h = harness ("labels=a,b threshold=0 rate=0", RGB64, NULL);
  static const struct {
    guint flush, start; /* seconds; 0: no segment */
    GstClockTime pts, expected;
  } steps[] = {{0, 0, GST_CLOCK_TIME_NONE, 0},
               {0, 0, GST_CLOCK_TIME_NONE, GST_SECOND / 10},
               {0, 20, GST_CLOCK_TIME_NONE, 20 * GST_SECOND},
               {0, 0, GST_CLOCK_TIME_NONE, 20 * GST_SECOND + GST_SECOND / 10},
               {0, 20, GST_CLOCK_TIME_NONE, 20 * GST_SECOND + GST_SECOND / 5}, /* the same again is no jump */
               {1, 5, GST_CLOCK_TIME_NONE, 5 * GST_SECOND},
               {0, 0, 6 * GST_SECOND, 6 * GST_SECOND},
               {0, 0, GST_CLOCK_TIME_NONE, 6 * GST_SECOND + GST_SECOND / 10},
               {0, 0, 7 * GST_SECOND, 7 * GST_SECOND},
               {0, 0, 4 * GST_SECOND, 4 * GST_SECOND}}; /* before the segment: it keeps its distance */
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    if (steps[i].flush) {
      gst_harness_push_event (h, gst_event_new_flush_start ());
      gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
    }
    if (steps[i].start) {
      GstSegment s;
      gst_segment_init (&s, GST_FORMAT_TIME);
      s.start = s.time = s.position = steps[i].start * GST_SECOND;
      g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&s)));
    }
    GstBuffer *b = frame (RGB64, 0);
    GST_BUFFER_PTS (b) = steps[i].pts;
    b = through (h, b);
    g_assert_cmpuint (number (look (b, 0), "time"), ==, steps[i].expected);
    gst_buffer_unref (b);
  }
  done (h, NULL);
}

/* A second is a second over many frames of 30000/1001, also where the caps change on the way. */
static void
test_exact (void) {
  GstHarness *h = harness ("labels=a,b threshold=0 rate=0 inference-interval=500", NULL, NULL);
  for (guint i = 0; i <= 2000; i++) {
    const char *caps = i < 1000 ? "video/x-raw,format=RGB,width=8,height=8,framerate=30000/1001"
                                : "video/x-raw,format=RGB,width=8,height=8,framerate=25/1";
    if (i % 1000 == 0)
      gst_harness_set_src_caps_str (h, caps);
    GstBuffer *b = frame (caps, 0);
    GST_BUFFER_PTS (b) = GST_CLOCK_TIME_NONE;
    b = through (h, b);
    if (i % 500 == 0) {
      GstClockTime first = gst_util_uint64_scale (MIN (i, 999), 1001 * GST_SECOND, 30000);
      GstClockTime expected = first + (i > 999 ? (i - 999) * GST_SECOND / 25 : 0);
      g_assert_cmpuint (number (look (b, 0), "time"), ==, expected);
    }
    gst_buffer_unref (b);
  }
  done (h, NULL);
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char *path = g_strdup_printf ("/times/%s", cases[i].name);
    g_test_add_data_func (path, &cases[i], test_case);
    g_free (path);
  }
  g_test_add_func ("/times/places", test_places);
  g_test_add_func ("/times/exact", test_exact);
  return run ();
}
