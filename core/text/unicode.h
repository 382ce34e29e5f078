/* Properties of characters in Unicode 15.0, independent of the system's GLib, since token ids depend on
 * them. A character that was assigned later is neither letter nor number and has no case. */
#ifndef CLIPMOE_UNICODE_H
#define CLIPMOE_UNICODE_H

#include <glib.h>

/* Unicode's White_Space. */
gboolean clipmoe_is_space (gunichar c);

/* General categories L and N. */
gboolean clipmoe_is_letter (gunichar c);
gboolean clipmoe_is_number (gunichar c);

/* @text in lower case by Unicode's full mapping, including the final sigma, without language-specific
 * rules. Returns (transfer full). */
char *clipmoe_lower (const char *text);

/* @text in normalisation form C. Returns (transfer full). */
char *clipmoe_compose (const char *text);

#endif
