/* When to look: every 1/rate seconds, then every Nth of those. */
#ifndef CLIPMOE_TAG_SCHEDULE_H
#define CLIPMOE_TAG_SCHEDULE_H

#include <gst/gst.h>

/* All zero: the next frame is due. */
typedef struct {
  gboolean running;
  gint64 next; /* when the next look is due */
  guint64 passed;
} TagSchedule;

/* Whether the frame at @now (ns, rising) is due. @rate 0: no limit. */
gboolean tag_schedule_due (TagSchedule *self, gint64 now, double rate, guint interval);

#endif
