/* Repairs UTF-8 that was decoded with a one-byte encoding: "cafÃ©" becomes "café". */
#ifndef CLIPMOE_MOJIBAKE_H
#define CLIPMOE_MOJIBAKE_H

#include <glib.h>

/* What ftfy's fix_encoding makes of @text (valid UTF-8); NULL when that is @text itself. Adds the bytes
 * that were processed to *work and stops when it exceeds @most. Returns (transfer full). */
char *clipmoe_mojibake_fix (const char *text, gsize *work, gsize most);

#endif
