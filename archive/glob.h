/* Patterns on paths. */
#ifndef CLIPMOE_GLOB_H
#define CLIPMOE_GLOB_H

#include <glib.h>

/* Whether all of @text is like @pattern: * is any bytes, also /; ? one character, or one byte where it is not
 * UTF-8; [abc], [a-z], [!abc] one byte of these; \ takes the meaning of what follows. A [ without its ] is
 * itself. In time by the product of both lengths at most. */
gboolean clipmoe_glob (const char *pattern, const char *text);

#endif
