#include "view.h"

#include <math.h>
#include <string.h>
#include "../base/limits.h"

/* For each component: plane, first byte, bytes between samples; then the chroma shift of each axis, bytes
 * per sample, shift within the word. */
static const struct {
  guint8 planes, yuv, components, plane[3], first[3], step[3], sub_x, sub_y, bytes, shift;
} formats[CLIPMOE_N_FORMATS] = {
    [CLIPMOE_FORMAT_RGB] = {1, 0, 3, {0, 0, 0}, {0, 1, 2}, {3, 3, 3}, 0, 0, 1, 0},
    [CLIPMOE_FORMAT_BGR] = {1, 0, 3, {0, 0, 0}, {2, 1, 0}, {3, 3, 3}, 0, 0, 1, 0},
    [CLIPMOE_FORMAT_RGBX] = {1, 0, 3, {0, 0, 0}, {0, 1, 2}, {4, 4, 4}, 0, 0, 1, 0},
    [CLIPMOE_FORMAT_BGRX] = {1, 0, 3, {0, 0, 0}, {2, 1, 0}, {4, 4, 4}, 0, 0, 1, 0},
    [CLIPMOE_FORMAT_XRGB] = {1, 0, 3, {0, 0, 0}, {1, 2, 3}, {4, 4, 4}, 0, 0, 1, 0},
    [CLIPMOE_FORMAT_XBGR] = {1, 0, 3, {0, 0, 0}, {3, 2, 1}, {4, 4, 4}, 0, 0, 1, 0},
    [CLIPMOE_FORMAT_GRAY8] = {1, 0, 1, {0}, {0}, {1}, 0, 0, 1, 0},
    [CLIPMOE_FORMAT_NV12] = {2, 1, 3, {0, 1, 1}, {0, 0, 1}, {1, 2, 2}, 1, 1, 1, 0},
    [CLIPMOE_FORMAT_NV21] = {2, 1, 3, {0, 1, 1}, {0, 1, 0}, {1, 2, 2}, 1, 1, 1, 0},
    [CLIPMOE_FORMAT_I420] = {3, 1, 3, {0, 1, 2}, {0, 0, 0}, {1, 1, 1}, 1, 1, 1, 0},
    [CLIPMOE_FORMAT_YV12] = {3, 1, 3, {0, 1, 2}, {0, 0, 0}, {1, 1, 1}, 1, 1, 1, 0},
    [CLIPMOE_FORMAT_Y42B] = {3, 1, 3, {0, 1, 2}, {0, 0, 0}, {1, 1, 1}, 1, 0, 1, 0},
    [CLIPMOE_FORMAT_Y444] = {3, 1, 3, {0, 1, 2}, {0, 0, 0}, {1, 1, 1}, 0, 0, 1, 0},
    [CLIPMOE_FORMAT_YUY2] = {1, 1, 3, {0, 0, 0}, {0, 1, 3}, {2, 4, 4}, 1, 0, 1, 0},
    [CLIPMOE_FORMAT_UYVY] = {1, 1, 3, {0, 0, 0}, {1, 0, 2}, {2, 4, 4}, 1, 0, 1, 0},
    [CLIPMOE_FORMAT_P010_10LE] = {2, 1, 3, {0, 1, 1}, {0, 0, 2}, {2, 4, 4}, 1, 1, 2, 6},
    [CLIPMOE_FORMAT_I420_10LE] = {3, 1, 3, {0, 1, 2}, {0, 0, 0}, {2, 2, 2}, 1, 1, 2, 0},
    [CLIPMOE_FORMAT_I422_10LE] = {3, 1, 3, {0, 1, 2}, {0, 0, 0}, {2, 2, 2}, 1, 0, 2, 0},
    [CLIPMOE_FORMAT_Y444_10LE] = {3, 1, 3, {0, 1, 2}, {0, 0, 0}, {2, 2, 2}, 0, 0, 2, 0},
};

gboolean
clipmoe_view_init (ClipmoeView *self, const ClipmoeImage *image, GError **error) {
  memset (self, 0, sizeof *self);
  if ((guint)image->format >= CLIPMOE_N_FORMATS) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "picture: unknown pixel format %d",
                 image->format);
    return FALSE;
  }
  if ((guint)image->matrix > CLIPMOE_MATRIX_BT2020 || (guint)image->range > CLIPMOE_RANGE_LIMITED) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "picture: unknown colour matrix %d or range %d", image->matrix, image->range);
    return FALSE;
  }
  if (!image->width || !image->height || image->width > CLIPMOE_MAX_SIDE ||
      image->height > CLIPMOE_MAX_SIDE || (guint64)image->width * image->height > CLIPMOE_MAX_PIXELS) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                 "picture of %u x %u pixels, expected 1 to %d a side and at most %d in all", image->width,
                 image->height, CLIPMOE_MAX_SIDE, CLIPMOE_MAX_PIXELS);
    return FALSE;
  }
  guint x0 = 0, y0 = 0, w = image->width, h = image->height;
  if (image->crop_width) {
    x0 = image->crop_x;
    y0 = image->crop_y;
    w = image->crop_width;
    h = image->crop_height;
    if (!h || x0 >= image->width || y0 >= image->height || w > image->width - x0 || h > image->height - y0) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "picture of %u x %u pixels: the part %u,%u %u x %u lies outside", image->width,
                   image->height, x0, y0, w, h);
      return FALSE;
    }
  }
  self->yuv = formats[image->format].yuv;
  self->components = formats[image->format].components;
  self->width = w;
  self->height = h;
  self->bits = formats[image->format].bytes == 2 ? 10 : 8;
  self->matrix = image->matrix          ? image->matrix
                 : image->height <= 576 ? CLIPMOE_MATRIX_BT601
                                        : CLIPMOE_MATRIX_BT709;
  self->full_range = image->range == CLIPMOE_RANGE_FULL;
  for (guint i = 0; i < self->components; i++) {
    ClipmoeComponent *c = &self->component[i];
    guint plane = formats[image->format].plane[i], sx = i && self->yuv ? formats[image->format].sub_x : 0,
          sy = i && self->yuv ? formats[image->format].sub_y : 0;
    /* The whole component, before the part is cut out. */
    guint64 columns = ((guint64)image->width + sx) >> sx, rows = ((guint64)image->height + sy) >> sy;
    gint64 stride = image->strides[plane];
    guint64 row = (columns - 1) * formats[image->format].step[i] + formats[image->format].first[i] +
                  formats[image->format].bytes;
    if (!image->planes[plane] || (guint64)ABS (stride) < row) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "picture of %u x %u pixels: plane %u is missing or its rows of %" G_GINT64_FORMAT
                   " bytes are shorter than %" G_GUINT64_FORMAT,
                   image->width, image->height, plane, stride, row);
      return FALSE;
    }
    if (stride > 0 && image->sizes[plane] && (rows - 1) * (guint64)stride + row > image->sizes[plane]) {
      g_set_error (
          error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
          "picture of %u x %u pixels: plane %u has %" G_GSIZE_FORMAT " bytes, expected %" G_GUINT64_FORMAT,
          image->width, image->height, plane, image->sizes[plane], (rows - 1) * (guint64)stride + row);
      return FALSE;
    }
    guint cx = x0 >> sx, cy = y0 >> sy;
    c->plane = plane;
    c->step = formats[image->format].step[i];
    c->stride = (gssize)stride;
    c->base = image->planes[plane] + formats[image->format].first[i] + (gssize)cy * (gssize)stride +
              (gsize)cx * c->step;
    c->width = (guint)(MIN ((((guint64)x0 + w + sx) >> sx), columns) - cx);
    c->height = (guint)(MIN ((((guint64)y0 + h + sy) >> sy), rows) - cy);
    c->bytes = formats[image->format].bytes;
    c->shift = formats[image->format].shift;
    c->scale_x = 1 << sx;
    c->scale_y = 1 << sy;
    /* Cosited: the centre of the first sample is that of the first pixel, (half a sample - half a pixel)
     * left of the centred position. */
    gboolean cosited_x = !image->site || (image->site & CLIPMOE_SITE_H_COSITED),
             cosited_y = image->site & CLIPMOE_SITE_V_COSITED;
    c->offset_x = (sx && cosited_x ? 0.25 : 0) + (double)(x0 - ((guint64)cx << sx)) / c->scale_x;
    c->offset_y = (sy && cosited_y ? 0.25 : 0) + (double)(y0 - ((guint64)cy << sy)) / c->scale_y;
  }
  return TRUE;
}
