/* Checks the hysteresis: random series against its definition, settle, and extreme times. */
#include <math.h>
#include <stream/hysteresis.h>

#define LOOKS 300
#define MS G_GINT64_CONSTANT (1000000)

typedef struct {
  gint64 start, end;
} Stretch;

/* The definition, over a whole series: what is at the threshold opens, and lasts while it is not below
 * closing and somebody looks. @open: whether it is, as known at each look. */
static guint
stretches (const gint64 *time, const gint64 *until, const double *score, double threshold, double closing,
           gint64 hold, Stretch *out, gboolean *open) {
  guint n = 0;
  gboolean in = FALSE;
  for (guint i = 0; i < LOOKS; i++) {
    gboolean seen = i && until[i - 1] >= time[i];
    if (in && !(seen && score[i] >= closing)) {
      out[n - 1].end = MIN (until[i - 1], time[i]);
      in = FALSE;
    }
    if (!in && score[i] >= threshold) {
      out[n++] = (Stretch){time[i], until[i]};
      in = TRUE;
    }
    if (in)
      out[n - 1].end = until[i];
    open[i] = in || (n && time[i] - out[n - 1].end < hold); /* it may yet be bridged */
  }
  return n;
}

/* Those that are closer than @hold are one. */
static guint
join (Stretch *s, guint n, gint64 hold) {
  guint joined = 0;
  for (guint i = 0; i < n; i++)
    if (joined && s[i].start - s[joined - 1].end < hold)
      s[joined - 1].end = s[i].end;
    else
      s[joined++] = s[i];
  return joined;
}

static void
check (GRand *random, double threshold, gint64 hold, gboolean gaps) {
  gint64 time[LOOKS + 1], until[LOOKS], now = -1000 * MS;
  double score[LOOKS];
  Stretch expected[LOOKS], got[LOOKS];
  gboolean open[LOOKS];
  for (guint i = 0; i <= LOOKS; i++)
    time[i] = now += MS * g_rand_int_range (random, 0, 4) * g_rand_int_range (random, 0, 100);
  for (guint i = 0; i < LOOKS; i++) {
    until[i] = gaps ? time[i] + g_rand_int_range (random, 0, 300) * MS : time[i + 1];
    score[i] = g_rand_int_range (random, 0, 20) ? g_rand_double_range (random, -1, 1) : NAN;
  }
  ClipmoeHysteresisRules rules = {.close_ratio = 0.8, .hold = hold};
  ClipmoeHysteresis h = {0};
  guint n = 0;
  for (guint i = 0; i < LOOKS; i++) {
    guint change = clipmoe_hysteresis_add (&h, &rules, threshold, time[i], until[i], score[i]);
    /* a stretch has one beginning and one end, and without settle it opens where it begins */
    g_assert_true (!(change & CLIPMOE_HYSTERESIS_BEGAN) == !(change & CLIPMOE_HYSTERESIS_OPENED));
    if (change & CLIPMOE_HYSTERESIS_FELL)
      got[n - 1].end = MIN (got[n - 1].end, time[i]);
    if (change & CLIPMOE_HYSTERESIS_BEGAN)
      got[n++] = (Stretch){h.start, 0};
    if (change & CLIPMOE_HYSTERESIS_INSIDE)
      got[n - 1].end = until[i];
    g_assert_true (h.open || !(change & CLIPMOE_HYSTERESIS_INSIDE));
    open[i] = h.open;
  }
  gboolean should[LOOKS];
  double closing = threshold > 0 ? 0.8 * threshold : threshold;
  guint m = stretches (time, until, score, threshold, closing, hold, expected, should);
  m = join (expected, m, hold);
  g_assert_cmpuint (n, ==, m);
  for (guint i = 0; i < n; i++) {
    g_assert_cmpint (got[i].start, ==, expected[i].start);
    g_assert_cmpint (got[i].end, ==, expected[i].end);
  }
  for (guint i = 0; i < LOOKS; i++)
    g_assert_cmpint (open[i], ==, should[i]);
}

static void
test_definition (void) {
  static const double thresholds[] = {0.5, 0.1, 0, -0.5, -INFINITY, INFINITY, NAN};
  static const gint64 holds[] = {0, 10 * MS, 100 * MS, 250 * MS, 1000 * MS, G_MAXINT64};
  GRand *random = g_rand_new_with_seed (3);
  for (guint t = 0; t < G_N_ELEMENTS (thresholds); t++)
    for (guint i = 0; i < G_N_ELEMENTS (holds); i++)
      for (guint k = 0; k < 40; k++)
        check (random, thresholds[t], holds[i], k & 1);
  g_rand_free (random);
}

/* Opens when it was at the threshold for so long, with every look in between; what begins again settles
 * again.
 */
static void
test_settle (void) {
  static const struct {
    gint64 time, until;
    double score;
    ClipmoeHysteresisChange change;
  } looks[] = {
      {0, 1, 0.9, CLIPMOE_HYSTERESIS_BEGAN | CLIPMOE_HYSTERESIS_INSIDE},
      {1, 2, 0.45, 0}, /* would keep it open, but does not let it open */
      {2, 3, 0.5, CLIPMOE_HYSTERESIS_BEGAN | CLIPMOE_HYSTERESIS_INSIDE},
      {3, 4, 0.5, CLIPMOE_HYSTERESIS_INSIDE},
      {5, 6, 0.5, CLIPMOE_HYSTERESIS_BEGAN | CLIPMOE_HYSTERESIS_INSIDE}, /* nobody looked from 4 to 5 */
      {6, 7, 0.6, CLIPMOE_HYSTERESIS_INSIDE},
      {7, 8, 0.7, CLIPMOE_HYSTERESIS_INSIDE | CLIPMOE_HYSTERESIS_OPENED},
      {8, 9, 0.1, CLIPMOE_HYSTERESIS_FELL},
      {9, 10, 0.5, CLIPMOE_HYSTERESIS_INSIDE}, /* bridged */
      {10, 11, 0.1, CLIPMOE_HYSTERESIS_FELL},
      {13, 14, 0.9, CLIPMOE_HYSTERESIS_CLOSED | CLIPMOE_HYSTERESIS_BEGAN | CLIPMOE_HYSTERESIS_INSIDE},
      {15, 16, 0.1, 0},
      {16, G_MAXINT64, 0.5, CLIPMOE_HYSTERESIS_BEGAN | CLIPMOE_HYSTERESIS_INSIDE},
      {30, 31, 0.5,
       CLIPMOE_HYSTERESIS_INSIDE | CLIPMOE_HYSTERESIS_OPENED}, /* the look at 16 stood until now */
  };
  ClipmoeHysteresisRules rules = {.close_ratio = 0.8, .hold = 2 * MS, .settle = 2 * MS};
  ClipmoeHysteresis h = {0};
  for (guint i = 0; i < G_N_ELEMENTS (looks); i++) {
    gint64 until = looks[i].until == G_MAXINT64 ? G_MAXINT64 : looks[i].until * MS;
    g_assert_cmpint (clipmoe_hysteresis_add (&h, &rules, 0.5, looks[i].time * MS, until, looks[i].score), ==,
                     looks[i].change);
  }
  g_assert_true (h.open);
  g_assert_cmpint (h.start, ==, 16 * MS);
}

/* No time is too far from another, and a nanosecond apart is the same moment. */
static void
test_times (void) {
  ClipmoeHysteresisRules rules = {.close_ratio = 0.8, .hold = G_MAXINT64};
  ClipmoeHysteresis h = {0};
  clipmoe_hysteresis_add (&h, &rules, 0.5, G_MININT64, G_MININT64, 0.9);
  g_assert_cmpint (clipmoe_hysteresis_add (&h, &rules, 0.5, G_MAXINT64, G_MAXINT64, 0.9), ==,
                   CLIPMOE_HYSTERESIS_CLOSED | CLIPMOE_HYSTERESIS_BEGAN | CLIPMOE_HYSTERESIS_OPENED |
                       CLIPMOE_HYSTERESIS_INSIDE); /* longer ago than any hold */
  for (gint64 apart = 1; apart <= 2; apart++) {
    rules.hold = 0;
    h = (ClipmoeHysteresis){0};
    clipmoe_hysteresis_add (&h, &rules, 0.5, 0, 33366666, 0.9);
    clipmoe_hysteresis_add (&h, &rules, 0.5, 33366666 + apart, 66733333, 0.45);
    g_assert_true (h.open == (apart == 1)); /* else nobody looked in between, and 0.45 opens nothing */
    rules.hold = 100 * MS;
    h = (ClipmoeHysteresis){0};
    clipmoe_hysteresis_add (&h, &rules, 0.5, 0, 0, 0.9);
    clipmoe_hysteresis_add (&h, &rules, 0.5, 100 * MS - apart, 100 * MS, 0.1);
    g_assert_true (h.open == (apart == 2));
  }
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hysteresis/definition", test_definition);
  g_test_add_func ("/hysteresis/settle", test_settle);
  g_test_add_func ("/hysteresis/times", test_times);
  return g_test_run ();
}
