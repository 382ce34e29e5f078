/* Checks routers that overflow: gate weights that are finite, so that the loader takes them, but whose
 * products are not. Every such picture or text is refused, on every tier, without a write beyond scratch
 * memory. Also the order of equal gates (the lowest index wins), and weights too large for 16-bit floats. */
#include <glib/gstdio.h>
#include "golden.h"
#include "encoder/testing.h"
#include "checkpoint/safetensors.h"
#include <bench/seeded.h>

/* A copy of the mixture among the golden models in which of every weight named like @suffix the first @most
 * numbers are
 * @value. */
static char *
spoiled_model (const char *suffix, guint64 most, float value) {
  char *path = golden_weights ("moe-e4k2");
  char *out = g_build_filename (g_get_tmp_dir (), "clipmoe-overflow-XXXXXX", NULL);
  GError *error = NULL;
  ClipmoeTensors *t = clipmoe_tensors_read (path, &error);
  g_assert_no_error (error);
  guint n = clipmoe_tensors_get_n (t), gates = 0;
  ClipmoeTensor *copy = g_new (ClipmoeTensor, n);
  GPtrArray *blocks = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < n; i++) {
    copy[i] = *clipmoe_tensors_get (t, i);
    if (!g_str_has_suffix (copy[i].name, suffix))
      continue;
    float *v = g_new (float, copy[i].n_elements);
    g_assert_true (clipmoe_tensor_to_f32 (&copy[i], v));
    for (guint64 j = 0; j < MIN (most, copy[i].n_elements); j++)
      v[j] = value;
    g_ptr_array_add (blocks, v);
    copy[i].data = (const guint8 *)v;
    copy[i].n_bytes = copy[i].n_elements * sizeof (float);
    copy[i].dtype = CLIPMOE_DTYPE_F32;
    copy[i].dtype_name = "F32";
    gates++;
  }
  g_assert_cmpuint (gates, >, 0);
  g_assert_cmpint (g_mkdir_with_parents (g_get_tmp_dir (), 0700), ==, 0);
  g_assert_cmpint (g_close (g_mkstemp (out), NULL), ==, TRUE);
  g_assert_true (clipmoe_safetensors_write (out, copy, n, NULL, &error));
  g_assert_no_error (error);
  g_ptr_array_unref (blocks);
  g_free (copy);
  clipmoe_tensors_free (t);
  g_free (path);
  return out;
}

/* Of equal gates the first two win, in every row. */
static void
check_tie (gpointer data, const char *stage, int block, const float *values, guint rows, guint columns,
           gsize stride) {
  if (strcmp (stage, "gates") != 0)
    return;
  for (guint r = 0; r < rows; r++)
    for (guint e = 0; e < columns; e++)
      g_assert_cmpfloat (values[r * stride + e], ==, e < 2 ? 0.5f : 0);
  ++*(guint *)data;
}

/* @value 3e38 overflows in the product; 0 is the control: all gates equal, which is an ordinary tie. */
static void
run (const char *tier, float value, gboolean refused) {
  GError *error = NULL;
  char *path = spoiled_model (".gate.weight", G_MAXUINT64, value);
  ClipmoeModelOptions options = {.struct_size = sizeof options, .no_vocab = TRUE};
  ClipmoeModel *model = clipmoe_model_open (path, &options, &error);
  g_assert_no_error (error);
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  g_setenv ("CLIPMOE_CPU", tier, TRUE);
  ClipmoeEncoder *encoder = clipmoe_encoder_new (model, NULL, &error);
  g_unsetenv ("CLIPMOE_CPU");
  g_assert_no_error (error);
  guint ties = 0;
  if (!refused)
    clipmoe_encoder_set_trace (encoder, check_tie, &ties);
  float *out = g_new (float, info->embed);
  guint32 *ids = g_new (guint32, info->context);
  for (guint i = 0; i < info->context; i++) /* as long as a text can be */
    ids[i] = i + 1 < info->context ? (i * 7 + 1) % (info->vocab_size - 1) : info->vocab_size - 1;
  guint lengths[] = {info->context};
  g_assert_cmpint (clipmoe_encoder_encode_tokens (encoder, ids, lengths, 1, out, &error), ==, !refused);
  if (refused)
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
  g_clear_error (&error);
  gsize pixels = (gsize)3 * info->image_size * info->image_size;
  float *picture = g_new (float, pixels);
  for (gsize i = 0; i < pixels; i++)
    picture[i] = (float)(i * 37 % 101) / 50 - 1;
  g_assert_cmpint (clipmoe_encoder_encode_pixels (encoder, picture, 1, out, &error), ==, !refused);
  if (refused)
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_cmpuint (ties, ==, refused ? 0 : 3); /* two blocks of the image tower, one of the other */
  g_free (picture);
  g_free (ids);
  g_free (out);
  clipmoe_encoder_free (encoder);
  clipmoe_model_unref (model);
  g_unlink (path);
  g_free (path);
}

static void
test_generic (void) {
  run ("generic", 3e38f, TRUE);
  run ("generic", -3e38f, TRUE);
  run ("generic", 0, FALSE);
}

static void
test_avx2 (void) {
  if (!__builtin_cpu_supports ("avx2") || !__builtin_cpu_supports ("fma")) {
    g_test_skip ("this processor has no AVX2 or no FMA");
    return;
  }
  run ("avx2", 3e38f, TRUE);
  run ("avx2", -3e38f, TRUE);
  run ("avx2", 0, FALSE);
}

/* Weights beyond 65504, which 16-bit floats do not hold: in half those matrices stay in f32. */
static void
test_range (void) {
  if (!__builtin_cpu_supports ("avx2") || !__builtin_cpu_supports ("fma")) {
    g_test_skip ("this processor has no AVX2 or no FMA");
    return;
  }
  GError *error = NULL;
  char *path = spoiled_model (".c_fc.weight", 1, 7e4f);
  ClipmoeModelOptions options = {.struct_size = sizeof options, .no_vocab = TRUE};
  ClipmoeModel *model = clipmoe_model_open (path, &options, &error);
  g_assert_no_error (error);
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  gsize pixels = (gsize)3 * info->image_size * info->image_size;
  float *picture = g_new (float, pixels), *out = g_new (float, 2 * info->embed);
  for (gsize i = 0; i < pixels; i++)
    picture[i] = (float)(i * 37 % 101) / 50 - 1;
  for (guint half = 0; half < 2; half++) {
    ClipmoeEncoderOptions how = {.struct_size = sizeof how,
                                 .precision = half ? CLIPMOE_PRECISION_HALF : CLIPMOE_PRECISION_F32};
    g_setenv ("CLIPMOE_CPU", "avx2", TRUE); /* its half is f16 */
    ClipmoeEncoder *encoder = clipmoe_encoder_new (model, &how, &error);
    g_unsetenv ("CLIPMOE_CPU");
    g_assert_no_error (error);
    clipmoe_encoder_encode_pixels (encoder, picture, 1, out + half * info->embed, &error);
    g_assert_no_error (error);
    clipmoe_encoder_free (encoder);
  }
  double dot = 0;
  for (guint i = 0; i < info->embed; i++)
    dot += (double)out[i] * out[info->embed + i];
  g_assert_cmpfloat (dot, >=, 0.998);
  g_free (picture);
  g_free (out);
  clipmoe_model_unref (model);
  g_unlink (path);
  g_free (path);
}

/* Rows so long that sums of int8 might leave int32: these matrices stay in 16 bits, whatever a probe says. */
static void
test_long_rows (void) {
  const ClipmoeSeededShape shape = {.name = "long",
                                    .image_size = 32,
                                    .patch_size = 16,
                                    .embed = 32,
                                    .context = 8,
                                    .vocab_size = 50,
                                    .image = {64, 1, 1, CM_I8_MOST_IN + 16, 0, 0},
                                    .text = {64, 1, 1, CM_I8_MOST_IN, 0, 0}};
  GError *error = NULL;
  ClipmoeModel *model = clipmoe_seeded_model_new (&shape, 3, &error);
  g_assert_no_error (error);
  ClipmoeEncoderOptions how = {.struct_size = sizeof how, .precision = CLIPMOE_PRECISION_INT8};
  ClipmoeEncoder *encoder = clipmoe_encoder_new (model, &how, &error);
  if (g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED)) {
    g_test_skip (error->message);
    g_clear_error (&error);
  } else {
    g_assert_no_error (error);
    const ClipmoePackedMatrix *longest =
        clipmoe_packed_tower_matrix (&encoder->image, CLIPMOE_MATRIX_C_PROJ, 0, 0);
    const ClipmoePackedMatrix *ordinary =
        clipmoe_packed_tower_matrix (&encoder->image, CLIPMOE_MATRIX_IN_PROJ, 0, 0);
    g_assert_cmpuint (longest->in, ==, CM_I8_MOST_IN + 16);
    g_assert_cmpint (longest->format->weights, !=, CM_I8);
    g_assert_cmpint (ordinary->format->weights, ==, CM_I8);
    float pixels[3 * 32 * 32], out[32];
    for (guint i = 0; i < G_N_ELEMENTS (pixels); i++)
      pixels[i] = (float)(i * 37 % 101) / 50 - 1;
    g_assert_true (clipmoe_encoder_encode_pixels (encoder, pixels, 1, out, &error));
    clipmoe_encoder_free (encoder);
  }
  clipmoe_model_unref (model);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  if (golden_missing ())
    return 77;
  g_test_add_func ("/overflow/generic", test_generic);
  g_test_add_func ("/overflow/avx2", test_avx2);
  g_test_add_func ("/overflow/range", test_range);
  g_test_add_func ("/overflow/long rows", test_long_rows);
  return g_test_run ();
}
