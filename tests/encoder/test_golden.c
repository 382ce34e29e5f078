/* Protects parity with the reference formulas: preprocessing bit for bit, unit vectors of both towers within
 * 2e-5, for dense and mixture models, on every tier, and the same bytes for any thread count. */
#include <math.h>
#include <string.h>
#include "clipmoe/clipmoe.h"
#include "weights/tensors.h"

static const char *const cases[] = {"dense77", "long248", "moe-e4k2", "moe-last2-e3k1", "moe-e3k3"};
static const guint moe_layers[] = {0, 0, 2, 2, 1};

static char *
path_of (const char *name, const char *kind) {
  char *file = g_strdup_printf ("%s.%s.safetensors", name, kind);
  char *path = g_build_filename (g_getenv ("CLIPMOE_TEST_SOURCES"), "golden", file, NULL);
  g_free (file);
  return path;
}

static float *
floats (ClipmoeTensors *t, const char *name) {
  const ClipmoeTensor *x = clipmoe_tensors_lookup (t, name);
  g_assert_nonnull (x);
  float *out = g_new (float, x->n_elements);
  g_assert_true (clipmoe_tensor_to_f32 (x, out));
  return out;
}

static void
compare (const char *what, const float *got, const float *expected, guint rows, guint columns) {
  for (guint r = 0; r < rows; r++) {
    double worst = 0, dot = 0, a = 0, b = 0;
    for (guint c = 0; c < columns; c++) {
      double g = got[r * columns + c], e = expected[r * columns + c];
      worst = MAX (worst, fabs (g - e));
      dot += g * e;
      a += g * g;
      b += e * e;
    }
    if (!(worst <= 2e-5) || !(dot / sqrt (a * b) >= 0.99999))
      g_error ("%s, row %u: largest difference %g, cosine %.7f", what, r, worst, dot / sqrt (a * b));
  }
}

static void
test_case (gconstpointer data) {
  guint which = GPOINTER_TO_UINT (data);
  const char *name = cases[which];
  char *weights = path_of (name, "weights"), *golden = path_of (name, "golden");
  GError *error = NULL;
  ClipmoeModelOptions options = {.no_vocab = TRUE};
  ClipmoeModel *model = clipmoe_model_open (weights, &options, &error);
  g_assert_no_error (error);
  ClipmoeTensors *t = clipmoe_tensors_read (golden, &error);
  g_assert_no_error (error);
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  g_assert_cmpuint (info->image.moe_layers, ==, moe_layers[which]);
  float *pixels = floats (t, "pixels"), *image = floats (t, "image.unit"), *text = floats (t, "text.unit");
  const ClipmoeTensor *tokens = clipmoe_tensors_lookup (t, "tokens");
  guint n = (guint)clipmoe_tensors_lookup (t, "pixels")->shape[0], m = (guint)tokens->shape[0];
  guint32 *ids = g_memdup2 (tokens->data, tokens->n_bytes);
  guint lengths[16];
  for (guint i = 0; i < m; i++)
    lengths[i] = (guint)tokens->shape[1];

  static const char *const tiers[] = {"generic", NULL};
  for (guint tier = 0; tier < 2; tier++) {
    float *first_image = NULL, *first_text = NULL;
    for (guint threads = 1; threads <= 3; threads++) {
      if (tiers[tier])
        g_setenv ("CLIPMOE_CPU", tiers[tier], TRUE);
      else
        g_unsetenv ("CLIPMOE_CPU");
      ClipmoeEncoderOptions how = {.threads = threads};
      ClipmoeEncoder *encoder = clipmoe_encoder_new (model, &how, &error);
      g_assert_no_error (error);
      float *got_image = g_new (float, n * info->embed), *got_text = g_new (float, m * info->embed);
      g_assert_true (clipmoe_encoder_encode_pixels (encoder, pixels, n, got_image, &error));
      g_assert_true (clipmoe_encoder_encode_tokens (encoder, ids, lengths, m, got_text, &error));
      compare ("image", got_image, image, n, info->embed);
      compare ("text", got_text, text, m, info->embed);
      if (first_image) {
        g_assert_cmpmem (first_image, n * info->embed * 4, got_image, n * info->embed * 4);
        g_assert_cmpmem (first_text, m * info->embed * 4, got_text, m * info->embed * 4);
        g_free (got_image);
        g_free (got_text);
      } else {
        first_image = got_image;
        first_text = got_text;
      }
      clipmoe_encoder_free (encoder);
    }
    g_free (first_image);
    g_free (first_text);
  }

  /* RGB pictures to pixels, bit for bit */
  ClipmoePreprocessor *p = clipmoe_preprocessor_new (info->image_size, info->mean, info->std);
  gsize size = 3 * (gsize)info->image_size * info->image_size;
  float *out = g_new (float, size);
  for (guint i = 0; i < n; i++) {
    char *key = g_strdup_printf ("image%u.rgb", i);
    const ClipmoeTensor *rgb = clipmoe_tensors_lookup (t, key);
    ClipmoeImage view = {.format = CLIPMOE_FORMAT_RGB,
                         .width = (guint)rgb->shape[1],
                         .height = (guint)rgb->shape[0],
                         .planes = {rgb->data},
                         .strides = {(gint)rgb->shape[1] * 3},
                         .sizes = {rgb->n_bytes}};
    g_assert_true (clipmoe_preprocessor_run (p, &view, CLIPMOE_GEOMETRY_CROP, CLIPMOE_ORIENTATION_IDENTITY,
                                             out, &error));
    g_assert_cmpmem (out, size * 4, pixels + i * size, size * 4);
    view.sizes[0]--; /* a plane that is too small is refused */
    g_assert_false (clipmoe_preprocessor_run (p, &view, CLIPMOE_GEOMETRY_CROP, CLIPMOE_ORIENTATION_IDENTITY,
                                              out, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    g_clear_error (&error);
    g_free (key);
  }
  g_free (out);
  clipmoe_preprocessor_free (p);
  g_free (pixels);
  g_free (image);
  g_free (text);
  g_free (ids);
  clipmoe_tensors_free (t);
  clipmoe_model_unref (model);
  g_free (weights);
  g_free (golden);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char *name = g_strconcat ("/golden/", cases[i], NULL);
    g_test_add_data_func (name, GUINT_TO_POINTER (i), test_case);
    g_free (name);
  }
  return g_test_run ();
}
