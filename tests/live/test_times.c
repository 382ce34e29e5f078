/* Checks that a camera's times become running times without a gap, a step back, or a jump. */
#include "srctimes.h"

#define MS GST_MSECOND
#define S GST_SECOND

static GstClockTime
map (SrcTimes *t, GstClockTime pts, GstClockTime dts, GstClockTime now, GstClockTime *out) {
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  GstBuffer *buffer = gst_buffer_new ();
  GST_BUFFER_PTS (buffer) = pts;
  GST_BUFFER_DTS (buffer) = dts;
  GstClockTime due = src_times_map (t, &segment, buffer, now);
  if (out)
    *out = GST_BUFFER_PTS (buffer);
  gst_buffer_unref (buffer);
  return due;
}

static const GstClockTime NONE = GST_CLOCK_TIME_NONE;

static void
test_live (void) {
  SrcTimes t;
  src_times_init (&t);
  src_times_begin (&t, TRUE);
  /* its times are the clock's: they stay */
  g_assert_cmpuint (map (&t, 9800 * MS, NONE, 10 * S, NULL), ==, 9800 * MS);
  g_assert_cmpuint (map (&t, 9840 * MS, NONE, 10 * S, NULL), ==, 9840 * MS);
  /* a jump far ahead, and back: the clock's time */
  g_assert_cmpuint (map (&t, 5000 * S, NONE, 11 * S, NULL), ==, 11 * S);
  g_assert_cmpuint (map (&t, 5000 * S + 40 * MS, NONE, 11 * S, NULL), ==, 11 * S + 40 * MS);
  g_assert_cmpuint (map (&t, 3 * S, NONE, 12 * S, NULL), ==, 12 * S);
  /* a new connection whose times begin at 0 */
  src_times_begin (&t, TRUE);
  g_assert_cmpuint (map (&t, 0, NONE, 60 * S, NULL), ==, 60 * S);
  /* one whose plausible times lie before what was given out */
  src_times_begin (&t, TRUE);
  g_assert_cmpuint (map (&t, 59 * S, NONE, 60 * S, NULL), ==, 60 * S);
}

static void
test_file (void) {
  SrcTimes t;
  GstClockTime pts;
  src_times_init (&t);
  src_times_begin (&t, FALSE);
  /* reordered: by DTS, the PTS keeps its distance */
  g_assert_cmpuint (map (&t, 80 * MS, 0, 5 * S, &pts), ==, 5 * S);
  g_assert_cmpuint (pts, ==, 5080 * MS);
  g_assert_cmpuint (map (&t, 40 * MS, 40 * MS, 5 * S, &pts), ==, 5040 * MS);
  g_assert_cmpuint (pts, ==, 5040 * MS);
  /* a gap of an hour is none, and a second round goes on */
  g_assert_cmpuint (map (&t, 3600 * S, 3600 * S, 6 * S, NULL), ==, 6 * S);
  src_times_begin (&t, FALSE);
  g_assert_cmpuint (map (&t, 0, 0, 7 * S, NULL), ==, 7 * S);
}

static void
test_without (void) {
  SrcTimes t;
  GstClockTime pts;
  src_times_init (&t);
  src_times_begin (&t, FALSE);
  g_assert_cmpuint (map (&t, NONE, NONE, 3 * S, &pts), ==, 3 * S);
  g_assert_cmpuint (pts, ==, 3 * S);
  g_assert_cmpuint (map (&t, NONE, NONE, 3 * S, NULL), ==, 3040 * MS);
  g_assert_cmpuint (map (&t, NONE, NONE, 60 * S, NULL), ==, 60 * S);
  /* a segment that is none of time, and absurd times */
  GstSegment bytes;
  gst_segment_init (&bytes, GST_FORMAT_BYTES);
  GstBuffer *buffer = gst_buffer_new ();
  GST_BUFFER_PTS (buffer) = G_MAXINT64;
  g_assert_cmpuint (src_times_map (&t, &bytes, buffer, 61 * S), <=, 61 * S);
  gst_buffer_unref (buffer);
  GstClockTime last = t.last;
  for (guint i = 0; i < 64; i++) {
    GstClockTime due = map (&t, (GstClockTime)1 << i, NONE, 61 * S, NULL);
    g_assert_cmpuint (due, <=, 64 * S);
    g_assert_cmpuint (t.last, >=, last);
    last = t.last;
  }
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  test_live ();
  test_file ();
  test_without ();
  return 0;
}
