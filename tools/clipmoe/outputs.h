/* Files that a command is told to write: a slip of the hand must not cost the user another file. */
#ifndef CLIPMOE_OUTPUTS_H
#define CLIPMOE_OUTPUTS_H

#include <clipmoe/error.h>

/* Before long work: FALSE when nothing can be written beside @path. */
gboolean clipmoe_output_check (const char *path, GError **error);
/* FALSE when @path is the same file as one of @names (element-type filename), under whatever name. */
gboolean clipmoe_output_check_apart (const char *path, const GPtrArray *names, GError **error);

#endif
