/* A live source inside clipmoesrc that pushes what comes out of a lane. No element that others can make. */
#ifndef CLIPMOE_SRC_PUSH_H
#define CLIPMOE_SRC_PUSH_H

#include <gst/base/gstpushsrc.h>
#include "srclane.h"

#define SRC_TYPE_PUSH (src_push_get_type ())
G_DECLARE_FINAL_TYPE (SrcPush, src_push, SRC, PUSH, GstPushSrc)

/* Returns a floating reference. */
GstElement *src_push_new (const char *name, SrcLane *lane);
/* Any thread. While it is @silent and nothing comes, gap events say so downstream, one a second. */
void src_push_set_silent (SrcPush *self, gboolean silent);
/* What it answers when it is asked for its URI, and its latency. Before it is started. */
void src_push_set_answers (SrcPush *self, const char *uri, GstClockTime latency);

#endif
