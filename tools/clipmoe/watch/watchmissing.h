/* What a file of cameras names and is not there: no error, for it may come, but worth to be said. */
#ifndef CLIPMOE_WATCH_MISSING_H
#define CLIPMOE_WATCH_MISSING_H

#include "watchconfig.h"

/* Returns (transfer full) (element-type utf8): a sentence for each, with the camera's name; maybe none. */
GPtrArray *watch_config_missing (const WatchConfig *config);

#endif
