/* Protects what mailboxes and the scheduler promise, with a stand-in for the encoder: everybody gets his own
 * answer; what waits runs together, the oldest first, and nobody is passed over; a newer picture takes the
 * place of one that waits; flushing, dropping and stopping never wait for a run, and nothing of before them
 * is heard afterwards; a callback may do all of that to its own mailbox. */
#include "ears.h"

/* A thread that encodes and waits. */
typedef struct {
  ClipmoeMailbox *box;
  float value;
  guint rounds;
  gboolean stopped; /* it was */
} Waiter;

static void *
encode (void *data) {
  Waiter *w = data;
  for (guint i = 0; i < w->rounds && !w->stopped; i++) {
    float out[EMBED];
    GError *error = NULL;
    clipmoe_mailbox_get_request (w->box)->pixels[0] = w->value + (float)i;
    if (clipmoe_mailbox_encode (w->box, out, &error)) {
      g_assert_cmpfloat (out[0], ==, w->value + (float)i);
      g_assert_cmpfloat (out[EMBED - 1], ==, w->value + (float)i + EMBED - 1);
    } else {
      g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_STOPPED);
      g_clear_error (&error);
      w->stopped = TRUE;
    }
  }
  return NULL;
}

static void
test_answers (void) {
  enum { N = 6 };
  Machine m;
  machine_init (&m, MACHINE_FREE);
  ClipmoeScheduler *s = machine_scheduler (&m, 4);
  Waiter w[N];
  pthread_t id[N];
  for (guint i = 0; i < N; i++) {
    w[i] = (Waiter){.box = open_box (s, NULL), .value = (float)(1000 * i), .rounds = 200};
    pthread_create (&id[i], NULL, encode, &w[i]);
  }
  for (guint i = 0; i < N; i++) {
    pthread_join (id[i], NULL);
    g_assert_false (w[i].stopped);
    clipmoe_mailbox_free (w[i].box);
  }
  g_assert_cmpuint (m.taken, ==, N * 200);
  machine_end (&m, s);
}

/* One runs; six come meanwhile: the oldest four of them run together next. */
static void
test_together (void) {
  enum { N = 7 };
  Machine m;
  Ear ears[N] = {0};
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_scheduler (&m, 4);
  for (guint i = 0; i < N; i++)
    open_box (s, &ears[i]);
  hand_over (ears[3].box, 0, NULL);
  machine_wait_begun (&m, 1);
  static const guint order[] = {5, 0, 6, 1, 2, 4};
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    hand_over (ears[order[i]].box, (float)order[i], NULL);
  hand_over (ears[5].box, 50, NULL); /* a newer picture keeps the older one's place */
  machine_allow (&m, MACHINE_FREE);
  for (guint i = 0; i < N; i++)
    clipmoe_mailbox_drain (ears[i].box);
  g_assert_cmpuint (m.begun, ==, 3);
  g_assert_cmpuint (m.n[0], ==, 1);
  g_assert_cmpuint (m.n[1], ==, 4);
  g_assert_cmpuint (m.n[2], ==, 2);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpfloat (m.first[1][i], ==, i == 0 ? 50 : (float)order[i]);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpfloat (m.first[2][i], ==, (float)order[4 + i]);
  for (guint i = 0; i < N; i++) {
    g_assert_cmpint (ears[i].n, ==, 1);
    clipmoe_mailbox_free (ears[i].box);
  }
  machine_end (&m, s);
}

/* All want the engine all the time: whoever was answered asks again at once, and in every round each is
 * answered once. */
static void
test_fair (void) {
  enum { N = 24, MOST = 5, RUNS = 96 };
  Machine m;
  Ear ears[N] = {0};
  guint looks[N] = {0};
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_scheduler (&m, MOST);
  for (guint i = 0; i < N; i++) {
    open_box (s, &ears[i]);
    hand_over (ears[i].box, (float)i, NULL);
  }
  for (guint run = 0; run < RUNS; run++) {
    machine_wait_begun (&m, run + 1);
    if (run)
      g_assert_cmpuint (m.n[run], ==, MOST);
    machine_allow (&m, run + 1);
    for (guint i = 0; i < m.n[run]; i++) {
      guint stream = (guint)m.first[run][i];
      clipmoe_mailbox_drain (ears[stream].box);
      hand_over (ears[stream].box, (float)stream, NULL);
      looks[stream]++;
    }
  }
  for (guint i = 0; i < N; i++) {
    g_assert_cmpuint (looks[i], >=, RUNS * MOST / N - 1);
    g_assert_cmpuint (looks[i], <=, RUNS * MOST / N + 1);
  }
  machine_allow (&m, MACHINE_FREE);
  for (guint i = 0; i < N; i++)
    clipmoe_mailbox_free (ears[i].box);
  machine_end (&m, s);
}

static void
flush_box (ClipmoeMailbox *box) {
  clipmoe_mailbox_set_flushing (box, TRUE);
  clipmoe_mailbox_set_flushing (box, FALSE);
}

/* One runs with all threads; seven come meanwhile: then each of two lanes runs its share, the oldest first,
 * and both at once. The last one that is left has all threads again. */
static void
test_lanes (void) {
  enum { N = 8 };
  Machine m;
  Ear ears[N] = {0};
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_lanes (&m, 3, 2);
  for (guint i = 0; i < N; i++)
    open_box (s, &ears[i]);
  hand_over (ears[0].box, 0, NULL);
  machine_wait_begun (&m, 1);
  for (guint i = 1; i < N; i++)
    hand_over (ears[i].box, (float)i, NULL);
  machine_allow (&m, 1);
  machine_wait_begun (&m, 3);
  g_assert_cmpuint (m.lane[0], ==, CLIPMOE_ALL_LANES);
  g_assert_cmpuint (m.lane[1] + m.lane[2], ==, 1); /* 0 and 1 */
  guint earlier = m.first[1][0] == 1 ? 1 : 2;      /* they begin at once */
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpfloat (m.first[earlier][i], ==, (float)(1 + i));
    g_assert_cmpfloat (m.first[3 - earlier][i], ==, (float)(4 + i));
  }
  g_assert_cmpuint (m.n[1], ==, 3);
  g_assert_cmpuint (m.n[2], ==, 3);
  machine_allow (&m, 2); /* one of them; what is left runs beside the other */
  machine_wait_begun (&m, 4);
  g_assert_cmpuint (m.n[3], ==, 1);
  g_assert_cmpuint (m.lane[3], <, 2);
  g_assert_cmpuint (m.most_at_once, ==, 2);
  machine_allow (&m, MACHINE_FREE);
  for (guint i = 0; i < N; i++)
    clipmoe_mailbox_drain (ears[i].box);
  hand_over (ears[3].box, 9, NULL);
  clipmoe_mailbox_drain (ears[3].box);
  g_assert_cmpuint (m.lane[4], ==, CLIPMOE_ALL_LANES);
  for (guint i = 0; i < N; i++) {
    g_assert_cmpint (ears[i].n, ==, i == 3 ? 2 : 1);
    clipmoe_mailbox_free (ears[i].box);
  }
  machine_end (&m, s);
}

/* Many lanes and streams at full speed: everybody gets his own answers, and a mailbox never runs twice at
 * once, also where whoever waited was flushed and asks again. */
static void
test_lanes_busy (void) {
  enum { N = 9 };
  Machine m;
  machine_init (&m, MACHINE_FREE);
  ClipmoeScheduler *s = machine_lanes (&m, 2, 4);
  Waiter w[N];
  pthread_t id[N];
  for (guint i = 0; i < N; i++) {
    w[i] = (Waiter){.box = open_box (s, NULL), .value = (float)(1000 * i), .rounds = 300};
    pthread_create (&id[i], NULL, encode, &w[i]);
  }
  for (guint i = 0; i < 200; i++) {
    flush_box (w[i % 3].box);
    g_usleep (20);
  }
  for (guint i = 0; i < N; i++) {
    pthread_join (id[i], NULL);
    g_assert_true (i < 3 || !w[i].stopped);
    clipmoe_mailbox_free (w[i].box);
  }
  machine_end (&m, s);
}

static void
test_replaced (void) {
  Machine m;
  Ear ear = {.clear = TRUE};
  gboolean replaced;
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_scheduler (&m, 1);
  open_box (s, &ear);
  static const gboolean expected[] = {FALSE, FALSE, TRUE, TRUE};
  for (guint i = 0; i < 4; i++) {
    hand_over (ear.box, (float)i, &replaced);
    g_assert_cmpint (replaced, ==, expected[i]);
    machine_wait_begun (&m, 1);
  }
  machine_allow (&m, MACHINE_FREE);
  clipmoe_mailbox_drain (ear.box);
  g_assert_cmpint (ear.n, ==, 2);
  g_assert_cmpfloat (ear.heard[0], ==, 0);
  g_assert_cmpfloat (ear.heard[1], ==, 3);
  clipmoe_mailbox_free (ear.box);
  machine_end (&m, s);
  wait_for (&cleared, 4); /* by the last thread that had to do with it */
  g_assert_cmpint (g_atomic_int_get (&cleared), ==, 4);
}

/* Whoever waits for his picture comes out while it is being encoded; what he asks next is answered with what
 * he asked, not with what the run of before gave. */
static void
test_interrupted (void) {
  static void (*const ways[]) (ClipmoeMailbox *) = {flush_box, clipmoe_mailbox_drop, clipmoe_mailbox_stop};
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    Machine m;
    pthread_t id;
    machine_init (&m, 0);
    ClipmoeScheduler *s = machine_scheduler (&m, 2);
    Waiter w = {.box = open_box (s, NULL), .value = 1, .rounds = 1};
    pthread_create (&id, NULL, encode, &w);
    machine_wait_begun (&m, 1);
    ways[i](w.box);
    pthread_join (id, NULL); /* the run has not ended */
    g_assert_true (w.stopped);
    Waiter again = {.box = w.box, .value = 100, .rounds = 3};
    pthread_create (&id, NULL, encode, &again);
    machine_allow (&m, MACHINE_FREE);
    pthread_join (id, NULL);
    g_assert_cmpint (again.stopped, ==, ways[i] == clipmoe_mailbox_stop);
    clipmoe_mailbox_free (w.box);
    machine_end (&m, s);
  }
}

/* Nobody waits while flushing, and what is handed over is forgotten. */
static void
test_flushing (void) {
  Machine m;
  Ear ear = {0};
  machine_init (&m, MACHINE_FREE);
  ClipmoeScheduler *s = machine_scheduler (&m, 2);
  open_box (s, &ear);
  clipmoe_mailbox_set_flushing (ear.box, TRUE);
  hand_over (ear.box, 1, NULL);
  Waiter w = {.box = ear.box, .value = 2, .rounds = 1};
  encode (&w);
  g_assert_true (w.stopped);
  clipmoe_mailbox_drain (ear.box);
  clipmoe_mailbox_set_flushing (ear.box, FALSE);
  hand_over (ear.box, 3, NULL);
  clipmoe_mailbox_drain (ear.box);
  g_assert_cmpint (ear.n, ==, 1);
  g_assert_cmpfloat (ear.heard[0], ==, 3);
  clipmoe_mailbox_free (ear.box);
  machine_end (&m, s);
}

/* Neither what waited nor what was being encoded is heard of; what is being told is told first. */
static void
test_dropped (void) {
  Machine m;
  Ear ear = {.takes = 20000};
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_scheduler (&m, 1);
  open_box (s, &ear);
  hand_over (ear.box, 1, NULL);
  machine_wait_begun (&m, 1);
  hand_over (ear.box, 2, NULL);
  clipmoe_mailbox_drop (ear.box);
  machine_allow (&m, MACHINE_FREE);
  hand_over (ear.box, 3, NULL);
  wait_for (&ear.inside, TRUE);
  clipmoe_mailbox_drop (ear.box);
  g_assert_false (g_atomic_int_get (&ear.inside));
  wait_for (&ear.n, 1);
  g_assert_cmpfloat (ear.heard[0], ==, 3);
  clipmoe_mailbox_drain (ear.box);
  clipmoe_mailbox_free (ear.box);
  g_assert_cmpint (ear.n, ==, 1);
  machine_end (&m, s);
}

/* A run, and whoever hears of it, hold up no one who lets go of a mailbox. */
static void
test_freed (void) {
  Machine m;
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_scheduler (&m, 2);
  Ear ear = {0};
  open_box (s, &ear);
  hand_over (ear.box, 1, NULL);
  machine_wait_begun (&m, 1);
  clipmoe_mailbox_free (ear.box);
  clipmoe_scheduler_end (s);
  g_assert_cmpint (g_atomic_int_get (&m.destroyed), ==, 0); /* it still encodes */
  machine_allow (&m, MACHINE_FREE);
  wait_for (&m.destroyed, 1);
  g_assert_cmpint (ear.n, ==, 0);
}

static void
test_callbacks (void) {
  static void (*const deeds[]) (ClipmoeMailbox *) = {clipmoe_mailbox_drain, clipmoe_mailbox_drop, flush_box,
                                                     clipmoe_mailbox_stop, clipmoe_mailbox_free};
  for (guint i = 0; i < G_N_ELEMENTS (deeds); i++) {
    Machine m;
    Ear ear = {.deed = deeds[i]};
    machine_init (&m, MACHINE_FREE);
    ClipmoeScheduler *s = machine_scheduler (&m, 2);
    open_box (s, &ear);
    hand_over (ear.box, 1, NULL);
    wait_for (&ear.n, 1);
    if (deeds[i] != clipmoe_mailbox_free) {
      hand_over (ear.box, 2, NULL);
      clipmoe_mailbox_drain (ear.box);
      if (deeds[i] == flush_box) /* which ends the waiting of everybody, too */
        wait_for (&ear.n, 2);
      ear.deed = NULL;
      g_assert_cmpint (ear.n, ==, deeds[i] == clipmoe_mailbox_stop ? 1 : 2);
      clipmoe_mailbox_free (ear.box);
    }
    machine_end (&m, s);
  }
}

/* A callback that takes its time holds up its own mailbox alone. */
static void
test_slow_callback (void) {
  Machine m;
  Ear slow = {.takes = 50000}, quick = {.more = 40};
  machine_init (&m, MACHINE_FREE);
  ClipmoeScheduler *s = machine_scheduler (&m, 2);
  open_box (s, &slow);
  open_box (s, &quick);
  hand_over (slow.box, 1, NULL);
  wait_for (&slow.inside, TRUE);
  hand_over (slow.box, 2, NULL);
  hand_over (quick.box, 10, NULL);
  clipmoe_mailbox_drain (quick.box);
  wait_for (&quick.n, 41);
  clipmoe_mailbox_drain (slow.box);
  g_assert_cmpint (slow.n, ==, 2);
  clipmoe_mailbox_free (slow.box);
  clipmoe_mailbox_free (quick.box);
  machine_end (&m, s);
}

static gint drained; /* atomic */

static void
await_drained (ClipmoeMailbox *box) {
  wait_for (&drained, TRUE);
}

/* A callback that waits for the thread that drains, as a handler does that sends the end of a stream to its
 * source: the source takes the lock that the draining thread holds. */
static void
test_waiting_callback (void) {
  Machine m;
  Ear ear = {.deed = await_drained};
  machine_init (&m, MACHINE_FREE);
  ClipmoeScheduler *s = machine_scheduler (&m, 2);
  open_box (s, &ear);
  hand_over (ear.box, 1, NULL);
  wait_for (&ear.inside, TRUE);
  hand_over (ear.box, 2, NULL);
  clipmoe_mailbox_drain (ear.box);
  g_assert_cmpint (g_atomic_int_get (&ear.n), ==, 0);
  g_atomic_int_set (&drained, TRUE);
  clipmoe_mailbox_drain (ear.box);
  g_assert_cmpint (g_atomic_int_get (&ear.n), ==, 2);
  clipmoe_mailbox_free (ear.box);
  machine_end (&m, s);
}

static gint encoded; /* atomic */

static void
await_encoded (ClipmoeMailbox *box) {
  wait_for (&encoded, TRUE);
}

static void
encode_once (ClipmoeMailbox *box) {
  Waiter w = {.box = box, .value = 30, .rounds = 1};
  encode (&w);
  g_assert_false (w.stopped);
}

/* Whoever waits for a vector gets it while a callback runs that waits for him, also after a flush; and a
 * callback may wait for a vector itself. */
static void
test_beside_callback (void) {
  Machine m;
  Ear ear = {.deed = await_encoded};
  pthread_t id;
  machine_init (&m, 1);
  ClipmoeScheduler *s = machine_scheduler (&m, 2);
  open_box (s, &ear);
  hand_over (ear.box, 1, NULL);
  wait_for (&ear.inside, TRUE);
  Waiter w = {.box = ear.box, .value = 10, .rounds = 1}, again = {.box = ear.box, .value = 20, .rounds = 3};
  pthread_create (&id, NULL, encode, &w);
  machine_wait_begun (&m, 2);
  flush_box (ear.box);
  pthread_join (id, NULL);
  g_assert_true (w.stopped);
  pthread_create (&id, NULL, encode, &again);
  machine_allow (&m, MACHINE_FREE);
  pthread_join (id, NULL);
  g_assert_false (again.stopped);
  g_atomic_int_set (&encoded, TRUE);
  clipmoe_mailbox_drain (ear.box);
  ear.deed = encode_once;
  hand_over (ear.box, 2, NULL);
  wait_for (&ear.n, 2);
  clipmoe_mailbox_free (ear.box);
  machine_end (&m, s);
}

/* A picture that comes to nothing is its own stream's trouble. */
static void
test_failed (void) {
  enum { N = 4 };
  Machine m;
  Ear ears[N] = {0};
  machine_init (&m, 0);
  ClipmoeScheduler *s = machine_scheduler (&m, N);
  for (guint i = 0; i < N; i++) {
    open_box (s, &ears[i]);
    hand_over (ears[i].box, i == 2 ? NAN : (float)i, NULL);
  }
  machine_allow (&m, MACHINE_FREE);
  for (guint i = 0; i < N; i++) {
    clipmoe_mailbox_drain (ears[i].box);
    g_assert_cmpint (ears[i].n, ==, 1);
    g_assert_cmpint (ears[i].errors, ==, i == 2);
  }
  float out[EMBED];
  GError *error = NULL;
  clipmoe_mailbox_get_request (ears[0].box)->pixels[0] = INFINITY;
  g_assert_false (clipmoe_mailbox_encode (ears[0].box, out, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
  g_clear_error (&error);
  for (guint i = 0; i < N; i++)
    clipmoe_mailbox_free (ears[i].box);
  machine_end (&m, s);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  /* GLib makes its table of errors with the first one, under a lock that ThreadSanitizer does not see. */
  g_error_free (g_error_new_literal (CLIPMOE_ERROR, CLIPMOE_ERROR_STOPPED, ""));
  alarm (slow_seconds (60));
  g_test_add_func ("/mailbox/answers", test_answers);
  g_test_add_func ("/mailbox/together", test_together);
  g_test_add_func ("/mailbox/fair", test_fair);
  g_test_add_func ("/mailbox/lanes", test_lanes);
  g_test_add_func ("/mailbox/lanes-busy", test_lanes_busy);
  g_test_add_func ("/mailbox/replaced", test_replaced);
  g_test_add_func ("/mailbox/interrupted", test_interrupted);
  g_test_add_func ("/mailbox/flushing", test_flushing);
  g_test_add_func ("/mailbox/dropped", test_dropped);
  g_test_add_func ("/mailbox/freed", test_freed);
  g_test_add_func ("/mailbox/callbacks", test_callbacks);
  g_test_add_func ("/mailbox/slow-callback", test_slow_callback);
  g_test_add_func ("/mailbox/waiting-callback", test_waiting_callback);
  g_test_add_func ("/mailbox/beside-callback", test_beside_callback);
  g_test_add_func ("/mailbox/failed", test_failed);
  return g_test_run ();
}
