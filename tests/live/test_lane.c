/* Checks the queue between a camera's threads and a pad's: what goes when it is full, and who waits. */
#include "srclane.h"

static GstCaps *caps;

static void
push (SrcLane *lane, guint64 number, gboolean key) {
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 10, NULL);
  GST_BUFFER_OFFSET (buffer) = number;
  if (!key)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  src_lane_push (lane, buffer, caps);
}

/* Its number, or -1 flushing, -2 ended. */
static int
pop (SrcLane *lane) {
  GstBuffer *buffer;
  GstCaps *with;
  SrcLanePop popped = src_lane_pop (lane, 0, &buffer, &with);
  if (popped != SRC_LANE_BUFFER)
    return popped == SRC_LANE_FLUSHING ? -1 : -2;
  int number = (int)GST_BUFFER_OFFSET (buffer);
  g_assert_true (with == caps);
  gst_buffer_unref (buffer);
  gst_caps_unref (with);
  return number;
}

static void
test_pictures (void) {
  SrcLane *lane = src_lane_new (3, G_MAXSIZE, FALSE);
  push (lane, 0, TRUE); /* it is flushing still */
  g_assert_cmpint (pop (lane), ==, -1);
  src_lane_set_flushing (lane, FALSE);
  for (guint i = 1; i <= 5; i++)
    push (lane, i, TRUE);
  g_assert_cmpuint (src_lane_get_dropped (lane), ==, 2);
  g_assert_cmpint (pop (lane), ==, 3);
  src_lane_end (lane);
  push (lane, 9, TRUE);
  g_assert_cmpint (pop (lane), ==, 4);
  g_assert_cmpint (pop (lane), ==, 5);
  g_assert_cmpint (pop (lane), ==, -2);
  src_lane_set_flushing (lane, FALSE);
  push (lane, 10, TRUE);
  g_assert_cmpint (pop (lane), ==, 10);
  src_lane_unref (lane);
}

/* What is lost is lost up to a key frame. */
static void
test_coded (void) {
  SrcLane *lane = src_lane_new (100, 45, TRUE);
  src_lane_set_flushing (lane, FALSE);
  for (guint i = 0; i < 8; i++)
    push (lane, i, i == 0 || i == 7);
  g_assert_cmpuint (src_lane_get_dropped (lane), ==, 7);
  g_assert_cmpint (pop (lane), ==, 7);
  src_lane_unref (lane);
}

static gpointer
wait_for_one (gpointer lane) {
  return GINT_TO_POINTER (pop (lane));
}

static void
test_waiting (void) {
  SrcLane *lane = src_lane_new (3, G_MAXSIZE, FALSE);
  src_lane_set_flushing (lane, FALSE);
  GThread *thread = g_thread_new (NULL, wait_for_one, lane);
  push (lane, 7, TRUE);
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, 7);
  thread = g_thread_new (NULL, wait_for_one, lane);
  src_lane_set_flushing (lane, TRUE);
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, -1);
  src_lane_unref (lane);
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  caps = gst_caps_new_empty_simple ("video/x-raw");
  test_pictures ();
  test_coded ();
  test_waiting ();
  gst_caps_unref (caps);
  return 0;
}
