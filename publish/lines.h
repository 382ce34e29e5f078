/* The sink that writes one line of JSON a look: `stdout:` and `file:PATH`. */
#ifndef CLIPMOE_LINES_H
#define CLIPMOE_LINES_H

#include "sink.h"

/* @path: what stands behind the scheme; "" is standard output. */
ClipmoeSink *clipmoe_lines_open (const char *path, ClipmoeSinkTell tell, gpointer data, GError **error);

#endif
