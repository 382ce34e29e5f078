#include "augment.h"

#include <math.h>
#include <base/random.h>

/* A crop of random size, aspect ratio and position. */
static void
crop (ClipmoeImage *image, double least_area, ClipmoeRandom *r) {
  double area = least_area + (1 - least_area) * clipmoe_random_uniform (r),
         ratio = exp ((2 * clipmoe_random_uniform (r) - 1) * log (4.0 / 3));
  double side = sqrt (area * image->width * image->height), root = sqrt (ratio);
  guint w = (guint)CLAMP (round (side * root), 1, image->width),
        h = (guint)CLAMP (round (side / root), 1, image->height);
  image->crop_x = clipmoe_random_below (r, image->width - w + 1);
  image->crop_y = clipmoe_random_below (r, image->height - h + 1);
  image->crop_width = w;
  image->crop_height = h;
}

/* On values 0 to 1: saturation towards each pixel's grey, contrast about the mean, brightness. */
static void
recolour (float *pixels, guint side, const ClipmoeModelInfo *info, double jitter, ClipmoeRandom *r) {
  gsize n = (gsize)side * side;
  float by[3], mean = 0;
  for (guint i = 0; i < 3; i++)
    by[i] = (float)(1 + jitter * (2 * clipmoe_random_uniform (r) - 1));
  for (guint c = 0; c < 3; c++)
    for (gsize i = 0; i < n; i++)
      pixels[c * n + i] = pixels[c * n + i] * info->std[c] + info->mean[c];
  for (gsize i = 0; i < n; i++) {
    float grey = 0.299f * pixels[i] + 0.587f * pixels[n + i] + 0.114f * pixels[2 * n + i];
    for (guint c = 0; c < 3; c++)
      pixels[c * n + i] = grey + (pixels[c * n + i] - grey) * by[0];
    mean += grey;
  }
  mean /= (float)n;
  for (guint c = 0; c < 3; c++)
    for (gsize i = 0; i < n; i++) {
      float v = ((pixels[c * n + i] - mean) * by[1] + mean) * by[2];
      v = CLAMP (v, 0.0f, 1.0f);
      pixels[c * n + i] = (v - info->mean[c]) / info->std[c];
    }
}

gboolean
dmu_augment (const DmuSample *sample, const DmuAugment *how, guint64 seed, const ClipmoeModelInfo *info,
             ClipmoePreprocessor *preprocessor, float *out, GError **error) {
  guint8 *rgb;
  ClipmoeImage image = {.struct_size = sizeof image, .format = CLIPMOE_FORMAT_RGB};
  if (!dmu_sample_decode (sample, &rgb, &image.width, &image.height, error))
    return FALSE;
  ClipmoeRandom r = clipmoe_random_for (seed, 'A', 0);
  image.planes[0] = rgb;
  image.strides[0] = (gint)image.width * 3;
  gboolean cropped = how->least_area < 1, mirrored = how->mirror && clipmoe_random_uniform (&r) < 0.5;
  if (cropped)
    crop (&image, how->least_area, &r);
  gboolean ok = clipmoe_preprocessor_run (
      preprocessor, &image, cropped ? CLIPMOE_GEOMETRY_SQUASH : CLIPMOE_GEOMETRY_CROP,
      mirrored ? CLIPMOE_ORIENTATION_HORIZ : CLIPMOE_ORIENTATION_IDENTITY, out, error);
  if (ok && how->jitter > 0)
    recolour (out, info->image_size, info, how->jitter, &r);
  g_free (rgb);
  return ok;
}
