/* Seconds to nanoseconds. */
#ifndef CLIPMOE_NS_H
#define CLIPMOE_NS_H

#include <glib.h>
#include <math.h>

/* Rounded; what 64 bits do not hold (292 years) is their limit, and NaN is 0. */
static inline gint64
clipmoe_ns (double seconds) {
  double ns = seconds * 1e9;
  if (isnan (ns))
    return 0;
  return ns >= 9.2e18 ? G_MAXINT64 : ns <= -9.2e18 ? G_MININT64 : (gint64)llround (ns);
}

#endif
