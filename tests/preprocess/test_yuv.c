/* Checks that every Y'CbCr format, matrix, range and chroma siting gives the picture that RGB gives. The
 * pictures are functions of the position, so that each format's samples can be taken exactly where its
 * siting says, and the conversion below is this test's own, in doubles. */
#include <math.h>
#include <string.h>
#include "pattern.h"

#define SIDE 48
#define N (SIDE * SIDE)
#define BOUND 0.62 /* 8 bits alone make 0.5 */

typedef struct {
  ClipmoeFormat format;
  const char *name;
  guint sub_x, sub_y, bytes, shift; /* shift of a 10-bit value in its word */
  enum { PLANAR, PAIRS_UV, PAIRS_VU, YUYV, UYVY } layout;
} Kind;

static const Kind kinds[] = {
    {CLIPMOE_FORMAT_NV12, "NV12", 2, 2, 1, 0, PAIRS_UV},
    {CLIPMOE_FORMAT_NV21, "NV21", 2, 2, 1, 0, PAIRS_VU},
    {CLIPMOE_FORMAT_I420, "I420", 2, 2, 1, 0, PLANAR},
    {CLIPMOE_FORMAT_YV12, "YV12", 2, 2, 1, 0, PLANAR},
    {CLIPMOE_FORMAT_Y42B, "Y42B", 2, 1, 1, 0, PLANAR},
    {CLIPMOE_FORMAT_Y444, "Y444", 1, 1, 1, 0, PLANAR},
    {CLIPMOE_FORMAT_YUY2, "YUY2", 2, 1, 1, 0, YUYV},
    {CLIPMOE_FORMAT_UYVY, "UYVY", 2, 1, 1, 0, UYVY},
    {CLIPMOE_FORMAT_P010_10LE, "P010_10LE", 2, 2, 2, 6, PAIRS_UV},
    {CLIPMOE_FORMAT_I420_10LE, "I420_10LE", 2, 2, 2, 0, PLANAR},
    {CLIPMOE_FORMAT_I422_10LE, "I422_10LE", 2, 1, 2, 0, PLANAR},
    {CLIPMOE_FORMAT_Y444_10LE, "Y444_10LE", 1, 1, 2, 0, PLANAR},
};

/* The picture at a place in pixels; steep enough that half a pixel shows, and within the range. */
static double
colour (double x, double y, guint c) {
  static const double fx[] = {0.050, 0.041, 0.033}, fy[] = {0.031, 0.052, 0.043};
  return 127.5 + 62 * sin (fx[c] * x + c) + 62 * cos (fy[c] * y + 2 * c);
}

static void
weights (ClipmoeMatrix m, double *r, double *b) {
  *r = m == CLIPMOE_MATRIX_BT601 ? 0.299 : m == CLIPMOE_MATRIX_BT709 ? 0.2126 : 0.2627;
  *b = m == CLIPMOE_MATRIX_BT601 ? 0.114 : m == CLIPMOE_MATRIX_BT709 ? 0.0722 : 0.0593;
}

/* Y, Cb or Cr at a place as a code of @bits. */
static guint
code (double x, double y, guint component, ClipmoeMatrix m, gboolean full, guint bits) {
  double r, b, R = colour (x, y, 0) / 255, G = colour (x, y, 1) / 255, B = colour (x, y, 2) / 255;
  weights (m, &r, &b);
  double luma = r * R + (1 - r - b) * G + b * B,
         value = component == 0   ? luma
                 : component == 1 ? (B - luma) / (2 - 2 * b)
                                  : (R - luma) / (2 - 2 * r),
         unit = 1 << (bits - 8), top = (1 << bits) - 1;
  value = component == 0 ? (full ? value * top : (16 + 219 * value) * unit)
                         : 128 * unit + value * (full ? top : 224 * unit);
  return (guint)CLAMP (floor (value + 0.5), 0, top);
}

typedef struct {
  ClipmoeImage image;
  guint8 *data[3];
} Picture;

static void
put (const Kind *k, guint8 *at, guint value) {
  value <<= k->shift;
  at[0] = (guint8)value;
  if (k->bytes == 2)
    at[1] = (guint8)(value >> 8);
}

/* Planes of exactly the bytes needed, so that a sanitizer sees a read behind them. @left, @top: where chroma
 * lies within its block, in pixels from the first pixel's left and upper edge. */
static Picture
make (const Kind *k, guint w, guint h, ClipmoeMatrix m, gboolean full, double left, double top) {
  Picture p = {
      .image = {
          .struct_size = sizeof (ClipmoeImage), .format = k->format, .width = w, .height = h, .matrix = m}};
  guint bits = k->bytes == 2 ? 10 : 8, cw = (w + k->sub_x - 1) / k->sub_x, ch = (h + k->sub_y - 1) / k->sub_y;
  p.image.range = full ? CLIPMOE_RANGE_FULL : CLIPMOE_RANGE_LIMITED;
  for (guint i = 0; i < 3; i++) {
    gboolean has = i == 0 || k->layout == PLANAR || (i == 1 && k->layout <= PAIRS_VU);
    gsize row = i == 0 ? (k->layout >= YUYV ? (gsize)cw * 4 : (gsize)w * k->bytes)
                       : (gsize)cw * k->bytes * (k->layout == PLANAR ? 1 : 2);
    if (!has)
      continue;
    p.image.sizes[i] = row * (i ? ch : h);
    p.image.strides[i] = (gint)row;
    p.image.planes[i] = p.data[i] = g_malloc0 (p.image.sizes[i]);
  }
  for (guint i = 0; i < 3; i++)
    for (guint y = 0; y < (i ? ch : h); y++)
      for (guint x = 0; x < (i ? cw : w); x++) {
        double px = i ? x * k->sub_x + left : x + 0.5, py = i ? y * k->sub_y + top : y + 0.5;
        guint v = code (px, py, i, m, full, bits), second = k->layout == PAIRS_VU ? i == 1 : i == 2;
        gsize stride = (gsize)p.image.strides[i];
        if (k->layout == YUYV)
          p.data[0][y * (gsize)p.image.strides[0] + (i ? x * 4 + (i == 1 ? 1 : 3) : x * 2)] = (guint8)v;
        else if (k->layout == UYVY)
          p.data[0][y * (gsize)p.image.strides[0] + (i ? x * 4 + (i == 1 ? 0 : 2) : x * 2 + 1)] = (guint8)v;
        else if (i && k->layout != PLANAR)
          put (k, p.data[1] + y * (gsize)p.image.strides[1] + (x * 2 + second) * k->bytes, v);
        else
          put (k, p.data[i] + y * stride + x * k->bytes, v);
      }
  return p;
}

static void
drop (Picture *p) {
  for (guint i = 0; i < 3; i++)
    g_free (p->data[i]);
}

static float *
from_rgb (guint w, guint h, ClipmoeGeometry g) {
  guint8 *rgb = g_new (guint8, (gsize)w * h * 3);
  for (guint y = 0; y < h; y++)
    for (guint x = 0; x < w; x++)
      for (guint c = 0; c < 3; c++)
        rgb[((gsize)y * w + x) * 3 + c] = (guint8)(colour (x + 0.5, y + 0.5, c) + 0.5);
  ClipmoeImage image = rgb_image (rgb, w, h);
  float *out = run_at (&image, SIDE, g, 0);
  g_free (rgb);
  return out;
}

/* Mean difference in 0..255 and cosine of the normalised values. */
static double
difference (const float *a, const float *b, double *cosine) {
  double sum = 0, ab = 0, aa = 0, bb = 0;
  for (guint i = 0; i < 3 * N; i++) {
    sum += fabs (byte_of (a[i], i / N) - byte_of (b[i], i / N));
    ab += (double)a[i] * b[i];
    aa += (double)a[i] * a[i];
    bb += (double)b[i] * b[i];
  }
  *cosine = ab / sqrt (aa * bb);
  return sum / (3 * N);
}

static const struct {
  guint site;
  double left, top; /* of a chroma sample in a block of 2 x 2 */
} sites[] = {
    {CLIPMOE_SITE_UNKNOWN, 0.5, 1},   {CLIPMOE_SITE_H_COSITED, 0.5, 1},
    {CLIPMOE_SITE_V_COSITED, 1, 0.5}, {CLIPMOE_SITE_H_COSITED | CLIPMOE_SITE_V_COSITED, 0.5, 0.5},
    {CLIPMOE_SITE_CENTRED, 1, 1},
};

/* Sizes: shrinking, near one to one with odd sides (where siting shows most), enlarging. */
static void
test_formats (void) {
  static const guint sizes[][2] = {{160, 120}, {51, 53}, {65, 49}, {31, 29}, {48, 48}};
  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++) {
    guint w = sizes[s][0], h = sizes[s][1];
    float *want = from_rgb (w, h, 0);
    for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
      for (guint t = 0; t < G_N_ELEMENTS (sites); t++)
        for (ClipmoeMatrix m = CLIPMOE_MATRIX_BT601; m <= CLIPMOE_MATRIX_BT2020; m++)
          for (int full = 0; full < 2; full++) {
            Picture p = make (&kinds[k], w, h, m, full, kinds[k].sub_x == 2 ? sites[t].left : 0.5,
                              kinds[k].sub_y == 2 ? sites[t].top : 0.5);
            p.image.site = sites[t].site;
            float *got = run_at (&p.image, SIDE, 0, 0);
            double cosine, d = difference (got, want, &cosine);
            if (d > BOUND || cosine < 0.9999)
              g_error ("%s %u x %u, site %u, matrix %d, %s range: mean difference %.3f, cosine %.6f",
                       kinds[k].name, w, h, sites[t].site, m, full ? "full" : "limited", d, cosine);
            g_free (got);
            drop (&p);
          }
    g_free (want);
  }
}

/* The bounds above would see a wrong siting, matrix or range. */
static void
test_bounds_see_mistakes (void) {
  float *want = from_rgb (51, 53, 0), *got;
  double cosine;
  Picture p = make (&kinds[2], 51, 53, CLIPMOE_MATRIX_BT601, FALSE, 0.5, 0.5);
  p.image.site = CLIPMOE_SITE_CENTRED;
  got = run_at (&p.image, SIDE, 0, 0);
  g_assert_cmpfloat (difference (got, want, &cosine), >, 1.2 * BOUND);
  g_free (got);
  p.image.site = CLIPMOE_SITE_H_COSITED | CLIPMOE_SITE_V_COSITED;
  p.image.matrix = CLIPMOE_MATRIX_BT709;
  got = run_at (&p.image, SIDE, 0, 0);
  g_assert_cmpfloat (difference (got, want, &cosine), >, 2);
  g_free (got);
  p.image.matrix = CLIPMOE_MATRIX_BT601;
  p.image.range = CLIPMOE_RANGE_FULL;
  got = run_at (&p.image, SIDE, 0, 0);
  g_assert_cmpfloat (difference (got, want, &cosine), >, 2);
  g_free (got);
  drop (&p);
  g_free (want);
}

/* Unknown: limited range, BT.601 up to 576 lines of the whole picture, else BT.709. */
static void
test_unknown (void) {
  for (guint h = 576; h <= 577; h++) {
    Picture p = make (&kinds[0], 40, h, CLIPMOE_MATRIX_BT601, FALSE, 0.5, 1);
    p.image.matrix = h == 576 ? CLIPMOE_MATRIX_BT601 : CLIPMOE_MATRIX_BT709;
    float *want = run_at (&p.image, SIDE, 0, 0);
    p.image.matrix = CLIPMOE_MATRIX_UNKNOWN;
    p.image.range = CLIPMOE_RANGE_UNKNOWN;
    float *got = run_at (&p.image, SIDE, 0, 0);
    g_assert_cmpmem (got, N * 12, want, N * 12);
    g_free (want);
    g_free (got);
    drop (&p);
  }
}

/* A part that begins between chroma samples: the function of the place is the judge. */
static void
test_parts (void) {
  const guint x0 = 21, y0 = 13, w = 75, h = 67;
  guint8 *rgb = g_new (guint8, w * h * 3);
  for (guint y = 0; y < h; y++)
    for (guint x = 0; x < w; x++)
      for (guint c = 0; c < 3; c++)
        rgb[(y * w + x) * 3 + c] = (guint8)(colour (x0 + x + 0.5, y0 + y + 0.5, c) + 0.5);
  ClipmoeImage image = rgb_image (rgb, w, h);
  float *want = run_at (&image, SIDE, 0, 0);
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++) {
    Picture p = make (&kinds[k], 120, 101, CLIPMOE_MATRIX_BT709, FALSE, 0.5, kinds[k].sub_y == 2 ? 1 : 0.5);
    p.image.crop_x = x0;
    p.image.crop_y = y0;
    p.image.crop_width = w;
    p.image.crop_height = h;
    float *got = run_at (&p.image, SIDE, 0, 0);
    double cosine, d = difference (got, want, &cosine);
    if (d > BOUND || cosine < 0.9999)
      g_error ("part of %s: mean difference %.3f, cosine %.6f", kinds[k].name, d, cosine);
    g_free (got);
    drop (&p);
  }
  g_free (want);
  g_free (rgb);
}

/* White stays white and black black, and codes beyond them are cut there. */
static void
test_ends (void) {
  static const guint8 codes[] = {0, 16, 235, 255};
  static const double limited[] = {0, 0, 255, 255}, full[] = {0, 16, 235, 255};
  for (guint i = 0; i < 4; i++) {
    guint8 y[16], uv[8];
    memset (y, codes[i], sizeof y);
    memset (uv, 128, sizeof uv);
    ClipmoeImage image = {.struct_size = sizeof image,
                          .format = CLIPMOE_FORMAT_NV12,
                          .width = 4,
                          .height = 4,
                          .planes = {y, uv},
                          .strides = {4, 4},
                          .range = CLIPMOE_RANGE_LIMITED};
    for (int r = 0; r < 2; r++) {
      image.range = r ? CLIPMOE_RANGE_FULL : CLIPMOE_RANGE_LIMITED;
      float *got = run_at (&image, 8, 0, 0);
      for (guint j = 0; j < 192; j++)
        g_assert_cmpfloat (fabs (byte_of (got[j], j / 64) - (r ? full : limited)[i]), <, 0.01);
      g_free (got);
    }
  }
}

/* Tiny and odd pictures, every orientation and geometry, in memory of exactly their size. */
static void
test_tiny (void) {
  static const guint sizes[][2] = {{1, 1}, {1, 2}, {3, 1}, {5, 3}, {1, 33}, {64, 1}};
  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
      for (int o = 0; o < 8; o++)
        for (int g = 0; g < 3; g++) {
          guint w = sizes[s][0], h = sizes[s][1];
          Picture p = make (&kinds[k], w, h, CLIPMOE_MATRIX_BT601, FALSE, 0.5, kinds[k].sub_y == 2 ? 1 : 0.5);
          float *got = run_at (&p.image, 8, g, o);
          for (guint i = 0; i < 192; i++)
            g_assert_true (byte_of (got[i], i / 64) > -0.01 && byte_of (got[i], i / 64) < 255.01);
          if (w == 1 && h == 1) /* one pixel: the colour itself everywhere */
            for (guint i = 0; i < 192; i++)
              g_assert_cmpfloat (fabs (byte_of (got[i], i / 64) - colour (0.5, 0.5, i / 64)), <, 4.5);
          g_free (got);
          for (guint x = 0; x < w; x++) { /* parts of one column */
            p.image.crop_x = x;
            p.image.crop_width = 1;
            p.image.crop_height = h;
            g_free (run_at (&p.image, 8, g, o));
          }
          drop (&p);
        }
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/yuv/formats", test_formats);
  g_test_add_func ("/yuv/bounds-see-mistakes", test_bounds_see_mistakes);
  g_test_add_func ("/yuv/unknown", test_unknown);
  g_test_add_func ("/yuv/parts", test_parts);
  g_test_add_func ("/yuv/ends", test_ends);
  g_test_add_func ("/yuv/tiny", test_tiny);
  return g_test_run ();
}
