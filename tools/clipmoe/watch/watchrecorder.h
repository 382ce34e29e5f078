/* Records what happens before a camera: while an event is open, and some seconds before and after, the video
 * goes into a file as the camera sends it, neither decoded nor encoded. Events that overlap share a file. */
#ifndef CLIPMOE_WATCH_RECORDER_H
#define CLIPMOE_WATCH_RECORDER_H

#include <gst/gst.h>
#include "watchconfig.h"

typedef struct _WatchRecorder WatchRecorder;

/* @source: a clipmoesrc in @pipeline; @sink: its last element, past which the events go. Before it is
 * started.
 */
WatchRecorder *watch_recorder_new (const WatchCamera *camera, GstBin *pipeline, GstElement *source,
                                   GstElement *sink, GError **error);
/* Ends the recording that runs. Does not wait. */
void watch_recorder_end (WatchRecorder *self);
/* After the pipeline has stopped. A recording that is not whole within a second is given up. NULL: nothing.
 */
void watch_recorder_free (WatchRecorder *self);

#endif
