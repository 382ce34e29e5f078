/* Small pictures of the frames that have just passed. Where looks happen aside, a look arrives on a later
 * frame than it was made of, and no frame can be held back for it: a few small pictures a second are kept. */
#ifndef CLIPMOE_INDEX_FRAMES_H
#define CLIPMOE_INDEX_FRAMES_H

#include <gst/video/video.h>
#include "small.h"

/* One caller at a time. */
typedef struct _IndexFrames IndexFrames;

IndexFrames *index_frames_new (void);
void index_frames_free (IndexFrames *self); /* NULL: nothing */
/* @info: what the caps say; NULL: no raw video, there are no pictures. What was kept goes. */
void index_frames_set_format (IndexFrames *self, const GstVideoInfo *info);
/* Looks will be late, or not, as far as is known; each look says how it is. */
void index_frames_expect_late (IndexFrames *self, gboolean late);
/* A frame passes; @time: its stream time, or -1. @direction: how it is turned to be upright. */
void index_frames_see (IndexFrames *self, GstBuffer *buffer, gint64 time,
                       GstVideoOrientationMethod direction);
/* The picture of a look at @time that is @age late. @buffer: the frame that carries it, NULL: none does.
 * (transfer full): NULL (with @error where that has a reason): there is none. */
ClipmoeSmall *index_frames_find (IndexFrames *self, gint64 time, guint64 age, GstBuffer *buffer,
                                 GstVideoOrientationMethod direction, GError **error);
/* The stream jumps: times begin anew. */
void index_frames_forget (IndexFrames *self);

#endif
