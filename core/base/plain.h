/* Makes untrusted text safe to print on a terminal or in a log. */
#ifndef CLIPMOE_PLAIN_H
#define CLIPMOE_PLAIN_H

#include <glib.h>

/* @length bytes of @text, or all of it with -1, as valid UTF-8 in which control codes, line ends and
 * invisible format characters (those that turn the direction of writing among them) are U+FFFD. Free with
 * g_free(). */
char *clipmoe_plain (const char *text, gssize length);

#endif
