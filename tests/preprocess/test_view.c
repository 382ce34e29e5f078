/* Checks that an impossible view is refused before a byte of it is read, and that the largest ones need
 * bounded memory. */
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include "pattern.h"

static guint8 bytes[4096];
static float out[3 * 16 * 16];

static ClipmoeImage
good (void) {
  return (ClipmoeImage){.struct_size = sizeof (ClipmoeImage),
                        .format = CLIPMOE_FORMAT_I420,
                        .width = 17,
                        .height = 9,
                        .planes = {bytes, bytes + 1024, bytes + 2048},
                        .strides = {17, 9, 9},
                        .sizes = {17 * 9, 9 * 5, 9 * 5}};
}

static void
refused (ClipmoeImage image, ClipmoeError code, const char *what) {
  ClipmoePreprocessor *p = clipmoe_preprocessor_new (16, test_mean, test_std);
  GError *error = NULL;
  if (clipmoe_preprocessor_run (p, &image, 0, 0, out, &error))
    g_error ("not refused: %s", what);
  if (!g_error_matches (error, CLIPMOE_ERROR, code))
    g_error ("%s: %s", what, error ? error->message : "no error set");
  g_clear_error (&error);
  image = good (); /* a refusal spoils nothing */
  gboolean ok = clipmoe_preprocessor_run (p, &image, 0, 0, out, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  clipmoe_preprocessor_free (p);
}

#define REFUSED(code, change)                                                                                \
  do {                                                                                                       \
    ClipmoeImage i = good ();                                                                                \
    change;                                                                                                  \
    refused (i, CLIPMOE_ERROR_##code, #change);                                                              \
  } while (0)

static void
test_refused (void) {
  REFUSED (ARGUMENT, i.struct_size = 0);
  REFUSED (LIMIT, i.width = 0);
  REFUSED (LIMIT, i.height = 0);
  REFUSED (LIMIT, i.width = 32769);
  REFUSED (LIMIT, i.height = G_MAXUINT);
  REFUSED (LIMIT, (i.width = 10001, i.height = 10000));
  REFUSED (ARGUMENT, i.format = CLIPMOE_N_FORMATS);
  REFUSED (ARGUMENT, i.format = (ClipmoeFormat)-1);
  REFUSED (ARGUMENT, i.format = (ClipmoeFormat)1000000);
  REFUSED (ARGUMENT, i.matrix = (ClipmoeMatrix)4);
  REFUSED (ARGUMENT, i.matrix = (ClipmoeMatrix)-1);
  REFUSED (ARGUMENT, i.range = (ClipmoeRange)3);
  REFUSED (ARGUMENT, i.range = (ClipmoeRange)-7);
  for (guint k = 0; k < 3; k++) {
    REFUSED (ARGUMENT, i.planes[k] = NULL);
    REFUSED (ARGUMENT, i.strides[k] = 0);
    REFUSED (ARGUMENT, i.strides[k]--);
    REFUSED (ARGUMENT, i.strides[k] = -(i.strides[k] - 1));
    REFUSED (ARGUMENT, i.sizes[k]--);
    REFUSED (ARGUMENT, i.sizes[k] = 1);
    REFUSED (ARGUMENT, i.strides[k] = INT_MAX);
  }
  REFUSED (ARGUMENT, (i.crop_width = 18, i.crop_height = 9));
  REFUSED (ARGUMENT, (i.crop_width = 1, i.crop_height = 10));
  REFUSED (ARGUMENT, (i.crop_width = 1, i.crop_height = 0));
  REFUSED (ARGUMENT, (i.crop_x = 17, i.crop_width = 1, i.crop_height = 1));
  REFUSED (ARGUMENT, (i.crop_y = G_MAXUINT, i.crop_width = 1, i.crop_height = 2));
  REFUSED (ARGUMENT, (i.crop_x = 2, i.crop_width = G_MAXUINT, i.crop_height = 1));
  REFUSED (ARGUMENT, (i.crop_x = G_MAXUINT, i.crop_width = 2, i.crop_height = 1));
}

static void
test_arguments (void) {
  ClipmoePreprocessor *p = clipmoe_preprocessor_new (16, test_mean, test_std);
  ClipmoeImage image = good ();
  static const int bad[][2] = {
      {CLIPMOE_GEOMETRY_AUTO, 0}, {CLIPMOE_GEOMETRY_AUTO + 1, 0}, {-1, 0}, {0, 8}, {0, -1}};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    GError *error = NULL;
    g_assert_false (clipmoe_preprocessor_run (p, &image, bad[i][0], bad[i][1], out, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    g_clear_error (&error);
  }
  clipmoe_preprocessor_free (p);
  clipmoe_preprocessor_free (NULL);
  p = clipmoe_preprocessor_new (0, test_mean, test_std); /* a model without pixels */
  GError *error = NULL;
  g_assert_false (clipmoe_preprocessor_run (p, &image, 0, 0, out, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  clipmoe_preprocessor_free (p);
}

/* Any pixel aspect ratio gives a picture, not a crash. */
static void
test_aspects (void) {
  static const guint ratios[][2] = {{1, 0},  {0, 1},  {G_MAXUINT, 1}, {1, G_MAXUINT},
                                    {99, 1}, {1, 99}, {64, 45}};
  for (guint i = 0; i < G_N_ELEMENTS (ratios); i++)
    for (int g = 0; g < 3; g++) {
      ClipmoeImage image = good ();
      image.par_n = ratios[i][0];
      image.par_d = ratios[i][1];
      g_free (run_at (&image, 16, g, CLIPMOE_ORIENTATION_90R));
    }
}

static void
test_large (void) {
  static const guint sizes[][2] = {{8192, 4320}, {1, 32768},    {32768, 1},
                                   {32768, 3},   {3051, 32768}, {32768, 3051}};
  const gsize most = (gsize)100 * 1000 * 1000;
  guint8 *data = g_malloc0 (most * 3 / 2 + 65536 * 2);
  struct rusage before, after;
  memset (data, 77, most * 3 / 2 + 65536 * 2);
  getrusage (RUSAGE_SELF, &before);
  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (int g = 0; g < 3; g++) {
      guint w = sizes[s][0], h = sizes[s][1], cw = (w + 1) / 2;
      ClipmoeImage image = {.struct_size = sizeof image,
                            .format = CLIPMOE_FORMAT_NV12,
                            .width = w,
                            .height = h,
                            .planes = {data, data + (gsize)w * h},
                            .strides = {(gint)w, (gint)cw * 2},
                            .sizes = {(gsize)w * h, (gsize)cw * 2 * ((h + 1) / 2)}};
      float *a = run_at (&image, 64, g, 0);
      for (guint i = 1; g != CLIPMOE_GEOMETRY_LETTERBOX && i < 64 * 64; i++)
        g_assert_cmpfloat (ABS (a[i] - a[0]), <, 1e-4); /* one colour stays one colour */
      g_free (a);
    }
  getrusage (RUSAGE_SELF, &after);
  if (!g_getenv ("ASAN_OPTIONS")) /* KiB; a sanitizer keeps what was freed */
    g_assert_cmpint (after.ru_maxrss - before.ru_maxrss, <, 64 * 1024);
  g_free (data);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = (guint8)(i * 31);
  g_test_add_func ("/view/refused", test_refused);
  g_test_add_func ("/view/arguments", test_arguments);
  g_test_add_func ("/view/aspects", test_aspects);
  g_test_add_func ("/view/large", test_large);
  return g_test_run ();
}
