/* Checks intervals: hysteresis at 0.8, bridging of gaps shorter than `hold` and not of equal ones, the
 * shortest interval, gaps, times that are no round numbers, where an interval ends, the order, and refused
 * times. */
#include <math.h>
#include <clipmoe/timeline.h>
#include "../labels/groups.h"

#define T 0.5

static ClipmoeTimeline *
one (double hold, double shortest) {
  ClipmoeTimelineOptions o = {.struct_size = sizeof o, .hold = hold, .shortest = shortest};
  double threshold = T;
  return clipmoe_timeline_new (1, &threshold, &o, NULL);
}

static void
look (ClipmoeTimeline *t, double time, double duration, double score) {
  GError *error = NULL;
  g_assert_true (clipmoe_timeline_add (t, time, duration, &score, &error));
  g_assert_no_error (error);
}

static const ClipmoeInterval *
nth (ClipmoeTimeline *t, guint i) {
  g_assert_cmpuint (i, <, clipmoe_timeline_get_n_intervals (t));
  return clipmoe_timeline_get_interval (t, i);
}

static guint
count (ClipmoeTimeline *t) {
  return clipmoe_timeline_get_n_intervals (t);
}

static void
is (const ClipmoeInterval *v, double start, double end) {
  g_assert_cmpfloat (fabs (v->start - start), <, 1e-9);
  g_assert_cmpfloat (fabs (v->end - end), <, 1e-9);
}

static void
hysteresis (void) {
  ClipmoeTimeline *t = one (0, 0);
  look (t, 0, 1, 0.4999);
  g_assert_false (clipmoe_timeline_is_open (t, 0));
  look (t, 1, 1, 0.5); /* opens at the threshold itself */
  g_assert_true (clipmoe_timeline_is_open (t, 0));
  look (t, 2, 1, 0.9);
  look (t, 3, 1, 0.4); /* 0.8 of it is not below it */
  g_assert_true (clipmoe_timeline_is_open (t, 0));
  look (t, 4, 1, 0.3999);
  g_assert_false (clipmoe_timeline_is_open (t, 0)); /* at this very look */
  g_assert_cmpuint (count (t), ==, 1);
  is (nth (t, 0), 1, 4);
  g_assert_cmpfloat (nth (t, 0)->peak, ==, 0.9);
  g_assert_cmpfloat (nth (t, 0)->peak_time, ==, 2);
  g_assert_cmpfloat (fabs (nth (t, 0)->mean - 0.6), <, 1e-12);
  look (t, 5, 1, 0.45); /* would have stayed open, does not open */
  g_assert_false (clipmoe_timeline_is_open (t, 0));
  look (t, 6, 1, NAN);
  g_assert_false (clipmoe_timeline_is_open (t, 0));
  clipmoe_timeline_finish (t);
  g_assert_cmpuint (count (t), ==, 1);
  g_assert_false (clipmoe_timeline_is_open (t, 1)); /* no such label */
  clipmoe_timeline_free (t);
}

static void
other_ratios (void) {
  double thresholds[] = {0.5, -0.5, -INFINITY, NAN};
  for (guint k = 0; k < 3; k++) {
    ClipmoeTimelineOptions o = {.struct_size = sizeof o, .close_ratio = k == 0 ? 1 : k == 1 ? 7 : NAN};
    ClipmoeTimeline *t = clipmoe_timeline_new (4, thresholds, &o, NULL);
    double up[] = {0.5, -0.5, -INFINITY, 1}, down[] = {0.49, -0.501, -INFINITY, 1};
    g_assert_true (clipmoe_timeline_add (t, 0, 1, up, NULL));
    g_assert_true (clipmoe_timeline_add (t, 1, 1, down, NULL));
    /* never looser than the threshold; below 0 it closes where it opens; -inf is always open, NaN never */
    g_assert_true (clipmoe_timeline_is_open (t, 0) == (k == 2));
    g_assert_false (clipmoe_timeline_is_open (t, 1));
    g_assert_true (clipmoe_timeline_is_open (t, 2));
    g_assert_false (clipmoe_timeline_is_open (t, 3));
    clipmoe_timeline_free (t);
  }
}

static void
hold (void) {
  /* a gap of one second from 1 to 2 */
  static const struct {
    double hold;
    guint n;
  } cases[] = {{0, 2}, {0.5, 2}, {1, 2}, {1.0001, 1}, {3, 1}, {-1, 2}, {NAN, 2}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    ClipmoeTimeline *t = one (cases[i].hold, 0);
    look (t, 0, 1, 0.9);
    look (t, 1, 1, 0.1);
    g_assert_true (clipmoe_timeline_is_open (t, 0) == (cases[i].hold > 0));
    look (t, 2, 1, 0.8);
    look (t, 3, 1, 0.1);
    clipmoe_timeline_finish (t);
    g_assert_cmpuint (count (t), ==, cases[i].n);
    is (nth (t, 0), 0, cases[i].n == 1 ? 3 : 1);
    clipmoe_timeline_free (t);
  }
  /* tenths do not add up to what they seem to be; a gap of 0.1 is still not shorter than 0.1 */
  ClipmoeTimeline *t = one (0.1, 0);
  look (t, 0.1, 0.1, 0.9);
  look (t, 0.2, 0.1, 0.1);
  look (t, 0.1 + 0.2 - 1e-16, 0.1, 0.9);
  clipmoe_timeline_finish (t);
  g_assert_cmpuint (count (t), ==, 2);
  clipmoe_timeline_free (t);
  /* what bridges a gap is a score at the threshold, not one at 0.8 of it; and what is held closes in time */
  t = one (1.5, 0);
  look (t, 0, 1, 0.9);
  look (t, 1, 1, 0.1);
  look (t, 2, 1, 0.45);
  g_assert_true (clipmoe_timeline_is_open (t, 0));
  look (t, 2.5, 1, 0.1);
  g_assert_false (clipmoe_timeline_is_open (t, 0));
  look (t, 2.5, 1, 0.9); /* equal times may be */
  clipmoe_timeline_finish (t);
  g_assert_cmpuint (count (t), ==, 2);
  is (nth (t, 0), 0, 1);
  is (nth (t, 1), 2.5, 3.5);
  clipmoe_timeline_free (t);
}

static void
shortest (void) {
  static const struct {
    double shortest;
    guint n;
  } cases[] = {{0, 2}, {1, 2}, {1.001, 1}, {2, 1}, {2.001, 0}, {NAN, 2}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    ClipmoeTimeline *t = one (0, cases[i].shortest);
    look (t, 0, 1, 0.9); /* one second */
    look (t, 1, 1, 0.1);
    look (t, 2, 1, 0.9); /* two seconds, the last of them closed by the end */
    look (t, 3, 1, 0.9);
    clipmoe_timeline_finish (t);
    g_assert_cmpuint (count (t), ==, cases[i].n);
    clipmoe_timeline_free (t);
  }
  /* joined first, measured then */
  ClipmoeTimeline *t = one (1.5, 3);
  look (t, 0, 1, 0.9);
  look (t, 1, 1, 0.1);
  look (t, 2, 1, 0.9);
  clipmoe_timeline_finish (t);
  g_assert_cmpuint (count (t), ==, 1);
  clipmoe_timeline_free (t);
}

static void
uneven (void) {
  /* nobody looked from 1 to 5: that is a gap too */
  ClipmoeTimeline *t = one (0, 0);
  look (t, 0, 1, 0.9);
  look (t, 5, 0.5, 0.9);
  look (t, 5.5, 0.1, 0.45); /* the hair's breadth between 5.5 and 5 + 0.5 is none */
  look (t, 5.6, 2, 0.9);
  clipmoe_timeline_finish (t);
  g_assert_cmpuint (count (t), ==, 2);
  is (nth (t, 0), 0, 1);
  is (nth (t, 1), 5, 7.6);
  clipmoe_timeline_free (t);
  t = one (4.5, 0);
  look (t, 0, 1, 0.9);
  look (t, 5, 1, 0.9);
  clipmoe_timeline_finish (t);
  g_assert_cmpuint (count (t), ==, 1);
  clipmoe_timeline_free (t);
  /* a look that claims more time than it got ends at the next one, which knows better */
  t = one (0, 0);
  look (t, 0, 10, 0.9);
  look (t, 2, 1, 0.1);
  g_assert_cmpuint (count (t), ==, 1);
  is (nth (t, 0), 0, 2);
  clipmoe_timeline_free (t);
  /* looks without length are moments */
  t = one (0, 0);
  look (t, 1, 0, 0.9);
  look (t, 1, 0, 0.9);
  look (t, 2, 0, 0.9);
  clipmoe_timeline_finish (t);
  g_assert_cmpuint (count (t), ==, 2);
  is (nth (t, 0), 1, 1);
  clipmoe_timeline_free (t);
  /* times before 0 are times */
  t = one (0, 0);
  look (t, -2, 1, 0.9);
  clipmoe_timeline_finish (t);
  is (nth (t, 0), -2, -1);
  clipmoe_timeline_finish (t); /* twice does nothing */
  g_assert_cmpuint (count (t), ==, 1);
  look (t, 3, 1, 0.9); /* and it goes on */
  clipmoe_timeline_finish (t);
  g_assert_cmpuint (count (t), ==, 2);
  clipmoe_timeline_free (t);
}

static void
order (void) {
  enum { N = 7 };
  double thresholds[N], scores[N];
  for (guint i = 0; i < N; i++)
    thresholds[i] = T;
  ClipmoeTimeline *t = clipmoe_timeline_new (N, thresholds, NULL, NULL);
  GRand *random = g_rand_new_with_seed (1);
  for (guint k = 0; k < 500; k++) {
    for (guint i = 0; i < N; i++)
      scores[i] = g_rand_double (random) < 0.1 ? 0.1 + 0.8 * (scores[i] < T) : k ? scores[i] : 0.9;
    g_assert_true (clipmoe_timeline_add (t, k, 1, scores, NULL));
  }
  clipmoe_timeline_finish (t);
  guint n = count (t);
  g_assert_cmpuint (n, >, 100);
  for (guint i = 1; i < n; i++) {
    const ClipmoeInterval *a = nth (t, i - 1), *b = nth (t, i);
    g_assert_true (a->start < b->start || (a->start == b->start && a->label < b->label));
  }
  g_rand_free (random);
  clipmoe_timeline_free (t);
}

static void
refused (void) {
  static const double bad[][2] = {{1.999, 1}, {NAN, 1}, {INFINITY, 1}, {-INFINITY, 1},
                                  {3, -1},    {3, NAN}, {3, INFINITY}};
  ClipmoeTimeline *t = one (0, 0);
  look (t, 2, 1, 0.9);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    GError *error = NULL;
    double score = 0.1;
    g_assert_false (clipmoe_timeline_add (t, bad[i][0], bad[i][1], &score, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    g_error_free (error);
    g_assert_false (clipmoe_timeline_add (t, bad[i][0], bad[i][1], &score, NULL));
    g_assert_true (clipmoe_timeline_is_open (t, 0)); /* as if it had not been */
  }
  look (t, 3, 1, 0.9);
  clipmoe_timeline_finish (t);
  is (nth (t, 0), 2, 4);
  clipmoe_timeline_free (t);
  clipmoe_timeline_free (NULL);
  GError *error = NULL;
  g_assert_null (clipmoe_timeline_new (0, NULL, &(ClipmoeTimelineOptions){.hold = 1}, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT); /* no struct_size */
  g_error_free (error);
  t = clipmoe_timeline_new (0, NULL, NULL, NULL);
  g_assert_true (clipmoe_timeline_add (t, 0, 1, NULL, NULL));
  clipmoe_timeline_finish (t);
  g_assert_cmpuint (count (t), ==, 0);
  clipmoe_timeline_free (t);
}

int
main (int argc, char **argv) {
  static const Group groups[] = {{"/timeline/hysteresis", hysteresis},
                                 {"/timeline/other-ratios", other_ratios},
                                 {"/timeline/hold", hold},
                                 {"/timeline/shortest", shortest},
                                 {"/timeline/uneven", uneven},
                                 {"/timeline/order", order},
                                 {"/timeline/refused", refused}};
  return run_groups (argc, argv, groups, G_N_ELEMENTS (groups));
}
