/* The original of a file that was indexed: opened only if it is still what was indexed, whatever lies at its
 * path by now. */
#ifndef CLIPMOE_ORIGINAL_H
#define CLIPMOE_ORIGINAL_H

#include "reader.h"

typedef struct {
  int fd; /* open for reading; -1 */
  guint64 size;
  const char *type; /* by its first bytes; NULL: none that a browser should show */
  char *etag;
} ClipmoeOriginal;

/* ARGUMENT: there is no such file in the store; IO: it is gone or cannot be read; MISMATCH: it was changed or
 * replaced; UNSUPPORTED: a live stream, which has none. Its path is not in the message. */
gboolean clipmoe_original_open (ClipmoeOriginal *self, ClipmoeReader *reader, gint64 file_id, GError **error);
void clipmoe_original_clear (ClipmoeOriginal *self);

#endif
