/* A video buffer as the ClipmoeImage that core looks at. */
#ifndef CLIPMOE_FRAME_H
#define CLIPMOE_FRAME_H

#include <gst/video/video.h>
#include <clipmoe/clipmoe.h>

/* Maps @buffer for reading. FALSE: it is no frame of @info; the sentence says why. */
gboolean clipmoe_frame_map (GstVideoFrame *frame, const GstVideoInfo *info, GstBuffer *buffer,
                            GError **error);
/* @image views what @info says of @frame, and lives no longer. FALSE: a format that core does not know. */
gboolean clipmoe_image_from_frame (ClipmoeImage *image, const GstVideoFrame *frame, const GstVideoInfo *info);

#endif
