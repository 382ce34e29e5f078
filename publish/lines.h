/* The sink for `stdout:` and `file:PATH`: one JSON line for each look and each event. */
#ifndef CLIPMOE_LINES_H
#define CLIPMOE_LINES_H

#include "options.h"
#include "sink.h"

/* @scheme is not looked at. @path: the part of the URI after it; "" is standard output. Returns and errors as
 * clipmoe_target_open(). */
ClipmoeSink *clipmoe_lines_open (const char *scheme, const char *path, const ClipmoeTargetOptions *options,
                                 ClipmoeSinkTell tell, gpointer data, GError **error);

#endif
