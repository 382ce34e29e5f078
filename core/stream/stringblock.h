/* Copies whose strings lie behind them in the same block of memory, so that one g_free() frees all. */
#ifndef CLIPMOE_STRING_BLOCK_H
#define CLIPMOE_STRING_BLOCK_H

#include <glib.h>
#include <string.h>

/* Bytes that @text takes; NULL takes none. */
static inline gsize
clipmoe_string_room (const char *text) {
  return text ? strlen (text) + 1 : 0;
}

/* Copies @text to @to, and moves that behind it. Returns the copy, or NULL for NULL. */
static inline const char *
clipmoe_string_place (char **to, const char *text) {
  gsize size = clipmoe_string_room (text);
  const char *copy = text ? memcpy (*to, text, size) : NULL;
  *to += size;
  return copy;
}

#endif
