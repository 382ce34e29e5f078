/* Checks the arithmetic of the stages: identical experts give the dense model's vectors for any router, and
 * k = E the full mixture; tensors that checkpoints must share are compared; stretched positions; k-means and
 * the groups that it gives; batches from one cluster that cover all pairs; ranks, in blocks of any size;
 * settings. */
#include <math.h>
#include <string.h>
#include <cluster.h>
#include <model/derive.h>
#include <modelfile.h>
#include <base/random.h>
#include <retrieval.h>
#include <sampler.h>
#include <training.h>
#include <upcycle.h>
#include "fixture.h"

/* Unit vectors of the fixture's pictures and texts, one after the other. */
static float *
vectors (ClipmoeModel *m, const Fixture *f, guint top_k, guint *n) {
  GError *error = NULL;
  DmuNet *net = dmu_net_new (m, NULL, &error);
  g_assert_no_error (error);
  DmuStepOptions o = {.threads = 1};
  DmuStep *step = dmu_step_new (net, &o, &error);
  g_assert_no_error (error);
  if (top_k)
    net->image.arch.top_k = net->text.arch.top_k = top_k;
  *n = 6 * net->image.arch.embed;
  float *out = g_new (float, *n);
  g_assert_true (dmu_step_embed_pictures (step, &f->batch.pictures, out, &error));
  g_assert_true (dmu_step_embed_texts (step, &f->batch.texts[0], out + 3 * net->image.arch.embed, &error));
  dmu_step_free (step);
  dmu_net_free (net);
  return out;
}

static double
farthest (const float *a, const float *b, guint n) {
  double most = 0;
  for (guint i = 0; i < n; i++)
    most = MAX (most, fabs ((double)a[i] - (double)b[i]));
  return most;
}

static DmuUpcycle
everywhere (const ClipmoeModel *m, guint experts, guint k) {
  const ClipmoeModelInfo *i = clipmoe_model_get_info (m);
  return (DmuUpcycle){
      .copies = experts, .top_k = k, .seed = 5, .image_last = i->image->layers, .text_last = i->text->layers};
}

static void
test_identical (void) {
  static const char *const names[] = {"dense77", "long248"};
  for (guint c = 0; c < 2; c++) {
    Fixture f;
    GError *error = NULL;
    guint n;
    fixture_init (&f, names[c], CLIPMOE_ACTIVATION_AUTO);
    float *dense = vectors (f.model, &f, 0, &n);
    for (guint k = 1; k <= 4; k++) {
      DmuUpcycle how = everywhere (f.model, 4, k);
      how.seed = k;
      ClipmoeModel *moe = dmu_upcycle (&f.model, 1, &how, &error);
      g_assert_no_error (error);
      float *got = vectors (moe, &f, 0, &n);
      g_assert_cmpfloat (farthest (dense, got, n), <=, 1e-6);
      g_free (got);
      clipmoe_model_unref (moe);
    }
    g_free (dense);
    fixture_clear (&f);
  }
}

/* Three models that differ in the feed-forward layers: expert e alone is model e; all of them is the mean by
 * softmax. */
static void
test_experts (void) {
  Fixture f;
  GError *error = NULL;
  guint n;
  fixture_init (&f, "dense77", CLIPMOE_ACTIVATION_AUTO);
  ClipmoeModel *models[3];
  for (guint e = 0; e < 3; e++) {
    GHashTable *changed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    GList *names = clipmoe_model_list_weights (f.model);
    for (GList *l = names; l; l = l->next) {
      const ClipmoeWeight *w = clipmoe_model_get_weight (f.model, l->data);
      if (!strstr (l->data, ".mlp."))
        continue;
      float *v = g_memdup2 (w->data, w->n_elements * sizeof (float));
      for (guint64 i = 0; i < w->n_elements; i++)
        v[i] *= 1 + 0.3f * (float)e;
      g_hash_table_insert (changed, g_strdup (l->data), v);
    }
    g_list_free (names);
    models[e] = clipmoe_model_with_values (f.model, changed, &error);
    g_assert_no_error (error);
    g_hash_table_unref (changed);
  }
  DmuUpcycle how = everywhere (f.model, 0, 2);
  ClipmoeModel *moe = dmu_upcycle (models, 3, &how, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (clipmoe_model_get_info (moe)->image->experts, ==, 3);
  g_assert_cmpuint (clipmoe_model_get_info (moe)->top_k, ==, 2);
  for (guint e = 0; e < 3; e++) {
    DmuNet *net = dmu_net_new (moe, NULL, &error);
    DmuStepOptions o = {.threads = 2};
    DmuStep *step = dmu_step_new (net, &o, &error);
    step->image.run.forced = (int)e;
    float *got = g_new (float, 3 * net->image.arch.embed), *want = vectors (models[e], &f, 0, &n);
    g_assert_true (dmu_step_embed_pictures (step, &f.batch.pictures, got, &error));
    g_assert_cmpfloat (farthest (want, got, 3 * net->image.arch.embed), <=, 1e-6);
    g_free (got);
    g_free (want);
    dmu_step_free (step);
    dmu_net_free (net);
  }

  /* What is shared must be the same; a model that is a mixture, k out of range, no blocks. */
  float *shifted =
      g_memdup2 (clipmoe_model_get_weight (models[1], "visual.proj")->data,
                 clipmoe_model_get_weight (models[1], "visual.proj")->n_elements * sizeof (float));
  shifted[3] += 0.25f;
  GHashTable *changed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_insert (changed, g_strdup ("visual.proj"), shifted);
  ClipmoeModel *other = clipmoe_model_with_values (models[1], changed, &error);
  g_hash_table_unref (changed);
  ClipmoeModel *pair[2] = {models[0], other};
  g_assert_null (dmu_upcycle (pair, 2, &how, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH);
  g_assert_nonnull (strstr (error->message, "\"visual.proj\" differs by up to 0.25"));
  g_clear_error (&error);
  how.take_first = TRUE;
  how.top_k = 1;
  ClipmoeModel *taken = dmu_upcycle (pair, 2, &how, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (taken->image_projection[3], ==, models[0]->image_projection[3]);
  clipmoe_model_unref (taken);
  how.image_last--; /* a feed-forward layer that stays dense is shared too */
  how.take_first = FALSE;
  g_assert_null (dmu_upcycle (models, 3, &how, &error));
  g_assert_nonnull (strstr (error->message, ".mlp."));
  g_clear_error (&error);
  how = everywhere (f.model, 3, 4);
  g_assert_null (dmu_upcycle (models, 3, &how, &error));
  g_clear_error (&error);
  how = everywhere (f.model, 3, 2);
  how.image_last = how.text_last = 0;
  g_assert_null (dmu_upcycle (models, 3, &how, &error));
  g_clear_error (&error);
  how = everywhere (f.model, 3, 2);
  g_assert_null (dmu_upcycle (&moe, 1, &how, &error));
  g_clear_error (&error);
  for (guint e = 0; e < 3; e++)
    clipmoe_model_unref (models[e]);
  clipmoe_model_unref (moe);
  clipmoe_model_unref (other);
  fixture_clear (&f);
}

static void
test_stretch (void) {
  Fixture f;
  GError *error = NULL;
  fixture_init (&f, "dense77", CLIPMOE_ACTIVATION_AUTO);
  ClipmoeModel *m = dmu_stretch (f.model, &error);
  g_assert_no_error (error);
  const float *q = f.model->text_positions, *p = m->text_positions;
  guint w = f.model->text.width;
  g_assert_cmpuint (clipmoe_model_get_info (m)->context, ==, 248);
  for (guint c = 0; c < w; c++) {
    g_assert_cmpfloat (p[19 * w + c], ==, q[19 * w + c]);
    g_assert_cmpfloat (p[20 * w + c], ==, q[20 * w + c]);
    g_assert_cmpfloat (p[24 * w + c], ==, q[21 * w + c]);
    g_assert_cmpfloat (fabsf (p[21 * w + c] - (3 * q[20 * w + c] + q[21 * w + c]) / 4), <, 1e-6);
    g_assert_cmpfloat (fabsf (p[243 * w + c] - (q[75 * w + c] + 3 * q[76 * w + c]) / 4), <, 1e-6);
    g_assert_cmpfloat (p[244 * w + c], ==, q[76 * w + c]);
    g_assert_cmpfloat (fabsf (p[247 * w + c] - (q[76 * w + c] + 3 * (q[76 * w + c] - q[75 * w + c]) / 4)), <,
                       1e-6);
  }
  clipmoe_model_unref (m);
  fixture_clear (&f);
}

static void
test_kmeans (void) {
  enum { N = 600, W = 8, K = 5 };
  static float x[N * W], centres[K * W];
  static guint labels[N], again[N];
  ClipmoeRandom r = {11};
  for (guint i = 0; i < N; i++)
    for (guint j = 0; j < W; j++)
      x[i * W + j] = (float)((i % K == j ? 4 : 0) + 0.3 * (clipmoe_random_uniform (&r) - 0.5));
  DmuFit fit;
  GError *error = NULL;
  for (guint seed = 0; seed < 8; seed++)
    for (guint threads = 1; threads <= 3; threads++) {
      g_assert_true (dmu_kmeans (threads, N, W, x, K, seed, 100, labels, centres, &fit, &error));
      g_assert_cmpfloat (fit.after, <=, fit.before);
      g_assert_cmpfloat (fit.after, <, 0.1); /* each heap has a centre of its own */
      for (guint i = K; i < N; i++)
        g_assert_cmpuint (labels[i], ==, labels[i % K]);
      if (threads > 1)
        g_assert_cmpmem (labels, sizeof labels, again, sizeof again);
      memcpy (again, labels, sizeof labels);
    }
  /* every point the same: all centres but one are empty, and it ends */
  memset (x, 0, sizeof x);
  g_assert_true (dmu_kmeans (1, N, W, x, K, 1, 50, labels, centres, &fit, &error));
  g_assert_cmpfloat (fit.after, ==, 0);
  g_assert_true (dmu_kmeans (1, 3, W, x, 3, 1, 50, labels, centres, &fit, &error));
  g_assert_false (dmu_kmeans (1, 3, W, x, 4, 1, 50, labels, centres, &fit, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
}

static void
test_groups (void) {
  /* stage 0: 0 0 0 0 0 0 1 1 1 1 2; stage 1 splits the zeros 4 + 2, the ones 2 + 2 */
  const guint a[] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2}, b[] = {0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0};
  const guint *codes[] = {a, b};
  guint groups[11], merged;
  g_assert_cmpuint (dmu_groups (11, 2, codes, 3, 2, groups, &merged), ==, 4);
  g_assert_cmpuint (merged, ==, 1);
  g_assert_cmpuint (groups[10], ==, groups[0]); /* alone even at the root: with the largest */
  g_assert_cmpuint (groups[4], ==, groups[5]);
  g_assert_cmpuint (groups[4], !=, groups[0]);
  g_assert_cmpuint (groups[6], !=, groups[8]);
  g_assert_cmpuint (dmu_groups (11, 2, codes, 3, 4, groups, &merged), ==,
                    2); /* the ones join in their parent */
  g_assert_cmpuint (merged, ==, 4);
  g_assert_cmpuint (groups[6], ==, groups[9]);
  g_assert_cmpuint (groups[4], ==, groups[0]); /* 4, 5, 10 are too few at the root */
  g_assert_cmpuint (dmu_groups (11, 2, codes, 3, 3, groups, &merged), ==,
                    3); /* … or enough: a group of their own */
  g_assert_cmpuint (groups[4], ==, groups[10]);
  g_assert_cmpuint (groups[4], !=, groups[0]);
  g_assert_cmpuint (dmu_groups (11, 2, codes, 3, 100, groups, &merged), ==, 1);
  for (guint i = 0; i < 11; i++)
    g_assert_cmpuint (groups[i], ==, 0);
}

/* A data set of @n pairs without pictures: enough to draw batches from. */
static DmuDataset *
set_of (guint n) {
  DmuDataset *set = g_new0 (DmuDataset, 1);
  set->samples = g_array_new (FALSE, TRUE, sizeof (DmuSample));
  for (guint i = 0; i < n; i++) {
    DmuSample s = {.first_text = 2 * i, .n_texts = 2, .source = i % 2};
    g_array_append_val (set->samples, s);
  }
  set->ids = g_array_new (FALSE, FALSE, 4);
  set->starts = g_array_new (FALSE, FALSE, 4);
  set->text_keys = g_array_new (FALSE, FALSE, 8);
  set->label_texts = g_array_new (FALSE, FALSE, 4);
  set->labels = g_ptr_array_new ();
  set->sources = g_ptr_array_new ();
  g_ptr_array_add (set->sources, (gpointer) "a");
  g_ptr_array_add (set->sources, (gpointer) "b");
  dmu_counts_init (&set->counts);
  return set;
}

static void
test_sampler (void) {
  GError *error = NULL;
  DmuDataset *set = set_of (103);
  guint groups[103], seen[103] = {0};
  for (guint i = 0; i < 103; i++)
    groups[i] = i < 60 ? 0 : i < 90 ? 1 : 2;
  DmuSampler *s = dmu_sampler_new (set, 8, 4, groups, 3, NULL, &error),
             *t = dmu_sampler_new (set, 8, 4, groups, 3, NULL, &error);
  g_assert_no_error (error);
  guint batches = dmu_sampler_get_batches (s);
  g_assert_cmpuint (batches, ==, 60 / 8 + 30 / 8 + 13 / 8);
  s->keep = 3;
  s->patches = 16;
  for (guint64 step = 0; step < 20 * batches; step++) {
    DmuPlan *p = dmu_sampler_plan (s, step);
    gboolean mine[103] = {FALSE};
    for (guint i = 0; i < p->n; i++) {
      g_assert_cmpuint (groups[p->samples[i]], ==, groups[p->samples[0]]);
      g_assert_false (mine[p->samples[i]]);
      mine[p->samples[i]] = TRUE;
      seen[p->samples[i]]++;
      g_assert_cmpuint (p->texts[i] / 2, ==, p->samples[i]);
      for (guint k = 0; k < 3; k++)
        g_assert_true (p->kept[3 * i + k] < 16 && (!k || p->kept[3 * i + k] > p->kept[3 * i + k - 1]));
    }
    dmu_plan_free (p);
  }
  for (guint i = 0; i < 103; i++)
    g_assert_cmpuint (seen[i], >=, 5); /* nobody is left out for good */
  /* a sampler that begins in the middle draws the same */
  for (guint64 step = 3 * batches - 2; step < 3 * batches + 2; step++) {
    DmuPlan *p = dmu_sampler_plan (s, step), *q = dmu_sampler_plan (t, step);
    g_assert_cmpmem (p->samples, 32, q->samples, 32);
    g_assert_cmpmem (p->seeds, 64, q->seeds, 64);
    dmu_plan_free (p);
    dmu_plan_free (q);
  }
  dmu_sampler_free (s);
  dmu_sampler_free (t);
  s = dmu_sampler_new (set, 8, 4, NULL, 0, "b:3; c:2", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (s->entries->len, ==, 52 + 3 * 51);
  dmu_sampler_free (s);
  static const char *const bad[] = {"b", "b:", "b:0", "b:x", "b:1.5", "b:-1", ":"};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_assert_null (dmu_sampler_new (set, 8, 4, NULL, 0, bad[i], &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    g_clear_error (&error);
  }
  g_assert_null (dmu_sampler_new (set, 104, 4, NULL, 0, NULL, &error));
  g_clear_error (&error);
  dmu_dataset_free (set);
}

static void
test_rank (void) {
  const float x[] = {0.5f, 0.9f, 0.5f, 0.1f};
  g_assert_cmpuint (dmu_rank (x, 4, 1), ==, 1);
  g_assert_cmpuint (dmu_rank (x, 4, 0), ==, 2);
  g_assert_cmpuint (dmu_rank (x, 4, 2), ==, 3); /* of equals the lower index is ahead */
  g_assert_cmpuint (dmu_rank (x, 4, 3), ==, 4);
  g_assert_cmpuint (dmu_largest (x, 4), ==, 1);
  g_assert_cmpuint (dmu_largest (x + 2, 1), ==, 0);
}

/* Blocks of any size find what all scores at once say. Components are small whole numbers, so that sums are
 * exact and many scores equal. */
static void
test_retrieval (void) {
  enum { N = 23, MOST = 3 * N, W = 5 };
  float pictures[N * W], captions[MOST * W], all[N][MOST];
  guint begins[N + 1] = {0}, best[N], first[N], rank[MOST];
  ClipmoeRandom r = {3};
  for (guint i = 0; i < N; i++)
    begins[i + 1] = begins[i] + 1 + clipmoe_random_below (&r, 3);
  guint m = begins[N];
  for (guint i = 0; i < N * W; i++)
    pictures[i] = (float)clipmoe_random_below (&r, 3) - 1;
  for (guint i = 0; i < m * W; i++)
    captions[i] = (float)clipmoe_random_below (&r, 3) - 1;
  for (guint i = 0; i < N; i++)
    for (guint t = 0; t < m; t++) {
      all[i][t] = 0;
      for (guint c = 0; c < W; c++)
        all[i][t] += pictures[i * W + c] * captions[t * W + c];
    }
  for (gsize block = 0; block <= N * m * sizeof (float); block += m * sizeof (float) / 2) {
    DmuRetrieval how = {1, W, N, begins, pictures, captions, block};
    g_assert_true (dmu_retrieve (&how, best, first, rank));
    for (guint i = 0; i < N; i++) {
      guint want = m;
      for (guint t = begins[i]; t < begins[i + 1]; t++) {
        guint own = dmu_rank (all[i], m, t);
        float column[N];
        want = MIN (want, own);
        for (guint j = 0; j < N; j++)
          column[j] = all[j][t];
        g_assert_cmpuint (rank[t], ==, dmu_rank (column, N, i));
      }
      g_assert_cmpuint (best[i], ==, want);
      g_assert_cmpuint (first[i], ==, dmu_largest (all[i], m));
    }
  }
}

static void
test_settings (void) {
  DmuTraining t = dmu_training_defaults (DMU_TRAIN_MLP);
  static const struct {
    const char *key, *value;
    gboolean good;
  } tries[] = {{"rate", "1e-4", TRUE},
               {"rate", "x", FALSE},
               {"rate", "-1", FALSE},
               {"rate", "nan", FALSE},
               {"rate", "2", FALSE},
               {"rate", "1e400", FALSE},
               {"batch", "7", TRUE},
               {"batch", "7.5", FALSE},
               {"batch", "1", FALSE},
               {"batch", "", FALSE},
               {"batch", "5x", FALSE},
               {"mirror", "true", TRUE},
               {"mirror", "1", FALSE},
               {"balance", "paper", TRUE},
               {"balance", "none", FALSE},
               {"train", "gate", TRUE},
               {"steps", "18446744073709551616", FALSE},
               {"repeat", "a:2", TRUE},
               {"crop", "0", FALSE}};
  for (guint i = 0; i < G_N_ELEMENTS (tries); i++) {
    GError *error = NULL;
    g_assert_true (dmu_training_set (&t, tries[i].key, tries[i].value, &error));
    if ((error == NULL) != tries[i].good)
      g_error ("%s = %s: %s", tries[i].key, tries[i].value, error ? error->message : "taken");
    g_clear_error (&error);
  }
  g_assert_false (dmu_training_set (&t, "learning-rate", "1", NULL));
  g_assert_cmpfloat (t.rate, ==, 1e-4);
  g_assert_cmpuint (t.batch, ==, 7);
  dmu_training_clear (&t);

  static const struct {
    const char *text;
    gboolean good;
    guint first, last;
  } blocks[] = {
      {"all", TRUE, 0, 6},  {"none", TRUE, 0, 0},    {"last:2", TRUE, 4, 6},  {"3", TRUE, 3, 4},
      {"1-4", TRUE, 1, 5},  {"0-5", TRUE, 0, 6},     {"0-6", FALSE, 0, 0},    {"6", FALSE, 0, 0},
      {"4-1", FALSE, 0, 0}, {"last:7", FALSE, 0, 0}, {"last:0", FALSE, 0, 0}, {"-1", FALSE, 0, 0},
      {"1-", FALSE, 0, 0},  {"", FALSE, 0, 0},       {"x", FALSE, 0, 0},      {"4294967297", FALSE, 0, 0}};
  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++) {
    guint first, last;
    GError *error = NULL;
    gboolean ok = dmu_blocks_parse (blocks[i].text, "blocks", 6, &first, &last, &error);
    if (ok != blocks[i].good || (ok && (first != blocks[i].first || last != blocks[i].last)))
      g_error ("blocks \"%s\": %d %u %u", blocks[i].text, ok, first, last);
    g_clear_error (&error);
  }
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dmu/stages/identical experts", test_identical);
  g_test_add_func ("/dmu/stages/experts", test_experts);
  g_test_add_func ("/dmu/stages/stretch", test_stretch);
  g_test_add_func ("/dmu/stages/kmeans", test_kmeans);
  g_test_add_func ("/dmu/stages/groups", test_groups);
  g_test_add_func ("/dmu/stages/sampler", test_sampler);
  g_test_add_func ("/dmu/stages/rank", test_rank);
  g_test_add_func ("/dmu/stages/retrieval", test_retrieval);
  g_test_add_func ("/dmu/stages/settings", test_settings);
  return g_test_run ();
}
