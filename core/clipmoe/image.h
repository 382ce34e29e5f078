/* A view of somebody's pixels, and what turns it into the square of floats a model looks at. */
#ifndef CLIPMOE_IMAGE_H
#define CLIPMOE_IMAGE_H

#include "error.h"

G_BEGIN_DECLS

/** Pixel formats, named as GStreamer names them. 10-bit ones are 16-bit little-endian words: P010 in the high
 * bits, the planar ones in the low bits. Since: 0.1 */
typedef enum {
  CLIPMOE_FORMAT_RGB,
  CLIPMOE_FORMAT_BGR,
  CLIPMOE_FORMAT_RGBX, /* RGBx and RGBA */
  CLIPMOE_FORMAT_BGRX, /* BGRx and BGRA */
  CLIPMOE_FORMAT_XRGB, /* xRGB and ARGB */
  CLIPMOE_FORMAT_XBGR, /* xBGR and ABGR */
  CLIPMOE_FORMAT_GRAY8,
  CLIPMOE_FORMAT_NV12,
  CLIPMOE_FORMAT_NV21,
  CLIPMOE_FORMAT_I420,
  CLIPMOE_FORMAT_YV12,
  CLIPMOE_FORMAT_Y42B,
  CLIPMOE_FORMAT_Y444,
  CLIPMOE_FORMAT_YUY2,
  CLIPMOE_FORMAT_UYVY,
  CLIPMOE_FORMAT_P010_10LE,
  CLIPMOE_FORMAT_I420_10LE,
  CLIPMOE_FORMAT_I422_10LE,
  CLIPMOE_FORMAT_Y444_10LE,
  CLIPMOE_N_FORMATS
} ClipmoeFormat;

/** UNKNOWN: BT.601 up to 576 lines, else BT.709. Since: 0.1 */
typedef enum {
  CLIPMOE_MATRIX_UNKNOWN,
  CLIPMOE_MATRIX_BT601,
  CLIPMOE_MATRIX_BT709,
  CLIPMOE_MATRIX_BT2020
} ClipmoeMatrix;
/** UNKNOWN: limited. Since: 0.1 */
typedef enum { CLIPMOE_RANGE_UNKNOWN, CLIPMOE_RANGE_FULL, CLIPMOE_RANGE_LIMITED } ClipmoeRange;
/** Where chroma samples lie, per axis, against luma. Since: 0.1 */
typedef enum {
  CLIPMOE_SITE_UNKNOWN = 0, /* horizontally cosited, vertically centred (MPEG-2) */
  CLIPMOE_SITE_H_COSITED = 1,
  CLIPMOE_SITE_V_COSITED = 2,
  CLIPMOE_SITE_CENTRED = 4, /* centred on both axes (JPEG) unless an axis is named */
} ClipmoeSite;

/**
 * ClipmoeImage: a view that owns nothing.
 * @width, @height: pixels, 1 to 32768 each, at most 100 megapixels
 * @planes, @strides, @sizes: up to three planes (YV12: Y, U, V order of *meaning*: plane 1 is U, plane 2 is
 * V); stride in bytes, may be negative or larger than needed; @sizes = readable bytes from the plane's first
 *   row (0 = trust the caller). For a negative stride @planes points at the topmost row and @sizes is
 * ignored.
 * @crop_x, @crop_y, @crop_width, @crop_height: part to look at; crop_width 0 = all
 * @par_n, @par_d: pixel aspect ratio; 0 = 1:1
 * Since: 0.1
 */
typedef struct {
  ClipmoeFormat format;
  guint width, height;
  const guint8 *planes[3];
  gint strides[3];
  gsize sizes[3];
  ClipmoeMatrix matrix;
  ClipmoeRange range;
  guint site; /* ClipmoeSite bits */
  guint crop_x, crop_y, crop_width, crop_height;
  guint par_n, par_d;
} ClipmoeImage;

typedef enum { CLIPMOE_GEOMETRY_CROP, CLIPMOE_GEOMETRY_SQUASH, CLIPMOE_GEOMETRY_LETTERBOX } ClipmoeGeometry;

/** How the picture is to be turned before it is looked at; values equal GstVideoOrientationMethod's first
 * eight: identity, 90r, 180, 90l, horiz, vert, ul-lr, ur-ll. Since: 0.1 */
typedef enum {
  CLIPMOE_ORIENTATION_IDENTITY,
  CLIPMOE_ORIENTATION_90R,
  CLIPMOE_ORIENTATION_180,
  CLIPMOE_ORIENTATION_90L,
  CLIPMOE_ORIENTATION_HORIZ,
  CLIPMOE_ORIENTATION_VERT,
  CLIPMOE_ORIENTATION_UL_LR,
  CLIPMOE_ORIENTATION_UR_LL,
} ClipmoeOrientation;

typedef struct _ClipmoePreprocessor ClipmoePreprocessor;

/**
 * clipmoe_preprocessor_new: prepares pictures for a model of @side x @side pixels.
 * @mean, @std: 3 values each, in 0..1 units. One caller at a time; tables and scratch are kept between
 * pictures of the same size and format, so that nothing is allocated per frame. Since: 0.1
 */
CLIPMOE_API ClipmoePreprocessor *clipmoe_preprocessor_new (guint side, const float mean[3],
                                                           const float std[3]);
CLIPMOE_API void clipmoe_preprocessor_free (ClipmoePreprocessor *self);

/**
 * clipmoe_preprocessor_run:
 * @out: (out): caller's [3][side][side] floats, RGB, normalised
 *
 * Packed RGB gives Pillow's bicubic resize and torchvision's centre crop bit for bit.
 * Returns: FALSE with an error when the view is impossible: LIMIT for a width or height of 0 or over the
 * limits, ARGUMENT for the others (unknown format, crop, stride, plane missing or too small) Since: 0.1
 */
CLIPMOE_API gboolean clipmoe_preprocessor_run (ClipmoePreprocessor *self, const ClipmoeImage *image,
                                               ClipmoeGeometry geometry, ClipmoeOrientation orientation,
                                               float *out, GError **error);

G_END_DECLS

#endif
