/* Checks of files that a command is told to write, so that a typing error does not overwrite another file. */
#ifndef CLIPMOE_OUTPUTS_H
#define CLIPMOE_OUTPUTS_H

#include <clipmoe/error.h>

typedef enum {
  CLIPMOE_OUTPUT_PNG,
  CLIPMOE_OUTPUT_MP4,
  CLIPMOE_OUTPUT_NPY,
  CLIPMOE_OUTPUT_ROWS,
  CLIPMOE_OUTPUT_HTML, /* a report of our own */
} ClipmoeOutputKind;

/* Called before long work. FALSE with @error when no file can be created beside @path, or when there is a
 * file that is neither empty nor, by its first bytes, of @kind, or that may not be written to. */
gboolean clipmoe_output_check (const char *path, ClipmoeOutputKind kind, GError **error);
/* FALSE when @path is the same file as one of @names (element-type filename), under whatever name. */
gboolean clipmoe_output_check_apart (const char *path, const GPtrArray *names, GError **error);
/* Whether both names are of one file, which need not be there. */
gboolean clipmoe_output_is_same (const char *a, const char *b);

#endif
