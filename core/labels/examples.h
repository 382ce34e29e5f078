/* Which pictures show a label: `@open1.jpg;open2.jpg + words`. */
#ifndef CLIPMOE_EXAMPLES_H
#define CLIPMOE_EXAMPLES_H

#include "../clipmoe/error.h"

/* @prompt: begins with @, without white space around it; replaced by the words behind ` + `, in which nothing
 * is unescaped yet, or by NULL. @path: the list, to whose folder names are relative. Returns (transfer full):
 * the paths, one or more; NULL with @error, which begins with @where. */
char **clipmoe_examples_cut (char **prompt, const char *path, const char *where, GError **error);

/* Whether @name, of a list that has no files, is written as a label with pictures: `name = @...`. */
gboolean clipmoe_examples_in_name (const char *name);

#endif
