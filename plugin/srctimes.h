/* The times of one camera's buffers as running time of the element that brings them. They go on without a
 * gap or a step back, whatever the camera's own times do and however often it is connected anew. Pure. */
#ifndef CLIPMOE_SRC_TIMES_H
#define CLIPMOE_SRC_TIMES_H

#include <gst/gst.h>

/* One connection at a time. */
typedef struct {
  gboolean live; /* its running times are those of the pipeline's clock, unless they turn out not to be */
  gboolean known;
  GstClockTimeDiff offset;
  GstClockTime last; /* the latest time given out, over all connections; NONE: none yet */
  GstClockTime step; /* between buffers without times */
} SrcTimes;

void src_times_init (SrcTimes *self);
/* A connection begins. */
void src_times_begin (SrcTimes *self, gboolean live);
/* Replaces the times of @buffer, which is writable and stands in @segment. @now: running time by the clock.
 * A jump of the camera's times, or a drift of some seconds from the clock, is no jump of what is given out.
 * Returns when it is due: its DTS, else its PTS. */
GstClockTime src_times_map (SrcTimes *self, const GstSegment *segment, GstBuffer *buffer, GstClockTime now);

#endif
