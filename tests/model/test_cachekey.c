/* Checks the keys of the cache folder: each single thing that results depend on changes the key, and nothing
 * else does. */
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
CHANGE (text_top_k, m->text.top_k++)
CHANGE (pool, m->image.pool = CLIPMOE_POOL_MAP)
CHANGE (text_pool, m->text.pool = CLIPMOE_POOL_LAST)
CHANGE (causal, m->text.causal = FALSE)
CHANGE (pre_norm, m->image.pre_norm = FALSE)
CHANGE (has_class, m->image.has_class = FALSE)
CHANGE (patch_bias, m->image.patch_bias = TRUE)
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
              {"text top k", text_top_k},
              {"pool", pool},
              {"text pool", text_pool},
              {"causal", causal},
              {"pre-norm", pre_norm},
              {"class token", has_class},
              {"patch bias", patch_bias},
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
static ClipmoeKernels exact = {
    .name = "tier", .f32 = &gemm[0], .half = &gemm[1], .int8 = &gemm[2], .attention = &gemm[1]};
static ClipmoeKernels kernels = {.name = "tier",
                                 .f32 = &gemm[0],
                                 .half = &gemm[1],
                                 .int8 = &gemm[2],
                                 .attention = &gemm[1],
                                 .exact = &exact};

enum {
  AUTO = 1 << CLIPMOE_PRECISION_AUTO,
  F32 = 1 << CLIPMOE_PRECISION_F32,
  HALF = 1 << CLIPMOE_PRECISION_HALF,
  INT8 = 1 << CLIPMOE_PRECISION_INT8
};

/* Kernels, and the precisions whose key another one changes. The image tower is a mixture and runs the exact
 * table, the text tower is not. */
static const struct {
  const ClipmoeGemm **place;
  const char *what;
  guint of;
} tables[] = {{&kernels.f32, "f32", AUTO | F32 | HALF | INT8},
              {&exact.f32, "exact f32", F32 | HALF | INT8},
              {&kernels.half, "half", AUTO | HALF | INT8},
              {&exact.half, "exact half", AUTO | HALF | INT8},
              {&kernels.int8, "int8", AUTO | INT8},
              {&exact.int8, "exact int8", INT8},
              {&gemm[2].of_gelu, "of a GELU", AUTO | INT8},
              {&kernels.attention, "attention", AUTO},
              {&exact.attention, "exact attention", AUTO}};

static char *
key_after (const ClipmoeModel *model, Change change, ClipmoePrecision precision, guint64 abi,
           const char *entry) {
  ClipmoeModel m = *model;
  m.image.experts = g_memdup2 (model->image.experts, model->image.layers * sizeof *m.image.experts);
  m.text.experts = g_new0 (guint, model->text.layers + 1); /* one may be added */
  memcpy (m.text.experts, model->text.experts, model->text.layers * sizeof *m.text.experts);
  if (change)
    change (&m);
  char *key = clipmoe_cache_key (&m, &kernels, precision, abi, entry);
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

static ClipmoeModel *
mixture_and_dense (void) {
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
  return model;
}

static void
test_key (void) {
  ClipmoeModel *model = mixture_and_dense ();
  GHashTable *keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  char *plain = key_after (model, NULL, CLIPMOE_PRECISION_F32, 0, "x");
  for (guint i = 0; i < G_N_ELEMENTS (passes); i++) {
    char *key = key_after (model, passes[i].change, CLIPMOE_PRECISION_F32, 0, "x");
    g_assert_cmpstr (key, ==, plain);
    g_free (key);
  }
  add (keys, plain, "nothing");
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    add (keys, key_after (model, counts[i].change, CLIPMOE_PRECISION_F32, 0, "x"), counts[i].what);
  static const char *const entries[] = {"", "packed", "packed 3", "packed 4", "verdict", "0x"};
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    add (keys, key_after (model, NULL, CLIPMOE_PRECISION_F32, 0, entries[i]), entries[i]);
  add (keys, key_after (model, NULL, CLIPMOE_PRECISION_F32, 1, "x"), "ABI 1");
  add (keys, key_after (model, NULL, CLIPMOE_PRECISION_F32, 1ull << 63, "x"), "ABI 2^63");
  add (keys, key_after (model, NULL, CLIPMOE_PRECISION_AUTO, 0, "x"), "AUTO");
  add (keys, key_after (model, NULL, CLIPMOE_PRECISION_HALF, 0, "x"), "half");
  add (keys, key_after (model, NULL, CLIPMOE_PRECISION_INT8, 0, "x"), "int8");
  g_hash_table_unref (keys);
  clipmoe_model_unref (model);
}

/* Processes may choose other refinements, as the machine's load is. What a precision does not pack with must
 * not part their files; what it packs with must. */
static void
test_kernels (void) {
  ClipmoeModel *model = mixture_and_dense ();
  for (guint p = CLIPMOE_PRECISION_AUTO; p <= CLIPMOE_PRECISION_INT8; p++) {
    GHashTable *keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    char *plain = key_after (model, NULL, (ClipmoePrecision)p, 0, "x");
    add (keys, g_strdup (plain), "nothing");
    for (guint i = 0; i < G_N_ELEMENTS (tables); i++) {
      const ClipmoeGemm *before = *tables[i].place;
      *tables[i].place = &gemm[3];
      char *key = key_after (model, NULL, (ClipmoePrecision)p, 0, "x");
      *tables[i].place = before;
      if (tables[i].of & 1u << p)
        add (keys, g_strdup (key), tables[i].what);
      else
        g_assert_cmpstr (key, ==, plain);
      g_free (key);
    }
    kernels.name = "tier+more";
    char *refined = key_after (model, NULL, (ClipmoePrecision)p, 0, "x");
    g_assert_cmpint (g_str_equal (refined, plain), ==, p != CLIPMOE_PRECISION_AUTO);
    kernels.name = "tiers";
    add (keys, key_after (model, NULL, (ClipmoePrecision)p, 0, "x"), "tier");
    kernels.name = "tier";
    g_free (refined);
    g_free (plain);
    g_hash_table_unref (keys);
  }
  clipmoe_model_unref (model);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cache/key", test_key);
  g_test_add_func ("/cache/kernels", test_kernels);
  return g_test_run ();
}
