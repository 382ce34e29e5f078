/* What waits between a camera's threads and a pad's: a short queue that never makes the camera wait. */
#ifndef CLIPMOE_SRC_LANE_H
#define CLIPMOE_SRC_LANE_H

#include <gst/gst.h>

typedef struct _SrcLane SrcLane;

typedef enum { SRC_LANE_BUFFER, SRC_LANE_FLUSHING, SRC_LANE_ENDED, SRC_LANE_NOTHING } SrcLanePop;

/* When more than @most_buffers or @most_bytes wait: of pictures the oldest goes. @coded: all that wait go,
 * and what follows until the next key frame, since they need each other. Any thread; it is flushing at first.
 */
SrcLane *src_lane_new (guint most_buffers, gsize most_bytes, gboolean coded);
SrcLane *src_lane_ref (SrcLane *self);
void src_lane_unref (SrcLane *self);
/* @buffer (transfer full): dropped while the lane is flushing or has ended. */
void src_lane_push (SrcLane *self, GstBuffer *buffer, GstCaps *caps);
/* Waits for a buffer, @patience microseconds at most (then SRC_LANE_NOTHING; 0: for ever); @buffer and @caps
 * (transfer full) are set with SRC_LANE_BUFFER alone. */
SrcLanePop src_lane_pop (SrcLane *self, gint64 patience, GstBuffer **buffer, GstCaps **caps);
/* TRUE empties it and ends a wait; FALSE: it takes buffers again, also after an end. */
void src_lane_set_flushing (SrcLane *self, gboolean flushing);
/* Nothing follows: pop says so when all is taken. */
void src_lane_end (SrcLane *self);
guint64 src_lane_get_dropped (SrcLane *self);

#endif
