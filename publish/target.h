/* From the URI of a target to the sink that sends there. The scheme chooses the implementation: `stdout:` and
 * `file:PATH` are lines of JSON (lines.h), `mqtt://` and `mqtts://` a broker (mqtt.h), `kafka://` another one
 * (kafka.h); one more is another row of the table in target.c. */
#ifndef CLIPMOE_TARGET_H
#define CLIPMOE_TARGET_H

#include "options.h"
#include "sink.h"

/* @target: the URI; NULL is an error like any other unknown target. @options: NULL is all defaults; copied.
 * @tell: called when something goes wrong later; may be NULL. Returns NULL with @error:
 * CLIPMOE_ERROR_ARGUMENT, unknown target, not in this build, or an option that it has no use for;
 * CLIPMOE_ERROR_FORMAT, there is a file of another kind, which was left alone; CLIPMOE_ERROR_BUSY, another
 * process has the outbox; G_FILE_ERROR or CLIPMOE_ERROR_IO, a file cannot be opened; G_THREAD_ERROR. A broker
 * that cannot be reached is no error. */
ClipmoeSink *clipmoe_target_open (const char *target, const ClipmoeTargetOptions *options,
                                  ClipmoeSinkTell tell, gpointer data, GError **error);
/* (transfer full): the forms of targets that this build knows, and which it lacks, for people. */
char *clipmoe_target_describe (void);

#endif
