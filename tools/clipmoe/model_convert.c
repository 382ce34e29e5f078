/* clipmoe model convert: the same model in another layout or number type. */
#include <stdio.h>
#include <string.h>
#include <glib/gstdio.h>
#include <base/plain.h>
#include "common.h"
#include "model_commands.h"

typedef struct {
  ClipmoeModelArguments model;
  char *to, *dtype, *tower, *text_model;
  gboolean force;
} Arguments;

static gboolean
choose (const char *what, const char *text, const char *const *names, guint *out) {
  GString *all = g_string_new (NULL);
  for (guint i = 0; names[i]; i++) {
    if (text && strcmp (text, names[i]) == 0) {
      *out = i;
      g_string_free (all, TRUE);
      return TRUE;
    }
    g_string_append_printf (all, "%s%s", i ? names[i + 1] ? ", " : " or " : "", names[i]);
  }
  fprintf (stderr, "clipmoe model convert: %s: expected %s, see clipmoe model convert --help\n", what,
           all->str);
  g_string_free (all, TRUE);
  return FALSE;
}

/* Reads back what was written: the last chance to find out. */
static gboolean
same (const char *path, const ClipmoeModel *source, gboolean rounded, GError **error) {
  ClipmoeModelOptions options = {.struct_size = sizeof options, .no_vocab = TRUE};
  ClipmoeModel *m = clipmoe_model_open (path, &options, error);
  if (!m)
    return FALSE;
  const ClipmoeModelInfo *a = clipmoe_model_get_info (source), *b = clipmoe_model_get_info (m);
  const char *id = strrchr (a->id, '@'), *id2 = strrchr (b->id, '@');
  gboolean ok = rounded || (strcmp (a->fingerprint, b->fingerprint) == 0 && strcmp (id, id2) == 0);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: reads back as another model (fingerprint %.12s, expected %.12s)", path, b->fingerprint,
                 a->fingerprint);
  clipmoe_model_unref (m);
  return ok;
}

/* Neither of the two that are put together is replaced. @path: a file, or the folder that holds it. */
static gboolean
is_source (const char *out, const char *path) {
  char *folder = g_path_get_dirname (path);
  GStatBuf a, b;
  gboolean same =
      g_stat (out, &a) == 0 && ((g_stat (path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) ||
                                (g_stat (folder, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino));
  g_free (folder);
  return same;
}

/* Takes over @m. */
static ClipmoeModel *
join (ClipmoeModel *m, const Arguments *a, const char *out, GError **error) {
  const ClipmoeModelArguments other = {.model = a->text_model, .vocab = a->model.vocab};
  ClipmoeModel *text = clipmoe_open_model (&other, !a->model.vocab, error), *both = NULL;
  if (text && is_source (out, clipmoe_model_get_info (text)->path))
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: holds the text tower that is to be taken, expected another place", out);
  else if (text)
    both = clipmoe_model_join (m, text, error);
  if (both)
    clipmoe_say_assumed (clipmoe_model_get_info (both));
  clipmoe_model_unref (text);
  clipmoe_model_unref (m);
  return both;
}

static int
convert (const Arguments *a, const char *out, ClipmoeLayout layout, ClipmoeSaveAs store) {
  GError *error = NULL;
  guint64 rounded = 0;
  ClipmoeModel *m = clipmoe_open_model (&a->model, !a->model.vocab || a->text_model, &error);
  if (m && a->text_model)
    m = join (m, a, out, &error);
  gboolean ok = m && clipmoe_model_save (m, out, layout, store, a->force, &rounded, &error) &&
                same (out, m, rounded > 0 || a->model.vocab, &error);
  if (ok) {
    const ClipmoeModelInfo *i = clipmoe_model_get_info (m);
    char *path = clipmoe_plain (out, -1);
    gboolean other = a->model.adapter || a->model.side;
    printf ("%s: written as %s%s%s, %snumbers %s\n", path, a->to,
            a->model.adapter ? ", the adapter merged" : "", a->model.side ? ", its positions stretched" : "",
            other && !store ? "other " : "", store ? a->dtype : "as they were");
    g_free (path);
    if (rounded)
      printf ("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
              " numbers do not fit into %s and were rounded: the fingerprint is another one\n",
              rounded, i->parameters, a->dtype);
    else
      printf ("%s: fingerprint %s\n", other ? "it is another model now" : "no number changed",
              i->fingerprint);
  }
  clipmoe_model_unref (m);
  return ok ? 0 : clipmoe_fail (error);
}

int
clipmoe_cmd_model_convert (int argc, char **argv) {
  static const char *const layouts[] = {"clipmoe", "hf", NULL};
  static const char *const stores[] = {"keep", "f32", "f16", "bf16", NULL};
  Arguments a = {0};
  const GOptionEntry entries[] = {
      {"to", 0, 0, G_OPTION_ARG_STRING, &a.to, "clipmoe (OpenAI's names) or hf (a CLIPModel of transformers)",
       "LAYOUT"},
      {"dtype", 0, 0, G_OPTION_ARG_STRING, &a.dtype, "keep (default), f32, f16 or bf16", "TYPE"},
      {"tower", 0, 0, G_OPTION_ARG_STRING, &a.tower, "both (default), image or text: one tower alone",
       "TOWER"},
      {"text-model", 0, 0, G_OPTION_ARG_FILENAME, &a.text_model,
       "Take the text tower from there, with its vocabulary; IN gives the image tower", "PATH"},
      {"force", 0, 0, G_OPTION_ARG_NONE, &a.force, "Replace OUT where it is there", NULL},
      {"vocab", 0, 0, G_OPTION_ARG_FILENAME, &a.model.vocab, "Vocabulary that does not lie beside the model",
       "PATH"},
      {"prefix", 0, 0, G_OPTION_ARG_STRING, &a.model.prefix,
       "Of several CLIPs in IN, what this one's names begin with; . = nothing", "PREFIX"},
      {"adapter", 0, 0, G_OPTION_ARG_FILENAME, &a.model.adapter,
       "Merge a LoRA adapter of PEFT: its folder, or its adapter_model.safetensors", "PATH"},
      {"side", 0, 0, G_OPTION_ARG_INT, &a.model.side,
       "Pixels of a side of the model's square; 0 = as it was trained", "N"},
      {"activation", 0, 0, G_OPTION_ARG_STRING, &a.model.activation, "auto, quick-gelu or gelu", "NAME"},
      {"experts", 0, 0, G_OPTION_ARG_INT, &a.model.experts,
       "Experts a token uses; 0 = as the checkpoint says", "N"},
      {"heads", 0, 0, G_OPTION_ARG_INT, &a.model.heads, "Heads of the image tower; 0 = as the files say",
       "N"},
      {"text-heads", 0, 0, G_OPTION_ARG_INT, &a.model.text_heads,
       "Heads of the text tower; 0 = as the files say", "N"},
      {NULL}};
  char **rest = NULL;
  int r = clipmoe_parse (
      argc, argv, "clipmoe model convert", "IN OUT --to LAYOUT — the same model in another layout",
      "OUT is one file when it ends in .safetensors, else a folder.\n\nExamples:\n"
      "  clipmoe model convert ViT-B-32.pt vit-b-32/ --to clipmoe --vocab bpe_simple_vocab_16e6.txt.gz\n"
      "  clipmoe model convert my-clip/ my-tower/ --to hf --tower image       one tower alone\n"
      "  clipmoe model convert my-clip/ merged/ --to hf --adapter my-lora/    with a LoRA adapter\n"
      "  clipmoe model convert my-clip/ larger/ --to clipmoe --side 448       for larger pictures\n",
      entries, &rest);
  static const char *const towers[] = {"both", "image", "text", NULL};
  guint layout = 0, store = 0, tower = 0;
  if (r) {
    r = r == 2 ? 2 : 0;
  } else if (!rest[0] || !rest[1] || rest[2]) {
    fprintf (stderr, "clipmoe model convert: expected IN and OUT, see clipmoe model convert --help\n");
    r = 2;
  } else if (!choose ("--to", a.to, layouts, &layout) ||
             !choose ("--dtype", a.dtype ? a.dtype : "keep", stores, &store) ||
             !choose ("--tower", a.tower ? a.tower : "both", towers, &tower)) {
    r = 2;
  } else if (!(r = clipmoe_check ("model convert", &a.model))) {
    a.model.model = g_strdup (rest[0]);
    a.model.tower = (ClipmoeModelTower)tower;
    r = convert (&a, rest[1], (ClipmoeLayout)layout, (ClipmoeSaveAs)store);
  }
  g_free (a.to);
  g_free (a.dtype);
  g_free (a.tower);
  g_free (a.text_model);
  clipmoe_model_arguments_clear (&a.model);
  g_strfreev (rest);
  return r;
}
