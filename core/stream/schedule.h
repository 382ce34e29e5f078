/* When to look: every 1/rate seconds, then every Nth of those. */
#ifndef CLIPMOE_SCHEDULE_H
#define CLIPMOE_SCHEDULE_H

#include <glib.h>

/* All zero: the next frame is due. One caller at a time. */
typedef struct {
  gboolean running;
  gint64 next; /* when the next look is due */
  guint64 passed;
} ClipmoeSchedule;

/* Whether the frame at @now (ns, rising) is due. @rate: looks per second, 0 = no limit; @interval: at least
 * 1. */
gboolean clipmoe_schedule_due (ClipmoeSchedule *self, gint64 now, double rate, guint interval);

#endif
