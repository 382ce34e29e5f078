/* A file that is written by other code, such as a GStreamer element, and appears whole or not at all. */
#ifndef CLIPMOE_PARTIAL_H
#define CLIPMOE_PARTIAL_H

#include <clipmoe/error.h>

typedef struct _ClipmoePartial ClipmoePartial;

/* Creates an empty file beside @path under a temporary name with a prefix of our own, locked while this
 * process lives and deleted by signals (interrupt.h). Deletes files with that prefix in the folder that no
 * process has locked: a killed one left them. */
ClipmoePartial *clipmoe_partial_new (const char *path, GError **error);
const char *clipmoe_partial_get_name (const ClipmoePartial *self);
/* @publish: renames it to its real name. Otherwise, or if that fails, it is deleted. Frees @self. */
gboolean clipmoe_partial_finish (ClipmoePartial *self, gboolean publish, GError **error);

#endif
