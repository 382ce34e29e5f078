/* "-" in place of a file: standard input. */
#ifndef CLIPMOE_PIPE_H
#define CLIPMOE_PIPE_H

#include <glib.h>

/* Reads standard input to its end into a file without a name in $TMPDIR or /var/tmp, since pictures and most
 * videos are not read from front to back; where it is a file, that is taken. Returns (transfer full) a path
 * at which this process finds it; it is gone when the process ends. */
char *clipmoe_pipe_spool (GError **error);
/* @name, or for "-" what clipmoe_pipe_spool() returns. */
char *clipmoe_pipe_path (const char *name, GError **error);
/* Puts "standard input" where @error names the path of @name "-". */
void clipmoe_pipe_name (const char *name, const char *path, GError *error);

#endif
