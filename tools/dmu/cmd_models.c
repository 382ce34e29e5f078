/* clipmoe-dmu upcycle, stretch, inspect: commands that make or inspect models without data. */
#include <math.h>
#include <stdio.h>
#include <base/plain.h>
#include <sys/stat.h>
#include <model/derive.h>
#include <model/residence.h>
#include <modelfile.h>
#include <upcycle.h>
#include "../clipmoe/common.h"
#include "commands.h"

typedef struct {
  char *out, *dtype, *image_blocks, *text_blocks, *vocab;
  int experts, top_k;
  gint64 seed;
  gboolean take_first, force;
} Arguments;

static void
arguments_clear (Arguments *a) {
  g_free (a->out);
  g_free (a->dtype);
  g_free (a->image_blocks);
  g_free (a->text_blocks);
  g_free (a->vocab);
}

static ClipmoeModel *
open_any (const char *path, const char *vocab, GError **error) {
  ClipmoeModelOptions how = {.struct_size = sizeof how, .vocab = vocab};
  GError *e = NULL;
  ClipmoeModel *m = clipmoe_model_open (path, &how, &e);
  if (m || vocab || !g_error_matches (e, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT)) {
    if (e)
      g_propagate_error (error, e);
    return m;
  }
  g_clear_error (&e); /* a checkpoint without a vocabulary can be made into another one */
  how.no_vocab = TRUE;
  return clipmoe_model_open (path, &how, error);
}

static gboolean
same_place (const char *a, const char *b) {
  struct stat x, y;
  return stat (a, &x) == 0 && stat (b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* --force replaces an earlier output, never an input. */
static gboolean
is_no_source (const char *out, const ClipmoeModel *m, GError **error) {
  const char *path = clipmoe_model_get_info (m)->path;
  char *folder = path ? g_path_get_dirname (path) : NULL;
  gboolean source = path && (same_place (out, path) || same_place (out, folder));
  g_free (folder);
  if (source)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: holds the model that is to be written, expected another place", out);
  return !source;
}

static gboolean
save (ClipmoeModel *made, const Arguments *a, GError **error) {
  ClipmoeSaveAs store = CLIPMOE_STORE_F32;
  if (!made || (a->dtype && !dmu_store_parse (a->dtype, &store, error)) ||
      !dmu_model_save (made, a->out, store, a->force, error))
    return FALSE;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (made);
  char *shown = clipmoe_plain (a->out, -1);
  printf ("%s: %" G_GUINT64_FORMAT " parameters, %" G_GUINT64_FORMAT " a token\n", shown, info->parameters,
          info->active_parameters);
  g_free (shown);
  return TRUE;
}

static gboolean
upcycle (char **paths, const Arguments *a, GError **error) {
  guint n = g_strv_length (paths);
  ClipmoeModel **models = g_new0 (ClipmoeModel *, n), *made = NULL;
  DmuUpcycle how = {.copies = (guint)MAX (a->experts, 0),
                    .top_k = (guint)MAX (a->top_k, 0),
                    .seed = (guint64)a->seed,
                    .take_first = a->take_first};
  gboolean ok = TRUE;
  for (guint i = 0; i < n && ok; i++)
    ok = (models[i] = open_any (paths[i], a->vocab, error)) && is_no_source (a->out, models[i], error);
  if (ok) {
    const ClipmoeModelInfo *info = clipmoe_model_get_info (models[0]);
    ok = dmu_blocks_parse (a->image_blocks, "--image-blocks", info->image->layers, &how.image_first,
                           &how.image_last, error) &&
         dmu_blocks_parse (a->text_blocks, "--text-blocks", info->text->layers, &how.text_first,
                           &how.text_last, error) &&
         (made = dmu_upcycle (models, n, &how, error)) && save (made, a, error);
  }
  for (guint i = 0; i < n; i++)
    clipmoe_model_unref (models[i]);
  g_free (models);
  clipmoe_model_unref (made);
  return ok;
}

int
dmu_cmd_upcycle (int argc, char **argv) {
  Arguments a = {.experts = 4, .top_k = 2, .seed = 1};
  const GOptionEntry entries[] = {
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &a.out,
       "Where the mixture goes: a folder, or one .safetensors file", "PATH"},
      {"dtype", 0, 0, G_OPTION_ARG_STRING, &a.dtype, "f32 (default), f16 or bf16", "TYPE"},
      {"experts", 0, 0, G_OPTION_ARG_INT, &a.experts, "Copies of a single checkpoint (default 4)", "N"},
      {"top-k", 0, 0, G_OPTION_ARG_INT, &a.top_k, "Experts that a token uses (default 2)", "N"},
      {"image-blocks", 0, 0, G_OPTION_ARG_STRING, &a.image_blocks,
       "Blocks that become mixtures: all, none, last:N, 2-5", "BLOCKS"},
      {"text-blocks", 0, 0, G_OPTION_ARG_STRING, &a.text_blocks, "The same of the text tower", "BLOCKS"},
      {"take-first", 0, 0, G_OPTION_ARG_NONE, &a.take_first,
       "Where checkpoints differ in what they should share: the first's", NULL},
      {"seed", 0, 0, G_OPTION_ARG_INT64, &a.seed, "Decides how routers begin", "N"},
      {"vocab", 0, 0, G_OPTION_ARG_FILENAME, &a.vocab, "Vocabulary that does not lie beside the models",
       "PATH"},
      {"force", 0, 0, G_OPTION_ARG_NONE, &a.force, "Replace OUT where it is there", NULL},
      {NULL}};
  char **rest = NULL;
  int r = clipmoe_parse (argc, argv, "clipmoe-dmu upcycle",
                         "CHECKPOINT… — a mixture whose expert N is checkpoint N's feed-forward layer",
                         "One checkpoint alone gives copies of it (sparse upcycling).\n\nExample:\n"
                         "  clipmoe-dmu upcycle base/ stage-1/ stage-2/ stage-3/ --out clip-moe/\n",
                         entries, &rest);
  if (r) {
    r = r == 2 ? 2 : 0;
  } else if (!rest[0] || !a.out) {
    fprintf (stderr, "clipmoe-dmu upcycle: expected checkpoints and --out, see clipmoe-dmu upcycle --help\n");
    r = 2;
  } else {
    GError *error = NULL;
    r = upcycle (rest, &a, &error) ? 0 : dmu_fail (error);
  }
  arguments_clear (&a);
  g_strfreev (rest);
  return r;
}

int
dmu_cmd_stretch (int argc, char **argv) {
  Arguments a = {0};
  const GOptionEntry entries[] = {
      {"dtype", 0, 0, G_OPTION_ARG_STRING, &a.dtype, "f32 (default), f16 or bf16", "TYPE"},
      {"vocab", 0, 0, G_OPTION_ARG_FILENAME, &a.vocab, "Vocabulary that does not lie beside the model",
       "PATH"},
      {"force", 0, 0, G_OPTION_ARG_NONE, &a.force, "Replace OUT where it is there", NULL},
      {NULL}};
  char **rest = NULL;
  int r = clipmoe_parse (argc, argv, "clipmoe-dmu stretch",
                         "IN OUT — 77 positions become 248, as Long-CLIP begins",
                         "The first 20 positions stay, the others lie four times as far apart.\n\nExample:\n"
                         "  clipmoe-dmu stretch clip/ long-clip/\n",
                         entries, &rest);
  if (r) {
    r = r == 2 ? 2 : 0;
  } else if (!rest[0] || !rest[1] || rest[2]) {
    fprintf (stderr, "clipmoe-dmu stretch: expected IN and OUT, see clipmoe-dmu stretch --help\n");
    r = 2;
  } else {
    GError *error = NULL;
    a.out = g_strdup (rest[1]);
    ClipmoeModel *m = open_any (rest[0], a.vocab, &error),
                 *made = m && is_no_source (a.out, m, &error) ? dmu_stretch (m, &error) : NULL;
    r = save (made, &a, &error) ? 0 : dmu_fail (error);
    clipmoe_model_unref (m);
    clipmoe_model_unref (made);
  }
  arguments_clear (&a);
  g_strfreev (rest);
  return r;
}

/* The distance of two weights, relative to the norm of the first. */
static double
apart (const float *a, const float *b, gsize n) {
  double difference = 0, length = 0;
  for (gsize i = 0; i < n; i++) {
    difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    length += (double)a[i] * (double)a[i];
  }
  return length > 0 ? sqrt (difference / length) : 0;
}

static void
show_tower (GString *out, const char *name, const ClipmoeArchitecture *t, const ClipmoeBlock *blocks) {
  gsize n = (gsize)t->ffn_width * t->width;
  for (guint l = 0; l < t->layers; l++) {
    const ClipmoeBlock *b = &blocks[l];
    g_string_append_printf (out, "%s block %-2u ", name, l);
    if (!t->experts[l]) {
      g_string_append (out, "dense\n");
      continue;
    }
    g_string_append_printf (out, "%u experts, from the first:", t->experts[l]);
    for (guint e = 1; e < t->experts[l]; e++)
      g_string_append_printf (out, " %.4f", apart (b->ffn[0].c_fc_weight, b->ffn[e].c_fc_weight, n));
    double length = 0;
    for (gsize i = 0; i < (gsize)t->experts[l] * t->width; i++)
      length += (double)b->gate_weight[i] * (double)b->gate_weight[i];
    g_string_append_printf (out, "; router's length %.3f\n", sqrt (length));
  }
}

int
dmu_cmd_inspect (int argc, char **argv) {
  char **rest = NULL;
  const GOptionEntry entries[] = {{NULL}};
  int r = clipmoe_parse (argc, argv, "clipmoe-dmu inspect", "MODEL — how far its experts lie apart",
                         "For each expert but the first: the distance of its first weight matrix from that "
                         "of expert 0, as a share of\n"
                         "that one's length. `clipmoe model inspect` shows all else.\n\nExample:\n  "
                         "clipmoe-dmu inspect clip-moe/\n",
                         entries, &rest);
  if (r) {
    r = r == 2 ? 2 : 0;
  } else if (!rest[0] || rest[1]) {
    fprintf (stderr, "clipmoe-dmu inspect: expected one MODEL, see clipmoe-dmu inspect --help\n");
    r = 2;
  } else {
    GError *error = NULL;
    ClipmoeModelOptions how = {.struct_size = sizeof how, .no_vocab = TRUE};
    ClipmoeModel *m = clipmoe_model_open (rest[0], &how, &error);
    GString *out = g_string_new (NULL);
    gboolean ok = m && clipmoe_model_hold_weights (m, &error);
    if (ok) {
      show_tower (out, "image", &m->image, m->image_blocks);
      show_tower (out, "text ", &m->text, m->text_blocks);
      clipmoe_model_drop_weights (m);
    }
    r = ok ? clipmoe_print (out) : dmu_fail (error);
    g_string_free (out, TRUE);
    clipmoe_model_unref (m);
  }
  g_strfreev (rest);
  return r;
}
