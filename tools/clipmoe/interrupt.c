#include "interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* The handler runs in any thread at any instruction and reads only these. Names are never freed, since it may
 * be reading one. */
static _Atomic (char *) doomed[4];
static atomic_int held, waiting;

/* Async-signal-safe functions only. */
static void
end (int number) {
  static const char said[] = "clipmoe: stopped by a signal; what was not finished is not written\n";
  for (guint i = 0; i < G_N_ELEMENTS (doomed); i++) {
    char *path = atomic_load (&doomed[i]);
    if (path)
      unlink (path);
  }
  if (number != SIGPIPE) { /* whoever closed the pipe has what he wanted */
    static const char clear[] = "\r\033[K";
    signal (SIGPIPE, SIG_IGN); /* without a reader of stderr it still ends by its own signal */
    ssize_t heard = 0;
    if (isatty (2))
      heard += write (2, clear, sizeof clear - 1);
    heard += write (2, said, sizeof said - 1);
    (void)heard;
  }
  sigset_t one;
  signal (number, SIG_DFL);
  sigemptyset (&one);
  sigaddset (&one, number);
  raise (number);
  pthread_sigmask (SIG_UNBLOCK, &one, NULL);
}

static void
end_if_waiting (void) {
  int number = atomic_exchange (&waiting, 0);
  if (number)
    end (number);
}

static void
handle (int number) {
  /* store before the check: another thread may release in between, and then one of both sees it */
  atomic_store (&waiting, number);
  if (!atomic_load (&held))
    end_if_waiting ();
}

void
clipmoe_interrupt_begin (void) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART}, old;
    sigemptyset (&action.sa_mask);
    if (sigaction (numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
      sigaction (numbers[i], &action, NULL);
  }
}

gboolean
clipmoe_interrupt_add (const char *path) {
  char *copy = g_strdup (path);
  for (guint i = 0; i < G_N_ELEMENTS (doomed); i++) {
    char *none = NULL;
    if (atomic_compare_exchange_strong (&doomed[i], &none, copy))
      return TRUE;
  }
  g_free (copy);
  return FALSE;
}

void
clipmoe_interrupt_remove (const char *path) {
  for (guint i = 0; i < G_N_ELEMENTS (doomed); i++) {
    char *there = atomic_load (&doomed[i]);
    if (there && strcmp (there, path) == 0)
      atomic_store (&doomed[i], NULL);
  }
}

void
clipmoe_interrupt_hold (void) {
  atomic_fetch_add (&held, 1);
}

void
clipmoe_interrupt_release (void) {
  if (atomic_fetch_sub (&held, 1) == 1)
    end_if_waiting ();
}
