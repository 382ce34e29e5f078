/* Our side of the bench: steps of training on given pixels and tokens. Prints one JSON line.
 * Arguments: model, pixels (f32), tokens (u32, each text of the same length), pairs, tokens a text,
 * mlp|gate|all, threads, steps, rate, patches that are seen of each picture (0: all). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cblas.h>
#include <adamw.h>
#include <base/file.h>
#include <step.h>

static void
fail (GError *error) {
  fprintf (stderr, "%s\n", error->message);
  exit (1);
}

/* Those from one on, another one for each picture, around the end, in rising order. */
static guint *
some_patches (guint n, guint seen, guint all) {
  guint *kept = g_new (guint, (gsize)n * seen), *to = kept;
  for (guint i = 0; i < n; i++)
    for (guint patch = 0; patch < all; patch++)
      if ((patch + all - i % all) % all < seen)
        *to++ = patch;
  return kept;
}

int
main (int argc, char **argv) {
  if (argc != 11)
    return 2;
  GError *error = NULL;
  guint n = (guint)atoi (argv[4]), tokens = (guint)atoi (argv[5]), threads = (guint)atoi (argv[7]),
        steps = (guint)atoi (argv[8]), seen = (guint)atoi (argv[10]);
  gboolean gate = strcmp (argv[6], "gate") == 0;
  double rate = g_ascii_strtod (argv[9], NULL);
  gsize size;
  ClipmoeModelOptions how = {.struct_size = sizeof how, .no_vocab = TRUE};
  ClipmoeModel *model = clipmoe_model_open (argv[1], &how, &error);
  char *pixels = model ? clipmoe_file_read (argv[2], G_MAXINT, &size, &error) : NULL;
  char *ids = pixels ? clipmoe_file_read (argv[3], G_MAXINT, &size, &error) : NULL;
  if (!ids)
    fail (error);
  guint *lengths = g_new (guint, n);
  for (guint i = 0; i < n; i++)
    lengths[i] = tokens;
  DmuSelection s = dmu_selection_all (model, gate                           ? DMU_TRAIN_GATE
                                             : strcmp (argv[6], "all") == 0 ? DMU_TRAIN_ALL
                                                                            : DMU_TRAIN_MLP);
  DmuNet *net = dmu_net_new (model, &s, &error);
  DmuStepOptions o = {
      .threads = threads, .smoothing = 0.1, .balance = DMU_BALANCE_PAPER, .balance_weight = gate ? 0.01 : 0};
  DmuStep *step = net ? dmu_step_new (net, &o, &error) : NULL;
  DmuAdamwOptions a = dmu_adamw_defaults ();
  a.decay = 0.2;
  DmuAdamw *adamw = step ? dmu_adamw_new (net, &a, threads, &error) : NULL;
  if (!adamw)
    fail (error);
  DmuBatch batch = {.n = n,
                    .pictures = {.n = n, .pixels = (const float *)(gpointer)pixels},
                    .n_texts = 1,
                    .texts = {{.n = n, .ids = (const guint32 *)(gpointer)ids, .lengths = lengths}}};
  if (seen)
    batch.pictures.kept = some_patches (n, seen, clipmoe_architecture_patches (&net->image.arch));
  batch.pictures.n_kept = seen;
  GString *times = g_string_new (NULL), *losses = g_string_new (NULL);
  for (guint i = 0; i < steps; i++) {
    DmuLosses l;
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    gint64 began = g_get_monotonic_time ();
    dmu_net_zero_grad (net);
    if (!dmu_step_run (step, &batch, &l, &error))
      fail (error);
    dmu_adamw_step (adamw, rate, dmu_adamw_length (adamw));
    double seconds = (double)(g_get_monotonic_time () - began) / 1e6;
    g_string_append_printf (times, "%s%s", i ? "," : "", g_ascii_dtostr (number, sizeof number, seconds));
    g_string_append_printf (losses, "%s%s", i ? "," : "",
                            g_ascii_dtostr (number, sizeof number, l.contrastive[0]));
  }
  struct rusage usage;
  getrusage (RUSAGE_SELF, &usage);
  printf ("{\"seconds\":[%s],\"loss\":[%s],\"peak_mib\":%ld,\"trained\":%" G_GSIZE_FORMAT
          ",\"blas\":\"%s\"}\n",
          times->str, losses->str, usage.ru_maxrss / 1024, net->n_trained, openblas_get_corename ());
  return 0;
}
