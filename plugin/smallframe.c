#include "smallframe.h"

#include <string.h>
#include "clipmoeframe.h"
#include "smallimage.h"

struct _ClipmoeSmallFrame {
  GstVideoInfo from, to;
  GstVideoRectangle part;       /* of the frame that is seen */
  GstVideoConverter *converter; /* for all of these; NULL: none yet */
  GstBuffer *out;
};

ClipmoeSmallFrame *
clipmoe_small_frame_new (void) {
  return g_new0 (ClipmoeSmallFrame, 1);
}

static void
clear (ClipmoeSmallFrame *self) {
  g_clear_pointer (&self->converter, gst_video_converter_free);
  gst_clear_buffer (&self->out);
}

void
clipmoe_small_frame_free (ClipmoeSmallFrame *self) {
  if (!self)
    return;
  clear (self);
  g_free (self);
}

/* The part of the frame that is seen: its crop, within it. */
static GstVideoRectangle
seen (const GstVideoFrame *frame) {
  GstVideoRectangle all = {0, 0, GST_VIDEO_FRAME_WIDTH (frame), GST_VIDEO_FRAME_HEIGHT (frame)};
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (frame->buffer);
  if (!crop || !crop->width || !crop->height || crop->x >= (guint)all.w || crop->y >= (guint)all.h)
    return all;
  return (GstVideoRectangle){(int)crop->x, (int)crop->y, (int)MIN (crop->width, (guint)all.w - crop->x),
                             (int)MIN (crop->height, (guint)all.h - crop->y)};
}

/* For formats that smallimage.c does not know. */
static gboolean
prepare (ClipmoeSmallFrame *self, const GstVideoFrame *frame) {
  GstVideoRectangle part = seen (frame);
  if (self->converter && gst_video_info_is_equal (&self->from, &frame->info) &&
      memcmp (&self->part, &part, sizeof part) == 0)
    return TRUE;
  clear (self);
  self->from = frame->info;
  self->part = part;
  guint width, height;
  clipmoe_small_fit ((guint)part.w, (guint)part.h, (guint)GST_VIDEO_INFO_PAR_N (&frame->info),
                     (guint)GST_VIDEO_INFO_PAR_D (&frame->info), &width, &height);
  gst_video_info_set_format (&self->to, GST_VIDEO_FORMAT_RGB, width, height);
  self->to.fps_n = self->from.fps_n;
  self->to.fps_d = self->from.fps_d;
  self->to.interlace_mode = self->from.interlace_mode;
  GstStructure *how = gst_structure_new (
      "how", GST_VIDEO_CONVERTER_OPT_SRC_X, G_TYPE_INT, part.x, GST_VIDEO_CONVERTER_OPT_SRC_Y, G_TYPE_INT,
      part.y, GST_VIDEO_CONVERTER_OPT_SRC_WIDTH, G_TYPE_INT, part.w, GST_VIDEO_CONVERTER_OPT_SRC_HEIGHT,
      G_TYPE_INT, part.h, GST_VIDEO_CONVERTER_OPT_RESAMPLER_METHOD, GST_TYPE_VIDEO_RESAMPLER_METHOD,
      GST_VIDEO_RESAMPLER_METHOD_LINEAR, GST_VIDEO_CONVERTER_OPT_RESAMPLER_TAPS, G_TYPE_UINT, 2,
      GST_VIDEO_CONVERTER_OPT_DITHER_METHOD, GST_TYPE_VIDEO_DITHER_METHOD, GST_VIDEO_DITHER_NONE, NULL);
  self->converter = gst_video_converter_new (&self->from, &self->to, how); /* takes it */
  self->out = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&self->to), NULL);
  return self->converter && self->out;
}

static ClipmoeSmall *
convert (ClipmoeSmallFrame *self, const GstVideoFrame *frame, GError **error) {
  GstVideoFrame out;
  if (!prepare (self, frame) || !gst_video_frame_map (&out, &self->to, self->out, GST_MAP_WRITE)) {
    clear (self);
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "pixel format %s cannot be made small",
                 GST_VIDEO_INFO_NAME (&frame->info));
    return NULL;
  }
  gst_video_converter_frame (self->converter, frame, &out);
  ClipmoeSmall *small = clipmoe_small_new ((guint)self->to.width, (guint)self->to.height);
  for (guint y = 0; y < small->height; y++)
    memcpy (small->rgb + (gsize)y * small->width * 3,
            (const guint8 *)GST_VIDEO_FRAME_PLANE_DATA (&out, 0) +
                (gsize)y * (gsize)GST_VIDEO_FRAME_PLANE_STRIDE (&out, 0),
            (gsize)small->width * 3);
  gst_video_frame_unmap (&out);
  return small;
}

ClipmoeSmall *
clipmoe_small_frame_make (ClipmoeSmallFrame *self, const GstVideoFrame *frame, guint orientation,
                          GError **error) {
  ClipmoeImage image;
  ClipmoeSmall *small =
      clipmoe_image_from_frame (&image, frame, &frame->info) ? clipmoe_small_from_image (&image) : NULL;
  if (!small)
    small = convert (self, frame, error);
  return small ? clipmoe_small_turn (small, orientation) : NULL;
}
