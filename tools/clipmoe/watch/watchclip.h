/* One recording: coded video as a camera sends it goes into an MP4 that appears whole or not at all. */
#ifndef CLIPMOE_WATCH_CLIP_H
#define CLIPMOE_WATCH_CLIP_H

#include <clipmoe/error.h>
#include <gst/gst.h>

typedef struct _WatchClip WatchClip;

typedef enum { WATCH_CLIP_WRITING, WATCH_CLIP_DONE, WATCH_CLIP_FAILED } WatchClipState;

/* "mp4"; of formats that MP4 does not hold "mov" or "mkv". */
const char *watch_clip_ending (const GstCaps *caps);
/* Writes under a temporary name in @folder. */
WatchClip *watch_clip_new (const char *folder, const GstCaps *caps, GError **error);
/* The first one begins the clip. (transfer none) */
void watch_clip_push (WatchClip *self, GstBuffer *buffer);
/* Nothing follows. Does not wait. */
void watch_clip_end (WatchClip *self);
/* Whether all is written; waits @patience at most. WATCH_CLIP_FAILED sets @error. */
WatchClipState watch_clip_poll (WatchClip *self, GstClockTime patience, GError **error);
/* Gives one that is done the name @path, unless something is there: FALSE with *taken, and it lives on. Frees
 * it otherwise. *bytes: its size. */
gboolean watch_clip_publish (WatchClip *self, const char *path, gboolean *taken, guint64 *bytes,
                             GError **error);
/* Leaves nothing of it. NULL: nothing. */
void watch_clip_free (WatchClip *self);

#endif
