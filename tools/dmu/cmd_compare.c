/* clipmoe-dmu compare: finished runs side by side. */
#include <stdio.h>
#include <stdlib.h>
#include <runjson.h>
#include <runs.h>
#include "../clipmoe/common.h"
#include "commands.h"

static int
show (json_t *comparison, gboolean json, gboolean markdown) {
  GString *out = g_string_new (NULL);
  if (!dmu_runs_are_seeds (comparison) && json_array_size (json_object_get (comparison, "runs")) > 1)
    fprintf (
        stderr,
        "the recipes differ in more than the seed, or a seed is there twice: the deviation is not that of "
        "seeds\n");
  if (json) {
    char *text = json_dumps (comparison, JSON_INDENT (1) | JSON_SORT_KEYS | JSON_REAL_PRECISION (9));
    char *plain = dmu_json_plain (text ? text : "null");
    g_string_append_printf (out, "%s\n", plain);
    g_free (plain);
    free (text);
  } else {
    char *text = dmu_runs_describe (comparison, markdown ? DMU_RUNS_MARKDOWN : DMU_RUNS_TEXT);
    g_string_append (out, text);
    g_free (text);
  }
  int r = clipmoe_print (out);
  g_string_free (out, TRUE);
  return r;
}

int
dmu_cmd_compare (int argc, char **argv) {
  char *against = NULL, **rest = NULL;
  gboolean json = FALSE, markdown = FALSE;
  const GOptionEntry entries[] = {
      {"against", 0, 0, G_OPTION_ARG_STRING, &against,
       "The model that gains are measured from: base (default), dense, finetuned, sparse, route or tune",
       "MODEL"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &json, "One JSON object", NULL},
      {"markdown", 0, 0, G_OPTION_ARG_NONE, &markdown, "Tables in Markdown", NULL},
      {NULL}};
  int r = clipmoe_parse (
      argc, argv, "clipmoe-dmu compare",
      "RUN… — what the models of finished runs score on the held-out pairs, and gain",
      "Runs of one recipe with several seeds: means and deviations over the runs, and gains with 95 % "
      "intervals.\nThe intervals say what other held-out pictures might have given; the deviation what "
      "other seeds might.\n\nExample:\n  clipmoe-dmu compare run-1/ run-2/ run-3/ --markdown\n",
      entries, &rest);
  if (r) {
    r = r == 2 ? 2 : 0;
  } else if (!rest[0] || (json && markdown)) {
    fprintf (
        stderr,
        "clipmoe-dmu compare: expected run folders, and --json or --markdown but not both, see clipmoe-dmu "
        "compare --help\n");
    r = 2;
  } else {
    GError *error = NULL;
    json_t *comparison = dmu_runs_compare (rest, against ? against : "base", &error);
    r = comparison ? show (comparison, json, markdown) : dmu_fail (error);
    json_decref (comparison);
  }
  g_free (against);
  g_strfreev (rest);
  return r;
}
