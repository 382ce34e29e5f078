#include "indexstop.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GRACE 1700000000 /* ns: a run that was told to stop has so long to do it in order */
#define LEAVING 2        /* seconds that what libraries do at the end may take */

volatile gint clipmoe_index_stopped;
static volatile gint leaves_with = -1; /* the exit status of a run that is over */

static timer_t timer;
static gboolean has_timer;

/* Async-signal-safe functions only. */
static void
note (int number) {
  static const struct itimerspec grace = {.it_value = {GRACE / 1000000000, GRACE % 1000000000}};
  clipmoe_index_stopped = number;
  if (!has_timer || timer_settime (timer, 0, &grace, NULL) != 0)
    _exit (128 + number);
}

/* Something does not return: a decoder, a file system, a lock in a library that is out of memory. A kill at
 * any instant leaves a sound store, so this one does, too. */
static void
end (int number) {
  static const char said[] =
      "\nclipmoe: stopped in the middle of a call that did not return; what was finished "
      "is kept, and the next run goes on there\n";
  if (leaves_with >= 0)
    _exit (leaves_with);
  ssize_t heard = write (2, said, sizeof said - 1);
  (void)heard;
  _exit (128 + (clipmoe_index_stopped ? clipmoe_index_stopped : number));
}

void
clipmoe_index_stop_begin (void) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction ending = {.sa_handler = end, .sa_flags = SA_RESTART};
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
  sigset_t alarm;
  sigemptyset (&ending.sa_mask);
  sigaction (SIGALRM, &ending, NULL);
  sigemptyset (&alarm);
  sigaddset (&alarm, SIGALRM);
  pthread_sigmask (SIG_UNBLOCK, &alarm, NULL);
  has_timer = timer_create (CLOCK_MONOTONIC, &event, &timer) == 0;
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    /* without SA_RESTART: whoever sleeps wakes up */
    struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND}, old;
    sigemptyset (&action.sa_mask);
    if (sigaction (numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
      sigaction (numbers[i], &action, NULL);
  }
}

void
clipmoe_index_stop_leave (int status) {
  static const struct itimerspec leaving = {.it_value = {LEAVING, 0}};
  leaves_with = status;
  if (has_timer && !clipmoe_index_stopped)
    timer_settime (timer, 0, &leaving, NULL);
}
