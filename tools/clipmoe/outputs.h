/* Files that a command is told to write: a slip of the hand must not cost the user another file. */
#ifndef CLIPMOE_OUTPUTS_H
#define CLIPMOE_OUTPUTS_H

#include <clipmoe/error.h>

typedef enum {
  CLIPMOE_OUTPUT_PNG,
  CLIPMOE_OUTPUT_MP4,
  CLIPMOE_OUTPUT_NPY,
  CLIPMOE_OUTPUT_ROWS,
} ClipmoeOutputKind;

/* Before long work: FALSE when nothing can be written beside @path, or when what is there already is neither
 * empty nor, by its first bytes, of @kind, as what an earlier run wrote would be. */
gboolean clipmoe_output_check (const char *path, ClipmoeOutputKind kind, GError **error);
/* FALSE when @path is the same file as one of @names (element-type filename), under whatever name. */
gboolean clipmoe_output_check_apart (const char *path, const GPtrArray *names, GError **error);

#endif
