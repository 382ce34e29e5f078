/* Times of something that is done again and again. */
#ifndef CLIPMOE_MEASURE_H
#define CLIPMOE_MEASURE_H

#include <glib.h>

typedef struct {
  guint calls;
  double median, low, high; /* ms a call; the tenth and ninetieth of a hundred */
} ClipmoeTimes;

/* Milliseconds of a clock that goes on. */
double clipmoe_now (void);
/* Calls until @seconds have passed and there is a spread, after @warm_up seconds (and one call at least) that
 * do not count. FALSE: a call failed. */
gboolean clipmoe_measure (gboolean (*call) (gpointer data, GError **error), gpointer data, double warm_up,
                          double seconds, ClipmoeTimes *out, GError **error);

#endif
