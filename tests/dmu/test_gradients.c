/* Checks the trainer's mathematics: losses and all gradients against automatic differentiation of the
 * reference formulas, and (in double) against finite differences; that cutting texts, pooling the last
 * block, recomputing and splitting the batch change nothing; that frozen weights get no gradient and do not
 * change those of the others. Built for double and for float. */
#include <string.h>
#include <math.h>
#include "fixture.h"

#ifdef DMU_DOUBLE
#define TOLERANCE 1e-9 /* of the largest entry of the tensor, which counts as 1e-5 at least */
#else
#define TOLERANCE 2e-3
#endif

static const struct {
  const char *name, *activation;
} cases[] = {{"dense77", "quick_gelu"},  {"dense77", "gelu"},  {"long248", "quick_gelu"},
             {"moe-e4k2", "quick_gelu"}, {"moe-e4k2", "gelu"}, {"moe-last2-e3k1", "quick_gelu"},
             {"moe-e3k3", "quick_gelu"}};

static ClipmoeTensors *reference;

static DmuNet *
net_of (const Fixture *f, DmuGroup group, gboolean scale) {
  GError *error = NULL;
  DmuSelection s = dmu_selection_all (f->model, group);
  s.logit_scale = scale;
  DmuNet *net = dmu_net_new (f->model, &s, &error);
  g_assert_no_error (error);
  return net;
}

/* Losses of one batch; gradients end up in the net. */
static DmuLosses
run_step (DmuStep *step, const DmuBatch *batch) {
  GError *error = NULL;
  DmuLosses losses;
  dmu_net_zero_grad (step->net);
  dmu_step_run (step, batch, &losses, &error);
  g_assert_no_error (error);
  return losses;
}

static DmuLosses
run (DmuNet *net, const DmuStepOptions *options, const DmuBatch *batch) {
  GError *error = NULL;
  DmuStep *step = dmu_step_new (net, options, &error);
  g_assert_no_error (error);
  DmuLosses losses = run_step (step, batch);
  dmu_step_free (step);
  return losses;
}

static const double *
expected (const char *prefix, const char *name, gsize *n) {
  char *key = g_strconcat (prefix, name, NULL);
  const ClipmoeTensor *t = clipmoe_tensors_lookup (reference, key);
  if (!t)
    g_error ("no reference for %s", key);
  *n = t->n_elements;
  g_free (key);
  return (const double *)(gconstpointer)t->data;
}

static void
near (const char *prefix, const char *what, double got, double want, double largest) {
  if (!(fabs (got - want) <= TOLERANCE * MAX (largest, 1e-5)))
    g_error ("%s%s: %.12g, expected %.12g (largest %.3g)", prefix, what, got, want, largest);
}

static void
compare (const DmuNet *net, const char *prefix) {
  for (guint i = 0; i < net->n_parameters; i++) {
    const DmuParameter *p = &net->parameters[i];
    gsize n, stride = MAX (1, p->n / 96);
    const double *want = expected (prefix, p->name, &n);
    double largest = 0, length = 0;
    g_assert_true (p->trained);
    for (gsize j = 0; j < p->n; j++) {
      largest = MAX (largest, fabs ((double)net->grad[p->offset + j]));
      length += (double)net->grad[p->offset + j] * (double)net->grad[p->offset + j];
    }
    near (prefix, p->name, sqrt (length), want[0], want[0]);
    for (gsize j = 1; j < n; j++)
      near (prefix, p->name, (double)net->grad[p->offset + (j - 1) * stride], want[j], largest);
  }
}

static void
loss_near (const char *prefix, const char *name, double got) {
  gsize n;
  const double *want = expected (prefix, name, &n);
  near (prefix, name, got, *want, 1);
}

static void
test_reference (gconstpointer data) {
  guint which = GPOINTER_TO_UINT (data);
  gboolean moe = g_str_has_prefix (cases[which].name, "moe");
  Fixture f;
  fixture_init (&f, cases[which].name,
                strcmp (cases[which].activation, "gelu") ? CLIPMOE_ACTIVATION_QUICK_GELU
                                                         : CLIPMOE_ACTIVATION_GELU);
  DmuNet *net = net_of (&f, DMU_TRAIN_ALL, TRUE);
  char *prefix = g_strdup_printf ("%s/%s/published/", cases[which].name, cases[which].activation);
  DmuStepOptions o = {
      .threads = 1, .smoothing = 0.1, .short_weight = 1, .balance = DMU_BALANCE_CODE, .balance_weight = 0.01};
  DmuLosses l = run (net, &o, &f.batch);
  loss_near (prefix, "loss/total", l.total);
  loss_near (prefix, "loss/long", l.contrastive[0]);
  loss_near (prefix, "loss/short", l.contrastive[1]);
  if (moe) {
    loss_near (prefix, "loss/balance_image", l.balance_image);
    loss_near (prefix, "loss/balance_text", l.balance_text[0]);
    loss_near (prefix, "loss/balance_short", l.balance_text[1]);
  }
  compare (net, prefix);
  g_free (prefix);

  /* The same in parts, recomputed, with threads. */
  prefix = g_strdup_printf ("%s/%s/plain/", cases[which].name, cases[which].activation);
  f.batch.n_texts = 1;
  for (guint i = 0; i < 8; i++) {
    DmuStepOptions plain = {.threads = 1 + 2 * (i & 1), .recompute = (i & 2) != 0, .micro = i & 4 ? 2 : 0};
    l = run (net, &plain, &f.batch);
    loss_near (prefix, "loss/total", l.total);
    compare (net, prefix);
  }
  g_free (prefix);
  dmu_net_free (net);
  fixture_clear (&f);
}

/* Balance losses in parts: the shares are those of the whole batch. */
static void
test_parts (void) {
  Fixture f;
  fixture_init (&f, "moe-e4k2", CLIPMOE_ACTIVATION_AUTO);
  DmuNet *net = net_of (&f, DMU_TRAIN_ALL, TRUE);
  for (guint kind = 0; kind < 3; kind++) {
    DmuStepOptions o = {
        .threads = 1, .smoothing = 0.1, .short_weight = 0.5, .balance = kind, .balance_weight = 0.1};
    DmuLosses whole = run (net, &o, &f.batch);
    Real *grad = g_memdup2 (net->grad, net->n_trained * sizeof (Real));
    o.micro = 1;
    o.recompute = TRUE;
    DmuLosses parts = run (net, &o, &f.batch);
    near ("parts ", "loss", parts.total, whole.total, 1);
    double largest = 0;
    for (gsize i = 0; i < net->n_trained; i++)
      largest = MAX (largest, fabs ((double)grad[i]));
    for (gsize i = 0; i < net->n_trained; i++)
      near ("parts ", "gradient", (double)net->grad[i], (double)grad[i], largest);
    g_free (grad);
  }
  dmu_net_free (net);
  fixture_clear (&f);
}

/* What is frozen changes nothing for the rest. */
static void
test_frozen (void) {
  static const char *const names[] = {"moe-e4k2", "dense77", "moe-last2-e3k1"};
  for (guint c = 0; c < G_N_ELEMENTS (names); c++) {
    Fixture f;
    fixture_init (&f, names[c], CLIPMOE_ACTIVATION_AUTO);
    DmuNet *all = net_of (&f, DMU_TRAIN_ALL, TRUE);
    DmuStepOptions o = {
        .threads = 1, .smoothing = 0.1, .balance = DMU_BALANCE_PER_LAYER, .balance_weight = 0.1};
    f.batch.n_texts = 1;
    run (all, &o, &f.batch);
    const ClipmoeModelInfo *info = clipmoe_model_get_info (f.model);
    guint layers = info->image->layers, texts = info->text->layers;
    const DmuSelection some[] = {
        {DMU_TRAIN_MLP, 0, layers, 0, texts, FALSE},      {DMU_TRAIN_GATE, 0, layers, 0, texts, FALSE},
        {DMU_TRAIN_MLP, layers - 1, layers, 0, 0, FALSE}, {DMU_TRAIN_GATE, 1, layers, 0, 0, FALSE},
        {DMU_TRAIN_ALL, 1, layers, 0, 0, FALSE},          {DMU_TRAIN_ALL, 0, 1, 0, texts, TRUE},
        {DMU_TRAIN_ALL, 0, 0, 0, texts, FALSE},           {DMU_TRAIN_ALL, 0, 0, 0, 0, TRUE}};
    for (guint i = 0; i < G_N_ELEMENTS (some); i++) {
      GError *error = NULL;
      DmuNet *net = dmu_net_new (f.model, &some[i], &error);
      if (!net) { /* no routers to train */
        g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
        g_assert_true (some[i].group == DMU_TRAIN_GATE && !info->top_k);
        g_clear_error (&error);
        continue;
      }
      o.recompute = i & 1;
      run (net, &o, &f.batch);
      gsize trained = 0;
      for (guint j = 0; j < net->n_parameters; j++) {
        const DmuParameter *p = &net->parameters[j], *q = &all->parameters[j];
        g_assert_cmpstr (p->name, ==, q->name);
        if (!p->trained)
          continue;
        trained += p->n;
        double largest = 0;
        for (gsize k = 0; k < p->n; k++)
          largest = MAX (largest, fabs ((double)all->grad[q->offset + k]));
        for (gsize k = 0; k < p->n; k++)
          near ("frozen ", p->name, (double)net->grad[p->offset + k], (double)all->grad[q->offset + k],
                largest);
      }
      g_assert_cmpuint (trained, ==, net->n_trained);
      dmu_net_free (net);
    }
    dmu_net_free (all);
    fixture_clear (&f);
  }
}

#ifdef DMU_DOUBLE
/* Central differences of every tensor's largest gradient and of two other entries, with all that the loss can
 * have: pairs that match, patches left out, short texts, each balance loss. */
static void
test_differences (gconstpointer data) {
  Fixture f;
  fixture_init (&f, data, CLIPMOE_ACTIVATION_AUTO);
  static const guint kept[3][5] = {{0, 3, 4, 9, 15}, {1, 2, 5, 8, 11}, {0, 6, 7, 10, 14}};
  static const DmuKeys keys[3] = {{0, 7, 0}, {0, 0, 3}, {0, 7, 3}};
  f.batch.pictures.kept = &kept[0][0];
  f.batch.pictures.n_kept = 5;
  f.batch.keys = keys;
  for (guint kind = 0; kind < 3; kind++) {
    DmuNet *net = net_of (&f, DMU_TRAIN_ALL, TRUE);
    *net->logit_scale.v = 2; /* softer, so that third derivatives stay small */
    DmuStepOptions o = {
        .threads = 1, .smoothing = 0.1, .short_weight = 0.7, .balance = kind, .balance_weight = 0.2};
    GError *error = NULL;
    DmuStep *step = dmu_step_new (net, &o, &error);
    g_assert_no_error (error);
    run_step (step, &f.batch);
    Real *grad = g_memdup2 (net->grad, net->n_trained * sizeof (Real));
    for (guint i = kind; i < net->n_parameters; i += kind == DMU_BALANCE_PAPER ? 1 : 7) {
      const DmuParameter *p = &net->parameters[i];
      const Real *g = grad + p->offset;
      gsize largest = 0;
      for (gsize j = 0; j < p->n; j++)
        largest = fabs (g[j]) > fabs (g[largest]) ? j : largest;
      const gsize entries[] = {largest, (p->n * 7) / 11, p->n / 3};
      for (guint e = 0; e < (p->n > 1 ? G_N_ELEMENTS (entries) : 1); e++) {
        Real *x = net->theta + p->offset + entries[e], was = *x;
        const double h = 1e-5;
        *x = was + h;
        double above = run_step (step, &f.batch).total;
        *x = was - h;
        double below = run_step (step, &f.batch).total;
        *x = was;
        double slope = (above - below) / (2 * h), got = g[entries[e]];
        if (!(fabs (slope - got) <= 2e-8 + 1e-6 * fabs (got)))
          g_error ("%s, balance %u: %s[%" G_GSIZE_FORMAT "]: %.10g, differences say %.10g",
                   (const char *)data, kind, p->name, entries[e], got, slope);
      }
    }
    g_free (grad);
    dmu_step_free (step);
    dmu_net_free (net);
  }
  fixture_clear (&f);
}
#endif

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  reference = fixture_tensors ("dmu", "gradients.safetensors");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char *name = g_strdup_printf ("/dmu/gradients/%s/%s", cases[i].name, cases[i].activation);
    g_test_add_data_func (name, GUINT_TO_POINTER (i), test_reference);
    g_free (name);
  }
  g_test_add_func ("/dmu/gradients/parts", test_parts);
  g_test_add_func ("/dmu/gradients/frozen", test_frozen);
#ifdef DMU_DOUBLE
  g_test_add_data_func ("/dmu/differences/dense", "dense77", test_differences);
  g_test_add_data_func ("/dmu/differences/mixture", "moe-e4k2", test_differences);
  g_test_add_data_func ("/dmu/differences/all experts", "moe-e3k3", test_differences);
#endif
  int r = g_test_run ();
  clipmoe_tensors_free (reference);
  return r;
}
