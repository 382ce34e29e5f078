/* Checks every stage between input and vector against the reference formulas, on every tier: patches,
 * positions, attention, router, choice of experts and their weights, each block, last norm and projection. A
 * fault shows where it begins, and two that cancel are found. */
#include "golden.h"
#include "encoder/testing.h"

typedef struct {
  guint rows, columns;
  float *values;
} Stage;

static void
stage_free (gpointer data) {
  Stage *s = data;
  g_free (s->values);
  g_free (s);
}

static void
collect (gpointer data, const char *stage, int block, const float *values, guint rows, guint columns,
         gsize stride) {
  Stage *s = g_new (Stage, 1);
  *s = (Stage){rows, columns, g_new (float, (gsize)rows *columns)};
  for (guint i = 0; i < rows; i++)
    memcpy (s->values + (gsize)i * columns, values + i * stride, columns * sizeof (float));
  char *key = block < 0 ? g_strdup (stage) : g_strdup_printf ("block%d.%s", block, stage);
  g_assert_true (g_hash_table_insert (data, key, s)); /* each stage once */
}

/* Of a stage's largest number. f32 rounds to 6e-8 of it, and a block adds up some hundred rounded products,
 * which the next one amplifies: 3.6e-6 is the most that was measured, and another order of summing may give
 * twice that. The slightest wrong formula (tanh for erf, one row of the wrong table of positions) is off by
 * 1e-4 and more. */
#define TOLERANCE 1e-5

static double
compare (const char *what, const Stage *got, const ClipmoeTensor *expected, const guint32 *rows,
         guint n_rows) {
  float *e = g_new (float, expected->n_elements);
  g_assert_true (clipmoe_tensor_to_f32 (expected, e));
  double scale = 0, worst = 0;
  g_assert_cmpuint (expected->n_dims, ==, 2);
  g_assert_cmpuint (expected->shape[1], ==, got->columns);
  g_assert_cmpuint (expected->shape[0], ==, n_rows);
  for (guint64 i = 0; i < expected->n_elements; i++)
    scale = MAX (scale, fabs (e[i]));
  for (guint r = 0; r < n_rows; r++) {
    guint row = rows ? rows[r] : r;
    g_assert_cmpuint (row, <, got->rows);
    for (guint c = 0; c < got->columns; c++) {
      double d = fabs ((double)got->values[row * got->columns + c] - e[r * got->columns + c]);
      worst = MAX (worst, isnan (d) ? G_MAXDOUBLE : d);
    }
  }
  if (!(worst <= TOLERANCE * scale))
    g_error ("%s: largest difference %g at a scale of %g", what, worst, scale);
  g_free (e);
  return worst / scale;
}

/* Gates [rows][experts] against the chosen ones and their weights [n_rows][k]. */
static void
compare_choice (const char *what, const Stage *gates, const ClipmoeTensor *chosen, const float *weights,
                const guint32 *rows, guint n_rows) {
  guint k = (guint)chosen->shape[1];
  g_assert_cmpuint (chosen->shape[0], ==, n_rows);
  for (guint r = 0; r < n_rows; r++) {
    guint row = rows ? rows[r] : r, used = 0;
    g_assert_cmpuint (row, <, gates->rows);
    const float *g = gates->values + row * gates->columns;
    for (guint e = 0; e < gates->columns; e++)
      used += g[e] != 0;
    g_assert_cmpuint (used, ==, k);
    for (guint j = 0; j < k; j++) {
      gint32 e;
      memcpy (&e, chosen->data + (r * k + j) * 4, 4);
      g_assert_cmpint (e, >=, 0);
      g_assert_cmpint (e, <, (int)gates->columns);
      if (!(fabs (g[e] - weights[r * k + j]) <= 5e-6))
        g_error ("%s, row %u: expert %d has weight %g, expected %g", what, row, e, g[e], weights[r * k + j]);
    }
  }
}

/* Every tensor of the fixture that is named @prefix... was traced and agrees; all that was traced is in it.
 */
static double
compare_all (const char *name, const char *tier, ClipmoeTensors *golden, const char *prefix,
             GHashTable *stages, const guint32 *rows, guint n_rows) {
  guint used = 0;
  double worst = 0;
  for (guint i = 0; i < clipmoe_tensors_get_n (golden); i++) {
    const ClipmoeTensor *t = clipmoe_tensors_get (golden, i);
    if (!g_str_has_prefix (t->name, prefix))
      continue;
    const char *stage = t->name + strlen (prefix);
    char *what = g_strdup_printf ("%s, %s, %s", name, tier, t->name);
    gboolean choice = g_str_has_suffix (stage, ".chosen");
    if (strcmp (stage, "rows") != 0 && !g_str_has_suffix (stage, ".weights")) {
      char *key = choice ? g_strdup_printf ("%.*sgates", (int)(strlen (stage) - 6), stage) : g_strdup (stage);
      const Stage *got = g_hash_table_lookup (stages, key);
      if (!got)
        g_error ("%s was not traced", what);
      const guint32 *where = got->rows == 1 ? NULL : rows; /* the pooled row alone */
      guint n = where ? n_rows : got->rows;
      if (choice) {
        char *other = g_strdup_printf ("%.*sweights", (int)(strlen (t->name) - 6), t->name);
        float *weights = golden_floats (golden, other);
        compare_choice (what, got, t, weights, where, n);
        g_free (weights);
        g_free (other);
      } else {
        worst = MAX (worst, compare (what, got, t, where, n));
      }
      g_free (key);
      used++;
    }
    g_free (what);
  }
  g_assert_cmpuint (used, ==, g_hash_table_size (stages));
  return worst;
}

static void
test_stages (gconstpointer data) {
  const char *name = data;
  char *file = g_strconcat (name, ".golden", NULL);
  ClipmoeModel *model = golden_model (name);
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  ClipmoeTensors *inputs = golden_read ("inputs"), *golden = golden_read (file);
  guint lengths[16], m;
  guint32 *ids = golden_tokens (inputs, info->context, lengths, &m);
  float *pixels = golden_floats (inputs, "pixels"), *out = g_new (float, info->embed);
  gsize size = 3 * (gsize)info->image_size * info->image_size;
  for (const char *const *tier = golden_tiers (); *tier; tier++) {
    ClipmoeEncoder *encoder = golden_encoder (model, *tier, NULL);
    guint images = 0, texts = 0;
    double worst = 0;
    for (guint i = 0; i < m; i++) {
      GError *error = NULL;
      GHashTable *stages = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, stage_free);
      clipmoe_encoder_set_trace (encoder, collect, stages);
      char *prefix = g_strdup_printf ("image%u.", i), *probe = g_strconcat (prefix, "patches", NULL);
      if (clipmoe_tensors_lookup (golden, probe)) {
        g_assert_true (clipmoe_encoder_encode_pixels (encoder, pixels + i * size, 1, out, &error));
        worst = MAX (worst, compare_all (name, *tier, golden, prefix, stages, NULL, 0));
        images++;
      }
      g_free (probe);
      g_free (prefix);
      g_hash_table_remove_all (stages);
      prefix = g_strdup_printf ("text%u.", i);
      probe = g_strconcat (prefix, "rows", NULL);
      const ClipmoeTensor *rows = clipmoe_tensors_lookup (golden, probe);
      if (rows) {
        g_assert_true (
            clipmoe_encoder_encode_tokens (encoder, ids + (gsize)i * info->context, lengths, 1, out, &error));
        guint32 *kept = g_memdup2 (rows->data, rows->n_bytes);
        worst = MAX (worst, compare_all (name, *tier, golden, prefix, stages, kept, (guint)rows->n_elements));
        g_free (kept);
        texts++;
      }
      g_free (probe);
      g_free (prefix);
      g_hash_table_unref (stages);
    }
    g_assert_cmpuint (images, >=, 2);
    g_assert_cmpuint (texts, >=, 2);
    g_test_message ("%s: largest difference %.2g of a stage's scale", *tier, worst);
    clipmoe_encoder_free (encoder);
  }
  g_free (out);
  g_free (pixels);
  g_free (ids);
  clipmoe_tensors_free (inputs);
  clipmoe_tensors_free (golden);
  clipmoe_model_unref (model);
  g_free (file);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  if (golden_missing ())
    return 77;
  for (guint i = 0; i < G_N_ELEMENTS (golden_cases); i++) {
    char *name = g_strconcat ("/stages/", golden_cases[i], NULL);
    g_test_add_data_func (name, golden_cases[i], test_stages);
    g_free (name);
  }
  return g_test_run ();
}
