/* clipmoe serve: hands over to the program that serves. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <base/buildfolder.h>
#include "commands.h"

#define PROGRAM "clipmoe-serve"

int
clipmoe_cmd_serve (int argc, char **argv) {
#ifdef CLIPMOE_WITH_SERVE
  /* a program of its own: libsoup 3 must not meet the libsoup that GStreamer may load */
  char *build = clipmoe_build_folder (),
       *path = build ? g_build_filename (build, "tools", "clipmoe", "serve", PROGRAM, NULL)
                     : g_strdup (CLIPMOE_LIBEXECDIR "/" PROGRAM);
  execv (path, argv); /* the process stays the same: signals and exit status are the program's own */
  fprintf (stderr, "clipmoe: %s: cannot run: %s\n", path, g_strerror (errno));
  g_free (path);
  g_free (build);
#else
  fprintf (stderr,
           "clipmoe: this clipmoe was built without `serve`: the package libsoup-3.0-dev was missing\n");
#endif
  return 1;
}
