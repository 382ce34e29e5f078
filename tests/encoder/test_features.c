/* Checks features, rows of the image tower after any block, against the reference formulas: dense and mixed,
 * on every tier and in every precision. Half of them would be right by chance: which rows, of which layer,
 * counted from which end, before or behind the last norm. Blocks behind the layer do not run. */
#include "golden.h"
#include "encoder/testing.h"

/* The largest difference in a row, of that row's length. */
static const struct {
  ClipmoePrecision precision;
  const char *name;
  double most;
} bounds[] = {{CLIPMOE_PRECISION_F32, "f32", 2e-5},
              {CLIPMOE_PRECISION_HALF, "half", 1e-3},
              {CLIPMOE_PRECISION_INT8, "int8", 5e-2}};

enum { PICTURES = 2 }; /* that the fixtures have all rows of */

typedef struct {
  ClipmoeModel *model;
  guint layers, width, tokens;
  float *pixels;
  float *expected[16][2]; /* of a layer, before and behind the norm: [PICTURES][tokens][width], or NULL */
} Case;

static ClipmoeFeatureOptions
wanted (ClipmoeFeatureRows rows, gint layer, gboolean norm) {
  return (ClipmoeFeatureOptions){
      .struct_size = sizeof (ClipmoeFeatureOptions), .rows = rows, .layer = layer, .norm = norm};
}

static void
expect (Case *c, ClipmoeTensors *golden, guint layer, gboolean norm, const char *stage) {
  gsize size = (gsize)c->tokens * c->width;
  float *to = c->expected[layer][norm] = g_new (float, PICTURES *size);
  for (guint i = 0; i < PICTURES; i++) {
    char *name = g_strdup_printf ("%s%u.%s", layer == c->layers ? "features" : "image", i, stage);
    float *values = golden_floats (golden, name);
    g_assert_cmpuint (clipmoe_tensors_lookup (golden, name)->n_elements, ==, size);
    memcpy (to + i * size, values, size * sizeof *to);
    g_free (values);
    g_free (name);
  }
}

static void
case_init (Case *c, const char *name) {
  char *file = g_strconcat (name, ".golden", NULL);
  ClipmoeTensors *golden = golden_read (file), *inputs = golden_read ("inputs");
  *c = (Case){.model = golden_model (name), .pixels = golden_floats (inputs, "pixels")};
  const ClipmoeModelInfo *info = clipmoe_model_get_info (c->model);
  guint grid = info->image_size / info->patch_size;
  c->layers = info->image->layers;
  c->width = info->image->width;
  c->tokens = grid * grid + 1;
  g_assert_cmpuint (c->layers, <, G_N_ELEMENTS (c->expected));
  expect (c, golden, 0, FALSE, "ln_pre");
  for (guint l = 1; l < c->layers; l++) {
    char *stage = g_strdup_printf ("block%u.block", l - 1);
    expect (c, golden, l, FALSE, stage);
    g_free (stage);
  }
  expect (c, golden, c->layers, FALSE, "last");
  expect (c, golden, c->layers, TRUE, "norm");
  clipmoe_tensors_free (inputs);
  clipmoe_tensors_free (golden);
  g_free (file);
}

static void
case_clear (Case *c) {
  for (guint i = 0; i < G_N_ELEMENTS (c->expected); i++)
    for (guint norm = 0; norm < 2; norm++)
      g_free (c->expected[i][norm]);
  g_free (c->pixels);
  clipmoe_model_unref (c->model);
}

/* The largest difference in @n rows, of each row's length. */
static double
compare (const float *got, const float *expected, gsize n, gsize width) {
  double worst = 0;
  for (gsize r = 0; r < n; r++) {
    double most = 0, square = 0;
    for (gsize i = r * width; i < (r + 1) * width; i++) {
      double d = fabs ((double)got[i] - expected[i]);
      most = MAX (most, isnan (d) ? G_MAXDOUBLE : d);
      square += (double)expected[i] * expected[i];
    }
    worst = MAX (worst, most / sqrt (square));
  }
  return worst;
}

static void
count_blocks (gpointer data, const char *stage, int block, const float *values, guint rows, guint columns,
              gsize stride) {
  *(guint *)data += strcmp (stage, "attention") == 0;
}

/* Every layer by both of its numbers; returns the worst. */
static double
compare_layers (const Case *c, ClipmoeEncoder *encoder, const char *what, double most) {
  gsize size = (gsize)c->tokens * c->width;
  float *got = g_new (float, PICTURES *size), *again = g_new (float, PICTURES *size);
  double worst = 0;
  for (guint l = 0; l <= c->layers; l++)
    for (guint norm = 0; norm < 2; norm++) {
      if (!c->expected[l][norm])
        continue;
      ClipmoeFeatureOptions o = wanted (CLIPMOE_FEATURE_ROWS_ALL, (gint)l, norm),
                            from_end = wanted (CLIPMOE_FEATURE_ROWS_ALL, (gint)l - (gint)c->layers - 1, norm);
      GError *error = NULL;
      guint blocks = 0;
      g_assert_true (clipmoe_encoder_encode_features (encoder, c->pixels, PICTURES, &o, got, &error));
      clipmoe_encoder_set_trace (encoder, count_blocks, &blocks);
      g_assert_true (
          clipmoe_encoder_encode_features (encoder, c->pixels, PICTURES, &from_end, again, &error));
      clipmoe_encoder_set_trace (encoder, NULL, NULL);
      g_assert_cmpuint (blocks, ==, l * PICTURES); /* and none behind it; one picture a run */
      g_assert_cmpmem (got, PICTURES * size * sizeof *got, again, PICTURES * size * sizeof *got);
      double d = compare (got, c->expected[l][norm], PICTURES * c->tokens, c->width);
      if (!(d <= most))
        g_error ("%s, layer %u%s: a row differs by %g of its length", what, l, norm ? ", norm" : "", d);
      worst = MAX (worst, d);
    }
  g_free (got);
  g_free (again);
  return worst;
}

static void
test_layers (gconstpointer name) {
  Case c;
  case_init (&c, name);
  for (const char *const *tier = golden_tiers (); *tier; tier++)
    for (guint p = 0; p < G_N_ELEMENTS (bounds); p++) {
      const ClipmoeKernels *k = cm_kernels_get (*tier, NULL);
      if ((bounds[p].precision == CLIPMOE_PRECISION_HALF && !k->half) ||
          (bounds[p].precision == CLIPMOE_PRECISION_INT8 && !k->int8))
        continue;
      ClipmoeEncoderOptions how = {.struct_size = sizeof how, .precision = bounds[p].precision};
      ClipmoeEncoder *encoder = golden_encoder (c.model, *tier, &how);
      char *what = g_strdup_printf ("%s, %s, %s", (const char *)name, *tier, bounds[p].name);
      g_test_message ("%s: %.2g", what, compare_layers (&c, encoder, what, bounds[p].most));
      g_free (what);
      clipmoe_encoder_free (encoder);
    }
  case_clear (&c);
}

/* Patches, class token and all are the same rows; the same bytes for any batch and any number of threads. */
static void
test_rows (void) {
  Case c;
  case_init (&c, "moe-last2-e3k1");
  ClipmoeTensors *inputs = golden_read ("inputs");
  guint n = (guint)clipmoe_tensors_lookup (inputs, "pixels")->shape[0], rows, width;
  clipmoe_tensors_free (inputs);
  gsize size = (gsize)c.tokens * c.width, row = c.width * sizeof (float);
  float *first = NULL, *got = g_new (float, n *size);
  for (guint batch = 1; batch <= n + 1; batch++)
    for (guint threads = 1; threads <= 3; threads += 2) {
      ClipmoeEncoderOptions how = {.struct_size = sizeof how, .batch = batch};
      ClipmoeEncoder *encoder = golden_encoder (c.model, NULL, &how);
      GError *error = NULL;
      clipmoe_encoder_set_threads (encoder, threads);
      ClipmoeFeatureOptions o = wanted (CLIPMOE_FEATURE_ROWS_ALL, -2, FALSE);
      g_assert_true (clipmoe_encoder_get_feature_shape (encoder, &o, &rows, &width, &error));
      g_assert_cmpuint (rows, ==, c.tokens);
      g_assert_cmpuint (width, ==, c.width);
      g_assert_true (clipmoe_encoder_encode_features (encoder, c.pixels, n, &o, got, &error));
      if (!first)
        first = g_memdup2 (got, n * size * sizeof *got);
      g_assert_cmpmem (first, n * size * sizeof *got, got, n * size * sizeof *got);
      o = wanted (CLIPMOE_FEATURE_ROWS_CLASS, -2, FALSE);
      g_assert_true (clipmoe_encoder_get_feature_shape (encoder, &o, &rows, &width, &error));
      g_assert_cmpuint (rows, ==, 1);
      g_assert_true (clipmoe_encoder_encode_features (encoder, c.pixels, n, &o, got, &error));
      for (guint i = 0; i < n; i++)
        g_assert_cmpmem (got + i * c.width, row, first + i * size, row);
      /* without options: the patches of layer -2 */
      g_assert_true (clipmoe_encoder_get_feature_shape (encoder, NULL, &rows, NULL, &error));
      g_assert_cmpuint (rows, ==, c.tokens - 1);
      g_assert_true (clipmoe_encoder_encode_features (encoder, c.pixels, n, NULL, got, &error));
      for (guint i = 0; i < n; i++)
        g_assert_cmpmem (got + i * (size - c.width), size * sizeof *got - row, first + i * size + c.width,
                         size * sizeof *got - row);
      clipmoe_encoder_free (encoder);
    }
  g_free (first);
  g_free (got);
  case_clear (&c);
}

/* The class token of the last layer, normed, is what the embedding is made of; what is asked for in between
 * leaves embeddings as they are. */
static void
test_embedding (void) {
  Case c;
  case_init (&c, "moe-e4k2");
  guint embed = clipmoe_model_get_info (c.model)->embed;
  ClipmoeEncoder *encoder = golden_encoder (c.model, NULL, NULL);
  ClipmoeFeatureOptions o = wanted (CLIPMOE_FEATURE_ROWS_CLASS, -1, TRUE);
  float *row = g_new (float, c.width), *before = g_new (float, embed), *after = g_new (float, embed);
  double *projected = g_new0 (double, embed), square = 0;
  GError *error = NULL;
  g_assert_true (clipmoe_encoder_encode_pixels (encoder, c.pixels, 1, before, &error));
  g_assert_true (clipmoe_encoder_encode_features (encoder, c.pixels, 1, &o, row, &error));
  g_assert_true (clipmoe_encoder_encode_pixels (encoder, c.pixels, 1, after, &error));
  g_assert_cmpmem (before, embed * sizeof *before, after, embed * sizeof *after);
  char *path = golden_weights ("moe-e4k2");
  ClipmoeTensors *weights = clipmoe_tensors_read (path, &error);
  float *projection = golden_floats (weights, "visual.proj");
  for (guint e = 0; e < embed; e++)
    for (guint i = 0; i < c.width; i++)
      projected[e] += (double)row[i] * projection[i * embed + e];
  for (guint e = 0; e < embed; e++)
    square += projected[e] * projected[e];
  for (guint e = 0; e < embed; e++)
    g_assert_cmpfloat (fabs (projected[e] / sqrt (square) - before[e]), <=, 2e-5);
  g_free (projection);
  clipmoe_tensors_free (weights);
  g_free (path);
  g_free (projected);
  g_free (row);
  g_free (before);
  g_free (after);
  clipmoe_encoder_free (encoder);
  case_clear (&c);
}

static void
refused (ClipmoeEncoder *encoder, const ClipmoeFeatureOptions *o, const char *says) {
  float pixel = 0;
  GError *error = NULL;
  g_assert_false (clipmoe_encoder_get_feature_shape (encoder, o, NULL, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  if (!strstr (error->message, says))
    g_error ("expected \"%s\" in: %s", says, error->message);
  g_clear_error (&error);
  g_assert_false (clipmoe_encoder_encode_features (encoder, &pixel, 1, o, &pixel, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
}

static void
test_refused (void) {
  Case c;
  case_init (&c, "moe-last2-e3k1");
  ClipmoeEncoder *encoder = golden_encoder (c.model, NULL, NULL);
  gint layers = (gint)c.layers;
  char *range = g_strdup_printf ("0 to %d, or -1 to %d", layers, -layers - 1);
  const gint wrong[] = {layers + 1, -layers - 2, G_MININT, G_MAXINT};
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    ClipmoeFeatureOptions o = wanted (CLIPMOE_FEATURE_ROWS_ALL, wrong[i], FALSE);
    refused (encoder, &o, range);
  }
  ClipmoeFeatureOptions o = wanted (CLIPMOE_FEATURE_ROWS_ALL + 1, 0, FALSE);
  refused (encoder, &o, "patches, class or all");
  o = wanted (CLIPMOE_FEATURE_ROWS_ALL, 0, FALSE);
  o.struct_size = 4;
  refused (encoder, &o, "struct_size");
  /* pixels that are no numbers: the pictures before are written, and the encoder goes on */
  GError *error = NULL;
  gsize size = (gsize)c.tokens * c.width, square = clipmoe_model_get_info (c.model)->image_size;
  float *right = g_new (float, size), *got = g_new (float, 2 * size), kept;
  o = wanted (CLIPMOE_FEATURE_ROWS_ALL, -1, FALSE);
  g_assert_true (clipmoe_encoder_encode_features (encoder, c.pixels, 1, &o, right, &error));
  kept = c.pixels[3 * square * square];
  c.pixels[3 * square * square] = NAN;
  g_assert_false (clipmoe_encoder_encode_features (encoder, c.pixels, 2, &o, got, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
  g_assert_cmpmem (got, size * sizeof *got, right, size * sizeof *got);
  g_clear_error (&error);
  c.pixels[3 * square * square] = kept;
  g_assert_true (clipmoe_encoder_encode_features (encoder, c.pixels, 2, &o, got, &error));
  g_assert_true (clipmoe_encoder_encode_features (encoder, c.pixels, 0, &o, NULL, &error));
  g_free (right);
  g_free (got);
  g_free (range);
  clipmoe_encoder_free (encoder);
  case_clear (&c);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  if (golden_missing ())
    return 77;
  for (guint i = 0; i < G_N_ELEMENTS (golden_cases); i++) {
    char *name = g_strconcat ("/features/", golden_cases[i], NULL);
    g_test_add_data_func (name, golden_cases[i], test_layers);
    g_free (name);
  }
  g_test_add_func ("/features/rows", test_rows);
  g_test_add_func ("/features/embedding", test_embedding);
  g_test_add_func ("/features/refused", test_refused);
  return g_test_run ();
}
