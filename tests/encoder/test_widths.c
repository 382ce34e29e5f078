/* Checks parity at the widths of real checkpoints, ViT-B/32 and ViT-L/14, dense and mixed, with outlier
 * channels: unit vectors within 2e-5 of formulas in double, on every tier. A few blocks; with --full all 12
 * or 24 of them. */
#include "golden.h"
#include "reference.h"
#include "seeded.h"

typedef struct {
  const char *name;
  guint64 seed; /* such that no choice of experts hangs on rounding */
  guint words;  /* of the text; 0 = no text */
  gboolean picture;
  SeededSpec spec;
} Case;

#define QUICK CLIPMOE_ACTIVATION_QUICK_GELU

static const Case few[] = {
    {"B-32", 1, 77, TRUE, {{768, 4, 12, 2, 4}, {512, 4, 8, 2, 4}, 224, 32, 77, 512, QUICK}},
    {"B-32-gelu",
     1,
     20,
     TRUE,
     {{768, 2, 12, 0, 0}, {512, 2, 8, 1, 4}, 96, 32, 77, 512, CLIPMOE_ACTIVATION_GELU}},
    {"L-14-text", 1, 60, FALSE, {{1024, 1, 16, 0, 0}, {768, 4, 12, 2, 4}, 28, 14, 248, 768, QUICK}},
    {"L-14-few-tokens", 1, 0, TRUE, {{1024, 4, 16, 2, 4}, {768, 1, 12, 0, 0}, 42, 14, 77, 768, QUICK}},
    {"L-14-257", 1, 0, TRUE, {{1024, 2, 16, 1, 4}, {768, 1, 12, 0, 0}, 224, 14, 77, 768, QUICK}},
};

static const Case full[] = {
    {"B-32", 1, 77, TRUE, {{768, 12, 12, 0, 0}, {512, 12, 8, 0, 0}, 224, 32, 77, 512, QUICK}},
    {"B-32-gelu",
     1,
     77,
     TRUE,
     {{768, 12, 12, 0, 0}, {512, 12, 8, 0, 0}, 224, 32, 77, 512, CLIPMOE_ACTIVATION_GELU}},
    {"B-32-mixture", 6, 248, TRUE, {{768, 12, 12, 1, 4}, {512, 12, 8, 1, 4}, 224, 32, 248, 512, QUICK}},
    {"L-14", 1, 77, TRUE, {{1024, 24, 16, 0, 0}, {768, 12, 12, 0, 0}, 224, 14, 77, 768, QUICK}},
    {"L-14-mixture", 1, 248, TRUE, {{1024, 24, 16, 1, 4}, {768, 12, 12, 1, 4}, 224, 14, 248, 768, QUICK}},
};

/* Room for the packed weights, as bytes that the system could give. */
static gboolean
enough_memory (const SeededSpec *spec) {
  char *text, *at;
  double available = 0, need = 0;
  const SeededTower *towers[] = {&spec->image, &spec->text};
  for (guint i = 0; i < 2; i++) {
    guint mixtures = towers[i]->every ? towers[i]->layers / towers[i]->every : 0;
    double d2 = (double)towers[i]->width * towers[i]->width;
    need += 4 * d2 * (towers[i]->layers * 12.0 + mixtures * 8.0 * (towers[i]->experts - 1.0));
  }
  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return TRUE;
  if ((at = strstr (text, "MemAvailable:")))
    available = 1024 * g_ascii_strtod (at + strlen ("MemAvailable:"), NULL);
  g_free (text);
  return !at || available > 1.2 * need + 5e8;
}

static void
compare (const char *what, const char *tier, const float *got, const double *expected, guint n) {
  double worst = 0, dot = 0, square = 0;
  for (guint i = 0; i < n; i++) {
    double d = fabs ((double)got[i] - expected[i]);
    worst = MAX (worst, isnan (d) ? G_MAXDOUBLE : d);
    dot += got[i] * expected[i];
    square += (double)got[i] * got[i];
  }
  double cosine = dot / sqrt (square);
  g_test_message ("%s, %s: largest difference %.2g, 1 - cosine %.2g", what, tier, worst, 1 - cosine);
  if (!(worst <= 2e-5) || !(cosine >= 0.99999))
    g_error ("%s, %s: largest difference %g, cosine %.8f", what, tier, worst, cosine);
}

static void
test_case (gconstpointer data) {
  const Case *c = data;
  if (!enough_memory (&c->spec)) {
    g_test_skip ("not enough free memory for the weights");
    return;
  }
  Seeded s = {0};
  ClipmoeModel model;
  seeded_model (&s, &c->spec, c->seed, &model);
  gsize size = 3 * (gsize)c->spec.side * c->spec.side;
  float *pixels = seeded_new (&s, size, 1, 0), *out = g_new (float, c->spec.embed);
  guint32 ids[248];
  for (guint i = 0; i < c->words; i++)
    ids[i] = i + 1 < c->words ? (guint32)(seeded_next (&s) % (SEEDED_VOCAB - 1)) : SEEDED_VOCAB - 1;
  double *image = g_new (double, c->spec.embed), *text = g_new (double, c->spec.embed), gap = 1;
  if (c->picture)
    ref_image (&model, pixels, image, &gap);
  if (c->words)
    ref_text (&model, ids, c->words, text, &gap);
  g_test_message ("%s: experts are at least %.2g apart", c->name, gap);
  g_assert_cmpfloat (gap, >=, 2e-5);
  for (const char *const *tier = golden_tiers (); *tier; tier++) {
    ClipmoeEncoder *encoder = golden_encoder (&model, *tier, NULL);
    GError *error = NULL;
    if (c->picture) {
      g_assert_true (clipmoe_encoder_encode_pixels (encoder, pixels, 1, out, &error));
      compare (c->name, *tier, out, image, c->spec.embed);
    }
    if (c->words) {
      g_assert_true (clipmoe_encoder_encode_tokens (encoder, ids, &c->words, 1, out, &error));
      compare (c->name, *tier, out, text, c->spec.embed);
    }
    clipmoe_encoder_free (encoder);
  }
  g_assert_cmpint (model.ref_count, ==, 1);
  g_free (image);
  g_free (text);
  g_free (out);
  seeded_clear (&s);
}

int
main (int argc, char **argv) {
  gboolean all = argc > 1 && strcmp (argv[1], "--full") == 0;
  if (all)
    argc = 1; /* GLib takes no other arguments */
  g_test_init (&argc, &argv, NULL);
  const Case *cases = all ? full : few;
  for (guint i = 0; i < (all ? G_N_ELEMENTS (full) : G_N_ELEMENTS (few)); i++) {
    char *name = g_strconcat ("/widths/", cases[i].name, NULL);
    g_test_add_data_func (name, &cases[i], test_case);
    g_free (name);
  }
  return g_test_run ();
}
