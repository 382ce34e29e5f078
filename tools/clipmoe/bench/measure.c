#include "measure.h"

#define MIN_CALLS 5     /* fewer have no spread */
#define MAX_CALLS 10000 /* more say nothing new */

double
clipmoe_now (void) {
  return (double)g_get_monotonic_time () / 1e3;
}

static int
by_value (gconstpointer a, gconstpointer b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double
quantile (const GArray *sorted, double q) {
  double at = q * (sorted->len - 1);
  guint i = (guint)at;
  double low = g_array_index (sorted, double, i),
         high = g_array_index (sorted, double, MIN (i + 1, sorted->len - 1));
  return low + (at - i) * (high - low);
}

gboolean
clipmoe_measure (gboolean (*call) (gpointer data, GError **error), gpointer data, double warm_up,
                 double seconds, ClipmoeTimes *out, GError **error) {
  double begun = clipmoe_now ();
  do
    if (!call (data, error))
      return FALSE;
  while (clipmoe_now () - begun < warm_up * 1e3);
  GArray *times = g_array_new (FALSE, FALSE, sizeof (double));
  gboolean ok = TRUE;
  begun = clipmoe_now ();
  while (ok && times->len < MAX_CALLS && (times->len < MIN_CALLS || clipmoe_now () - begun < seconds * 1e3)) {
    double start = clipmoe_now ();
    ok = call (data, error);
    double took = clipmoe_now () - start;
    g_array_append_val (times, took);
  }
  g_array_sort (times, by_value);
  *out = (ClipmoeTimes){times->len, quantile (times, 0.5), quantile (times, 0.1), quantile (times, 0.9)};
  g_array_unref (times);
  return ok;
}
