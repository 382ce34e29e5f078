/* A video buffer as the ClipmoeImage that core looks at. */
#ifndef CLIPMOE_FRAME_H
#define CLIPMOE_FRAME_H

#include <clipmoe/error.h>
#include <clipmoe/image.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

/* Maps @buffer for reading. FALSE: it is no frame of @info; the sentence says why. */
CLIPMOE_API gboolean clipmoe_frame_map (GstVideoFrame *frame, const GstVideoInfo *info, GstBuffer *buffer,
                                        GError **error);
/* @image views what @info says of @frame, and lives no longer. FALSE: a format that core does not know. */
CLIPMOE_API gboolean clipmoe_image_from_frame (ClipmoeImage *image, const GstVideoFrame *frame,
                                               const GstVideoInfo *info);

G_END_DECLS

#endif
