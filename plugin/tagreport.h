/* What clipmoetag says of its looks: on the bus, in events, on buffers and in its statistics. Posts and
 * pushes without the object lock. */
#ifndef CLIPMOE_TAG_REPORT_H
#define CLIPMOE_TAG_REPORT_H

#include "tagelement.h"
#include <stream/stream.h>
#include "tagtrouble.h"

/* The look as a message on the bus, if the settings ask for it. Streaming thread or worker. */
void tag_report_post (GstClipmoeTag *self, ClipmoeStreamLook *found);
/* The same for a look at a region. @changed: its object had another set of labels before. */
void tag_report_post_object (GstClipmoeTag *self, ClipmoeStreamLook *found, gboolean changed);
/* Whose the events of the next looks are. Any thread, without the lock of what looks are made with. */
void tag_report_name_events (GstClipmoeTag *self);
/* Posts the events that wait, in their order, unless another thread, or a caller further up, is at it. Any
 * thread. */
void tag_report_post_events (GstClipmoeTag *self);
/* Streaming thread: sends the events that wait downstream. */
void tag_report_send_events (GstClipmoeTag *self);
/* Streaming thread: puts the look that frames carry now on @buffer, a frame at stream time @time. @fresh: the
 * look is of this very frame. */
void tag_report_attach (GstClipmoeTag *self, GstBuffer *buffer, GstClockTime time, gboolean fresh);
/* The same for looks at regions: those that were finished since the last buffer, and then those of @known
 * (element-type ClipmoeStreamLook) that a buffer has carried before. */
void tag_report_attach_all (GstClipmoeTag *self, GstBuffer *buffer, GstClockTime time, GPtrArray *known);
/* Streaming thread: after looks that were waited for, tells the pipeline when they have come to take longer.
 */
void tag_report_latency (GstClipmoeTag *self);
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
