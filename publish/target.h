/* From the URI of a target to the sink that sends there. The scheme chooses the implementation: `stdout:` and
 * `file:PATH` are lines of JSON (lines.h); a broker is another row of the table in target.c. */
#ifndef CLIPMOE_TARGET_H
#define CLIPMOE_TARGET_H

#include "sink.h"

/* @target: the URI, or NULL, which is none. @tell: may be NULL; it hears what goes wrong later. NULL with
 * @error: CLIPMOE_ERROR_ARGUMENT, no such target, or one that this build does not have; CLIPMOE_ERROR_FORMAT,
 * what is there is somebody else's, and was left alone; G_FILE_ERROR, it cannot be opened; G_THREAD_ERROR. */
ClipmoeSink *clipmoe_target_open (const char *target, ClipmoeSinkTell tell, gpointer data, GError **error);

#endif
