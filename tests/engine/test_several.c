/* Protects requests of several pictures and runs that wait for more: all pictures of a request are answered
 * together, whatever runs they are in, and others get their turn between these; what is dropped is heard of
 * no more. */
#include "ears.h"

/* A request of several pictures, the first of number @value. */
static void
fill (ClipmoeMailbox *box, float value, guint n) {
  GError *error = NULL;
  ClipmoeRequest *r = clipmoe_mailbox_get_requests (box, n, &error);
  g_assert_no_error (error);
  g_assert_true (r == clipmoe_mailbox_get_request (box));
  g_assert_cmpuint (r->n, ==, n);
  for (guint i = 0; i < n; i++)
    r->pixels[i * FLOATS] = value + (float)i;
  memcpy (r->extra, &value, sizeof value);
}

static gint several_heard; /* atomic */

static void
hear_several (gpointer data, ClipmoeRequest *request, const float *embeddings, gint64 microseconds,
              const GError *error) {
  g_assert_no_error (error);
  g_assert_cmpint (microseconds, >=, 0);
  for (guint i = 0; i < request->n; i++)
    g_assert_cmpfloat (embeddings[i * EMBED], ==, extra (request) + (float)i);
  g_assert_cmpuint (request->n, ==, GPOINTER_TO_UINT (data));
  g_atomic_int_inc (&several_heard);
}

/* A request of more pictures than a run holds goes behind the others with the rest, and is answered whole. */
static void
test_several (void) {
  Machine m;
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_scheduler (&m, 4);
  ClipmoeMailbox *big =
      clipmoe_mailbox_new_at (s, FLOATS, sizeof (float), NULL, hear_several, GUINT_TO_POINTER (9), NULL);
  Ear ears[2] = {0};
  for (guint i = 0; i < 2; i++)
    open_box (s, &ears[i]);
  hand_over (ears[0].box, 1000, NULL);
  machine_wait_begun (&m, 1);
  fill (big, 0, 9);
  clipmoe_mailbox_submit (big, NULL, NULL);
  hand_over (ears[1].box, 2000, NULL);
  machine_allow (&m, 3);
  machine_wait_begun (&m, 4);
  g_assert_cmpint (g_atomic_int_get (&several_heard), ==, 0);
  machine_allow (&m, MACHINE_FREE);
  clipmoe_mailbox_drain (big);
  g_assert_cmpint (g_atomic_int_get (&several_heard), ==, 1);
  static const guint sizes[] = {1, 4, 4, 2};
  static const float first[] = {1000, 0, 2000, 7};
  g_assert_cmpuint (m.begun, ==, 4);
  for (guint i = 0; i < 4; i++) {
    g_assert_cmpuint (m.n[i], ==, sizes[i]);
    g_assert_cmpfloat (m.first[i][0], ==, first[i]);
  }
  g_assert_cmpfloat (m.first[2][1], ==, 4);
  fill (big, 50, 9); /* again, and one of another size after it */
  clipmoe_mailbox_submit (big, NULL, NULL);
  clipmoe_mailbox_drain (big);
  g_assert_cmpint (g_atomic_int_get (&several_heard), ==, 2);
  float out[6 * EMBED];
  GError *error = NULL;
  fill (big, 300, 6);
  clipmoe_mailbox_encode (big, out, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpfloat (out[i * EMBED + 1], ==, 301 + (float)i);
  g_assert_cmpuint (clipmoe_mailbox_get_request (big)->n, ==, 1);
  fill (big, 400, 6);
  clipmoe_mailbox_get_request (big)->pixels[FLOATS] =
      NAN; /* one that fails: all do, and the rest is spared */
  guint before = m.taken;
  g_assert_false (clipmoe_mailbox_encode (big, out, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_cmpuint (m.taken, ==, before + 4);
  double median, p95, share;
  clipmoe_mailbox_get_stats (big, &median, &p95, &share);
  g_assert_cmpfloat_with_epsilon (share, (9 + 9 + 6 + 4) / (double)(9 + 9 + 6 + 4 + 2), 1e-9);
  g_assert_true (median >= 0 && p95 >= median);
  for (guint i = 0; i < 2; i++)
    clipmoe_mailbox_free (ears[i].box);
  clipmoe_mailbox_free (big);
  machine_end (&m, s);
}

/* What is dropped between two runs of a request, or in the middle of one, is heard of no more, and what comes
 * after it is. */
static void
test_several_dropped (void) {
  Machine m;
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_scheduler (&m, 2);
  Ear ear = {0};
  ClipmoeMailbox *box = open_box (s, &ear);
  for (guint round = 0; round < 3; round++) {
    fill (box, 7, 5);
    clipmoe_mailbox_submit (box, NULL, NULL);
    machine_wait_begun (&m, 2 * round + 1);
    clipmoe_mailbox_drop (box);
    hand_over (box, 100 + (float)round, NULL);
    machine_allow (&m, 2 * round + 2);
    wait_for (&ear.n, (gint)round + 1);
    g_assert_cmpfloat (ear.heard[round], ==, 100 + (float)round);
    g_assert_cmpuint (m.begun, ==, 2 * round + 2);
  }
  fill (box, 7, 5);
  clipmoe_mailbox_submit (box, NULL, NULL);
  machine_wait_begun (&m, 7);
  clipmoe_mailbox_free (box);
  machine_end (&m, s);
}

/* Lanes take parts of one request at once. */
static void
test_several_lanes (void) {
  Machine m;
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_lanes (&m, 8, 2);
  ClipmoeMailbox *box =
      clipmoe_mailbox_new_at (s, FLOATS, sizeof (float), NULL, hear_several, GUINT_TO_POINTER (7), NULL);
  gint before = g_atomic_int_get (&several_heard);
  fill (box, 30, 7);
  clipmoe_mailbox_submit (box, NULL, NULL);
  machine_wait_begun (&m, 2);
  g_assert_cmpuint (m.n[0] + m.n[1], ==, 7);
  g_assert_cmpuint (MIN (m.n[0], m.n[1]), ==, 3);
  g_assert_cmpuint (m.most_at_once, ==, 2);
  machine_allow (&m, MACHINE_FREE);
  clipmoe_mailbox_drain (box);
  g_assert_cmpint (g_atomic_int_get (&several_heard), ==, before + 1);
  clipmoe_mailbox_free (box);
  machine_end (&m, s);
}

/* A run that is not full waits for more, but for those who have nothing only so long. */
static void
test_wait (void) {
  Machine m;
  Ear ears[3] = {0};
  machine_init (&m, MACHINE_FREE);
  ClipmoeScheduler *s = machine_scheduler (&m, 8);
  clipmoe_engine_lock ();
  clipmoe_scheduler_limit (s, 2, 3600000); /* an hour */
  clipmoe_engine_unlock ();
  for (guint i = 0; i < 3; i++)
    open_box (s, &ears[i]);
  hand_over (ears[0].box, 0, NULL);
  g_usleep (20000);
  g_assert_cmpuint (m.begun, ==, 0);
  hand_over (ears[1].box, 1, NULL); /* full */
  for (guint i = 0; i < 2; i++)
    clipmoe_mailbox_drain (ears[i].box);
  g_assert_cmpuint (m.begun, ==, 1);
  g_assert_cmpuint (m.n[0], ==, 2);
  hand_over (ears[2].box, 2, NULL);
  clipmoe_mailbox_free (ears[0].box);
  g_usleep (20000);
  g_assert_cmpuint (m.begun, ==, 1);
  clipmoe_mailbox_free (ears[1].box); /* nobody else is left to wait for */
  clipmoe_mailbox_drain (ears[2].box);
  g_assert_cmpuint (m.begun, ==, 2);
  open_box (s, &ears[0]);
  clipmoe_engine_lock ();
  clipmoe_scheduler_limit (s, 0, 30);
  clipmoe_engine_unlock ();
  gint64 begin = g_get_monotonic_time ();
  hand_over (ears[2].box, 3, NULL); /* 30 ms, and nobody comes */
  clipmoe_mailbox_drain (ears[2].box);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 30000);
  clipmoe_engine_lock ();
  ClipmoeSchedulerStats stats = clipmoe_scheduler_get_stats (s);
  clipmoe_engine_unlock ();
  g_assert_cmpuint (stats.runs, ==, 3);
  g_assert_cmpuint (stats.pictures, ==, 4);
  g_assert_cmpuint (stats.joined, ==, 2);
  g_assert_cmpuint (stats.most, ==, 2);
  g_assert_cmpuint (stats.waiting, ==, 0);
  clipmoe_mailbox_free (ears[0].box);
  clipmoe_mailbox_free (ears[2].box);
  machine_end (&m, s);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  /* GLib makes its table of errors with the first one, under a lock that ThreadSanitizer does not see. */
  g_error_free (g_error_new_literal (CLIPMOE_ERROR, CLIPMOE_ERROR_STOPPED, ""));
  alarm (slow_seconds (60));
  g_test_add_func ("/several/answers", test_several);
  g_test_add_func ("/several/dropped", test_several_dropped);
  g_test_add_func ("/several/lanes", test_several_lanes);
  g_test_add_func ("/several/wait", test_wait);
  return g_test_run ();
}
