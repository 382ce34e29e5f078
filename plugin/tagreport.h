/* What clipmoetag says of its looks: on the bus, in events, on buffers and in its statistics. Posts and
 * pushes without the object lock. */
#ifndef CLIPMOE_TAG_REPORT_H
#define CLIPMOE_TAG_REPORT_H

#include "tagelement.h"
#include <stream/stream.h>
#include "tagtrouble.h"

/* The look as a message on the bus, if the settings ask for it. Streaming thread or worker. */
void tag_report_post (GstClipmoeTag *self, ClipmoeStreamLook *found);
/* Posts the events that wait, in their order, unless another thread, or a caller further up, is at it. Any
 * thread. */
void tag_report_post_events (GstClipmoeTag *self);
/* Streaming thread: sends the events that wait downstream. */
void tag_report_send_events (GstClipmoeTag *self);
/* Streaming thread: puts the look that frames carry now on @buffer, a frame at stream time @time. @fresh: the
 * look is of this very frame. */
void tag_report_attach (GstClipmoeTag *self, GstBuffer *buffer, GstClockTime time, gboolean fresh);
/* At the end, and before another stream: looks that finished and that no later buffer will carry go down as
 * events. */
void tag_report_send_last (GstClipmoeTag *self);
/* A look that came to something. Streaming thread or worker. */
void tag_report_count (GstClipmoeTag *self, const ClipmoeStreamLook *look, gint64 microseconds);
/* A frame or a look that came to nothing. FALSE: so it is from the beginning; an error was posted. Any
 * thread. */
gboolean tag_report_pass_over (GstClipmoeTag *self, TagTroubleKind kind, const GError *error);
/* End of stream: a stream of few frames may end before it is clear that none of them will do. Posts an error
 * then. */
void tag_report_end (GstClipmoeTag *self);

#endif
