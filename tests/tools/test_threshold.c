/* Checks the choice of thresholds: the cut itself, what is said to be expected against pictures that nobody
 * has seen, when it says that it cannot tell, and that the order of pictures changes nothing. */
#include <base/random.h>
#include <math.h>
#include <string.h>
#include "threshold.h"

#define MOST 2000

typedef struct {
  double scores[MOST];
  gboolean there[MOST];
  guint n;
} Set;

static void
add (Set *set, double score, gboolean there) {
  set->scores[set->n] = score;
  set->there[set->n++] = there;
}

static ClipmoeThreshold
find (const Set *set, double floor) {
  ClipmoeThreshold out;
  g_assert_true (clipmoe_threshold_find (set->scores, set->there, set->n, floor, 0.8, 1, &out));
  return out;
}

static double
normal (ClipmoeRandom *random) {
  double sum = -6;
  for (guint i = 0; i < 12; i++)
    sum += clipmoe_random_uniform (random);
  return sum;
}

/* @shift: how far the scores of pictures with the label lie above the others, in their spread. */
static Set
draw (guint64 seed, guint with, guint without, double shift) {
  ClipmoeRandom random = clipmoe_random_for (seed, 9, 9);
  Set set = {.n = 0};
  for (guint i = 0; i < with + without; i++)
    add (&set, 0.3 + 0.05 * (normal (&random) + (i < with ? shift : 0)), i < with);
  return set;
}

static void
apart (void) {
  Set set = {.n = 0};
  for (guint i = 0; i < 8; i++) {
    add (&set, 0.5 + 0.01 * i, TRUE);
    add (&set, 0.3 - 0.01 * i, FALSE);
  }
  ClipmoeThreshold t = find (&set, 0);
  g_assert_cmpint (t.verdict, ==, CLIPMOE_THRESHOLD_FOUND);
  g_assert_cmpfloat (t.threshold.value, ==, 0.4); /* the middle, in few digits */
  g_assert_cmpuint (t.with, ==, 8);
  g_assert_cmpuint (t.without, ==, 8);
  g_assert_cmpfloat (t.f1.value, ==, 1);
  g_assert_cmpfloat (t.auc.low, ==, 1);
  g_assert_cmpfloat (t.stays, ==, 0); /* 0.32 */
  g_assert_true (t.threshold.low <= 0.4 && t.threshold.high >= 0.4);
  /* scores that differ in the last digits alone, near 1, as sigmoid gives them */
  set.n = 0;
  for (guint i = 0; i < 6; i++) {
    add (&set, 1 - 1e-9 * (1 + i), TRUE);
    add (&set, 1 - 1e-7 * (1 + i), FALSE);
  }
  t = find (&set, 0);
  g_assert_true (t.threshold.value > 1 - 1e-7 && t.threshold.value <= 1 - 6e-9);
  g_assert_cmpfloat (t.stays, ==, 1); /* it would never close */
  /* two neighbours among the numbers */
  set.n = 0;
  for (guint i = 0; i < 6; i++) {
    add (&set, 0.3, FALSE);
    add (&set, nextafter (0.3, 1), TRUE);
  }
  g_assert_cmpfloat (find (&set, 0).threshold.value, ==, nextafter (0.3, 1));
  /* never on: not the best of its group; and scores below 0 close where they open */
  set.n = 0;
  for (guint i = 0; i < 6; i++) {
    add (&set, 0.9, TRUE);
    add (&set, -INFINITY, FALSE);
  }
  g_assert_cmpfloat (find (&set, 0).threshold.value, ==, 0.45);
  set.n = 0;
  for (guint i = 0; i < 6; i++) {
    add (&set, -0.1, TRUE);
    add (&set, -0.3, FALSE);
  }
  t = find (&set, -1);
  g_assert_cmpfloat (t.threshold.value, ==, -0.2);
  g_assert_cmpfloat (t.stays, ==, 0);
}

/* The best F1 by trying every cut. */
static void
best (void) {
  for (guint64 seed = 0; seed < 20; seed++) {
    Set set = draw (seed, 12, 30, 1.5);
    ClipmoeThreshold t = find (&set, -1);
    double most = 0, chosen = 0;
    for (guint i = 0; i <= set.n; i++) {
      double cut = i < set.n ? set.scores[i] : t.threshold.value, hits = 0, on = 0;
      for (guint k = 0; k < set.n; k++) {
        on += set.scores[k] >= cut;
        hits += set.scores[k] >= cut && set.there[k];
      }
      double f1 = 2 * hits / (on + 12);
      if (i < set.n)
        most = MAX (most, f1);
      else
        chosen = f1;
    }
    g_assert_cmpfloat (fabs (chosen - most), <, 1e-12);
    g_assert_cmpfloat (t.f1.value, <=, most + 1e-12); /* of pictures that did not choose it */
    g_assert_true (t.f1.low <= t.f1.value && t.f1.value <= t.f1.high);
    g_assert_true (t.threshold.low <= t.threshold.value && t.threshold.value <= t.threshold.high);
    g_assert_true (t.auc.low <= t.auc.value && t.auc.value <= t.auc.high);
  }
}

/* What is said to be expected is what pictures that nobody has seen give. */
static void
expected (void) {
  double said = 0, came = 0;
  guint inside = 0, n = 40;
  for (guint64 seed = 0; seed < n; seed++) {
    Set set = draw (seed, 30, 60, 2), other = draw (1000 + seed, 600, 1200, 2);
    ClipmoeThreshold t = find (&set, -1);
    double hits = 0, on = 0;
    for (guint i = 0; i < other.n; i++) {
      on += other.scores[i] >= t.threshold.value;
      hits += other.scores[i] >= t.threshold.value && other.there[i];
    }
    double f1 = 2 * hits / (on + 600);
    said += t.f1.value / n;
    came += f1 / n;
    inside += t.f1.low <= f1 && f1 <= t.f1.high;
  }
  g_assert_cmpfloat (fabs (said - came), <, 0.03);
  g_assert_cmpuint (inside, >=, n * 8 / 10);
}

/* Scores that say nothing: it says so nearly always, and that is an honest 95 % of one side. */
static void
chance (void) {
  guint told = 0, n = 100;
  for (guint64 seed = 0; seed < n; seed++) {
    Set set = draw (seed, 25, 25, 0);
    told += find (&set, -1).verdict == CLIPMOE_THRESHOLD_CHANCE;
  }
  g_assert_cmpuint (told, >=, 92);
  Set set = draw (1, 30, 30, -2); /* the wrong way round */
  g_assert_cmpint (find (&set, -1).verdict, ==, CLIPMOE_THRESHOLD_CHANCE);
  set.n = 0;
  for (guint i = 0; i < 20; i++)
    add (&set, 1, i % 2); /* one label alone under softmax */
  ClipmoeThreshold t = find (&set, 0);
  g_assert_cmpint (t.verdict, ==, CLIPMOE_THRESHOLD_CHANCE);
  g_assert_cmpfloat (t.auc.value, ==, 0.5);
  set.n = 0;
  for (guint i = 0; i < 20; i++)
    add (&set, -INFINITY, i % 2);
  t = find (&set, 0);
  g_assert_cmpint (t.verdict, ==, CLIPMOE_THRESHOLD_CHANCE);
  g_assert_true (isnan (t.threshold.value));
}

static void
refusals (void) {
  ClipmoeThreshold out;
  Set set = draw (1, 4, 100, 5);
  g_assert_cmpint (find (&set, -1).verdict, ==, CLIPMOE_THRESHOLD_TOO_FEW);
  set = draw (1, 100, 4, 5);
  g_assert_cmpint (find (&set, -1).verdict, ==, CLIPMOE_THRESHOLD_TOO_FEW);
  set.n = 0;
  g_assert_cmpint (find (&set, -1).verdict, ==, CLIPMOE_THRESHOLD_TOO_FEW);
  set.n = 1;
  g_assert_cmpint (find (&set, -1).verdict, ==, CLIPMOE_THRESHOLD_TOO_FEW);
  for (guint i = 0; i < 2; i++) {
    set = draw (1, 20, 20, 2);
    set.scores[7] = i ? NAN : INFINITY;
    g_assert_false (clipmoe_threshold_find (set.scores, set.there, set.n, -1, 0.8, 1, &out));
  }
}

/* The same pictures in another order give the same answer, and another seed another interval. */
static void
order (void) {
  Set set = draw (3, 20, 20, 1), turned = {.n = 0};
  for (guint i = set.n; i-- > 0;)
    add (&turned, set.scores[i], set.there[i]);
  ClipmoeThreshold a = find (&set, -1), b = find (&turned, -1), c;
  g_assert_cmpint (
      memcmp (&a.threshold, &b.threshold, sizeof a - G_STRUCT_OFFSET (ClipmoeThreshold, threshold)), ==, 0);
  g_assert_true (clipmoe_threshold_find (set.scores, set.there, set.n, -1, 0.8, 2, &c));
  g_assert_cmpfloat (a.threshold.value, ==, c.threshold.value);
  g_assert_true (a.f1.low != c.f1.low || a.f1.high != c.f1.high || a.f1.value != c.f1.value);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/threshold/apart", apart);
  g_test_add_func ("/threshold/best", best);
  g_test_add_func ("/threshold/expected", expected);
  g_test_add_func ("/threshold/chance", chance);
  g_test_add_func ("/threshold/refusals", refusals);
  g_test_add_func ("/threshold/order", order);
  return g_test_run ();
}
