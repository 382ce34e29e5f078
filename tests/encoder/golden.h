/* The tiny models and their reference values (tests/golden). */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "clipmoe/clipmoe.h"
#include "kernels/choose.h"
#include "checkpoint/checkpoint.h"

static const char *const golden_cases[] = {"dense77",        "long248",  "moe-e4k2",
                                           "moe-last2-e3k1", "moe-e3k3", "moe-gelu-e3k2"};

/* NULL-terminated names of the tiers that this processor runs. */
static inline const char *const *
golden_tiers (void) {
  static const char *tiers[8];
  static const char *const all[] = {"generic", "avx2", "avx512", "neon"};
  guint n = 0;
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if (cm_kernels_get (all[i], NULL))
      tiers[n++] = all[i];
  return tiers;
}

static inline char *
golden_weights (const char *name) {
  char *file = g_strconcat (name, ".weights.safetensors", NULL);
  char *path = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), file, NULL);
  g_free (file);
  return path;
}

/* For main(): 77 where the build made no models. */
static inline gboolean
golden_missing (void) {
  char *path = golden_weights (golden_cases[0]);
  gboolean missing = !g_file_test (path, G_FILE_TEST_EXISTS);
  if (missing)
    printf ("%s is missing: the build found no /usr/bin/python3 to make it\n", path);
  g_free (path);
  return missing;
}

static inline ClipmoeModel *
golden_model (const char *name) {
  char *path = golden_weights (name);
  char *vocab = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), "golden.vocab.txt", NULL);
  ClipmoeModelOptions options = {.struct_size = sizeof options, .vocab = vocab};
  GError *error = NULL;
  ClipmoeModel *model = clipmoe_model_open (path, &options, &error);
  g_assert_no_error (error);
  g_free (vocab);
  g_free (path);
  return model;
}

/* On the tier named, or the best one for NULL. */
static inline ClipmoeEncoder *
golden_encoder (ClipmoeModel *model, const char *tier, const ClipmoeEncoderOptions *how) {
  GError *error = NULL;
  if (tier)
    g_setenv ("CLIPMOE_CPU", tier, TRUE);
  ClipmoeEncoder *encoder = clipmoe_encoder_new (model, how, &error);
  g_unsetenv ("CLIPMOE_CPU");
  g_assert_no_error (error);
  if (tier)
    /* "avx2,-vnni" asks for less than "avx2", which may be "avx2+vnni" */
    g_assert_true (strncmp (clipmoe_encoder_get_tier (encoder), tier, strcspn (tier, ",")) == 0);
  return encoder;
}

/* "inputs", or a case with ".golden". */
static inline ClipmoeTensors *
golden_read (const char *name) {
  char *file = g_strconcat (name, ".safetensors", NULL);
  char *path = g_build_filename (g_getenv ("CLIPMOE_TEST_SOURCES"), "golden", file, NULL);
  GError *error = NULL;
  ClipmoeTensors *t = clipmoe_tensors_read (path, &error);
  g_assert_no_error (error);
  g_free (path);
  g_free (file);
  return t;
}

static inline float *
golden_floats (ClipmoeTensors *t, const char *name) {
  const ClipmoeTensor *x = clipmoe_tensors_lookup (t, name);
  if (!x)
    g_error ("%s is missing from the fixture", name);
  float *out = g_new (float, x->n_elements);
  g_assert_true (clipmoe_tensor_to_f32 (x, out));
  return out;
}

/* The captions of the fixtures as ids for @context, one after the other; *lengths is their number each. */
static inline guint32 *
golden_tokens (ClipmoeTensors *inputs, guint context, guint *lengths, guint *n) {
  char *key = g_strdup_printf ("tokens%u", context);
  const ClipmoeTensor *x = clipmoe_tensors_lookup (inputs, key);
  g_assert_nonnull (x);
  g_assert_cmpuint (x->shape[1], ==, context);
  *n = (guint)x->shape[0];
  for (guint i = 0; i < *n; i++)
    lengths[i] = context;
  g_free (key);
  return g_memdup2 (x->data, x->n_bytes);
}

/* Unit vectors [n][embed]: what "parity" means. */
static inline void
golden_compare_units (const char *what, const float *got, const float *expected, guint n, guint embed) {
  for (guint r = 0; r < n; r++) {
    double worst = 0, dot = 0, a = 0, b = 0;
    for (guint c = 0; c < embed; c++) {
      double g = got[r * embed + c], e = expected[r * embed + c];
      worst = MAX (worst, fabs (g - e));
      dot += g * e;
      a += g * g;
      b += e * e;
    }
    if (!(worst <= 2e-5) || !(dot / sqrt (a * b) >= 0.99999))
      g_error ("%s %u: largest difference %g, cosine %.7f", what, r, worst, dot / sqrt (a * b));
  }
}

#endif
