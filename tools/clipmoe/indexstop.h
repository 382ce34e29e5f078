/* Ctrl-C: the run ends soon by itself and keeps what is finished. */
#ifndef CLIPMOE_INDEX_STOP_H
#define CLIPMOE_INDEX_STOP_H

#include <glib.h>

/* From here on the first SIGINT, SIGTERM or SIGHUP, unless it is ignored, is only noted; the next one ends
 * the process as usual. So does a run that is not over within two seconds, with 128 + the signal: what a call
 * does not return from (a decoder, a file system that is gone, a library without memory) holds up nobody.
 * Uses SIGALRM. Call it before there are threads. */
void clipmoe_index_stop_begin (void);
/* The run is over, and the process ends with @status soon, whether or not what libraries do at its end comes
 * to an end itself (OpenBLAS waits for ever where it got no memory). Without begin: nothing. */
void clipmoe_index_stop_leave (int status);
/* The signal that came, 0: none. Never goes back. */
extern volatile gint clipmoe_index_stopped;

#endif
