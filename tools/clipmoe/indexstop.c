#include "indexstop.h"

#include <signal.h>

volatile gint clipmoe_index_stopped;

static void
note (int number) {
  clipmoe_index_stopped = number;
}

void
clipmoe_index_stop_begin (void) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    /* without SA_RESTART: whoever sleeps wakes up */
    struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND}, old;
    sigemptyset (&action.sa_mask);
    if (sigaction (numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
      sigaction (numbers[i], &action, NULL);
  }
}
