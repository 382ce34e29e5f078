/* clipmoe-dmu: the table of sub-commands. */
#include <clipmoe/version.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "blas.h"
#include "commands.h"

static const struct {
  const char *name, *what;
  int (*run) (int argc, char **argv);
} commands[] = {
    {"run", "do all that a recipe says, and go on where it was stopped", dmu_cmd_run},
    {"train", "train a model on pairs", dmu_cmd_train},
    {"cluster", "sort pairs by what a model sees in them", dmu_cmd_cluster},
    {"finetune", "train feed-forward layers on batches of one cluster", dmu_cmd_train},
    {"upcycle", "make a mixture of experts from dense checkpoints", dmu_cmd_upcycle},
    {"route", "train the routers of a mixture", dmu_cmd_train},
    {"evaluate", "classify and retrieve held-out pairs", dmu_cmd_evaluate},
    {"compare", "state what runs with several seeds gained", dmu_cmd_compare},
    {"inspect", "show how far a mixture's experts lie apart", dmu_cmd_inspect},
    {"stretch", "give a text tower of 77 positions 248", dmu_cmd_stretch},
};

static void
usage (FILE *to) {
  fprintf (to, "Usage: clipmoe-dmu COMMAND ...\n\nMakes a CLIP-MoE from a dense CLIP and pairs of pictures "
               "and words, by "
               "Diversified\nMultiplet Upcycling.\n\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (to, "  %-10s %s\n", commands[i].name, commands[i].what);
  fprintf (to, "\nExample:\n  clipmoe-dmu run recipe.ini --data pairs/ --out run/\n\nclipmoe-dmu COMMAND "
               "--help says more.\n");
}

int
main (int argc, char **argv) {
  dmu_blas_choose (argv);
  setlocale (LC_ALL, "");
  if (argc >= 2 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0)) {
    usage (stdout);
    return 0;
  }
  if (argc >= 2 && strcmp (argv[1], "--version") == 0) {
    printf ("clipmoe-dmu %s, %s\n", CLIPMOE_VERSION, dmu_blas_describe ());
    return 0;
  }
  for (guint i = 0; argc >= 2 && i < G_N_ELEMENTS (commands); i++)
    if (strcmp (argv[1], commands[i].name) == 0)
      return commands[i].run (argc - 1, argv + 1);
  if (argc >= 2) {
    char *shown = dmu_quote (argv[1], -1);
    fprintf (stderr, "clipmoe-dmu: no command \"%s\", see clipmoe-dmu --help\n", shown);
    g_free (shown);
  } else {
    usage (stderr);
  }
  return 2;
}
