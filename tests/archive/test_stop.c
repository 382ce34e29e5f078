/* A run of clipmoe index that is told to stop ends within two seconds, whatever it is at. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "indexstop.h"

/* What a process ends with that gets @number (0: none) while it is in a call that never returns. @leaves: the
 * status of its run, which is over; -1: it is not. */
static int
end_of (int number, int leaves) {
  int ready[2], status;
  char byte;
  if (pipe (ready) != 0)
    return -1;
  pid_t child = fork ();
  if (child == 0) {
    sigset_t all;
    sigfillset (&all);
    sigprocmask (SIG_BLOCK, &all, NULL); /* as a parent may leave it */
    sigdelset (&all, SIGALRM);
    clipmoe_index_stop_begin ();
    sigprocmask (SIG_UNBLOCK, &all, NULL);
    if (leaves >= 0)
      clipmoe_index_stop_leave (leaves);
    if (write (ready[1], "", 1) != 1)
      _exit (99);
    for (;;)
      pause ();
  }
  if (read (ready[0], &byte, 1) != 1)
    return -1;
  close (ready[0]);
  close (ready[1]);
  if (number)
    kill (child, number);
  return waitpid (child, &status, 0) == child && WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static void
test_stop (void) {
  alarm (60); /* or this never ends */
  g_assert_cmpint (end_of (SIGTERM, -1), ==, 128 + SIGTERM);
  g_assert_cmpint (end_of (SIGINT, -1), ==, 128 + SIGINT);
  g_assert_cmpint (end_of (0, 3), ==, 3);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/index/stop", test_stop);
  return g_test_run ();
}
