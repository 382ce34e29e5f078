/* The last seconds of coded video, so that a recording can begin before its event. One thread. */
#ifndef CLIPMOE_WATCH_RING_H
#define CLIPMOE_WATCH_RING_H

#include <gst/gst.h>

typedef struct _WatchRing WatchRing;

/* Keeps @length of video and the group of pictures that lies across its begin, and no more than @bytes. */
WatchRing *watch_ring_new (GstClockTime length, gsize bytes);
void watch_ring_free (WatchRing *self);
/* @buffer (transfer none). What comes before the first key frame is not kept. */
void watch_ring_add (WatchRing *self, GstBuffer *buffer);
void watch_ring_clear (WatchRing *self);
/* Calls @take with each buffer from the last key frame at or before @time on, or from the first that is kept.
 * Returns whether there was one. */
gboolean watch_ring_replay (const WatchRing *self, GstClockTime time, void (*take) (GstBuffer *, gpointer),
                            gpointer data);
/* PTS, else DTS. */
GstClockTime watch_ring_time (const GstBuffer *buffer);

#endif
