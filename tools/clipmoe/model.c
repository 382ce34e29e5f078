/* clipmoe model: the table of its sub-commands. */
#include "model_commands.h"

#include <stdio.h>
#include <string.h>
#include <glib.h>
#include "commands.h"

static const struct {
  const char *name, *what;
  int (*run) (int argc, char **argv);
} subs[] = {
    {"inspect", "say what a checkpoint is", clipmoe_cmd_model_inspect},
    {"list", "the installed models", clipmoe_cmd_model_list},
    {"convert", "write a checkpoint in another layout or number type", clipmoe_cmd_model_convert},
    {"verify", "test a checkpoint on this processor", clipmoe_cmd_model_verify},
};

int
clipmoe_cmd_model (int argc, char **argv) {
  for (guint i = 0; argc >= 2 && i < G_N_ELEMENTS (subs); i++)
    if (strcmp (argv[1], subs[i].name) == 0)
      return subs[i].run (argc - 1, argv + 1);
  if (argc >= 2 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0)) {
    printf ("Usage: clipmoe model COMMAND ...\n\n");
    for (guint i = 0; i < G_N_ELEMENTS (subs); i++)
      printf ("  %-10s %s\n", subs[i].name, subs[i].what);
    printf ("\nExample:\n  clipmoe model inspect my-clip/\n\nclipmoe model COMMAND --help says more.\n");
    return 0;
  }
  fprintf (stderr, "clipmoe model: expected inspect, list, convert or verify, see clipmoe model --help\n");
  return 2;
}
