/* clipmoe-dmu evaluate, cluster: commands that run a model on pairs. */
#include <stdio.h>
#include <clusters.h>
#include <evaluate.h>
#include <runjson.h>
#include "../clipmoe/common.h"
#include "commands.h"

int
dmu_cmd_evaluate (int argc, char **argv) {
  DmuPairsArguments pairs = {.keep_words = TRUE};
  char *model = NULL, *vocab = NULL, **rest = NULL;
  int experts = 0, forced = -1;
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
      {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "Checkpoint file, folder, or name of an installed model",
       "PATH"},
      {"vocab", 0, 0, G_OPTION_ARG_FILENAME, &vocab, "Vocabulary that does not lie beside the model", "PATH"},
      DMU_PAIRS_ENTRIES (pairs),
      {"experts", 0, 0, G_OPTION_ARG_INT, &experts, "Experts a token uses; 0 = as the checkpoint says", "N"},
      {"force-expert", 0, 0, G_OPTION_ARG_INT, &forced, "Every token takes this expert alone", "J"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "One JSON object, with every answer and experts by class",
       NULL},
      {NULL}};
  int r =
      clipmoe_parse (argc, argv, "clipmoe-dmu evaluate", "— classification and retrieval on held-out pairs",
                     "Pairs with a class are classified among the classes of their set, by the templates' "
                     "mean; pairs with captions\n"
                     "are retrieved both ways.\n\nExample:\n"
                     "  clipmoe-dmu evaluate --model clip-moe/ --data heldout/ --templates @simple\n",
                     entries, &rest);
  if (r) {
    r = r == 2 ? 2 : 0;
  } else if (rest[0] || !pairs.data || experts < 0 || experts > 1024 || forced < -1) {
    fprintf (stderr, "clipmoe-dmu evaluate: expected --data, see clipmoe-dmu evaluate --help\n");
    r = 2;
  } else {
    GError *error = NULL;
    ClipmoeModelOptions how = {.struct_size = sizeof how, .vocab = vocab, .experts = (guint)experts};
    ClipmoeModel *m = clipmoe_model_open (model, &how, &error);
    DmuDataset *set = NULL;
    DmuEvaluation *v = NULL;
    DmuEvaluate what = {
        .threads = dmu_threads (&pairs), .experts = (guint)experts, .forced = forced, .name = "evaluate"};
    gboolean ok = m != NULL;
    dmu_say_model (model, m);
    guint most =
        ok ? MAX (clipmoe_model_get_info (m)->image->experts, clipmoe_model_get_info (m)->text->experts) : 0;
    if (ok && forced >= (int)most) {
      g_set_error (&error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "--force-expert %d: the model has %u experts", forced, most);
      ok = FALSE;
    }
    ok = ok && (set = dmu_open_pairs (&pairs, m, &error)) && (v = dmu_evaluate (m, set, &what, &error));
    if (ok) {
      char *text = json ? dmu_evaluation_to_json (v, set) : dmu_evaluation_to_text (v);
      char *plain = json ? dmu_json_plain (text) : NULL;
      GString *out = g_string_new (plain ? plain : text);
      if (json)
        g_string_append_c (out, '\n');
      g_free (plain);
      r = clipmoe_print (out);
      g_string_free (out, TRUE);
      g_free (text);
    } else {
      r = dmu_fail (error);
    }
    dmu_evaluation_free (v);
    dmu_dataset_free (set);
    clipmoe_model_unref (m);
  }
  dmu_pairs_arguments_clear (&pairs);
  g_free (model);
  g_free (vocab);
  g_strfreev (rest);
  return r;
}

static gboolean
cluster (const DmuPairsArguments *pairs, const char *model, const char *vocab, const char *out,
         DmuClustering *how, GError **error) {
  ClipmoeModelOptions options = {.struct_size = sizeof options, .vocab = vocab};
  ClipmoeModel *m =
      dmu_clusters_place_is_free (out, error) ? clipmoe_model_open (model, &options, error) : NULL;
  dmu_say_model (model, m);
  DmuDataset *set = m ? dmu_open_pairs (pairs, m, error) : NULL;
  guint n = set ? dmu_dataset_get_n (set) : 0, *codes = g_new (guint, MAX (n, 1));
  DmuFit text, image;
  char *digest = set ? dmu_dataset_digest (set) : NULL;
  gboolean ok = set && dmu_clusters_make (m, set, how, codes, &text, &image, error) &&
                dmu_clusters_write (out, digest, how->text * how->image, codes, n, error);
  for (guint c = 0; ok && c < how->text * how->image; c++) {
    guint size = 0;
    for (guint i = 0; i < n; i++)
      size += codes[i] == c;
    printf ("cluster %u: %u pairs\n", c, size);
  }
  g_free (digest);
  g_free (codes);
  dmu_dataset_free (set);
  clipmoe_model_unref (m);
  return ok;
}

int
dmu_cmd_cluster (int argc, char **argv) {
  DmuPairsArguments pairs = {.seed = 1};
  char *model = NULL, *vocab = NULL, *out = NULL, **rest = NULL;
  int text = 3, image = 3, passes = 500;
  const GOptionEntry entries[] = {
      {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "Whose eyes the pairs are seen with", "PATH"},
      {"vocab", 0, 0, G_OPTION_ARG_FILENAME, &vocab, "Vocabulary that does not lie beside the model", "PATH"},
      DMU_PAIRS_ENTRIES (pairs),
      {"text-clusters", 0, 0, G_OPTION_ARG_INT, &text, "Clusters of the words' vectors (default 3)", "N"},
      {"image-clusters", 0, 0, G_OPTION_ARG_INT, &image, "Clusters of the pictures' vectors (default 3)",
       "N"},
      {"passes", 0, 0, G_OPTION_ARG_INT, &passes, "Passes at most (default 500)", "N"},
      {"seed", 0, 0, G_OPTION_ARG_INT64, &pairs.seed, "Decides where the centres begin", "N"},
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &out, "File for the codes", "FILE"},
      {NULL}};
  int r = clipmoe_parse (argc, argv, "clipmoe-dmu cluster", "— sorts pairs by what a model sees in them",
                         "Words and pictures are clustered apart; a pair's code is both.\n\nExample:\n"
                         "  clipmoe-dmu cluster --model clip/ --data pairs/ --out cluster-1.txt\n",
                         entries, &rest);
  if (r) {
    r = r == 2 ? 2 : 0;
  } else if (rest[0] || !pairs.data || !out || !*out || text < 1 || image < 1 || passes < 1 || text > 1000 ||
             image > 1000) {
    fprintf (stderr, "clipmoe-dmu cluster: expected --data, --out and 1 to 1000 clusters, see clipmoe-dmu "
                     "cluster --help\n");
    r = 2;
  } else {
    GError *error = NULL;
    DmuClustering how = {(guint)text,          (guint)image,        (guint)passes,
                         dmu_threads (&pairs), (guint64)pairs.seed, "cluster"};
    r = cluster (&pairs, model, vocab, out, &how, &error) ? 0 : dmu_fail (error);
  }
  dmu_pairs_arguments_clear (&pairs);
  g_free (model);
  g_free (vocab);
  g_free (out);
  g_strfreev (rest);
  return r;
}
