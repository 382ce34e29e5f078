/* From the URI of a target to the sink that sends there. The scheme chooses the implementation: `stdout:` and
 * `file:PATH` are lines of JSON (lines.h); a broker is another row of the table in target.c. */
#ifndef CLIPMOE_TARGET_H
#define CLIPMOE_TARGET_H

#include "sink.h"

/* @target: the URI; NULL is an error like any other unknown target. @tell: called when something goes wrong
 * later; may be NULL. Returns NULL with @error: CLIPMOE_ERROR_ARGUMENT, unknown target, or not in this build;
 * CLIPMOE_ERROR_FORMAT, there is a file of another kind, which was left alone; G_FILE_ERROR, it cannot be
 * opened; G_THREAD_ERROR. */
ClipmoeSink *clipmoe_target_open (const char *target, ClipmoeSinkTell tell, gpointer data, GError **error);

#endif
