/* What stands beside a saved model's weights. */
#include <stdlib.h>
#include <string.h>
#include "../base/file.h"
#include "../base/json.h"
#include "save-private.h"

const char *const clipmoe_saved_names[] = {"model.safetensors",
                                           "config.json",
                                           "preprocessor_config.json",
                                           "README.md",
                                           "tokenizer.json",
                                           "vocab.json",
                                           "merges.txt",
                                           "tokenizer_config.json",
                                           "special_tokens_map.json",
                                           "bpe_simple_vocab_16e6.txt.gz",
                                           "bpe_simple_vocab_16e6.txt",
                                           NULL};

#define MAX_COMPANION (256u << 20)

/* Takes over @root. Nine digits bring every float back. */
static gboolean
write_json (const char *folder, const char *name, json_t *root, GError **error) {
  char *path = g_build_filename (folder, name, NULL);
  char *text = json_dumps (root, JSON_INDENT (2) | JSON_REAL_PRECISION (9));
  char *lines = g_strconcat (text ? text : "", "\n", NULL);
  gboolean ok = text && clipmoe_file_write (path, lines, strlen (lines), error);
  if (!text)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for its text", path);
  g_free (lines);
  free (text);
  g_free (path);
  json_decref (root);
  return ok;
}

static double
decimal (float value) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  return clipmoe_save_decimal (value, text);
}

static json_t *
tower (const ClipmoeArchitecture *t) {
  return json_pack (
      "{s:i,s:i,s:i,s:i,s:s,s:f}", "hidden_size", (int)t->width, "intermediate_size", (int)t->ffn_width,
      "num_hidden_layers", (int)t->layers, "num_attention_heads", (int)t->heads, "hidden_act",
      t->activation == CLIPMOE_ACTIVATION_GELU ? "gelu" : "quick_gelu", "layer_norm_eps", decimal (t->eps));
}

gboolean
clipmoe_save_config (const ClipmoeModel *m, const char *folder, ClipmoeLayout layout, ClipmoeStore store,
                     GError **error) {
  static const char *const types[] = {NULL, "float32", "float16", "bfloat16"};
  gboolean hf = layout == CLIPMOE_LAYOUT_HUGGINGFACE;
  const ClipmoeArchitecture *i = &m->image, *t = &m->text;
  /* CLIP's start and end are the last two tokens. */
  guint start = m->tokenizer ? clipmoe_tokenizer_get_start (m->tokenizer) : t->vocab - 2,
        end = m->tokenizer ? clipmoe_tokenizer_get_end (m->tokenizer) : t->vocab - 1;
  json_t *text = tower (t), *vision = tower (i);
  json_object_update_new (text,
                          json_pack ("{s:i,s:i,s:i,s:i,s:i}", "vocab_size", (int)t->vocab,
                                     "max_position_embeddings", (int)t->context, "projection_dim",
                                     (int)i->embed, "bos_token_id", (int)start, "eos_token_id", (int)end));
  json_object_update_new (vision,
                          json_pack ("{s:i,s:i,s:i,s:i}", "image_size", (int)i->side, "patch_size",
                                     (int)i->patch, "num_channels", 3, "projection_dim", (int)i->embed));
  json_t *root = json_pack ("{s:s,s:i,s:f}", "model_type", m->info.top_k ? "clip-moe" : "clip",
                            "projection_dim", (int)i->embed, "logit_scale_init_value", 2.6592);
  if (hf) {
    json_object_set_new (root, "architectures", json_pack ("[s]", "CLIPModel"));
    json_object_set_new (text, "model_type", json_string ("clip_text_model"));
    json_object_set_new (vision, "model_type", json_string ("clip_vision_model"));
    if (types[store])
      json_object_set_new (root, "torch_dtype", json_string (types[store]));
  }
  json_object_set_new (root, "text_config", text);
  json_object_set_new (root, "vision_config", vision);
  return write_json (folder, "config.json", root, error);
}

gboolean
clipmoe_save_preprocessor (const ClipmoeModel *m, const char *folder, GError **error) {
  int side = (int)m->image.side;
  const float *a = m->info.mean, *d = m->info.std;
  json_t *root =
      json_pack ("{s:s,s:b,s:{s:i},s:i,s:b,s:{s:i,s:i},s:b,s:b,s:b,s:[f,f,f],s:[f,f,f]}",
                 "image_processor_type", "CLIPImageProcessor", "do_resize", 1, "size", "shortest_edge", side,
                 "resample", 3, "do_center_crop", 1, "crop_size", "height", side, "width", side, "do_rescale",
                 1, "do_convert_rgb", 1, "do_normalize", 1, "image_mean", decimal (a[0]), decimal (a[1]),
                 decimal (a[2]), "image_std", decimal (d[0]), decimal (d[1]), decimal (d[2]));
  return write_json (folder, "preprocessor_config.json", root, error);
}

/* Copies @from into @folder as @name, if @from is there. */
static gboolean
copy (const char *from, const char *folder, const char *name, gboolean dry, GError **error) {
  if (!clipmoe_file_is_there (from))
    return TRUE;
  gsize length, old_length = 0;
  char *data = clipmoe_file_read (from, MAX_COMPANION, &length, error), *old = NULL;
  char *to = g_build_filename (folder, name, NULL);
  gboolean ok = data != NULL;
  if (ok && clipmoe_file_is_there (to)) {
    old = clipmoe_file_read (to, MAX_COMPANION, &old_length, error);
    ok = old != NULL;
    if (ok && (old_length != length || memcmp (old, data, length) != 0)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                   "%s: another model's file stands where %s is to be copied, expected a folder of its own",
                   to, from);
      ok = FALSE;
    }
  } else if (ok && !dry) {
    ok = clipmoe_file_write (to, data, length, error);
  }
  g_free (old);
  g_free (data);
  g_free (to);
  return ok;
}

/* A part of a vocabulary that is not copied to @folder must not be there: what is written would be read with
 * it. */
static gboolean
nothing_foreign (const char *folder, const char *name, GError **error) {
  char *there = g_build_filename (folder, name, NULL);
  gboolean ok = !g_file_test (there, G_FILE_TEST_EXISTS);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "%s: another vocabulary's file stands where a model is to be written that has none of that "
                 "name, expected a folder of its own",
                 there);
  g_free (there);
  return ok;
}

gboolean
clipmoe_save_companions (const ClipmoeModel *m, const char *folder, gboolean card, gboolean dry,
                         GError **error) {
  static const char *const forms[] = {"tokenizer.json",
                                      "vocab.json",
                                      "merges.txt",
                                      "tokenizer_config.json",
                                      "special_tokens_map.json",
                                      "added_tokens.json",
                                      "bpe_simple_vocab_16e6.txt.gz",
                                      "bpe_simple_vocab_16e6.txt",
                                      NULL};
  const ClipmoeStorage *storage = m->storage;
  char *source = g_path_get_dirname (storage->path), *place = NULL;
  const char *other = NULL; /* the usual name of a vocabulary whose own is none of @forms */
  gboolean ok = TRUE;
  if (storage->vocab) {
    gboolean is_folder = g_file_test (storage->vocab, G_FILE_TEST_IS_DIR);
    char *base = g_path_get_basename (storage->vocab);
    place = is_folder ? g_strdup (storage->vocab) : g_path_get_dirname (storage->vocab);
    gboolean listed = is_folder || g_strv_contains (forms, base);
    if (!listed) /* a name of the user's own; the usual one is found again */
      other = g_str_has_suffix (base, ".json") ? "tokenizer.json"
              : g_str_has_suffix (base, ".gz") ? "bpe_simple_vocab_16e6.txt.gz"
                                               : "bpe_simple_vocab_16e6.txt";
    gboolean first = g_strcmp0 (other, forms[0]) == 0; /* copied is what is read before CLIP's own form */
    for (guint i = 0; i < G_N_ELEMENTS (forms) - 1 && ok; i++) {
      /* Of a vocabulary elsewhere its own form alone: what lies around it need not belong to it. */
      gboolean own = is_folder || strcmp (place, source) == 0 || strcmp (base, forms[i]) == 0 ||
                     (strcmp (base, "vocab.json") == 0 && strcmp (forms[i], "merges.txt") == 0);
      char *from = g_build_filename (place, forms[i], NULL);
      if (own && clipmoe_file_is_there (from)) {
        ok = copy (from, folder, forms[i], dry, error);
        first |= i < 2;
      } else if (g_strcmp0 (forms[i], other) != 0 && !(first && g_str_has_prefix (forms[i], "bpe_")))
        ok = nothing_foreign (folder, forms[i], error);
      g_free (from);
    }
    if (ok && other)
      ok = copy (storage->vocab, folder, other, dry, error);
    g_free (base);
  } else {
    for (guint i = 0; i < G_N_ELEMENTS (forms) - 1 && ok; i++)
      ok = nothing_foreign (folder, forms[i], error);
  }
  if (ok && card) {
    char *from = g_build_filename (source, "README.md", NULL);
    ok = copy (from, folder, "README.md", dry, error);
    g_free (from);
  }
  g_free (place);
  g_free (source);
  return ok;
}
