/* What the element remembers of its stream from frame to frame, and when it forgets that. */
#ifndef CLIPMOE_TAG_STREAM_H
#define CLIPMOE_TAG_STREAM_H

#include "tagelement.h"

/* The stream jumped: nothing of what was seen before says anything of what comes. */
void tag_stream_jump (GstClipmoeTag *self);
/* Forgets the stream: its looks, its times, its mode and what it is called. */
void tag_stream_reset (GstClipmoeTag *self);
/* Another stream begins, or the same one again: @same_id. A camera that is connected anew, which has the id
 * or the property `source` of before, keeps what is open if the next look comes before `hold` is over;
 * anything else is forgotten. */
void tag_stream_start (GstClipmoeTag *self, gboolean same_id);
/* @event: a gap. What is open ends with its last look once nothing has come for `hold`, and at least for a
 * second: less is a packet that was lost. */
void tag_stream_gap (GstClipmoeTag *self, GstEvent *event);
/* Ends the events that are open, and posts that. */
void tag_stream_end_events (GstClipmoeTag *self);
/* Nobody downstream takes events any more: those that wait are forgotten. */
void tag_stream_drop_events (GstClipmoeTag *self);

#endif
