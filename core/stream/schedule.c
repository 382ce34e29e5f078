#include "schedule.h"

#define SECOND G_GINT64_CONSTANT (1000000000)

gboolean
clipmoe_schedule_due (ClipmoeSchedule *self, gint64 now, double rate, guint interval) {
  if (rate > 0) {
    gint64 period = (gint64)(MIN (SECOND / rate, 1e15));
    gint64 back = period + MAX (period / 2, SECOND / 2); /* frames may come somewhat out of order */
    if (self->running && now < self->next && self->next - now <= back)
      return FALSE;
    /* on a fixed grid, so that odd frame times do not add up; a jump starts another */
    if (!self->running || now - self->next >= period || self->next - now > back)
      self->next = now + period;
    else
      self->next += period;
    self->running = TRUE;
  }
  return self->passed++ % interval == 0;
}
