/* Repairs UTF-8 that was read in a one-byte encoding: "cafÃ©" becomes "café". */
#ifndef CLIPMOE_MOJIBAKE_H
#define CLIPMOE_MOJIBAKE_H

#include <glib.h>

/* What ftfy's fix_encoding makes of @text, valid UTF-8; NULL where that is @text itself. Adds to @work the
 * bytes that were worked through, and stops where it passes @most. Returns (transfer full). */
char *clipmoe_mojibake_fix (const char *text, gsize *work, gsize most);

#endif
