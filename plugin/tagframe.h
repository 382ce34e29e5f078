/* The way of one frame through clipmoetag: when it is, whether it is looked at, and by whom. */
#ifndef CLIPMOE_TAG_FRAME_H
#define CLIPMOE_TAG_FRAME_H

#include "tagelement.h"

/* Streaming thread: looks at @buffer if it is due, and attaches the newest look. ERROR: an error was
 * posted; FLUSHING: a flush or a stop came while it was looked at. */
GstFlowReturn tag_frame_pass (GstClipmoeTag *self, TagSession *open, GstBuffer *buffer);

#endif
