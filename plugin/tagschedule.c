#include "tagschedule.h"

gboolean
tag_schedule_due (TagSchedule *self, gint64 now, double rate, guint interval) {
  if (rate > 0) {
    gint64 period = (gint64)(MIN (GST_SECOND / rate, 1e15));
    if (self->running && now < self->next && self->next - now <= period)
      return FALSE;
    /* on a fixed grid, so that odd frame times do not add up; a jump starts another */
    if (!self->running || now - self->next >= period || self->next - now > period)
      self->next = now + period;
    else
      self->next += period;
    self->running = TRUE;
  }
  return self->passed++ % interval == 0;
}
