#include "program.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <base/plain.h>
#include <clipmoe/encoder.h>

int
clipmoe_program (int argc, char **argv, int (*run) (int argc, char **argv)) {
  setlocale (LC_ALL, "");
  if (!g_get_charset (NULL)) /* a bare container has no locale: words are UTF-8 all the same */
    setlocale (LC_CTYPE, "C.UTF-8");
  setlocale (LC_NUMERIC, "C"); /* numbers are read by programs, too */
  int status = run (argc, argv);
  /* whatever printed it: an answer that did not arrive is a failure */
  if (status == 0 && (fflush (stdout) != 0 || ferror (stdout))) {
    if (errno != EPIPE)
      fprintf (stderr, "clipmoe: standard output: %s\n", g_strerror (errno));
    status = 1;
  }
  clipmoe_cache_wait (); /* the next run need not pack the weights again */
  char *why = clipmoe_cache_why_not ();
  if (why) {
    char *plain = clipmoe_plain (why, -1);
    fprintf (stderr, "clipmoe: packed weights are not kept, so the next start takes as long: %s\n", plain);
    g_free (plain);
  }
  g_free (why);
  return status;
}
