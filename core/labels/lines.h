/* Lists as people save them: UTF-8 with or without a byte order mark, any line ends, blanks, remarks. */
#ifndef CLIPMOE_LINES_H
#define CLIPMOE_LINES_H

#include "../clipmoe/error.h"
#include "../base/limits.h"

typedef struct {
  char *path, *text, *next;
  guint number; /* of the line that clipmoe_lines_next() gave, from 1 */
} ClipmoeLines;

/* @path_or_name as a path, else the installed @kind of that name. Refuses what is not UTF-8 and names the
 * line. Free with clipmoe_lines_clear(), also after a failure. */
gboolean clipmoe_lines_open (ClipmoeLines *self, const char *kind, const char *path_or_name, GError **error);

/* The next line without the white space around it, or NULL; blank lines and those that begin with # are
 * passed over. Borrowed; may be written to. */
char *clipmoe_lines_next (ClipmoeLines *self);

void clipmoe_lines_clear (ClipmoeLines *self);

/* Takes Unicode's white space, and byte order marks, off both ends, in place. */
char *clipmoe_lines_strip (char *text);

/* Returns (transfer full): the first letters of @text, fit for a message: valid UTF-8 without control codes.
 */
char *clipmoe_lines_quote (const char *text);

#endif
