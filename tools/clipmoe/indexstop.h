/* Ctrl-C: the run ends soon by itself and keeps what is finished. */
#ifndef CLIPMOE_INDEX_STOP_H
#define CLIPMOE_INDEX_STOP_H

#include <glib.h>

/* From here on the first SIGINT, SIGTERM or SIGHUP, unless it is ignored, is only noted; the next one ends
 * the process as usual. Call it before there are threads. */
void clipmoe_index_stop_begin (void);
/* The signal that came, 0: none. Never goes back. */
extern volatile gint clipmoe_index_stopped;

#endif
