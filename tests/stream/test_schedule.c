/* Protects when a frame is due: on a grid that odd frame times do not shift, every Nth, and after jumps. */
#include <stream/schedule.h>

#define SECOND G_GINT64_CONSTANT (1000000000)

/* Frames that are due of @n, @numerator/@denominator a second, from @start. */
static guint
count (ClipmoeSchedule *s, gint64 start, guint n, gint64 numerator, gint64 denominator, double rate,
       guint interval) {
  guint due = 0;
  for (guint i = 0; i < n; i++)
    due += clipmoe_schedule_due (s, start + i * SECOND * denominator / numerator, rate, interval);
  return due;
}

static void
test_grid (void) {
  static const struct {
    gint64 numerator, denominator;
    double rate;
    guint interval, per_hour;
  } cases[] = {{25, 1, 1, 1, 3600},   {30000, 1001, 2, 1, 7200},  {25, 1, 3, 1, 10800},
               {10, 1, 25, 1, 36000}, {25, 1, 0, 1, 90000},       {25, 1, 0, 3, 30000},
               {25, 1, 5, 2, 9000},   {24000, 1001, 0.01, 1, 36}, {25, 1, 24.99, 1, 89964}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    ClipmoeSchedule s = {0};
    guint frames = (guint)(3600 * cases[i].numerator / cases[i].denominator);
    guint due = count (&s, -7 * SECOND, frames, cases[i].numerator, cases[i].denominator, cases[i].rate,
                       cases[i].interval);
    g_assert_cmpint (ABS ((int)due - (int)cases[i].per_hour), <=, 1);
  }
}

/* Frames somewhat out of order wait for their turn; a jump, either way, is looked at at once and begins a
 * grid. */
static void
test_jumps (void) {
  ClipmoeSchedule s = {0};
  g_assert_true (clipmoe_schedule_due (&s, 100 * SECOND, 1, 1));
  g_assert_false (clipmoe_schedule_due (&s, 100 * SECOND, 1, 1));
  g_assert_false (clipmoe_schedule_due (&s, 100 * SECOND - SECOND / 2, 1, 1));
  g_assert_true (
      clipmoe_schedule_due (&s, 100 * SECOND - SECOND / 2 - 1, 1, 1)); /* too far back for a frame */
  g_assert_false (clipmoe_schedule_due (&s, 100 * SECOND, 1, 1));
  g_assert_true (clipmoe_schedule_due (&s, 1000 * SECOND + SECOND / 4, 1, 1));
  g_assert_false (clipmoe_schedule_due (&s, 1001 * SECOND, 1, 1));
  g_assert_true (clipmoe_schedule_due (&s, 1001 * SECOND + SECOND / 4, 1, 1));
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schedule/grid", test_grid);
  g_test_add_func ("/schedule/jumps", test_jumps);
  return g_test_run ();
}
