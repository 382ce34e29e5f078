/* The page and the figures of the cameras, over HTTP. A process of its own answers (watchserver.c), since
 * libsoup 3 must not meet the libsoup that an element may load, and since nothing that comes over a network
 * is to reach the one that watches: it only gets to know which camera's picture is wanted. */
#ifndef CLIPMOE_WATCH_PAGE_H
#define CLIPMOE_WATCH_PAGE_H

#include "watchconfig.h"
#include "watchview.h"

typedef struct _WatchPage WatchPage;

/* In the main thread, as all but watch_page_tick() are. Nothing listens yet. */
WatchPage *watch_page_new (void);
/* Says what @config's cameras are and where to listen; begins or ends listening as it is told to, and waits
 * until it is known whether it can, for fifteen seconds at most. FALSE: it cannot; it is tried again, unless
 * it is ended. */
gboolean watch_page_configure (WatchPage *self, const WatchConfig *config, GError **error);
/* What a camera of this name shows itself to (transfer full). */
WatchView *watch_page_get_view (WatchPage *self, const char *name);
/* Once a second: sends how all is. @alive: whether all cameras' threads are. */
void watch_page_tick (WatchPage *self, gboolean alive);
/* Nothing answers any more. For the end of the process: threads may still run, and nothing is freed. */
void watch_page_end (WatchPage *self);

#endif
