/* Reads list files: UTF-8 with or without a byte order mark, any line ends, blank lines, comments. */
#ifndef CLIPMOE_LINES_H
#define CLIPMOE_LINES_H

#include "../clipmoe/error.h"
#include "../base/limits.h"

typedef struct {
  char *path, *text, *next;
  guint number; /* of the line that clipmoe_lines_next() gave, from 1 */
} ClipmoeLines;

/* Opens @path_or_name as a path, else as the installed file of that name, @kind being "labels" or
 * "templates". Invalid UTF-8 is an error that names the line. Free with clipmoe_lines_clear(), also after a
 * failure. */
gboolean clipmoe_lines_open (ClipmoeLines *self, const char *kind, const char *path_or_name, GError **error);

/* The next line without surrounding white space, or NULL at the end; blank lines and those that begin with #
 * are skipped. Borrowed; may be written to. */
char *clipmoe_lines_next (ClipmoeLines *self);

void clipmoe_lines_clear (ClipmoeLines *self);

/* Strips Unicode white space and byte order marks from both ends, in place. Returns @text. */
char *clipmoe_lines_strip (char *text);

/* Returns (transfer full): at most the first 60 bytes of @text for a message: valid UTF-8 without control
 * characters. */
char *clipmoe_lines_quote (const char *text);

#endif
