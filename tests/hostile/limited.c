/* Runs a command with limits and says how it ended: for tests that give it hostile files.
 *
 * usage: limited SECONDS MEBIBYTES REPORT COMMAND...   (0 MEBIBYTES = no limit on address space)
 * REPORT gets one line: "exit N", "signal N" or "hangs", then the most memory that it had, in KiB. Python
 * cannot measure that: a child of a large process counts as large itself. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;
static volatile sig_atomic_t late;

static void
too_late (int number) {
  late = 1;
  kill (child, SIGKILL);
}

int
main (int argc, char **argv) {
  if (argc < 5)
    return 2;
  child = fork ();
  if (child < 0)
    return 2;
  if (child == 0) {
    rlim_t bytes = (rlim_t)atol (argv[2]) << 20;
    struct rlimit space = {bytes, bytes}, core = {0, 0};
    if ((bytes && setrlimit (RLIMIT_AS, &space) != 0) || setrlimit (RLIMIT_CORE, &core) != 0)
      _exit (126);
    execvp (argv[4], argv + 4);
    _exit (127);
  }
  signal (SIGALRM, too_late);
  alarm ((unsigned)atol (argv[1]));
  int status;
  struct rusage used;
  while (wait4 (child, &status, 0, &used) < 0)
    ;
  FILE *report = fopen (argv[3], "w");
  if (!report)
    return 2;
  if (late)
    fprintf (report, "hangs 0");
  else if (WIFSIGNALED (status))
    fprintf (report, "signal %d", WTERMSIG (status));
  else
    fprintf (report, "exit %d", WEXITSTATUS (status));
  fprintf (report, " %ld\n", used.ru_maxrss);
  return fclose (report) != 0;
}
