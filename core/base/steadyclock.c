#include "steadyclock.h"

#include <pthread.h>
#include <time.h>

gboolean
clipmoe_steady_clock_see (ClipmoeSteadyClock *self, gint64 clock, gint64 passed) {
  gint64 ahead = clock - passed, by = ahead - self->ahead;
  if (self->begun && (by >= CLIPMOE_CLOCK_JUMP || by <= -CLIPMOE_CLOCK_JUMP))
    self->jumped = MAX (passed, 1);
  self->begun = TRUE;
  self->ahead = ahead;
  return !self->jumped || passed - self->jumped >= CLIPMOE_CLOCK_DOUBT;
}

gboolean
clipmoe_clock_is_steady (void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static ClipmoeSteadyClock ours;
  struct timespec t;
  clock_gettime (CLOCK_BOOTTIME, &t); /* goes on while the machine sleeps */
  pthread_mutex_lock (&lock);
  gboolean steady = clipmoe_steady_clock_see (&ours, g_get_real_time (),
                                              (gint64)t.tv_sec * G_USEC_PER_SEC + t.tv_nsec / 1000);
  pthread_mutex_unlock (&lock);
  return steady;
}
