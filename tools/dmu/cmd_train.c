/* clipmoe-dmu train, finetune, route: a single stage of training. */
#include <stdio.h>
#include <sys/stat.h>
#include <string.h>
#include <base/file.h>
#include <clusters.h>
#include <model/derive.h>
#include <modelfile.h>
#include <training.h>
#include "../clipmoe/common.h"
#include "blas.h"
#include "commands.h"

typedef struct {
  DmuPairsArguments pairs;
  char *model, *vocab, *out, *dtype, *state, *curves, **clusters;
  int base, experts;
  gboolean quiet;
} Arguments;

static DmuTraining training; /* GOption hands callbacks of the main group no data */

static gboolean
set (const gchar *name, const gchar *value, gpointer data, GError **error) {
  GError *e = NULL;
  dmu_training_set (&training, name + strspn (name, "-"), value, &e);
  if (e)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s", e->message);
  g_clear_error (&e);
  return !error || !*error;
}

/* Own entries, then one for each setting. */
static GOptionEntry *
entries_of (Arguments *a, gboolean clusters, gboolean any_group) {
  GArray *all = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  const GOptionEntry own[] = {
      {"model", 0, 0, G_OPTION_ARG_FILENAME, &a->model, "The model to begin with", "PATH"},
      {"vocab", 0, 0, G_OPTION_ARG_FILENAME, &a->vocab, "Vocabulary that does not lie beside the model",
       "PATH"},
      DMU_PAIRS_ENTRIES (a->pairs),
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &a->out,
       "Where the trained model goes: a folder, or one .safetensors file", "PATH"},
      {"dtype", 0, 0, G_OPTION_ARG_STRING, &a->dtype, "f32 (default), f16 or bf16", "TYPE"},
      {"seed", 0, 0, G_OPTION_ARG_INT64, &a->pairs.seed, "Decides all that is random", "N"},
      {"checkpoint", 0, 0, G_OPTION_ARG_FILENAME, &a->state,
       "File to save to now and then, and to go on from", "FILE"},
      {"curves", 0, 0, G_OPTION_ARG_FILENAME, &a->curves, "File that gets a JSON line a step", "FILE"},
      {"quiet", 'q', 0, G_OPTION_ARG_NONE, &a->quiet, "No progress", NULL},
  };
  g_array_append_vals (all, own, G_N_ELEMENTS (own));
  if (clusters) {
    const GOptionEntry more[] = {{"clusters", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &a->clusters,
                                  "File of `cluster`; once for each stage so far, in order", "FILE"},
                                 {"codes", 0, 0, G_OPTION_ARG_INT, &a->base,
                                  "Clusters of a stage (text times image); default 9", "N"}};
    g_array_append_vals (all, more, G_N_ELEMENTS (more));
  }
  const char *help;
  for (guint i = 0; dmu_training_key (i, &help); i++) {
    GOptionEntry e = {dmu_training_key (i, &help), 0, 0, G_OPTION_ARG_CALLBACK, (gpointer)set, help, "VALUE"};
    g_array_append_val (all, e);
  }
  GOptionEntry e = {"train",
                    0,
                    0,
                    G_OPTION_ARG_CALLBACK,
                    (gpointer)set,
                    "What is trained: all, mlp, gate or moe (mlp and gate)",
                    "WHAT"};
  if (any_group)
    g_array_append_val (all, e);
  return (GOptionEntry *)(gpointer)g_array_free (all, FALSE);
}

/* The groups that batches are drawn from; NULL without --clusters. */
static gboolean
groups_of (const Arguments *a, const DmuDataset *pairs, guint **groups, guint *n_groups, GError **error) {
  guint n = dmu_dataset_get_n (pairs), stages = a->clusters ? g_strv_length (a->clusters) : 0, merged;
  guint **codes = g_new0 (guint *, stages + 1);
  char *digest = dmu_dataset_digest (pairs);
  gboolean ok = TRUE;
  for (guint s = 0; s < stages && ok; s++)
    ok = (codes[s] = dmu_clusters_read (a->clusters[s], digest, (guint)a->base, n, error)) != NULL;
  if (ok && stages) {
    *groups = g_new (guint, n);
    *n_groups =
        dmu_groups (n, stages, (const guint *const *)codes, (guint)a->base, training.batch, *groups, &merged);
    fprintf (stderr, "batches from %u groups, %u clusters were too small for one of their own\n", *n_groups,
             merged);
  }
  for (guint s = 0; s < stages; s++)
    g_free (codes[s]);
  g_free (codes);
  g_free (digest);
  return ok;
}

/* Checks before the first step that the outputs can be written: names that are empty, equal, or in a folder
 * that does not exist. */
static gboolean
places_are_apart (const Arguments *a, GError **error) {
  const char *const options[] = {"--out", "--checkpoint", "--curves"}, *const given[] = {a->out, a->state,
                                                                                         a->curves};
  char *whole[G_N_ELEMENTS (given)] = {NULL};
  gboolean ok = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (given) && ok; i++) {
    if (!given[i])
      continue;
    whole[i] = g_canonicalize_filename (given[i], NULL);
    char *folder = g_path_get_dirname (whole[i]);
    ok = *given[i] && g_file_test (folder, G_FILE_TEST_IS_DIR);
    if (!ok)
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "%s \"%s\": expected a name in a folder that is there", options[i], given[i]);
    g_free (folder);
    for (guint k = 0; k < i && ok; k++)
      if (whole[k] && strcmp (whole[k], whole[i]) == 0) {
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                     "%s: is %s and %s, expected different names", given[i], options[k], options[i]);
        ok = FALSE;
      }
  }
  for (guint i = 0; i < G_N_ELEMENTS (given); i++)
    g_free (whole[i]);
  return ok;
}

static gboolean
train (const Arguments *a, const char *name, GError **error) {
  ClipmoeSaveAs store = CLIPMOE_STORE_F32;
  ClipmoeModelOptions how = {.struct_size = sizeof how, .vocab = a->vocab};
  ClipmoeModel *model = NULL, *trained = NULL;
  DmuDataset *pairs = NULL;
  DmuCurves *curves = NULL;
  guint *groups = NULL, n_groups = 0;
  gboolean ok =
      (!a->dtype || dmu_store_parse (a->dtype, &store, error)) && places_are_apart (a, error) &&
      dmu_model_place_is_free (a->out, error) && (model = clipmoe_model_open (a->model, &how, error)) &&
      (pairs = dmu_open_pairs (&a->pairs, model, error)) && groups_of (a, pairs, &groups, &n_groups, error);
  dmu_say_model (a->model, model);
  char *settings = dmu_training_describe (&training), *digest = pairs ? dmu_dataset_digest (pairs) : NULL,
       *what =
           g_strdup_printf ("%s %s %s %s %" G_GINT64_FORMAT, name, settings,
                            model ? clipmoe_model_get_info (model)->fingerprint : "", digest, a->pairs.seed);
  struct stat st;
  /* the checkpoint records how much of the curves belongs to it; without one they start anew */
  gboolean resumes = a->state && clipmoe_file_is_there (a->state);
  if (ok && a->curves)
    ok = (curves = dmu_curves_open (
              a->curves, resumes && stat (a->curves, &st) == 0 ? (guint64)st.st_size : 0, error)) != NULL;
  DmuStage stage = {.name = name,
                    .state = a->state,
                    .digest = what,
                    .curves = curves,
                    .stop = &dmu_stop,
                    .quiet = a->quiet,
                    .threads = dmu_threads (&a->pairs),
                    .seed = (guint64)a->pairs.seed};
  dmu_catch_signals ();
  if (ok)
    trained = dmu_training_run (&training, model, pairs, groups, n_groups, &stage, error);
  ok = trained ? dmu_model_save (trained, a->out, store, FALSE, error) : ok && stage.stopped;
  if (ok && !trained)
    printf ("stopped%s\n",
            a->state ? "; the same command goes on" : ": without --checkpoint nothing was kept");
  dmu_curves_close (curves);
  clipmoe_model_unref (trained);
  clipmoe_model_unref (model);
  dmu_dataset_free (pairs);
  g_free (groups);
  g_free (settings);
  g_free (digest);
  g_free (what);
  return ok;
}

int
dmu_cmd_train (int argc, char **argv) {
  static const struct {
    const char *name, *what;
    DmuGroup group;
  } kinds[] = {{"train", "— trains a model on pairs", DMU_TRAIN_ALL},
               {"finetune", "— trains feed-forward layers on batches of pairs that former models saw alike",
                DMU_TRAIN_MLP},
               {"route", "— trains the routers of a mixture", DMU_TRAIN_GATE}};
  guint kind = 0;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    kind = strcmp (argv[0], kinds[i].name) == 0 ? i : kind;
  Arguments a = {.base = 9, .pairs.seed = 1};
  training = dmu_training_defaults (kinds[kind].group);
  GOptionEntry *entries = entries_of (&a, kind == 1, kind == 0);
  char **rest = NULL, *name = g_strconcat ("clipmoe-dmu ", kinds[kind].name, NULL),
       *example = g_strdup_printf (
           "Example:\n  clipmoe-dmu %s --model clip/ --data pairs/ --out trained/ --epochs 2 --rate 1e-4\n",
           kinds[kind].name);
  int r = clipmoe_parse (argc, argv, name, kinds[kind].what, example, entries, &rest);
  if (r) {
    r = r == 2 ? 2 : 0;
  } else if (rest[0] || !a.out || !a.pairs.data || a.base < 1) {
    fprintf (stderr, "%s: expected --data and --out and no other words, see %s --help\n", name, name);
    r = 2;
  } else {
    GError *error = NULL;
    if (!a.quiet)
      fprintf (stderr, "%s\n", dmu_blas_describe ());
    r = train (&a, kinds[kind].name, &error) ? 0 : dmu_fail (error);
  }
  dmu_training_clear (&training);
  dmu_pairs_arguments_clear (&a.pairs);
  g_free (a.model);
  g_free (a.vocab);
  g_free (a.out);
  g_free (a.dtype);
  g_free (a.state);
  g_free (a.curves);
  g_strfreev (a.clusters);
  g_strfreev (rest);
  g_free (entries);
  g_free (name);
  g_free (example);
  return r;
}
