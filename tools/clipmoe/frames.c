#include "frames.h"

#include <math.h>
#include <sheetdraw.h>
#include "clipmoemeta.h"

#define WIDTH CLIPMOE_SHEET_WIDTH

struct _ClipmoeFrames {
  ClipmoeSheet *sheet;
  ClipmoeShots *shots;
  GstVideoInfo from, to;
  GstVideoConverter *converter; /* for `from` */
};

ClipmoeFrames *
clipmoe_frames_new (ClipmoeSheet *sheet, ClipmoeShots *shots) {
  ClipmoeFrames *self = g_new0 (ClipmoeFrames, 1);
  self->sheet = sheet;
  self->shots = shots;
  return self;
}

void
clipmoe_frames_free (ClipmoeFrames *self) {
  if (!self)
    return;
  g_clear_pointer (&self->converter, gst_video_converter_free);
  g_free (self);
}

void
clipmoe_frames_begin (ClipmoeFrames *self, const char *source) {
  if (self->sheet)
    clipmoe_sheet_begin (self->sheet, source);
  if (self->shots)
    clipmoe_shots_begin (self->shots);
}

static gboolean
prepare (ClipmoeFrames *self, const GstVideoInfo *info) {
  if (self->converter && gst_video_info_is_equal (&self->from, info))
    return TRUE;
  g_clear_pointer (&self->converter, gst_video_converter_free);
  self->from = *info;
  double width = (double)info->width * MAX (info->par_n, 1) / MAX (info->par_d, 1), height = info->height;
  double scale = MIN (WIDTH / width, WIDTH / height);
  gst_video_info_set_format (&self->to, GST_VIDEO_FORMAT_BGRx, (guint)MAX (1, round (width * scale)),
                             (guint)MAX (1, round (height * scale)));
  self->to.fps_n = info->fps_n;
  self->to.fps_d = info->fps_d;
  self->converter = gst_video_converter_new (&self->from, &self->to, NULL);
  return self->converter != NULL;
}

/* NULL: the frame cannot be read. */
static ClipmoeSmall *
shrink (ClipmoeFrames *self, const GstVideoInfo *info, GstBuffer *buffer) {
  GstVideoFrame in, out;
  if (!prepare (self, info) || !gst_video_frame_map (&in, info, buffer, GST_MAP_READ))
    return NULL;
  GstBuffer *small = gst_buffer_new_and_alloc (GST_VIDEO_INFO_SIZE (&self->to));
  ClipmoeSmall *picture = NULL;
  if (gst_video_frame_map (&out, &self->to, small, GST_MAP_WRITE)) {
    gst_video_converter_frame (self->converter, &in, &out);
    picture = clipmoe_small_new ((guint)self->to.width, (guint)self->to.height);
    guint8 *to = picture->rgb;
    for (guint y = 0; y < picture->height; y++) {
      const guint8 *from = (const guint8 *)GST_VIDEO_FRAME_PLANE_DATA (&out, 0) +
                           (gsize)y * (gsize)GST_VIDEO_FRAME_PLANE_STRIDE (&out, 0);
      for (guint x = 0; x < picture->width; x++, from += 4, to += 3) {
        to[0] = from[2];
        to[1] = from[1];
        to[2] = from[0];
      }
    }
    gst_video_frame_unmap (&out);
  }
  gst_buffer_unref (small);
  gst_video_frame_unmap (&in);
  return picture;
}

void
clipmoe_frames_add (ClipmoeFrames *self, const GstVideoInfo *info, GstBuffer *buffer) {
  ClipmoeLook look;
  guint n = clipmoe_looks_get_n (buffer);
  if (!n)
    return;
  gboolean fresh = clipmoe_looks_get (buffer, n - 1, &look) && look.fresh;
  gboolean sheet = fresh && self->sheet && clipmoe_sheet_wants (self->sheet);
  gboolean shots = fresh && self->shots && clipmoe_shots_wants (self->shots, &look);
  ClipmoeSmall *picture = sheet || shots ? shrink (self, info, buffer) : NULL;
  if (picture && sheet)
    clipmoe_sheet_add (self->sheet, &look, picture);
  if (picture && shots)
    clipmoe_shots_add (self->shots, &look, picture);
  clipmoe_small_unref (picture);
  clipmoe_looks_clear (&look);
}
