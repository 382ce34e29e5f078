#include "clipmoeframe.h"

#include <string.h>

static gboolean
format_from_gst (GstVideoFormat format, ClipmoeFormat *out) {
  static const struct {
    GstVideoFormat gst;
    ClipmoeFormat core;
  } table[] = {{GST_VIDEO_FORMAT_RGB, CLIPMOE_FORMAT_RGB},
               {GST_VIDEO_FORMAT_BGR, CLIPMOE_FORMAT_BGR},
               {GST_VIDEO_FORMAT_RGBx, CLIPMOE_FORMAT_RGBX},
               {GST_VIDEO_FORMAT_RGBA, CLIPMOE_FORMAT_RGBX},
               {GST_VIDEO_FORMAT_BGRx, CLIPMOE_FORMAT_BGRX},
               {GST_VIDEO_FORMAT_BGRA, CLIPMOE_FORMAT_BGRX},
               {GST_VIDEO_FORMAT_xRGB, CLIPMOE_FORMAT_XRGB},
               {GST_VIDEO_FORMAT_ARGB, CLIPMOE_FORMAT_XRGB},
               {GST_VIDEO_FORMAT_xBGR, CLIPMOE_FORMAT_XBGR},
               {GST_VIDEO_FORMAT_ABGR, CLIPMOE_FORMAT_XBGR},
               {GST_VIDEO_FORMAT_GRAY8, CLIPMOE_FORMAT_GRAY8},
               {GST_VIDEO_FORMAT_NV12, CLIPMOE_FORMAT_NV12},
               {GST_VIDEO_FORMAT_NV21, CLIPMOE_FORMAT_NV21},
               {GST_VIDEO_FORMAT_I420, CLIPMOE_FORMAT_I420},
               {GST_VIDEO_FORMAT_YV12, CLIPMOE_FORMAT_YV12},
               {GST_VIDEO_FORMAT_Y42B, CLIPMOE_FORMAT_Y42B},
               {GST_VIDEO_FORMAT_Y444, CLIPMOE_FORMAT_Y444},
               {GST_VIDEO_FORMAT_YUY2, CLIPMOE_FORMAT_YUY2},
               {GST_VIDEO_FORMAT_UYVY, CLIPMOE_FORMAT_UYVY},
               {GST_VIDEO_FORMAT_P010_10LE, CLIPMOE_FORMAT_P010_10LE},
               {GST_VIDEO_FORMAT_I420_10LE, CLIPMOE_FORMAT_I420_10LE},
               {GST_VIDEO_FORMAT_I422_10LE, CLIPMOE_FORMAT_I422_10LE},
               {GST_VIDEO_FORMAT_Y444_10LE, CLIPMOE_FORMAT_Y444_10LE}};
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (table[i].gst == format) {
      *out = table[i].core;
      return TRUE;
    }
  return FALSE;
}

gboolean
clipmoe_frame_map (GstVideoFrame *frame, const GstVideoInfo *info, GstBuffer *buffer, GError **error) {
  /* A buffer that contradicts the caps is refused here; GStreamer would raise a critical. */
  const GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  if (meta &&
      (meta->format != GST_VIDEO_INFO_FORMAT (info) || meta->width < (guint)GST_VIDEO_INFO_WIDTH (info) ||
       meta->height < (guint)GST_VIDEO_INFO_HEIGHT (info))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "a buffer of %u x %u pixels %s, expected %d x %d pixels %s as the caps say", meta->width,
                 meta->height, gst_video_format_to_string (meta->format), GST_VIDEO_INFO_WIDTH (info),
                 GST_VIDEO_INFO_HEIGHT (info), GST_VIDEO_INFO_NAME (info));
    return FALSE;
  }
  if (!gst_video_frame_map (frame, info, buffer, GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "a buffer of %" G_GSIZE_FORMAT " bytes is no frame of %d x %d pixels %s",
                 gst_buffer_get_size (buffer), GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info),
                 GST_VIDEO_INFO_NAME (info));
    return FALSE;
  }
  return TRUE;
}

/* Bytes from the plane's start to the end of the mapping; 0 = unknown, the memory has a mapping of its own.
 */
static gsize
readable (const GstVideoFrame *frame, guint plane) {
  const GstMapInfo *map = &frame->map[frame->meta ? plane : 0];
  const guint8 *data = GST_VIDEO_FRAME_PLANE_DATA (frame, plane);
  return map->data && data >= map->data && data < map->data + map->size
             ? (gsize)(map->data + map->size - data)
             : 0;
}

/* The visible part. A crop that reaches beyond the frame is clipped to it; in a padded frame the picture is
 * in the upper left corner. */
void
clipmoe_frame_get_visible (GstBuffer *buffer, const GstVideoInfo *info, GstVideoRectangle *visible) {
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (buffer);
  const GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  guint width = (guint)GST_VIDEO_INFO_WIDTH (info), height = (guint)GST_VIDEO_INFO_HEIGHT (info);
  guint all_width = meta ? meta->width : width, all_height = meta ? meta->height : height;
  *visible = (GstVideoRectangle){.w = (gint)MIN (width, all_width), .h = (gint)MIN (height, all_height)};
  if (crop && crop->width && crop->height && crop->x < all_width && crop->y < all_height)
    *visible = (GstVideoRectangle){(gint)crop->x, (gint)crop->y, (gint)MIN (crop->width, all_width - crop->x),
                                   (gint)MIN (crop->height, all_height - crop->y)};
}

gboolean
clipmoe_image_from_frame (ClipmoeImage *image, const GstVideoFrame *frame, const GstVideoInfo *info) {
  *image = (ClipmoeImage){.struct_size = sizeof *image};
  if (!format_from_gst (GST_VIDEO_INFO_FORMAT (info), &image->format))
    return FALSE;
  image->width = (guint)GST_VIDEO_FRAME_WIDTH (frame);
  image->height = (guint)GST_VIDEO_FRAME_HEIGHT (frame);
  for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES (frame) && i < 3; i++) {
    guint plane = i;
    if (image->format == CLIPMOE_FORMAT_YV12 && i) /* memory has V first; a view has U first */
      plane = 3 - i;
    image->planes[plane] = GST_VIDEO_FRAME_PLANE_DATA (frame, i);
    image->strides[plane] = GST_VIDEO_FRAME_PLANE_STRIDE (frame, i);
    image->sizes[plane] = readable (frame, i);
  }
  switch (info->colorimetry.matrix) {
  case GST_VIDEO_COLOR_MATRIX_BT709:
    image->matrix = CLIPMOE_MATRIX_BT709;
    break;
  case GST_VIDEO_COLOR_MATRIX_BT601:
    image->matrix = CLIPMOE_MATRIX_BT601;
    break;
  case GST_VIDEO_COLOR_MATRIX_BT2020:
    image->matrix = CLIPMOE_MATRIX_BT2020;
    break;
  default:
    break;
  }
  image->range =
      info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255 ? CLIPMOE_RANGE_FULL : CLIPMOE_RANGE_LIMITED;
  GstVideoChromaSite site = GST_VIDEO_INFO_CHROMA_SITE (info);
  if (site != GST_VIDEO_CHROMA_SITE_UNKNOWN)
    image->site = (site & GST_VIDEO_CHROMA_SITE_NONE ? CLIPMOE_SITE_CENTRED : 0) |
                  (site & GST_VIDEO_CHROMA_SITE_H_COSITED ? CLIPMOE_SITE_H_COSITED : 0) |
                  (site & GST_VIDEO_CHROMA_SITE_V_COSITED ? CLIPMOE_SITE_V_COSITED : 0);
  image->par_n = (guint)GST_VIDEO_INFO_PAR_N (info);
  image->par_d = (guint)GST_VIDEO_INFO_PAR_D (info);
  GstVideoRectangle visible;
  clipmoe_frame_get_visible (frame->buffer, info, &visible);
  if (visible.x || visible.y || (guint)visible.w < image->width || (guint)visible.h < image->height) {
    image->crop_x = (guint)visible.x;
    image->crop_y = (guint)visible.y;
    image->crop_width = (guint)visible.w;
    image->crop_height = (guint)visible.h;
  }
  return TRUE;
}
