/* Checks that packed RGB is resized and normalised bit for bit as by Pillow and torchvision, for any byte
 * order, stride, crop and repetition, and that orientation is applied before resizing. */
#include <math.h>
#include <string.h>
#include "pattern.h"

/* Calls that the library makes to get memory (the linker brings them here), to see that a repeated frame
 * makes none. */
static guint allocations;
#define COUNT(name, parameters, arguments)                                                                   \
  gpointer __real_##name parameters;                                                                         \
  gpointer __wrap_##name parameters;                                                                         \
  gpointer __wrap_##name parameters {                                                                        \
    allocations++;                                                                                           \
    return __real_##name arguments;                                                                          \
  }
COUNT (g_malloc, (gsize n), (n))
COUNT (g_malloc0, (gsize n), (n))
COUNT (g_malloc_n, (gsize n, gsize m), (n, m))
COUNT (g_try_malloc, (gsize n), (n))
COUNT (g_try_malloc0, (gsize n), (n))
COUNT (g_try_malloc_n, (gsize n, gsize m), (n, m))
COUNT (g_try_malloc0_n, (gsize n, gsize m), (n, m))

static void
test_pillow (void) {
  char *path = g_build_filename (g_getenv ("CLIPMOE_TEST_SOURCES"), "preprocess", "pillow.bin", NULL), *data;
  gsize length, at = 0, cases = 0;
  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  while (at < length) {
    guint32 head[4];
    g_assert_cmpuint (length - at, >=, sizeof head);
    memcpy (head, data + at, sizeof head);
    guint w = head[0], h = head[1], side = head[2];
    const guint8 *expected = (const guint8 *)data + at + sizeof head;
    at += sizeof head + (gsize)side * side * 3;
    g_assert_cmpuint (at, <=, length);
    guint8 *rgb = pattern_rgb (w, h);
    ClipmoeImage image = rgb_image (rgb, w, h);
    float *out = run_at (&image, side, head[3] ? CLIPMOE_GEOMETRY_SQUASH : CLIPMOE_GEOMETRY_CROP, 0);
    for (guint c = 0; c < 3; c++)
      for (guint i = 0; i < side * side; i++) {
        float want = (expected[i * 3 + c] / 255.0f - test_mean[c]) / test_std[c],
              got = out[c * side * side + i];
        if (memcmp (&want, &got, sizeof want) != 0)
          g_error ("%u x %u to %u: channel %u, pixel %u: %.3f, expected %u", w, h, side, c, i,
                   byte_of (got, c), expected[i * 3 + c]);
      }
    g_free (out);
    g_free (rgb);
    cases++;
  }
  g_assert_cmpuint (cases, >=, 30);
  g_free (data);
  g_free (path);
}

static const struct {
  ClipmoeFormat format;
  guint step, at[3];
} packed[] = {
    {CLIPMOE_FORMAT_RGB, 3, {0, 1, 2}},  {CLIPMOE_FORMAT_BGR, 3, {2, 1, 0}},
    {CLIPMOE_FORMAT_RGBX, 4, {0, 1, 2}}, {CLIPMOE_FORMAT_BGRX, 4, {2, 1, 0}},
    {CLIPMOE_FORMAT_XRGB, 4, {1, 2, 3}}, {CLIPMOE_FORMAT_XBGR, 4, {3, 2, 1}},
};

/* Every order of bytes, with rows padded, upside down, and as a part of a larger picture. */
static void
test_orders (void) {
  const guint w = 53, h = 37, side = 24, part_w = 31, part_h = 29, part_x = 11, part_y = 5;
  guint8 *rgb = pattern_rgb (w, h), *part = g_new (guint8, part_w * part_h * 3);
  for (guint y = 0; y < part_h; y++)
    memcpy (part + y * part_w * 3, rgb + ((y + part_y) * w + part_x) * 3, part_w * 3);
  ClipmoeImage image = rgb_image (rgb, w, h);
  float *want = run_at (&image, side, 0, 0);
  image = rgb_image (part, part_w, part_h);
  float *want_part = run_at (&image, side, 0, 0);
  g_assert_cmpint (memcmp (want, want_part, side * side * 3 * sizeof (float)), !=, 0);
  for (guint f = 0; f < G_N_ELEMENTS (packed); f++)
    for (guint padding = 0; padding < 20; padding += 19)
      for (int flip = 0; flip < 2; flip++) {
        guint stride = w * packed[f].step + padding;
        guint8 *data = g_new (guint8, stride * h);
        memset (data, 0xa5, stride * h);
        for (guint y = 0; y < h; y++)
          for (guint x = 0; x < w; x++)
            for (guint c = 0; c < 3; c++)
              data[(flip ? h - 1 - y : y) * stride + x * packed[f].step + packed[f].at[c]] =
                  rgb[(y * w + x) * 3 + c];
        image = (ClipmoeImage){.struct_size = sizeof (ClipmoeImage),
                               .format = packed[f].format,
                               .width = w,
                               .height = h,
                               .planes = {flip ? data + stride * (h - 1) : data},
                               .strides = {flip ? -(gint)stride : (gint)stride},
                               .sizes = {stride * h}};
        float *got = run_at (&image, side, 0, 0);
        g_assert_cmpmem (got, side * side * 12, want, side * side * 12);
        g_free (got);
        image.crop_x = part_x;
        image.crop_y = part_y;
        image.crop_width = part_w;
        image.crop_height = part_h;
        got = run_at (&image, side, 0, 0);
        g_assert_cmpmem (got, side * side * 12, want_part, side * side * 12);
        g_free (got);
        g_free (data);
      }
  g_free (want);
  g_free (want_part);
  g_free (part);
  g_free (rgb);
}

static void
test_gray (void) {
  guint8 gray[35], rgb[105];
  for (guint i = 0; i < 35; i++)
    gray[i] = rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = pattern (i % 7, i / 7, 1);
  ClipmoeImage a = rgb_image (rgb, 7, 5), b = {.struct_size = sizeof b,
                                               .format = CLIPMOE_FORMAT_GRAY8,
                                               .width = 7,
                                               .height = 5,
                                               .planes = {gray},
                                               .strides = {7},
                                               .sizes = {35}};
  float *want = run_at (&a, 12, 0, 0), *got = run_at (&b, 12, 0, 0);
  g_assert_cmpmem (got, 144 * 12, want, 144 * 12);
  g_free (want);
  g_free (got);
}

/* Turned (x, y) of a w x h picture, one orientation after another as GStreamer describes them. */
static void
source_of (ClipmoeOrientation o, guint w, guint h, guint x, guint y, guint *sx, guint *sy) {
  switch (o) {
  case CLIPMOE_ORIENTATION_90R:
    *sx = y, *sy = h - 1 - x;
    break;
  case CLIPMOE_ORIENTATION_180:
    *sx = w - 1 - x, *sy = h - 1 - y;
    break;
  case CLIPMOE_ORIENTATION_90L:
    *sx = w - 1 - y, *sy = x;
    break;
  case CLIPMOE_ORIENTATION_HORIZ:
    *sx = w - 1 - x, *sy = y;
    break;
  case CLIPMOE_ORIENTATION_VERT:
    *sx = x, *sy = h - 1 - y;
    break;
  case CLIPMOE_ORIENTATION_UL_LR:
    *sx = y, *sy = x;
    break;
  case CLIPMOE_ORIENTATION_UR_LL:
    *sx = w - 1 - y, *sy = h - 1 - x;
    break;
  default:
    *sx = x, *sy = y;
    break;
  }
}

/* Turning, then preprocessing, gives the same up to the rounding between the two passes. Sizes whose crop and
 * bars are odd, so that a window counted from the wrong end would be a pixel off. */
static void
test_orientations (void) {
  static const guint sizes[][2] = {{47, 24}, {24, 47}, {24, 24}, {90, 71}, {13, 40},
                                   {25, 24}, {27, 24}, {71, 90}, {24, 25}};
  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (int o = 0; o < 8; o++)
      for (int g = CLIPMOE_GEOMETRY_CROP; g <= CLIPMOE_GEOMETRY_PAD; g++) {
        guint w = sizes[s][0], h = sizes[s][1], side = 24, tw = o == 1 || o == 3 || o > 5 ? h : w,
              th = w + h - tw;
        guint8 *rgb = pattern_rgb (w, h), *turned = g_new (guint8, w * h * 3);
        for (guint i = 0; i < w * h * 3; i++) /* away from 0 and 255, where the first pass would cut */
          rgb[i] = 64 + rgb[i] / 2;
        for (guint y = 0; y < th; y++)
          for (guint x = 0; x < tw; x++) {
            guint sx, sy;
            source_of (o, w, h, x, y, &sx, &sy);
            memcpy (turned + (y * tw + x) * 3, rgb + (sy * w + sx) * 3, 3);
          }
        ClipmoeImage a = rgb_image (turned, tw, th), b = rgb_image (rgb, w, h);
        float *want = run_at (&a, side, g, 0), *got = run_at (&b, side, g, o);
        for (guint i = 0; i < side * side * 3; i++)
          if (fabs (byte_of (want[i], i / (side * side)) - byte_of (got[i], i / (side * side))) > 2.01)
            g_error ("%u x %u, orientation %d, geometry %d: %u,%u is %.1f, expected %.1f", w, h, o, g,
                     i % side, i / side % side, byte_of (got[i], i / (side * side)),
                     byte_of (want[i], i / (side * side)));
        g_free (want);
        g_free (got);
        g_free (rgb);
        g_free (turned);
      }
}

/* Bars are the mean colour, and what lies between them is the whole frame at its proportions. */
static void
test_letterbox (void) {
  guint8 *rgb = pattern_rgb (80, 30);
  ClipmoeImage image = rgb_image (rgb, 80, 30);
  float *got = run_at (&image, 32, CLIPMOE_GEOMETRY_LETTERBOX, 0); /* 32 x 12 behind 10 rows */
  guint bars = 0;
  for (guint i = 0; i < 32 * 32; i++) {
    gboolean bar = i / 32 < 10 || i / 32 >= 22;
    bars += bar;
    g_assert_true (!bar || (got[i] == 0 && got[1024 + i] == 0 && got[2048 + i] == 0));
    g_assert_true (bar || (got[i] != 0 && got[1024 + i] != 0 && got[2048 + i] != 0));
  }
  g_assert_cmpuint (bars, ==, 20 * 32);
  g_free (got);
  g_free (rgb);
}

/* A picture stored at half its width with pixels twice as wide is cropped as the picture it stands for; 2 %
 * off counts as square. */
static void
test_pixel_aspect (void) {
  guint8 wide[96 * 40 * 3], narrow[48 * 40 * 3];
  for (guint y = 0; y < 40; y++)
    for (guint x = 0; x < 96; x++)
      for (guint c = 0; c < 3; c++) {
        double v = 127 + 60 * sin (x / 20. + c) + 60 * cos (y / 15. + 2 * c);
        wide[(y * 96 + x) * 3 + c] = (guint8)v;
        v = 127 + 60 * sin ((x * 2 + 0.5) / 20. + c) + 60 * cos (y / 15. + 2 * c);
        if (x < 48)
          narrow[(y * 48 + x) * 3 + c] = (guint8)v;
      }
  ClipmoeImage a = rgb_image (wide, 96, 40), b = rgb_image (narrow, 48, 40);
  b.par_n = 2;
  b.par_d = 1;
  float *want = run_at (&a, 32, 0, 0), *got = run_at (&b, 32, 0, 0);
  double worst = 0;
  for (guint i = 0; i < 3072; i++)
    worst = MAX (worst, fabs (byte_of (want[i], i / 1024) - byte_of (got[i], i / 1024)));
  g_assert_cmpfloat (worst, <, 2.5);
  g_free (want);
  want = run_at (&a, 32, 0, 0);
  a.par_n = 101;
  a.par_d = 100;
  g_free (got);
  got = run_at (&a, 32, 0, 0);
  g_assert_cmpmem (got, 3072 * 4, want, 3072 * 4);
  a.par_n = 12;
  a.par_d = 11;
  g_free (got);
  got = run_at (&a, 32, 0, 0);
  g_assert_cmpint (memcmp (got, want, 3072 * 4), !=, 0);
  g_free (want);
  g_free (got);
}

/* One preprocessor for sizes and formats in turn gives what a fresh one gives; a repeated frame takes no
 * memory. */
static void
test_reuse (void) {
  static const guint sizes[][2] = {{40, 30}, {31, 77}, {40, 30}, {300, 20}};
  ClipmoePreprocessor *p = clipmoe_preprocessor_new (16, test_mean, test_std);
  float got[768];
  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++) {
    guint8 *rgb = pattern_rgb (sizes[s][0], sizes[s][1]);
    ClipmoeImage image = rgb_image (rgb, sizes[s][0], sizes[s][1]);
    float *want = run_at (&image, 16, 0, 0);
    g_assert_true (clipmoe_preprocessor_run (p, &image, 0, 0, got, NULL));
    g_assert_cmpmem (got, sizeof got, want, sizeof got);
    allocations = 0;
    memset (got, 0, sizeof got);
    gboolean ok = clipmoe_preprocessor_run (p, &image, 0, 0, got, NULL);
    g_assert_cmpuint (allocations, ==, 0);
    g_assert_true (ok);
    g_assert_cmpmem (got, sizeof got, want, sizeof got);
    g_assert_true (clipmoe_preprocessor_run (p, &image, CLIPMOE_GEOMETRY_SQUASH, 0, got, NULL));
    g_assert_cmpuint (allocations, >, 0); /* the counter counts */
    g_free (want);
    g_free (rgb);
  }
  clipmoe_preprocessor_free (p);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rgb/pillow", test_pillow);
  g_test_add_func ("/rgb/orders", test_orders);
  g_test_add_func ("/rgb/gray", test_gray);
  g_test_add_func ("/rgb/orientations", test_orientations);
  g_test_add_func ("/rgb/letterbox", test_letterbox);
  g_test_add_func ("/rgb/pixel-aspect", test_pixel_aspect);
  g_test_add_func ("/rgb/reuse", test_reuse);
  return g_test_run ();
}
