/* Checks models made from a seed: the same bytes every time, every part where a checkpoint has it, numbers
 * of a scale at which towers and routers work as in trained models. */
#include <clipmoe/encoder.h>
#include <math.h>
#include <model/model-private.h>
#include <bench/seeded.h>
#include <string.h>

static const ClipmoeSeededShape tiny = {
    .name = "tiny",
    .image_size = 32,
    .patch_size = 8,
    .embed = 48,
    .context = 20,
    .vocab_size = 600,
    .top_k = 2,
    .image = {.width = 128, .layers = 4, .heads = 2, .ffn_width = 256, .experts = 4, .moe_layers = 3},
    .text = {.width = 64, .layers = 3, .heads = 1, .ffn_width = 192},
};

static ClipmoeModel *
make (const ClipmoeSeededShape *shape, guint64 seed) {
  GError *error = NULL;
  ClipmoeModel *m = clipmoe_seeded_model_new (shape, seed, &error);
  g_assert_no_error (error);
  return m;
}

static void
test_same (void) {
  ClipmoeModel *a = make (&tiny, 7), *b = make (&tiny, 7), *c = make (&tiny, 8);
  const ClipmoeModelInfo *i = clipmoe_model_get_info (a);
  g_assert_cmpstr (i->fingerprint, ==, clipmoe_model_get_info (b)->fingerprint);
  g_assert_cmpstr (i->fingerprint, !=, clipmoe_model_get_info (c)->fingerprint);
  /* written down: another machine, compiler or version makes the same model */
  g_assert_cmpstr (i->id, ==, "tiny@e7c303f44c77");
  g_assert_cmpstr (i->layout, ==, "clip-moe");
  g_assert_cmpuint (i->image->moe_layers, ==, 3);
  g_assert_cmpuint (i->image->experts, ==, 4);
  g_assert_cmpuint (i->text->moe_layers, ==, 0);
  g_assert_cmpuint (a->image.experts[0], ==, 0);
  g_assert_cmpuint (a->image.experts[1], ==, 4);
  g_assert_null (i->path);
  clipmoe_model_unref (a);
  clipmoe_model_unref (b);
  clipmoe_model_unref (c);
}

/* Different pictures and words have different vectors, and none of them is a constant or blows up. */
static void
test_works (void) {
  GError *error = NULL;
  ClipmoeModel *m = make (&tiny, 1);
  ClipmoeEncoder *encoder = clipmoe_encoder_new (m, NULL, &error);
  g_assert_no_error (error);
  enum { N = 6, PIXELS = 3 * 32 * 32, EMBED = 48 };
  float *pixels = g_new (float, N *PIXELS), v[N][EMBED];
  GRand *rand = g_rand_new_with_seed (3);
  for (guint i = 0; i < N * PIXELS; i++)
    pixels[i] = (float)g_rand_double_range (rand, -2, 2);
  g_assert_true (clipmoe_encoder_encode_pixels (encoder, pixels, N, v[0], &error));
  guint32 ids[N * 5];
  guint lengths[N];
  float w[N][EMBED];
  for (guint i = 0; i < N; i++) {
    for (guint j = 0; j < 5; j++)
      ids[i * 5 + j] = j == 4 ? 599 : (guint32)g_rand_int_range (rand, 0, 598);
    lengths[i] = 5;
  }
  g_assert_true (clipmoe_encoder_encode_tokens (encoder, ids, lengths, N, w[0], &error));
  for (guint i = 0; i < N; i++)
    for (guint j = 0; j < i; j++) {
      double image = 0, text = 0;
      for (guint k = 0; k < EMBED; k++) {
        image += v[i][k] * v[j][k];
        text += w[i][k] * w[j][k];
      }
      g_assert_cmpfloat (fabs (image), <, 0.99);
      g_assert_cmpfloat (fabs (text), <, 0.99);
    }
  g_rand_free (rand);
  g_free (pixels);
  clipmoe_encoder_free (encoder);
  clipmoe_model_unref (m);
}

/* All weights of a kind have the standard deviation they are meant to have. */
static void
test_scale (void) {
  ClipmoeModel *m = make (&tiny, 1);
  const ClipmoeBlock *b = &m->image_blocks[3];
  double sum = 0, squares = 0, n = 3 * 128 * 128;
  for (gsize i = 0; i < n; i++) {
    sum += b->in_proj_weight[i];
    squares += (double)b->in_proj_weight[i] * b->in_proj_weight[i];
  }
  g_assert_cmpfloat (fabs (sum / n), <, 0.002);
  g_assert_cmpfloat (fabs (sqrt (squares / n) * sqrt (128) - 1), <, 0.02);
  g_assert_cmpint (memcmp (b->ffn[0].c_fc_weight, b->ffn[1].c_fc_weight, 256 * 128 * 4), !=, 0);
  clipmoe_model_unref (m);
}

static void
test_refused (void) {
  ClipmoeSeededShape bad[5] = {tiny, tiny, tiny, tiny, tiny};
  bad[0].image.heads = 3;      /* does not divide the width */
  bad[1].image_size = 30;      /* no whole number of patches */
  bad[2].image.moe_layers = 5; /* of 4 */
  bad[3].top_k = 0;            /* with experts */
  bad[4].text.layers = 0;
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    GError *error = NULL;
    g_assert_null (clipmoe_seeded_model_new (&bad[i], 1, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    g_error_free (error);
  }
  GError *error = NULL;
  ClipmoeModel *m = make (&tiny, 1);
  g_assert_false (clipmoe_model_save (m, "/nonexistent/a.safetensors", CLIPMOE_LAYOUT_CLIPMOE,
                                      CLIPMOE_STORE_KEEP, FALSE, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_error_free (error);
  clipmoe_model_unref (m);
}

/* Every name is found under itself, with sizes that go together; the published numbers of parameters. */
static void
test_names (void) {
  char **names = clipmoe_seeded_shape_names ();
  g_assert_cmpuint (g_strv_length (names), ==, 8);
  for (char **n = names; *n; n++) {
    ClipmoeSeededShape s;
    GError *error = NULL;
    g_assert_true (clipmoe_seeded_shape_find (*n, &s, &error));
    g_assert_cmpstr (s.name, ==, *n);
    g_assert_cmpuint (s.image_size % s.patch_size, ==, 0);
    g_assert_cmpuint (s.image.width, ==, s.image.heads * 64);
    g_assert_cmpuint (s.text.width, ==, s.text.heads * 64);
    g_assert_cmpuint (s.context, ==, g_str_has_suffix (*n, "-moe") ? 248 : 77);
  }
  g_strfreev (names);
  ClipmoeSeededShape s;
  GError *error = NULL;
  g_assert_true (clipmoe_seeded_shape_find ("vit-l/14@336px", &s, &error));
  g_assert_cmpstr (s.name, ==, "ViT-L-14-336");
  g_assert_true (clipmoe_seeded_shape_find ("ViT-B/32", &s, &error));
  ClipmoeModel *m = make (&s, 1);
  g_assert_cmpuint (clipmoe_model_get_info (m)->parameters, ==, 151277313);
  clipmoe_model_unref (m);
  g_assert_false (clipmoe_seeded_shape_find ("ViT-B-32-moe-moe", &s, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_error_free (error);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seeded/same", test_same);
  g_test_add_func ("/seeded/works", test_works);
  g_test_add_func ("/seeded/scale", test_scale);
  g_test_add_func ("/seeded/refused", test_refused);
  g_test_add_func ("/seeded/names", test_names);
  return g_test_run ();
}
