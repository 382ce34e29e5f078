/* clipmoe-dmu run */
#include <stdio.h>
#include <base/plain.h>
#include <run.h>
#include "../clipmoe/common.h"
#include "blas.h"
#include "commands.h"

int
dmu_cmd_run (int argc, char **argv) {
  char **data = NULL, *out = NULL, **rest = NULL;
  gboolean quiet = FALSE;
  const GOptionEntry entries[] = {
      {"data", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &data,
       "Folder in which the recipe's train and heldout lie; may be repeated", "DIR"},
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &out, "Run folder; default: the recipe's name with .run", "DIR"},
      {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No progress", NULL},
      {NULL}};
  int r = clipmoe_parse (
      argc, argv, "clipmoe-dmu run", "RECIPE.ini — all stages, from a dense model to a CLIP-MoE",
      "Goes on where a former run of the same recipe was stopped or killed. The run folder gets run.json,\n"
      "curves.jsonl, timing.jsonl, the models of all stages, their checkpoints, and "
      "report.html.\n\nExample:\n"
      "  clipmoe-dmu run recipe.ini --data pairs/ --out run/\n",
      entries, &rest);
  if (r) {
    r = r == 2 ? 2 : 0;
  } else if (!rest[0] || rest[1] || (out && !*out)) {
    fprintf (stderr, "clipmoe-dmu run: expected one RECIPE.ini, and --out that is not empty, see clipmoe-dmu "
                     "run --help\n");
    r = 2;
  } else {
    GError *error = NULL;
    char *folder = out ? g_strdup (out) : g_strconcat (rest[0], ".run", NULL);
    DmuRunOptions options = {.folder = folder, .stop = &dmu_stop, .quiet = quiet};
    DmuRecipe *recipe = dmu_recipe_open (rest[0], (const char *const *)data, &error);
    dmu_catch_signals ();
    if (!quiet)
      fprintf (stderr, "%s\n", dmu_blas_describe ());
    gboolean ok = recipe && dmu_run (recipe, &options, &error);
    char *shown = clipmoe_plain (folder, -1);
    if (ok)
      printf (options.stopped ? "%s: stopped; the same command goes on\n"
                              : "%s: done, see report.html in it\n",
              shown);
    g_free (shown);
    r = ok ? 0 : dmu_fail (error);
    dmu_recipe_free (recipe);
    g_free (folder);
  }
  g_strfreev (data);
  g_strfreev (rest);
  g_free (out);
  return r;
}
