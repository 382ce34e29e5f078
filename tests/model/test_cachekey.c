/* Protects the cache folder from mixing models up: of all that answers depend on each thing alone makes
 * another key, and nothing else does. */
#include <string.h>
#include "encoder/cachekey.h"
#include <bench/seeded.h>

typedef void (*Change) (ClipmoeModel *m);

#define CHANGE(NAME, STATEMENT)                                                                              \
  static void NAME (ClipmoeModel *m) {                                                                       \
    STATEMENT;                                                                                               \
  }

CHANGE (fingerprint, m->info.fingerprint = "ff")
CHANGE (image_activation, m->image.activation = CLIPMOE_ACTIVATION_GELU)
CHANGE (text_activation, m->text.activation = CLIPMOE_ACTIVATION_GELU)
CHANGE (image_eps, m->image.eps = 1e-6f)
CHANGE (text_eps, m->text.eps = 0.000010000001f)
CHANGE (image_heads, m->image.heads *= 2)
CHANGE (text_heads, m->text.heads *= 2)
CHANGE (image_width, m->image.width *= 2)
CHANGE (text_width, m->text.width *= 2)
CHANGE (image_ffn, m->image.ffn_width++)
CHANGE (text_ffn, m->text.ffn_width++)
CHANGE (image_layers, m->image.layers--)
CHANGE (text_layers, m->text.layers--)
CHANGE (swapped_layers, (m->image.layers--, m->text.layers++))
CHANGE (experts, m->image.experts[1]++)
CHANGE (text_experts, m->text.experts[0]++)
CHANGE (top_k, m->image.top_k++)
CHANGE (side, m->image.side++)
CHANGE (patch, m->image.patch++)
CHANGE (embed, m->image.embed++)
CHANGE (context, m->text.context++)
CHANGE (vocabulary, m->text.vocab++)
CHANGE (mean_0, m->info.mean[0] += 1e-7f)
CHANGE (mean_1, m->info.mean[1] = -m->info.mean[1])
CHANGE (mean_2, m->info.mean[2] = 0)
CHANGE (std_0, m->info.std[0] += 1e-7f)
CHANGE (std_1, m->info.std[1] = 1)
CHANGE (std_2, m->info.std[2] = m->info.mean[2])
/* what no answer depends on */
CHANGE (name, m->info.name = "another")
CHANGE (path, m->info.path = "/somewhere/else")
CHANGE (licence, m->info.licence = "none")
CHANGE (logit_scale, m->info.logit_scale = 1)
CHANGE (tokenizer, m->tokenizer = NULL)

static const struct {
  const char *what;
  Change change;
} counts[] = {{"fingerprint", fingerprint},
              {"image activation", image_activation},
              {"text activation", text_activation},
              {"image eps", image_eps},
              {"text eps", text_eps},
              {"image heads", image_heads},
              {"text heads", text_heads},
              {"image width", image_width},
              {"text width", text_width},
              {"image ffn", image_ffn},
              {"text ffn", text_ffn},
              {"image layers", image_layers},
              {"text layers", text_layers},
              {"swapped layers", swapped_layers},
              {"experts", experts},
              {"text experts", text_experts},
              {"top k", top_k},
              {"side", side},
              {"patch", patch},
              {"embed", embed},
              {"context", context},
              {"vocabulary", vocabulary},
              {"mean", mean_0},
              {"mean", mean_1},
              {"mean", mean_2},
              {"std", std_0},
              {"std", std_1},
              {"std", std_2}},
  passes[] = {
      {"name", name}, {"path", path}, {"licence", licence}, {"scale", logit_scale}, {"words", tokenizer}};

static ClipmoeGemm gemm[4] = {{.layout = 1}, {.layout = 2}, {.layout = 3}, {.layout = 4}};
static ClipmoeKernels exact = {.half = &gemm[1], .attention = &gemm[1]};
static ClipmoeKernels kernels = {.name = "tier",
                                 .f32 = &gemm[0],
                                 .half = &gemm[1],
                                 .int8 = &gemm[2],
                                 .attention = &gemm[1],
                                 .exact = &exact};

static char *
key_after (const ClipmoeModel *model, Change change, const char *more) {
  ClipmoeModel m = *model;
  m.image.experts = g_memdup2 (model->image.experts, model->image.layers * sizeof *m.image.experts);
  m.text.experts = g_new0 (guint, model->text.layers + 1); /* one may be added */
  memcpy (m.text.experts, model->text.experts, model->text.layers * sizeof *m.text.experts);
  if (change)
    change (&m);
  char *key = clipmoe_cache_key (&m, &kernels, more);
  g_free (m.image.experts);
  g_free (m.text.experts);
  return key;
}

static void
add (GHashTable *keys, char *key, const char *what) {
  g_assert_cmpuint (strlen (key), ==, 64);
  if (!g_hash_table_add (keys, key))
    g_error ("%s: the key is one that was there before", what);
}

static void
test_key (void) {
  const ClipmoeSeededShape shape = {.name = "key",
                                    .image_size = 32,
                                    .patch_size = 16,
                                    .embed = 32,
                                    .context = 16,
                                    .vocab_size = 100,
                                    .top_k = 1,
                                    .image = {64, 2, 2, 128, 2, 0},
                                    .text = {64, 2, 2, 128, 0, 0}};
  GError *error = NULL;
  ClipmoeModel *model = clipmoe_seeded_model_new (&shape, 1, &error);
  g_assert_no_error (error);
  GHashTable *keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  char *plain = key_after (model, NULL, "x");
  for (guint i = 0; i < G_N_ELEMENTS (passes); i++) {
    char *key = key_after (model, passes[i].change, "x");
    g_assert_cmpstr (key, ==, plain);
    g_free (key);
  }
  add (keys, plain, "nothing");
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    add (keys, key_after (model, counts[i].change, "x"), counts[i].what);
  static const char *const more[] = {
      "", "packed", "packed 3\nf32", "packed 3\nint8", "packed 3\nf32\n1", "packed 4\nf32", "verdict"};
  for (guint i = 0; i < G_N_ELEMENTS (more); i++)
    add (keys, key_after (model, NULL, more[i]), more[i]);
  const ClipmoeKernels before = kernels, exact_before = exact;
  const struct {
    const ClipmoeGemm **place;
    const char *what;
  } tables[] = {{&kernels.f32, "f32"},       {&kernels.half, "half"},
                {&kernels.int8, "int8"},     {&kernels.attention, "attention"},
                {&exact.half, "exact half"}, {&exact.attention, "exact attention"}};
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++) {
    *tables[i].place = &gemm[3];
    add (keys, key_after (model, NULL, "x"), tables[i].what);
    kernels = before;
    exact = exact_before;
  }
  gemm[2].of_gelu = &gemm[3];
  add (keys, key_after (model, NULL, "x"), "of a GELU");
  gemm[2].of_gelu = NULL;
  kernels.name = "tier+more";
  add (keys, key_after (model, NULL, "x"), "tier");
  kernels = before;
  g_hash_table_unref (keys);
  clipmoe_model_unref (model);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cache/key", test_key);
  return g_test_run ();
}
