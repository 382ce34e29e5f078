/* clipmoe model inspect: what a checkpoint is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <base/json.h>
#include <base/plain.h>
#include "common.h"
#include "model_commands.h"

static const char *
activation (ClipmoeActivation a) {
  return a == CLIPMOE_ACTIVATION_GELU ? "gelu" : "quick-gelu";
}

static const char *
geometry (ClipmoeGeometry g) {
  static const char *const names[] = {"crop", "squash", "letterbox", "pad"};
  return names[g];
}

static void
tower_text (const char *name, const ClipmoeTowerInfo *t) {
  if (!t->layers) {
    printf ("%-12s none\n", name);
    return;
  }
  printf ("%-12s width %u, %u blocks, %u heads, feed-forward %u, %s\n", name, t->width, t->layers, t->heads,
          t->ffn_width, t->activation == CLIPMOE_ACTIVATION_GELU ? "GELU" : "QuickGELU");
  if (t->moe_layers)
    printf ("%-12s %u blocks are mixtures of %u experts\n", "", t->moe_layers, t->experts);
}

static void
print_text (const ClipmoeModelInfo *i, gboolean vocab) {
  char *path = clipmoe_plain (i->path, -1);
  printf ("%-12s %s\n%-12s %s\n%-12s %s, stored as %s\n", "name", i->name, "file", path, "layout", i->layout,
          i->dtype);
  g_free (path);
  printf ("%-12s %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT " active a token\n", "parameters", i->parameters,
          i->active_parameters);
  if (i->image->layers)
    printf ("%-12s %u pixels, patch %u, %s\n", "picture", i->image_size, i->patch_size,
            geometry (i->geometry));
  tower_text ("image tower", i->image);
  tower_text ("text tower", i->text);
  if (i->text->layers)
    printf ("%-12s %u tokens of %u\n", "context", i->context, i->vocab_size);
  printf ("%-12s %u\n", "embedding", i->embed);
  if (i->top_k)
    printf ("%-12s %u a token\n", "experts", i->top_k);
  printf ("%-12s %s\n", "fingerprint", i->fingerprint);
  printf ("%-12s %s\n", "id", vocab ? i->id : "none without a vocabulary");
  for (const char *const *s = i->assumed; *s; s++) {
    char *line = clipmoe_plain (*s, -1); /* it may quote a key */
    printf ("%-12s %s\n", "assumed", line);
    g_free (line);
  }
  if (i->licence)
    printf ("%-12s %s\n", "use", i->licence);
}

/* As a double whose six to nine digits are those that somebody wrote. */
static json_t *
number (float value) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  double d = value;
  for (guint digits = 6; digits <= 9; digits++) {
    char format[] = "%.0g";
    format[2] = (char)('0' + digits);
    d = g_ascii_strtod (g_ascii_formatd (text, sizeof text, format, value), NULL);
    if ((float)d == value)
      break;
  }
  return json_real (d);
}

static json_t *
tower_json (const ClipmoeTowerInfo *t) {
  if (!t->layers)
    return json_null ();
  return json_pack ("{s:i,s:i,s:i,s:i,s:i,s:i,s:s,s:o,s:I,s:I}", "width", (int)t->width, "layers",
                    (int)t->layers, "heads", (int)t->heads, "ffn_width", (int)t->ffn_width, "moe_layers",
                    (int)t->moe_layers, "experts", (int)t->experts, "activation", activation (t->activation),
                    "eps", number (t->eps), "parameters", (json_int_t)t->parameters, "active_parameters",
                    (json_int_t)t->active_parameters);
}

static void
print_json (const ClipmoeModelInfo *i, gboolean vocab) {
  json_t *assumed = json_array ();
  for (const char *const *s = i->assumed; *s; s++)
    json_array_append_new (assumed, clipmoe_json_text (*s));
  /* The id depends on the vocabulary. */
  json_t *root = json_pack (
      "{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:i,s:i,s:i,s:i,s:i,s:i,s:o,s:o,s:s,s:[o,o,o],s:[o,o,o],s:o,"
      "s:o}",
      "schema", "clipmoe.model/1", "name", clipmoe_json_text (i->name), "id",
      clipmoe_json_text (vocab ? i->id : NULL), "path", clipmoe_json_text (i->path), "layout",
      clipmoe_json_text (i->layout), "dtype", clipmoe_json_text (i->dtype), "fingerprint",
      clipmoe_json_text (i->fingerprint), "licence", clipmoe_json_text (i->licence), "parameters",
      (json_int_t)i->parameters, "active_parameters", (json_int_t)i->active_parameters, "image_size",
      (int)i->image_size, "patch_size", (int)i->patch_size, "embed", (int)i->embed, "context",
      (int)i->context, "vocab_size", (int)i->vocab_size, "top_k", (int)i->top_k, "image",
      tower_json (i->image), "text", tower_json (i->text), "geometry", geometry (i->geometry), "mean",
      number (i->mean[0]), number (i->mean[1]), number (i->mean[2]), "std", number (i->std[0]),
      number (i->std[1]), number (i->std[2]), "logit_scale", number (i->logit_scale), "assumed", assumed);
  char *text = json_dumps (root, JSON_COMPACT | JSON_REAL_PRECISION (9));
  puts (text);
  free (text);
  json_decref (root);
}

int
clipmoe_cmd_model_inspect (int argc, char **argv) {
  ClipmoeModelArguments a = {0};
  gboolean json = FALSE;
  const GOptionEntry entries[] = {CLIPMOE_MODEL_ENTRIES (a),
                                  {"json", 0, 0, G_OPTION_ARG_NONE, &json, "One JSON object on a line", NULL},
                                  {NULL}};
  char **rest = NULL;
  int r = clipmoe_parse (argc, argv, "clipmoe model inspect",
                         "[PATH] — say what a checkpoint is; without PATH, the default model",
                         "Example:\n  clipmoe model inspect my-clip/\n", entries, &rest);
  if (r)
    return r == 2 ? 2 : 0;
  if ((r = clipmoe_take_model ("model inspect", rest, &a)))
    return r;
  GError *error = NULL;
  ClipmoeModel *m = clipmoe_open_model_anyhow (&a, &error);
  gboolean vocab = m && (clipmoe_model_get_tokenizer (m) || !clipmoe_model_get_info (m)->text->layers);
  if (m && json)
    print_json (clipmoe_model_get_info (m), vocab);
  else if (m)
    print_text (clipmoe_model_get_info (m), vocab);
  else
    r = clipmoe_fail (error);
  clipmoe_model_unref (m);
  clipmoe_model_arguments_clear (&a);
  return r;
}
