/* clipmoe: the table of sub-commands. */
#include <stdio.h>
#include <string.h>
#include <clipmoe/clipmoe.h>
#include "commands.h"
#include "common.h"
#include "program.h"

static const struct {
  const char *name, *what;
  int (*run) (int argc, char **argv);
} commands[] = {
    {"tag", "say what videos and pictures show", clipmoe_cmd_tag},
    {"embed", "print the vectors of pictures and words", clipmoe_cmd_embed},
    {"index", "make an archive of videos and pictures searchable", clipmoe_cmd_index},
    {"search", "find moments in an archive by words and pictures", clipmoe_cmd_search},
    {"tokenize", "print the token ids of words", clipmoe_cmd_tokenize},
    {"model", "inspect, list, convert and verify checkpoints", clipmoe_cmd_model},
    {"calibrate", "find thresholds of labels by pictures of your own", clipmoe_cmd_calibrate},
    {"watch", "watch cameras, for months", clipmoe_cmd_watch},
    {"serve", "show an archive in a browser, and search it there", clipmoe_cmd_serve},
    {"bench", "measure how fast this machine is", clipmoe_cmd_bench},
    {"limits", "print the most that any input may ask for", clipmoe_cmd_limits},
};

static void
usage (FILE *to) {
  fprintf (to, "Usage: clipmoe COMMAND ...\n\nLooks at video and pictures with CLIP and CLIP-MoE, on the "
               "processor.\n\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (to, "  %-10s %s\n", commands[i].name, commands[i].what);
  fprintf (to, "\nExample:\n  clipmoe tag --labels \"dog,car\" street.mp4\n\nclipmoe COMMAND --help says "
               "more, clipmoe "
               "--version what this processor runs.\n");
}

static int
version (void) {
  GError *error = NULL;
  const char *tier = clipmoe_processor_get_tier (&error), *forced = g_getenv ("CLIPMOE_CPU");
  if (!tier)
    return clipmoe_fail (error);
  printf ("clipmoe %s\nruns on this processor as %s%s%s\n", CLIPMOE_VERSION, tier,
          forced && *forced ? ", forced by CLIPMOE_CPU=" : "", forced && *forced ? forced : "");
  return 0;
}

static int
run (int argc, char **argv) {
  if (argc >= 2 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0)) {
    usage (stdout);
    return 0;
  }
  if (argc >= 2 && strcmp (argv[1], "--version") == 0)
    return version ();
  for (guint i = 0; argc >= 2 && i < G_N_ELEMENTS (commands); i++)
    if (strcmp (argv[1], commands[i].name) == 0)
      return commands[i].run (argc - 1, argv + 1);
  if (argc >= 2)
    fprintf (stderr, "clipmoe: no command \"%s\", see clipmoe --help\n", argv[1]);
  else
    usage (stderr);
  return 2;
}

int
main (int argc, char **argv) {
  return clipmoe_program (argc, argv, run);
}
