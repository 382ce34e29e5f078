#include "smallimage.h"

#include <string.h>

#define MOST_ROWS 4 /* that a mean is made of */

/* Where one of Y, U and V, or of R, G and B, lies: bytes from the row's start and from sample to sample, and
 * by how many bits its plane is narrower and lower than the picture. */
typedef struct {
  guint8 plane, offset, step, narrower, lower;
} Channel;

typedef struct {
  gboolean known, yuv;
  Channel channels[3];
} Layout;

static const Layout layouts[CLIPMOE_N_FORMATS] = {
    [CLIPMOE_FORMAT_RGB] = {TRUE, FALSE, {{0, 0, 3}, {0, 1, 3}, {0, 2, 3}}},
    [CLIPMOE_FORMAT_BGR] = {TRUE, FALSE, {{0, 2, 3}, {0, 1, 3}, {0, 0, 3}}},
    [CLIPMOE_FORMAT_RGBX] = {TRUE, FALSE, {{0, 0, 4}, {0, 1, 4}, {0, 2, 4}}},
    [CLIPMOE_FORMAT_BGRX] = {TRUE, FALSE, {{0, 2, 4}, {0, 1, 4}, {0, 0, 4}}},
    [CLIPMOE_FORMAT_XRGB] = {TRUE, FALSE, {{0, 1, 4}, {0, 2, 4}, {0, 3, 4}}},
    [CLIPMOE_FORMAT_XBGR] = {TRUE, FALSE, {{0, 3, 4}, {0, 2, 4}, {0, 1, 4}}},
    [CLIPMOE_FORMAT_GRAY8] = {TRUE, FALSE, {{0, 0, 1}, {0, 0, 1}, {0, 0, 1}}},
    [CLIPMOE_FORMAT_NV12] = {TRUE, TRUE, {{0, 0, 1}, {1, 0, 2, 1, 1}, {1, 1, 2, 1, 1}}},
    [CLIPMOE_FORMAT_NV21] = {TRUE, TRUE, {{0, 0, 1}, {1, 1, 2, 1, 1}, {1, 0, 2, 1, 1}}},
    [CLIPMOE_FORMAT_I420] = {TRUE, TRUE, {{0, 0, 1}, {1, 0, 1, 1, 1}, {2, 0, 1, 1, 1}}},
    [CLIPMOE_FORMAT_YV12] = {TRUE, TRUE, {{0, 0, 1}, {1, 0, 1, 1, 1}, {2, 0, 1, 1, 1}}},
    [CLIPMOE_FORMAT_Y42B] = {TRUE, TRUE, {{0, 0, 1}, {1, 0, 1, 1, 0}, {2, 0, 1, 1, 0}}},
    [CLIPMOE_FORMAT_Y444] = {TRUE, TRUE, {{0, 0, 1}, {1, 0, 1, 0, 0}, {2, 0, 1, 0, 0}}},
    [CLIPMOE_FORMAT_YUY2] = {TRUE, TRUE, {{0, 0, 2}, {0, 1, 4, 1, 0}, {0, 3, 4, 1, 0}}},
    [CLIPMOE_FORMAT_UYVY] = {TRUE, TRUE, {{0, 1, 2}, {0, 0, 4, 1, 0}, {0, 2, 4, 1, 0}}},
    /* the upper of two bytes */
    [CLIPMOE_FORMAT_P010_10LE] = {TRUE, TRUE, {{0, 1, 2}, {1, 1, 4, 1, 1}, {1, 3, 4, 1, 1}}},
};

/* A part of the picture, in pixels. */
typedef struct {
  guint x, y, width, height;
} Part;

/* The means of a row of sums of @rows rows: the n samples are three bytes apart in @to. @edges: where each
 * begins and the last ends, in samples. */
static inline void
means (const guint16 *sums, const guint32 *edges, guint n, guint step, guint rows, guint8 *to) {
  guint wide = 0;
  float weight = 0;
  for (guint u = 0; u < n; u++, to += 3) {
    guint left = edges[u], right = MAX (edges[u + 1], left + 1);
    guint32 sum = 0;
    for (guint i = left; i < right; i++)
      sum += sums[(gsize)i * step];
    if (right - left != wide) {
      wide = right - left;
      weight = 1.0f / (float)(wide * rows);
    }
    *to = (guint8)((float)sum * weight + 0.5f);
  }
}

/* The same for boxes of @wide samples each that lie side by side. */
static inline void
even_means (const guint16 *sums, guint wide, guint n, guint rows, guint8 *to) {
  gint32 totals[CLIPMOE_SMALL_SIDE];
  guint8 bytes[CLIPMOE_SMALL_SIDE];
  const float weight = 1.0f / (float)(wide * rows);
  for (guint u = 0; u < n; u++) {
    gint32 sum = 0;
    for (guint i = 0; i < wide; i++)
      sum += sums[u * wide + i];
    totals[u] = sum;
  }
  for (guint u = 0; u < n; u++)
    bytes[u] = (guint8)(gint32)((float)totals[u] * weight + 0.5f);
  for (guint u = 0; u < n; u++)
    to[u * 3] = bytes[u];
}

/* The common widths are constants for the compiler. */
static void
row_means (const guint16 *sums, const guint32 *edges, guint even, guint n, guint step, guint rows,
           guint8 *to) {
  switch (step == 1 ? even : 0) {
  case 2:
    even_means (sums, 2, n, rows, to);
    break;
  case 3:
    even_means (sums, 3, n, rows, to);
    break;
  case 4:
    even_means (sums, 4, n, rows, to);
    break;
  case 6:
    even_means (sums, 6, n, rows, to);
    break;
  case 12:
    even_means (sums, 12, n, rows, to);
    break;
  default:
    if (step == 1)
      means (sums, edges, n, 1, rows, to);
    else
      means (sums, edges, n, step, rows, to);
  }
}

/* One channel of @part to width x height samples, three bytes apart. @sums: for a row of the plane; @edges:
 * width + 1. */
static void
shrink (const ClipmoeImage *image, const Channel *c, Part part, guint width, guint height, guint16 *sums,
        guint32 *edges, guint8 *to) {
  const guint8 *plane = image->planes[c->plane];
  const gssize stride = image->strides[c->plane];
  const gsize x = part.x >> c->narrower, y = part.y >> c->lower;
  const gsize w = MAX (1, (part.width + (1u << c->narrower) - 1) >> c->narrower),
              h = MAX (1, (part.height + (1u << c->lower) - 1) >> c->lower), bytes = (w - 1) * c->step + 1;
  for (gsize u = 0; u <= width; u++)
    edges[u] = (guint32)(u == width ? w : MIN (u * w / width, w - 1));
  for (gsize v = 0; v < height; v++, to += (gsize)width * 3) {
    gsize top = MIN (v * h / height, h - 1), bottom = MAX ((v + 1) * h / height, top + 1);
    gsize apart = (bottom - top + MOST_ROWS - 1) / MOST_ROWS;
    guint rows = 0;
    memset (sums, 0, bytes * sizeof *sums);
    for (gsize row = top + (apart - 1) / 2; row < bottom; row += apart, rows++) {
      const guint8 *from = plane + (gssize)(y + row) * stride + x * c->step + c->offset;
      for (gsize i = 0; i < bytes; i++)
        sums[i] = (guint16)(sums[i] + from[i]);
    }
    row_means (sums, edges, w % width ? 0 : (guint)(w / width), width, c->step, rows, to);
  }
}

/* In place, in 16 bits of fraction. */
static void
to_rgb (ClipmoeSmall *small, ClipmoeMatrix matrix, gboolean full, guint lines) {
  static const double weights[][2] = {/* of red and blue in Y */
                                      [CLIPMOE_MATRIX_BT601] = {0.299, 0.114},
                                      [CLIPMOE_MATRIX_BT709] = {0.2126, 0.0722},
                                      [CLIPMOE_MATRIX_BT2020] = {0.2627, 0.0593}};
  if (matrix == CLIPMOE_MATRIX_UNKNOWN || matrix >= (int)G_N_ELEMENTS (weights))
    matrix = lines <= 576 ? CLIPMOE_MATRIX_BT601 : CLIPMOE_MATRIX_BT709;
  const double r = weights[matrix][0], b = weights[matrix][1], g = 1 - r - b, luma = full ? 1 : 255.0 / 219,
               chroma = full ? 2 : 2 * 255.0 / 224;
  const int y_by = (int)(luma * 65536), red = (int)(chroma * (1 - r) * 65536),
            blue = (int)(chroma * (1 - b) * 65536), green_u = (int)(chroma * (1 - b) * b / g * 65536),
            green_v = (int)(chroma * (1 - r) * r / g * 65536), black = full ? 0 : 16;
  guint8 *p = small->rgb;
  for (gsize i = (gsize)small->width * small->height; i; i--, p += 3) {
    int y = (p[0] - black) * y_by + 32768, u = p[1] - 128, v = p[2] - 128;
    p[0] = (guint8)CLAMP ((y + red * v) >> 16, 0, 255);
    p[1] = (guint8)CLAMP ((y - green_u * u - green_v * v) >> 16, 0, 255);
    p[2] = (guint8)CLAMP ((y + blue * u) >> 16, 0, 255);
  }
}

ClipmoeSmall *
clipmoe_small_from_image (const ClipmoeImage *image) {
  if ((guint)image->format >= CLIPMOE_N_FORMATS || !layouts[image->format].known)
    return NULL;
  const Layout *layout = &layouts[image->format];
  Part part = {image->crop_x, image->crop_y, image->crop_width, image->crop_height};
  if (!part.width || !part.height)
    part = (Part){0, 0, image->width, image->height};
  guint width, height;
  clipmoe_small_fit (part.width, part.height, image->par_n, image->par_d, &width, &height);
  ClipmoeSmall *small = clipmoe_small_new (width, height);
  guint16 *sums = g_new (guint16, (gsize)part.width * 4);
  guint32 edges[CLIPMOE_SMALL_SIDE + 1];
  for (guint c = 0; c < 3; c++)
    shrink (image, &layout->channels[c], part, width, height, sums, edges, small->rgb + c);
  g_free (sums);
  if (layout->yuv)
    to_rgb (small, image->matrix, image->range == CLIPMOE_RANGE_FULL, image->height);
  return small;
}
