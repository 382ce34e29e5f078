/* What the element remembers of its stream from frame to frame, and when it forgets that. */
#ifndef CLIPMOE_TAG_STREAM_H
#define CLIPMOE_TAG_STREAM_H

#include "tagelement.h"

/* The stream jumped: nothing of what was seen before says anything of what comes. */
void tag_stream_jump (GstClipmoeTag *self);
/* Another stream begins: forgets its looks, its times, its mode and what it is called. */
void tag_stream_reset (GstClipmoeTag *self);

#endif
