/* One camera that is watched: its pipeline, in a thread of its own, built anew when it fails. */
#ifndef CLIPMOE_WATCH_CAMERA_H
#define CLIPMOE_WATCH_CAMERA_H

#include "watchconfig.h"
#include "watchview.h"

typedef struct _WatchRun WatchRun;

/* Starts it. @view: what it shows itself to; (transfer none). */
WatchRun *watch_run_new (WatchCamera *camera, WatchView *view, GError **error);
const WatchCamera *watch_run_get_camera (const WatchRun *self);
/* Tells it to end, without waiting. */
void watch_run_stop (WatchRun *self);
/* Waits until monotonic time @end (µs) for it to have ended; FALSE: it has not. */
gboolean watch_run_wait (WatchRun *self, gint64 end);
/* Of one that has ended. */
void watch_run_free (WatchRun *self);
/* Whether the camera brings pictures. */
gboolean watch_run_is_online (WatchRun *self);
/* Whether its pipeline runs, or has failed for the first time: the start is over. */
gboolean watch_run_has_begun (WatchRun *self);
/* Whether its thread has shown in the last @patience µs that it lives. */
gboolean watch_run_is_alive (WatchRun *self, gint64 patience);

#endif
