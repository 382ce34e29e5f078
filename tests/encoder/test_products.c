/* Checks the figure for products alone: the operations that are counted are those of the tower (with the
 * last block's shortcut), and running them leaves the encoder unchanged. */
#include <clipmoe/encoder.h>
#include <bench/products.h>
#include <bench/seeded.h>
#include <stdio.h>
#include <string.h>

#define SIDE 32
#define BATCH 3

static ClipmoeSeededShape shape = {
    .name = "tiny",
    .image_size = SIDE,
    .patch_size = 8,
    .embed = 48,
    .context = 20,
    .vocab_size = 600,
    .top_k = 2,
    .image = {.width = 128, .layers = 4, .heads = 2, .ffn_width = 256, .experts = 4, .moe_layers = 3},
    .text = {.width = 64, .layers = 3, .heads = 1, .ffn_width = 192},
};

/* Of @n pictures: 16 patches, of 192 numbers each, and the class token. */
static double
expected (guint n) {
  double t = 17 * n, d = 128, f = 256, k = shape.top_k;
  double first = 16 * n * 192 * d, attention = t * d * 3 * d + t * d * d, ffn = 2 * t * d * f,
         last = t * d * 2 * d + n * d * d + n * d * d + k * 2 * n * d * f;
  return 2e-9 * (first + 3 * attention + ffn + 2 * k * ffn + last + n * d * 48);
}

static void
check (ClipmoeModel *model, ClipmoePrecision precision, guint batch, guint *passed, guint *skipped) {
  ClipmoeEncoderOptions options = {
      .struct_size = sizeof options, .precision = precision, .threads = 2, .batch = batch};
  GError *error = NULL;
  ClipmoeEncoder *encoder = clipmoe_encoder_new (model, &options, &error);
  if (g_error_matches (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED)) {
    g_error_free (error);
    ++*skipped;
    return;
  }
  g_assert_no_error (error);
  float *pixels = g_new (float, BATCH * 3 * SIDE * SIDE), before[BATCH * 48], after[BATCH * 48];
  for (guint i = 0; i < BATCH * 3 * SIDE * SIDE; i++)
    pixels[i] = (float)(i * 7 % 101) / 50 - 1;
  g_assert_true (clipmoe_encoder_encode_pixels (encoder, pixels, BATCH, before, &error));
  ClipmoeProducts *products = clipmoe_products_new (encoder, batch, &error);
  g_assert_no_error (error);
  double counted = clipmoe_products_get_gflop (products), best = clipmoe_products_measure_best (products);
  g_assert_cmpfloat_with_epsilon (counted, expected (batch), 1e-9 * counted);
  for (guint i = 0; i < 3; i++)
    clipmoe_products_run (products);
  /* limits are known of all tiers but the plain one; a core does between 1 and 100000 Gop/s */
  if (!g_str_equal (clipmoe_encoder_get_tier (encoder), "generic")) {
    g_assert_cmpfloat (best, >, counted * 1e3 / 1e5 / 2);
    g_assert_cmpfloat (best, <, counted * 1e3);
  }
  clipmoe_products_free (products);
  g_assert_true (clipmoe_encoder_encode_pixels (encoder, pixels, BATCH, after, &error));
  g_assert_cmpmem (before, sizeof before, after, sizeof after);
  clipmoe_encoder_free (encoder);
  g_free (pixels);
  ++*passed;
}

int
main (void) {
  GError *error = NULL;
  guint passed = 0, skipped = 0;
  ClipmoeModel *model = clipmoe_seeded_model_new (&shape, 7, &error);
  g_assert_no_error (error);
  for (ClipmoePrecision p = CLIPMOE_PRECISION_F32; p <= CLIPMOE_PRECISION_INT8; p++)
    for (guint batch = 1; batch <= BATCH; batch += BATCH - 1)
      check (model, p, batch, &passed, &skipped);
  clipmoe_model_unref (model);
  printf ("%u passed, 0 failed, %u skipped\n", passed, skipped);
  return 0;
}
