/* The pipeline of one camera: clipmoesrc ! clipmoetag ! clipmoepublish … ! clipmoeindex ! fakesink, and the
 * recorder beside it. */
#ifndef CLIPMOE_WATCH_PIPELINE_H
#define CLIPMOE_WATCH_PIPELINE_H

#include <gst/gst.h>
#include "watchconfig.h"
#include "watchview.h"

typedef struct _WatchPipeline WatchPipeline;

/* In state NULL. An error is a sentence without the camera's name. */
WatchPipeline *watch_pipeline_new (const WatchCamera *camera, WatchView *view, GError **error);
void watch_pipeline_free (WatchPipeline *self);             /* stops it */
GstElement *watch_pipeline_get (const WatchPipeline *self); /* (transfer none) */

#endif
