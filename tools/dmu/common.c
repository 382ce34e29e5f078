#include "commands.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <kernels/cpus.h>
#include "../clipmoe/common.h"

#define MOST_OF_AN_ERROR 1600 /* bytes: two paths and a sentence */

gboolean dmu_stop;

static void
caught (int number) {
  dmu_stop = TRUE;
}

void
dmu_catch_signals (void) {
  /* a second signal ends the process at once */
  struct sigaction action = {.sa_handler = caught, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGINT, &action, NULL);
}

int
dmu_fail (GError *error) {
  if (!error) /* should not happen, but must not crash */
    error = g_error_new (CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                         "failed without a reason, perhaps for want of memory");
  gsize n = strlen (error->message);
  if (n > MOST_OF_AN_ERROR) {
    char *cut = g_strdup_printf ("%.*s … %s", MOST_OF_AN_ERROR / 2, error->message,
                                 error->message + n - MOST_OF_AN_ERROR / 4);
    g_free (error->message);
    error->message = cut;
  }
  return clipmoe_fail (error);
}

guint
dmu_threads (const DmuPairsArguments *a) {
  return a->threads > 0 ? (guint)MIN (a->threads, 1024) : cm_cpus_allowed ();
}

void
dmu_say_model (const char *given, const ClipmoeModel *model) {
  if (given || !model)
    return;
  char *shown = dmu_quote (clipmoe_model_get_info (model)->name, -1);
  fprintf (stderr, "no --model: the default one, %s\n", shown);
  g_free (shown);
}

DmuDataset *
dmu_open_pairs (const DmuPairsArguments *a, const ClipmoeModel *model, GError **error) {
  if (a->context < 0 || a->memory < 0 || a->threads < 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "--threads %d, --context %d, --memory %d: expected 0 or more", a->threads, a->context,
                 a->memory);
    return NULL;
  }
  char **templates = clipmoe_templates_parse (a->templates, error);
  if (!templates)
    return NULL;
  DmuDatasetOptions o = {.paths = (const char *const *)a->data,
                         .templates = (const char *const *)templates,
                         .tokenizer = clipmoe_model_get_tokenizer (model),
                         .context = clipmoe_model_get_info (model)->context,
                         .cut = (guint)a->context,
                         .threads = dmu_threads (a),
                         .limit = (guint64)a->memory << 20,
                         .keep_words = a->keep_words,
                         .keys = {dmu_keys_split (a->image_key), dmu_keys_split (a->caption_key)}};
  DmuDataset *set = dmu_dataset_open (&o, error);
  g_strfreev (templates);
  g_strfreev (o.keys.image);
  g_strfreev (o.keys.caption);
  if (!set)
    return NULL;
  char *text = dmu_dataset_describe (set);
  fprintf (stderr, "%s\n", text);
  GPtrArray *sentences = dmu_counts_sentences (&set->counts);
  for (guint i = 0; i < sentences->len; i++)
    fprintf (stderr, "  %s\n", (char *)sentences->pdata[i]);
  g_ptr_array_unref (sentences);
  g_free (text);
  return set;
}

void
dmu_pairs_arguments_clear (DmuPairsArguments *a) {
  g_strfreev (a->data);
  g_free (a->templates);
  g_free (a->image_key);
  g_free (a->caption_key);
}
