/* clipmoe bench: hands over to the program that measures. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <base/buildfolder.h>
#include "commands.h"

#define PROGRAM "clipmoe-bench"

int
clipmoe_cmd_bench (int argc, char **argv) {
  char *build = clipmoe_build_folder (),
       *path = build ? g_build_filename (build, "tools", "clipmoe", "bench", PROGRAM, NULL)
                     : g_strdup (CLIPMOE_LIBEXECDIR "/" PROGRAM);
  execv (path, argv); /* the process stays the same: signals and exit status are the program's own */
  fprintf (stderr, "clipmoe: %s: cannot run: %s\n", path, g_strerror (errno));
  g_free (path);
  g_free (build);
  return 1;
}
