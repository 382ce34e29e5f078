/* What the tests of preprocessing share: integer pictures, and a preprocessor with CLIP's statistics. */
#ifndef PATTERN_H
#define PATTERN_H

#include <clipmoe/image.h>

static const float test_mean[3] = {0.48145466f, 0.4578275f, 0.40821073f},
                   test_std[3] = {0.26862954f, 0.26130258f, 0.27577711f};

/* Keep equal to pattern () in make_fixtures.py. */
static inline guint8
pattern (gint64 x, gint64 y, guint c) {
  return (guint8)((x * x * 3 + y * 7 + c * 41 + x * y / 4) ^ (x * 5 + y * 11));
}

static inline guint8 *
pattern_rgb (guint width, guint height) {
  guint8 *rgb = g_new (guint8, (gsize)width * height * 3), *p = rgb;
  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      for (guint c = 0; c < 3; c++)
        *p++ = pattern (x, y, c);
  return rgb;
}

static inline ClipmoeImage
rgb_image (const guint8 *rgb, guint width, guint height) {
  return (ClipmoeImage){.struct_size = sizeof (ClipmoeImage),
                        .format = CLIPMOE_FORMAT_RGB,
                        .width = width,
                        .height = height,
                        .planes = {rgb},
                        .strides = {(gint)width * 3},
                        .sizes = {(gsize)width * height * 3}};
}

/* A run that must succeed; the square is the caller's. */
static inline float *
run_at (const ClipmoeImage *image, guint side, ClipmoeGeometry geometry, ClipmoeOrientation orientation) {
  ClipmoePreprocessor *p = clipmoe_preprocessor_new (side, test_mean, test_std);
  float *out = g_new (float, (gsize)side *side * 3);
  GError *error = NULL;
  gboolean ok = clipmoe_preprocessor_run (p, image, geometry, orientation, out, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  clipmoe_preprocessor_free (p);
  return out;
}

/* A normalised value back in 0..255. */
static inline double
byte_of (float value, guint channel) {
  return ((double)value * test_std[channel] + test_mean[channel]) * 255;
}

#endif
