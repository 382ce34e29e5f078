/* The way of one frame through clipmoetag: when it is, whether it is looked at, by whom, and what the stream
 * remembers from frame to frame. */
#ifndef CLIPMOE_TAG_FRAME_H
#define CLIPMOE_TAG_FRAME_H

#include "gstclipmoetag.h"
#include "tagsession.h"
#include "tagworker.h"

/* Streaming thread: looks at @buffer if it is due, and attaches the newest look. An error flow: an error was
 * posted. */
GstFlowReturn tag_frame_pass (GstClipmoeTag *self, TagSession *open, GstBuffer *buffer);
/* The stream jumped: nothing of what was seen before says anything of what comes. */
void tag_frame_forget_looks (GstClipmoeTag *self);
/* Another stream begins: forgets its looks, its times, its mode and what it is called. */
void tag_frame_reset_stream (GstClipmoeTag *self);
/* The worker of mode=latest (transfer full), or NULL. Any thread. */
TagWorker *tag_frame_get_worker (GstClipmoeTag *self);
/* Ends the worker and waits for its look in flight; nothing where there is none. */
void tag_frame_stop_worker (GstClipmoeTag *self);

#endif
