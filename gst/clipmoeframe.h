/* A video buffer as the ClipmoeImage that libclipmoe encodes. Any thread. Since: 0.1 */
#ifndef CLIPMOE_FRAME_H
#define CLIPMOE_FRAME_H

#include <clipmoe/error.h>
#include <clipmoe/image.h>
#include <gst/video/video.h>

G_BEGIN_DECLS

/**
 * CLIPMOE_FRAME_FORMATS:
 *
 * What clipmoe_image_from_frame() knows, for GST_VIDEO_CAPS_MAKE().
 */
#define CLIPMOE_FRAME_FORMATS                                                                                \
  "{ NV12, NV21, I420, YV12, Y42B, Y444, YUY2, UYVY, P010_10LE, I420_10LE, I422_10LE, Y444_10LE, RGB, BGR, " \
  "RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, ARGB, ABGR, GRAY8 }"

/**
 * clipmoe_frame_map:
 * @frame: (out caller-allocates): unmap it with gst_video_frame_unmap()
 * @info: what the caps say
 * @buffer: no reference is taken: it must outlive @frame
 * @error: (nullable): CLIPMOE_ERROR_FORMAT: @buffer is no frame of @info
 *
 * Maps a buffer for reading.
 *
 * Returns: whether it is mapped
 */
CLIPMOE_API gboolean clipmoe_frame_map (GstVideoFrame *frame, const GstVideoInfo *info, GstBuffer *buffer,
                                        GError **error);
/**
 * clipmoe_frame_get_visible:
 * @buffer: a frame of @info
 * @info: what the caps say
 * @visible: (out caller-allocates): in pixels: what its GstVideoCropMeta leaves, as far as that lies within
 * the frame; without one all of the frame
 *
 * Which part of a frame is shown.
 */
CLIPMOE_API void clipmoe_frame_get_visible (GstBuffer *buffer, const GstVideoInfo *info,
                                            GstVideoRectangle *visible);
/**
 * clipmoe_image_from_frame:
 * @image: (out caller-allocates): a view of @frame, valid as long as that is mapped, with the crop of its
 *   buffer's GstVideoCropMeta
 * @frame: mapped for reading
 * @info: that it was mapped with
 *
 * Describes a frame; no pixels are copied.
 *
 * Returns: FALSE when libclipmoe does not know the format
 */
CLIPMOE_API gboolean clipmoe_image_from_frame (ClipmoeImage *image, const GstVideoFrame *frame,
                                               const GstVideoInfo *info);

G_END_DECLS

#endif
