/* `clipmoe watch`: supervises cameras. */
#ifndef CLIPMOE_WATCH_H
#define CLIPMOE_WATCH_H

#include "watchconfig.h"

/* Watches the cameras that the file @path lists until a signal ends it; @config (transfer full) is what the
 * file said. Returns the exit status. */
int watch_supervise (const char *path, WatchConfig *config);

#endif
