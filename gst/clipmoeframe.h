/* A video buffer as the ClipmoeImage that core looks at. */
#ifndef CLIPMOE_FRAME_H
#define CLIPMOE_FRAME_H

#include <clipmoe/error.h>
#include <clipmoe/image.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

/* Maps @buffer for reading; unmap with gst_video_frame_unmap(). Takes no reference: @buffer must outlive
 * @frame. FALSE with @error (CLIPMOE_ERROR_FORMAT): it is no frame of @info. */
CLIPMOE_API gboolean clipmoe_frame_map (GstVideoFrame *frame, const GstVideoInfo *info, GstBuffer *buffer,
                                        GError **error);
/* Fills @image with a view of @frame, valid as long as that is mapped. FALSE: clipmoe does not know the
 * format. */
CLIPMOE_API gboolean clipmoe_image_from_frame (ClipmoeImage *image, const GstVideoFrame *frame,
                                               const GstVideoInfo *info);

G_END_DECLS

#endif
