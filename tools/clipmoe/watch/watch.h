/* `clipmoe watch`: supervises cameras. */
#ifndef CLIPMOE_WATCH_H
#define CLIPMOE_WATCH_H

#include "watchconfig.h"
#include "watchpage.h"

/* Watches the cameras that the file @path lists until a signal ends it, and the process with it, status 0.
 * @config (transfer full) is what the file said; @http: as of watch_config_read(); @page has @config. */
void watch_supervise (const char *path, WatchConfig *config, const WatchListen *http,
                      WatchPage *page) G_GNUC_NORETURN;

#endif
