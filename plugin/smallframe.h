/* A video frame as the small upright picture that moments are made with (archive/small.h). For what indexes:
 * the command and the element. */
#ifndef CLIPMOE_SMALL_FRAME_H
#define CLIPMOE_SMALL_FRAME_H

#include <clipmoe/error.h>
#include <gst/video/video.h>
#include "small.h"

/* Keeps what is made for one format from frame to frame. One caller at a time. */
typedef struct _ClipmoeSmallFrame ClipmoeSmallFrame;

ClipmoeSmallFrame *clipmoe_small_frame_new (void);
void clipmoe_small_frame_free (ClipmoeSmallFrame *self); /* NULL: nothing */
/* @frame: mapped for reading, of any format that GStreamer converts; its crop and its pixels' shape count.
 * @orientation: GstVideoOrientationMethod, how it is turned to be upright. (transfer full): NULL
 * (UNSUPPORTED) where it cannot be converted. */
ClipmoeSmall *clipmoe_small_frame_make (ClipmoeSmallFrame *self, const GstVideoFrame *frame,
                                        guint orientation, GError **error);

#endif
