/* Files mapped for reading, of which it is no signal when somebody cuts them short: the memory reads as zeros
 * from then on, and can tell.
 *
 * The first mapping installs a handler for SIGBUS, once, which passes on what is not about such memory to the
 * one before. An application that installs its own afterwards has to do the same with ours (call what
 * sigaction() gave it as the one before): else a file that is cut short while it is searched ends the
 * process, as it would without us. Only the 8-bit copy of vectors is read this way, since reading it all is
 * the cost of a search: pread() into a buffer took 2 to 3 times as long (docs/kernels.md). */
#ifndef CLIPMOE_MAPPING_H
#define CLIPMOE_MAPPING_H

#include <glib.h>

typedef struct _ClipmoeMapping ClipmoeMapping;

/* The first @length bytes of @fd and what may be written behind them: *length becomes what was mapped. Only
 * what the file has may be read. NULL: errno says why. */
ClipmoeMapping *clipmoe_mapping_new (int fd, gsize *length);
const guint8 *clipmoe_mapping_get_data (const ClipmoeMapping *self);
/* FALSE: the file was cut short while it was read. */
gboolean clipmoe_mapping_is_whole (const ClipmoeMapping *self);
/* Prepares memory for being read, so that not each page is asked for by itself. */
void clipmoe_mapping_prepare (const ClipmoeMapping *self, gsize offset, gsize length);
void clipmoe_mapping_free (ClipmoeMapping *self); /* NULL: nothing */

#endif
