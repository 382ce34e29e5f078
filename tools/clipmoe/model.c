/* clipmoe model inspect: what a checkpoint is. */
#include <stdio.h>
#include <string.h>
#include "commands.h"
#include "common.h"

static void
tower (const char *name, const ClipmoeTowerInfo *t) {
  printf ("%-12s width %u, %u blocks, %u heads, feed-forward %u, %s\n", name, t->width, t->layers, t->heads,
          t->ffn_width, t->activation == CLIPMOE_ACTIVATION_GELU ? "GELU" : "QuickGELU");
  if (t->moe_layers)
    printf ("%-12s %u blocks are mixtures of %u experts\n", "", t->moe_layers, t->experts);
}

int
clipmoe_cmd_model (int argc, char **argv) {
  ClipmoeModelArguments a = {0};
  const GOptionEntry entries[] = {CLIPMOE_MODEL_ENTRIES (a), {NULL}};
  char **rest = NULL;
  int r = clipmoe_parse (argc, argv, "clipmoe model",
                         "inspect [PATH] — say what a checkpoint is; without PATH, the default model",
                         "Example:\n  clipmoe model inspect my-clip/\n", entries, &rest);
  if (r)
    return r == 2 ? 2 : 0;
  if (!rest[0] || strcmp (rest[0], "inspect") != 0 || (rest[1] && rest[2])) {
    fprintf (stderr, "clipmoe model: expected inspect and at most one path, see clipmoe model --help\n");
    g_strfreev (rest);
    return 2;
  }
  GError *error = NULL;
  if (rest[1])
    a.model = rest[1];
  ClipmoeModel *m = clipmoe_open_model (&a, !a.vocab, &error);
  if (!m) {
    g_strfreev (rest);
    return clipmoe_fail (error);
  }
  const ClipmoeModelInfo *i = clipmoe_model_get_info (m);
  printf ("%-12s %s\n%-12s %s\n%-12s %s, stored as %s\n", "name", i->name, "file", i->path, "layout",
          i->layout, i->dtype);
  printf ("%-12s %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT " active a token\n", "parameters", i->parameters,
          i->active_parameters);
  printf ("%-12s %u pixels, patch %u\n", "picture", i->image_size, i->patch_size);
  tower ("image tower", &i->image);
  tower ("text tower", &i->text);
  printf ("%-12s %u tokens of %u\n%-12s %u\n", "context", i->context, i->vocab_size, "embedding", i->embed);
  if (i->top_k)
    printf ("%-12s %u a token\n", "experts", i->top_k);
  printf ("%-12s %s\n", "fingerprint", i->fingerprint);
  for (const char *const *s = i->assumed; *s; s++)
    printf ("%-12s %s\n", "assumed", *s);
  if (i->licence)
    printf ("%-12s %s\n", "use", i->licence);
  clipmoe_model_unref (m);
  g_strfreev (rest);
  return 0;
}
