/* Cleans a text as CLIP's tokenizer does: entities, wrong encodings, quotes, widths, line breaks,
 * composition, white space, lower case. */
#ifndef CLIPMOE_CLEAN_H
#define CLIPMOE_CLEAN_H

#include <glib.h>

/* Returns (transfer full): cleaned UTF-8. @text need not be valid: bad sequences become U+FFFD. */
char *clipmoe_clean (const char *text, gsize length);

#endif
