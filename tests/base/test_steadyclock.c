/* Checks when a clock counts as one that jumped. */
#include <base/steadyclock.h>

#define HOUR G_TIME_SPAN_HOUR

int
main (void) {
  ClipmoeSteadyClock c = {0};
  const gint64 begin = G_GINT64_CONSTANT (1800000000) * G_USEC_PER_SEC;
  gint64 clock = begin, passed = 0;
  g_assert_true (clipmoe_steady_clock_see (&c, clock, passed));
  for (guint i = 0; i < 1000; i++) { /* ten minutes between calls, and a clock that is slewed */
    clock += HOUR / 6 + HOUR / 1000;
    passed += HOUR / 6;
    g_assert_true (clipmoe_steady_clock_see (&c, clock, passed));
  }
  clock += 100 * HOUR; /* the machine slept, and the time has passed */
  passed += 100 * HOUR;
  g_assert_true (clipmoe_steady_clock_see (&c, clock, passed));
  for (int sign = -1; sign <= 1; sign += 2) {
    clock += sign * 10000 * HOUR;
    for (guint i = 0; i < 36; i++) {
      g_assert_false (clipmoe_steady_clock_see (&c, clock, passed));
      clock += HOUR / 6;
      passed += HOUR / 6;
    }
    g_assert_true (clipmoe_steady_clock_see (&c, clock, passed));
  }
  clock += 2 * HOUR;
  g_assert_false (clipmoe_steady_clock_see (&c, clock, passed));
  g_assert_true (clipmoe_clock_is_steady () && clipmoe_clock_is_steady ());
  return 0;
}
