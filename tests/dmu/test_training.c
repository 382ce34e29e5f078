/* Checks the training loop: a tiny mixture learns 64 pairs by heart; AdamW, clipping, decay groups, the
 * moving average and the learning rate follow their formulas; the same seed gives the same bytes for any
 * number of threads. */
#include <glib/gstdio.h>
#include <string.h>
#include "adamw.h"
#include "fixture.h"

#define PAIRS 64

/* Pictures of noise with captions of noise, from a seed. */
typedef struct {
  float *pixels;
  guint32 ids[PAIRS * 8];
  guint lengths[PAIRS];
  DmuBatch batch;
} Pairs;

static void
pairs_init (Pairs *p, const ClipmoeModelInfo *info) {
  GRand *rand = g_rand_new_with_seed (3);
  gsize size = 3 * (gsize)info->image_size * info->image_size;
  p->pixels = g_new (float, PAIRS *size);
  for (gsize i = 0; i < PAIRS * size; i++)
    p->pixels[i] = (float)g_rand_double_range (rand, -2, 2);
  guint at = 0;
  for (guint i = 0; i < PAIRS; i++) {
    p->lengths[i] = 5 + i % 4;
    for (guint t = 0; t < p->lengths[i]; t++)
      p->ids[at++] = (guint32)g_rand_int_range (rand, 1, (gint)info->vocab_size - 1);
    p->ids[at - 1] = info->vocab_size - 1;
  }
  g_rand_free (rand);
  p->batch = (DmuBatch){.n = PAIRS,
                        .n_texts = 1,
                        .pictures = {.n = PAIRS, .pixels = p->pixels},
                        .texts = {{.n = PAIRS, .ids = p->ids, .lengths = p->lengths}}};
}

/* @steps of training; returns the last loss. theta (transfer full) gets the weights. */
static double
train (ClipmoeModel *model, DmuGroup group, guint threads, guint micro, guint steps, double smoothing,
       Real **theta, gsize *n) {
  GError *error = NULL;
  Pairs p;
  pairs_init (&p, clipmoe_model_get_info (model));
  DmuSelection s = dmu_selection_all (model, group);
  DmuNet *net = dmu_net_new (model, &s, &error);
  g_assert_no_error (error);
  DmuStepOptions o = {.threads = threads, .micro = micro, .smoothing = smoothing, .balance_weight = 0.01};
  DmuStep *step = dmu_step_new (net, &o, &error);
  g_assert_no_error (error);
  DmuAdamwOptions how = dmu_adamw_defaults ();
  how.clip = 1;
  DmuAdamw *adamw = dmu_adamw_new (net, &how, threads, &error);
  g_assert_no_error (error);
  DmuLosses l = {0};
  for (guint i = 0; i < steps; i++) {
    dmu_net_zero_grad (net);
    dmu_step_run (step, &p.batch, &l, &error);
    g_assert_no_error (error);
    dmu_adamw_step (adamw, dmu_rate (2e-3, i, 5, steps), dmu_adamw_length (adamw));
    if (l.contrastive[0] < 0.005)
      break;
  }
  if (theta) {
    *n = net->n_trained;
    *theta = g_memdup2 (net->theta, net->n_trained * sizeof (Real));
  }
  dmu_adamw_free (adamw);
  dmu_step_free (step);
  dmu_net_free (net);
  g_free (p.pixels);
  return l.contrastive[0];
}

static void
test_by_heart (void) {
  Fixture f;
  fixture_init (&f, "moe-e4k2", CLIPMOE_ACTIVATION_AUTO);
  g_assert_cmpfloat (train (f.model, DMU_TRAIN_ALL, 2, 0, 200, 0, NULL, NULL), <, 0.01);
  g_assert_cmpfloat (train (f.model, DMU_TRAIN_MLP, 2, 0, 200, 0, NULL, NULL), <, 0.01);
  fixture_clear (&f);
}

static void
test_same_bytes (void) {
  Fixture f;
  fixture_init (&f, "moe-e4k2", CLIPMOE_ACTIVATION_AUTO);
  for (guint threads = 1; threads <= 3; threads++) {
    Real *a, *b;
    gsize n;
    train (f.model, DMU_TRAIN_ALL, threads, 24, 4, 0.1, &a, &n);
    train (f.model, DMU_TRAIN_ALL, threads, 24, 4, 0.1, &b, &n);
    g_assert_cmpmem (a, n * sizeof *a, b, n * sizeof *b);
    g_free (a);
    g_free (b);
  }
  fixture_clear (&f);
}

/* Against the formulas in double, entry by entry. */
static void
test_adamw (void) {
  Fixture f;
  fixture_init (&f, "dense77", CLIPMOE_ACTIVATION_AUTO);
  GError *error = NULL;
  for (guint round = 0; round < 4; round++) {
    DmuSelection s = dmu_selection_all (f.model, DMU_TRAIN_ALL);
    DmuNet *net = dmu_net_new (f.model, &s, &error);
    g_assert_no_error (error);
    DmuAdamwOptions o = {0.9, 0.99, 1e-8, 0.1, round & 1, round & 2 ? 0.5 : 0, 0.6};
    DmuAdamw *adamw = dmu_adamw_new (net, &o, 1 + round, &error);
    g_assert_no_error (error);
    gsize n = net->n_trained;
    double *theta = g_new (double, n), *m = g_new0 (double, n), *v = g_new0 (double, n),
           *mean = g_new (double, n);
    for (gsize i = 0; i < n; i++)
      theta[i] = mean[i] = (double)net->theta[i];
    for (guint step = 0; step < 3; step++) {
      double length = 0, rate = 1e-2;
      for (gsize i = 0; i < n; i++) {
        net->grad[i] = (Real)(sin ((double)(i * 7 + step)) * 1e-3);
        length += (double)net->grad[i] * (double)net->grad[i];
      }
      length = sqrt (length);
      g_assert_cmpfloat (fabs (dmu_adamw_length (adamw) / length - 1), <, 1e-9);
      double scale = o.clip > 0 ? MIN (1, o.clip / length) : 1, t = step + 1;
      dmu_adamw_step (adamw, rate, length);
      for (guint p = 0; p < net->n_parameters; p++) {
        const DmuParameter *q = &net->parameters[p];
        gboolean decays = round & 1 || (!strstr (q->name, "bias") && !strstr (q->name, "ln_") &&
                                        !strstr (q->name, "embedding"));
        for (gsize i = q->offset; q->trained && i < q->offset + q->n; i++) {
          double g = (double)net->grad[i] * scale;
          m[i] = 0.9 * m[i] + 0.1 * g;
          v[i] = 0.99 * v[i] + 0.01 * g * g;
          theta[i] -= decays ? rate * 0.1 * theta[i] : 0;
          theta[i] -= rate * (m[i] / (1 - pow (0.9, t))) / (sqrt (v[i] / (1 - pow (0.99, t))) + 1e-8);
          mean[i] += (1 - MIN (0.6, t / (t + 9))) * (theta[i] - mean[i]);
          if (fabs (theta[i] - (double)net->theta[i]) > 1e-5 ||
              fabs (mean[i] - (double)adamw->average[i]) > 1e-5)
            g_error ("%s: %g and %g, expected %g and %g", q->name, (double)net->theta[i],
                     (double)adamw->average[i], theta[i], mean[i]);
        }
      }
    }
    g_free (theta);
    g_free (m);
    g_free (v);
    g_free (mean);
    dmu_adamw_free (adamw);
    dmu_net_free (net);
  }
  fixture_clear (&f);
}

static void
test_rate (void) {
  g_assert_cmpfloat (dmu_rate (2, 0, 4, 8), ==, 0.5);
  g_assert_cmpfloat (dmu_rate (2, 3, 4, 8), ==, 2);
  g_assert_cmpfloat (dmu_rate (2, 4, 4, 8), ==, 2);
  g_assert_cmpfloat (fabs (dmu_rate (2, 6, 4, 8) - 1), <, 1e-12);
  g_assert_cmpfloat (dmu_rate (2, 7, 4, 8), >, 0);
  g_assert_cmpfloat (dmu_rate (2, 8, 4, 8), ==, 0);
  g_assert_cmpfloat (dmu_rate (2, 0, 0, 8), ==, 2);
  g_assert_cmpfloat (dmu_rate (2, 3, 200, 8), <, 0.05); /* shorter than its warm-up */
  g_assert_cmpfloat (dmu_rate (2, 4, 4, 4), ==, 0);
}

/* What was trained comes back as a model; what was not is the same. */
static void
test_model (void) {
  Fixture f;
  fixture_init (&f, "moe-last2-e3k1", CLIPMOE_ACTIVATION_AUTO);
  GError *error = NULL;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (f.model);
  DmuSelection s = dmu_selection_all (f.model, DMU_TRAIN_GATE);
  DmuNet *net = dmu_net_new (f.model, &s, &error);
  g_assert_no_error (error);
  ClipmoeModel *same = dmu_net_to_model (net, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (clipmoe_model_get_info (same)->fingerprint, ==, info->fingerprint);
  g_assert_cmpstr (clipmoe_model_get_info (same)->id, ==, info->id);
  g_assert_cmpuint (clipmoe_model_get_info (same)->parameters, ==, info->parameters);
  net->theta[5] += 1;
  ClipmoeModel *other = dmu_net_to_model (net, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (clipmoe_model_get_info (other)->fingerprint, !=, info->fingerprint);
  g_assert_cmpfloat (other->image_blocks[1].gate_weight[5] - f.model->image_blocks[1].gate_weight[5], ==, 1);
  clipmoe_model_unref (same);
  clipmoe_model_unref (other);
  dmu_net_free (net);
  fixture_clear (&f);
}

/* A model of which most is trained is let go of: its file may be gone when the training ends. */
static void
test_model_gone (void) {
  char *from = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), "dense77.weights.safetensors", NULL),
       *vocab, *bytes, *path;
  gsize n;
  GError *error = NULL;
  g_assert_true (g_file_get_contents (from, &bytes, &n, &error));
  gint fd = g_file_open_tmp ("clipmoe-gone-XXXXXX.safetensors", &path, &error);
  g_assert_no_error (error);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, bytes, (gssize)n, &error));
  vocab = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), "golden.vocab.txt", NULL);
  ClipmoeModelOptions options = {.struct_size = sizeof options, .vocab = vocab};
  ClipmoeModel *model = clipmoe_model_open (path, &options, &error);
  g_assert_no_error (error);
  char *before = g_strdup (clipmoe_model_get_info (model)->fingerprint);
  DmuSelection s = dmu_selection_all (model, DMU_TRAIN_ALL);
  s.image_first = 1; /* something frozen */
  DmuNet *net = dmu_net_new (model, &s, &error);
  g_assert_no_error (error);
  g_assert_false (net->borrows);
  g_assert_cmpuint (net->copies->len, >, 0);
  g_remove (path);
  ClipmoeModel *same = dmu_net_to_model (net, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (clipmoe_model_get_info (same)->fingerprint, ==, before);
  clipmoe_model_unref (same);
  dmu_net_free (net);
  clipmoe_model_unref (model);
  g_free (from);
  g_free (vocab);
  g_free (bytes);
  g_free (path);
  g_free (before);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dmu/training/by heart", test_by_heart);
  g_test_add_func ("/dmu/training/same bytes", test_same_bytes);
  g_test_add_func ("/dmu/training/adamw", test_adamw);
  g_test_add_func ("/dmu/training/rate", test_rate);
  g_test_add_func ("/dmu/training/model", test_model);
  g_test_add_func ("/dmu/training/model that is gone", test_model_gone);
  return g_test_run ();
}
