/* The sink for `stdout:` and `file:PATH`: one JSON line for each look and each event. */
#ifndef CLIPMOE_LINES_H
#define CLIPMOE_LINES_H

#include "sink.h"

/* @path: the part of the URI after the scheme; "" is standard output. Returns and errors as
 * clipmoe_target_open(). */
ClipmoeSink *clipmoe_lines_open (const char *path, ClipmoeSinkTell tell, gpointer data, GError **error);

#endif
