/* A file that somebody else writes, such as a GStreamer element, and that appears whole or not at all. */
#ifndef CLIPMOE_PARTIAL_H
#define CLIPMOE_PARTIAL_H

#include <clipmoe/error.h>

typedef struct _ClipmoePartial ClipmoePartial;

/* An empty file beside @path under a temporary name (base/temporary.h), which a signal deletes (interrupt.h).
 * What killed processes left in the folder under such names is deleted. Errors name @path. */
ClipmoePartial *clipmoe_partial_new (const char *path, GError **error);
const char *clipmoe_partial_get_name (const ClipmoePartial *self);
/* Open for reading and writing, and @self's to close. */
int clipmoe_partial_get_fd (const ClipmoePartial *self);
/* @publish: it gets its real name. Otherwise, or when that fails, nothing is left of it. Frees @self. */
gboolean clipmoe_partial_finish (ClipmoePartial *self, gboolean publish, GError **error);
/* Publishes it as @path, which need not be the name it was made for but is in the same folder, unless
 * something is there: FALSE with *taken, without an error, and @self lives on. Frees @self otherwise. */
gboolean clipmoe_partial_finish_new (ClipmoePartial *self, const char *path, gboolean *taken, GError **error);

#endif
