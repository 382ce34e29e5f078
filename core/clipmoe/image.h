/* ClipmoeImage: a view of somebody's pixels. ClipmoePreprocessor: what makes of it the square of floats that
 * a model takes. Since: 0.1
 *
 * Programs that call clipmoe_encoder_encode_images() need no preprocessor of their own. */
#ifndef CLIPMOE_IMAGE_H
#define CLIPMOE_IMAGE_H

#include <clipmoe/error.h>

G_BEGIN_DECLS

/**
 * ClipmoeFormat:
 * @CLIPMOE_FORMAT_RGBX: also RGBA; alpha is ignored
 * @CLIPMOE_FORMAT_BGRX: also BGRA
 * @CLIPMOE_FORMAT_XRGB: also ARGB
 * @CLIPMOE_FORMAT_XBGR: also ABGR
 * @CLIPMOE_N_FORMATS: how many these headers know; grows
 *
 * Pixel formats, by GStreamer's names and in its memory layouts. Those of 10 bits are 16-bit little-endian
 * words: P010 in the high bits, the planar ones in the low bits.
 */
typedef enum {
  CLIPMOE_FORMAT_RGB,
  CLIPMOE_FORMAT_BGR,
  CLIPMOE_FORMAT_RGBX,
  CLIPMOE_FORMAT_BGRX,
  CLIPMOE_FORMAT_XRGB,
  CLIPMOE_FORMAT_XBGR,
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

/**
 * ClipmoeMatrix:
 * @CLIPMOE_MATRIX_UNKNOWN: BT.601 up to 576 lines, else BT.709
 *
 * How Y, U and V are made of R, G and B; no matter for other formats.
 */
typedef enum {
  CLIPMOE_MATRIX_UNKNOWN,
  CLIPMOE_MATRIX_BT601,
  CLIPMOE_MATRIX_BT709,
  CLIPMOE_MATRIX_BT2020
} ClipmoeMatrix;

/**
 * ClipmoeRange:
 * @CLIPMOE_RANGE_UNKNOWN: limited
 * @CLIPMOE_RANGE_LIMITED: Y from 16 to 235 in 8 bits
 *
 * Which values stand for black and white in Y, U and V; no matter for other formats.
 */
typedef enum { CLIPMOE_RANGE_UNKNOWN, CLIPMOE_RANGE_FULL, CLIPMOE_RANGE_LIMITED } ClipmoeRange;

/**
 * ClipmoeSite:
 * @CLIPMOE_SITE_UNKNOWN: horizontally cosited, vertically centred (MPEG-2)
 * @CLIPMOE_SITE_H_COSITED: on the first pixel of a row of luma samples
 * @CLIPMOE_SITE_V_COSITED: on the first pixel of a column
 * @CLIPMOE_SITE_CENTRED: between them on both axes (JPEG), but on an axis that another bit names
 *
 * Bits: where chroma samples lie against luma samples.
 */
typedef enum {
  CLIPMOE_SITE_UNKNOWN = 0,
  CLIPMOE_SITE_H_COSITED = 1,
  CLIPMOE_SITE_V_COSITED = 2,
  CLIPMOE_SITE_CENTRED = 4,
} ClipmoeSite;

/**
 * ClipmoeImage:
 * @struct_size: sizeof (ClipmoeImage)
 * @format: of the pixels
 * @width: in pixels, 1 to 32768; at most 100 million pixels in all
 * @height: as @width
 * @planes: the first byte of each plane's topmost row. By meaning and not by place: plane 1 has U and plane 2
 * has V (or both are in plane 1), also for YV12, whose memory has V first
 * @strides: bytes from a row to the next one; may be larger than a row, and below 0 for pictures that lie
 * upside down in memory
 * @sizes: how many bytes may be read from @planes on; checked where the stride is above 0; 0 = not to be
 * checked
 * @matrix: for YUV
 * @range: for YUV
 * @site: ClipmoeSite bits, for YUV with fewer chroma samples than luma samples
 * @crop_x: the part that counts, in pixels
 * @crop_y: as @crop_x
 * @crop_width: 0 = all of the picture
 * @crop_height: as @crop_width
 * @par_n: a pixel's width to its height is par_n : par_d; 0 = 1 : 1
 * @par_d: as @par_n
 *
 * A view that owns nothing: pixels are read while a call runs that it is passed to, and never written. Made
 * by the program.
 */
typedef struct {
  gsize struct_size;
  ClipmoeFormat format;
  guint width, height;
  const guint8 *planes[3];
  gint strides[3];
  gsize sizes[3];
  ClipmoeMatrix matrix;
  ClipmoeRange range;
  guint site;
  guint crop_x, crop_y, crop_width, crop_height;
  guint par_n, par_d;
} ClipmoeImage;

/**
 * ClipmoeGeometry:
 * @CLIPMOE_GEOMETRY_CROP: scaled until the shorter side fits, then the middle is cut out; what models were
 *   trained with
 * @CLIPMOE_GEOMETRY_SQUASH: both sides are scaled to fit
 * @CLIPMOE_GEOMETRY_LETTERBOX: scaled until the longer side fits, with bars in the model's mean colour
 * @CLIPMOE_GEOMETRY_PAD: the same with black bars, as OpenCLIP's resize_mode "longest" makes them
 * @CLIPMOE_GEOMETRY_AUTO: as the model says, ClipmoeModelInfo.geometry; a preprocessor knows none
 *
 * How a picture becomes a square.
 */
typedef enum {
  CLIPMOE_GEOMETRY_CROP,
  CLIPMOE_GEOMETRY_SQUASH,
  CLIPMOE_GEOMETRY_LETTERBOX,
  CLIPMOE_GEOMETRY_PAD,
  CLIPMOE_GEOMETRY_AUTO,
} ClipmoeGeometry;

/**
 * ClipmoeOrientation:
 *
 * How a picture has to be turned to be upright; the values equal the first eight of
 * GstVideoOrientationMethod.
 */
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
 * clipmoe_preprocessor_new:
 * @side: pixels of a side of the model's square: ClipmoeModelInfo.image_size
 * @mean: ClipmoeModelInfo.mean: what is subtracted from R, G and B of 0 to 1
 * @std: ClipmoeModelInfo.std: what the difference is divided by
 *
 * Any thread; one caller at a time for what it returns. Tables and scratch are kept from picture to picture,
 * so that those of one size and format allocate nothing but for the first.
 *
 * Returns: (transfer full): free with clipmoe_preprocessor_free()
 */
CLIPMOE_API ClipmoePreprocessor *clipmoe_preprocessor_new (guint side, const float mean[3],
                                                           const float std[3]);
/**
 * clipmoe_preprocessor_free:
 * @self: (nullable): no call with it is running
 */
CLIPMOE_API void clipmoe_preprocessor_free (ClipmoePreprocessor *self);

/**
 * clipmoe_preprocessor_run:
 * @image: read during the call alone
 * @geometry: how it becomes a square
 * @orientation: how it is turned before
 * @out: (out caller-allocates): float32 [3][side][side]: R, G, B, normalised
 * @error: (nullable): LIMIT: a width or height of 0 or over the limits; ARGUMENT: an unknown format, matrix,
 *   range, geometry or orientation, a part outside of the picture, a plane that is missing or too small;
 * MEMORY
 *
 * One caller at a time. Packed RGB gives what Pillow's bicubic resize and torchvision's centre crop give, bit
 * for bit; other formats are resized plane by plane and converted at the small size. The same bytes on every
 * processor.
 *
 * Returns: whether @out is written
 */
CLIPMOE_API gboolean clipmoe_preprocessor_run (ClipmoePreprocessor *self, const ClipmoeImage *image,
                                               ClipmoeGeometry geometry, ClipmoeOrientation orientation,
                                               float *out, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoePreprocessor, clipmoe_preprocessor_free)

G_END_DECLS

#endif
