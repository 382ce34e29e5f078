/* Checks the statistics of look times. */
#include <stream/statistics.h>

#define MS G_GINT64_CONSTANT (1000000)

/* One hiccup is no reason to delay a pipeline; looks that have come to take a quarter longer are, and once;
 * and when they take half of that only, nobody has to wait for the rest any more. */
static void
test_latency (void) {
  ClipmoeStatistics *s = g_new0 (ClipmoeStatistics, 1);
  s->latency = 10 * MS;
  for (guint i = 0; i < 600; i++) {
    clipmoe_statistics_add_look (s, i == 300 ? 50000 : i % 2 ? 12000 : 8000);
    g_assert_false (clipmoe_statistics_latency_changed (s));
  }
  g_assert_cmpfloat (clipmoe_statistics_quantile (s, 0.25), ==, 8);
  g_assert_cmpfloat (clipmoe_statistics_quantile (s, 0.95), ==, 12);
  clipmoe_statistics_add_look (s, 20000);
  g_assert_false (clipmoe_statistics_latency_changed (s));
  clipmoe_statistics_add_look (s, 21000);
  g_assert_true (clipmoe_statistics_latency_changed (s));
  g_assert_cmpuint (s->latency, ==, 20 * MS);
  g_assert_false (clipmoe_statistics_latency_changed (s));
  for (guint i = 0; i < 200; i++) { /* half as long is told too, once it has lasted */
    clipmoe_statistics_add_look (s, 9000);
    g_assert_cmpint (clipmoe_statistics_latency_changed (s), ==, i == 63);
  }
  g_assert_cmpuint (s->latency, ==, 9 * MS);
  g_free (s);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/statistics/latency", test_latency);
  return g_test_run ();
}
