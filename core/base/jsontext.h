/* Strings and numbers of JSON lines that are written without jansson, since the order of keys and the digits
 * of numbers are part of their format. */
#ifndef CLIPMOE_JSON_TEXT_H
#define CLIPMOE_JSON_TEXT_H

#include <glib.h>

/* Appends @text in quotation marks, or null for NULL. Invalid UTF-8 becomes U+FFFD; control codes and other
 * characters that act on a terminal (directions, line separators) are written as \uXXXX. */
void clipmoe_json_string (GString *out, const char *text);
/* Appends the fewest digits that read back as @value, which is finite; whatever the locale. */
void clipmoe_json_shortest (GString *out, double value);

#endif
