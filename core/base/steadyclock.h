/* Whether the system's clock can be relied on where files are deleted by their age: a clock that jumps makes
 * everything old at once. */
#ifndef CLIPMOE_STEADY_CLOCK_H
#define CLIPMOE_STEADY_CLOCK_H

#include <glib.h>

/* All zero: not asked yet. */
typedef struct {
  gboolean begun;
  gint64 ahead;  /* µs: how far the clock is ahead of the time that has passed */
  gint64 jumped; /* when it was last seen to have jumped, in the time that has passed; 0: never */
} ClipmoeSteadyClock;

#define CLIPMOE_CLOCK_JUMP G_TIME_SPAN_HOUR
#define CLIPMOE_CLOCK_DOUBT (6 * G_TIME_SPAN_HOUR)

/* @clock: UTC in µs, @passed: µs since some moment, by a clock that nobody sets. FALSE: between two calls the
 * clock jumped by an hour or more, less than six hours ago. */
gboolean clipmoe_steady_clock_see (ClipmoeSteadyClock *self, gint64 clock, gint64 passed);
/* The same for the system's clock and this process, from its first call on. Any thread. */
gboolean clipmoe_clock_is_steady (void);

#endif
