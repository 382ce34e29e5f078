/* Strings of the JSON lines that we write by hand, where the order of keys and the digits of numbers are part
 * of the format. */
#ifndef CLIPMOE_JSON_TEXT_H
#define CLIPMOE_JSON_TEXT_H

#include <glib.h>

/* Appends @text in quotation marks, or null for NULL. What is not UTF-8 becomes U+FFFD; control codes and
 * what else acts on a terminal (directions, line separators) is written as \uXXXX. */
void clipmoe_json_string (GString *out, const char *text);

#endif
