/* Checks that a packed file with a right checksum and wrong numbers cannot crash the host: any bytes as
 * weights give a vector or an error, and touch no other memory. */
#include <stdlib.h>
#include "golden.h"
#include "encoder/encoder-private.h"

static guint64 state = 1;

static guint32
random_bits (void) {
  state = state * G_GUINT64_CONSTANT (6364136223846793005) + 1442695040888963407u;
  return (guint32)(state >> 32);
}

static void
scribble (guint32 *to, gsize bytes, guint kind) {
  static const guint32 some[] = {0x7fc00000, 0x7f800000, 0xff800000, 0x7fffffff, 0x80000000, 0x7f7fffff, 0};
  for (gsize i = 0; i < bytes / 4; i++)
    to[i] = kind == 0 ? random_bits () : kind == 1 ? some[random_bits () % G_N_ELEMENTS (some)] : 0xffffffff;
}

static void
try (ClipmoeEncoder *encoder, const float *pixels, const guint32 *ids, guint length) {
  guint embed = clipmoe_model_get_info (encoder->model)->embed;
  float *out = g_new (float, embed);
  for (guint text = 0; text < 2; text++) {
    GError *error = NULL;
    gboolean ok = text ? clipmoe_encoder_encode_tokens (encoder, ids, &length, 1, out, &error)
                       : clipmoe_encoder_encode_pixels (encoder, pixels, 1, out, &error);
    g_assert_true (ok == !error);
    for (guint i = 0; ok && i < embed; i++)
      g_assert_true (isfinite (out[i]));
    g_clear_error (&error);
  }
  g_free (out);
}

static void
test_model (const char *name, const char *tier) {
  ClipmoeTensors *inputs = golden_read ("inputs");
  ClipmoeModel *model = golden_model (name);
  guint n, lengths[16];
  float *pixels = golden_floats (inputs, "pixels");
  guint32 *ids = golden_tokens (inputs, clipmoe_model_get_info (model)->context, lengths, &n);
  for (ClipmoePrecision p = CLIPMOE_PRECISION_F32; p <= CLIPMOE_PRECISION_INT8; p++)
    for (guint kind = 0; kind < 3; kind++) {
      ClipmoeEncoderOptions how = {.struct_size = sizeof how, .precision = p, .threads = 2};
      GError *error = NULL;
      g_setenv ("CLIPMOE_CPU", tier, TRUE);
      ClipmoeEncoder *one = clipmoe_encoder_new (model, &how, &error);
      if (g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED)) {
        g_clear_error (&error);
        continue;
      }
      g_assert_no_error (error);
      clipmoe_encoder_keep_nothing (one);
      guint32 *image = clipmoe_packed_weights_get_image (one->recipe.packed),
              *text = clipmoe_packed_weights_get_text (one->recipe.packed);
      gsize image_bytes = (gsize)((char *)text - (char *)image), text_bytes = 0;
      while (!clipmoe_packed_weights_fits (one->recipe.packed, image_bytes, text_bytes))
        text_bytes += 64;
      scribble (image, image_bytes, kind);
      scribble (text, text_bytes, kind);
      clipmoe_packed_weights_write (one->recipe.packed);
      clipmoe_cache_wait ();
      ClipmoeEncoder *two = clipmoe_encoder_new (model, &how, &error);
      g_unsetenv ("CLIPMOE_CPU");
      g_assert_no_error (error);
      g_assert_true (clipmoe_encoder_check_packed (two, NULL)); /* the checksum is right */
      g_assert_cmpmem (clipmoe_packed_weights_get_image (two->recipe.packed), image_bytes, image,
                       image_bytes);
      try (two, pixels, ids, lengths[0]);
      clipmoe_encoder_free (one);
      clipmoe_encoder_free (two);
    }
  g_free (pixels);
  g_free (ids);
  clipmoe_model_unref (model);
  clipmoe_tensors_free (inputs);
}

static void
test_dense (void) {
  for (const char *const *tier = golden_tiers (); *tier; tier++)
    test_model ("dense77", *tier);
}

static void
test_mixture (void) {
  for (const char *const *tier = golden_tiers (); *tier; tier++)
    test_model ("moe-e4k2", *tier);
}

int
main (int argc, char **argv) {
  if (golden_missing ())
    return 77;
  char *home = g_dir_make_tmp ("clipmoe-garbage-XXXXXX", NULL);
  g_setenv ("XDG_CACHE_HOME", home, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/garbage/dense", test_dense);
  g_test_add_func ("/garbage/mixture", test_mixture);
  int r = g_test_run ();
  char *command = g_strdup_printf ("rm -rf '%s'", home);
  if (system (command) != 0)
    r = 1;
  g_free (command);
  g_free (home);
  return r;
}
