#include "save-config.h"

#include <stdlib.h>
#include <string.h>
#include "../base/file.h"
#include "../base/json.h"
#include "storage.h"

/* Takes over @root. Nine digits restore every float exactly. */
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

/* The shortest decimal that reads back as @value: as text in @text (of G_ASCII_DTOSTR_BUF_SIZE), and as a
 * number. */
static double
as_decimal (float value, char *text) {
  double decimal = 0;
  for (guint digits = 1; digits <= 9; digits++) {
    char format[] = "%.0g";
    format[2] = (char)('0' + digits);
    g_ascii_formatd (text, G_ASCII_DTOSTR_BUF_SIZE, format, value);
    decimal = g_ascii_strtod (text, NULL);
    if ((float)decimal == value)
      break;
  }
  return decimal;
}

static double
decimal (float value) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  return as_decimal (value, text);
}

static json_t *
tower (const ClipmoeArchitecture *t) {
  return json_pack (
      "{s:i,s:i,s:i,s:i,s:s,s:f}", "hidden_size", (int)t->width, "intermediate_size", (int)t->ffn_width,
      "num_hidden_layers", (int)t->layers, "num_attention_heads", (int)t->heads, "hidden_act",
      t->activation == CLIPMOE_ACTIVATION_GELU ? "gelu" : "quick_gelu", "layer_norm_eps", decimal (t->eps));
}

static json_t *
vision_section (const ClipmoeModel *m) {
  const ClipmoeArchitecture *i = &m->image;
  json_t *vision = tower (i);
  json_object_update_new (vision,
                          json_pack ("{s:i,s:i,s:i,s:i}", "image_size", (int)i->side, "patch_size",
                                     (int)i->patch, "num_channels", 3, "projection_dim", (int)i->embed));
  return vision;
}

static json_t *
text_section (const ClipmoeModel *m) {
  const ClipmoeArchitecture *t = &m->text;
  /* CLIP's start and end are the last two tokens. */
  guint start = m->tokenizer ? clipmoe_tokenizer_get_start (m->tokenizer) : t->vocab - 2,
        end = m->tokenizer ? clipmoe_tokenizer_get_end (m->tokenizer) : t->vocab - 1;
  json_t *text = tower (t);
  json_object_update_new (text,
                          json_pack ("{s:i,s:i,s:i,s:i,s:i}", "vocab_size", (int)t->vocab,
                                     "max_position_embeddings", (int)t->context, "projection_dim",
                                     (int)t->embed, "bos_token_id", (int)start, "eos_token_id", (int)end));
  return text;
}

gboolean
clipmoe_save_config (const ClipmoeModel *m, const char *folder, ClipmoeLayout layout, ClipmoeSaveAs store,
                     GError **error) {
  static const char *const types[] = {NULL, "float32", "float16", "bfloat16"};
  const ClipmoeStorage *storage = m->storage;
  gboolean hf = layout == CLIPMOE_LAYOUT_HUGGINGFACE, image = clipmoe_architecture_is_there (&m->image),
           both = image && clipmoe_architecture_is_there (&m->text), made = storage->weights->made_projection;
  const char *class = both    ? "CLIPModel"
                      : image ? made ? "CLIPVisionModel" : "CLIPVisionModelWithProjection"
                      : made  ? "CLIPTextModel"
                              : "CLIPTextModelWithProjection";
  json_t *root = NULL;
  if (both) {
    root = json_pack ("{s:s,s:i,s:f,s:o,s:o}", "model_type", m->info.top_k ? "clip-moe" : "clip",
                      "projection_dim", (int)m->info.embed, "logit_scale_init_value", 2.6592, "text_config",
                      text_section (m), "vision_config", vision_section (m));
    if (hf) {
      json_object_set_new (json_object_get (root, "text_config"), "model_type",
                           json_string ("clip_text_model"));
      json_object_set_new (json_object_get (root, "vision_config"), "model_type",
                           json_string ("clip_vision_model"));
    }
  } else { /* the section stands for itself */
    root = image ? vision_section (m) : text_section (m);
    json_object_set_new (root, "model_type", json_string (image ? "clip_vision_model" : "clip_text_model"));
  }
  if (hf) {
    json_object_set_new (root, "architectures", json_pack ("[s]", class));
    if (types[store])
      json_object_set_new (root, "torch_dtype", json_string (types[store]));
  }
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
  if (m->info.geometry == CLIPMOE_GEOMETRY_SQUASH) {
    json_object_set_new (root, "size", json_pack ("{s:i,s:i}", "height", side, "width", side));
    json_object_set_new (root, "do_center_crop", json_false ());
  }
  return write_json (folder, "preprocessor_config.json", root, error);
}

static void
set (GHashTable *metadata, const char *key, const char *value) {
  if (value)
    g_hash_table_insert (metadata, g_strdup (key), g_utf8_make_valid (value, -1));
}

static void
set_triple (GHashTable *metadata, const char *key, const float v[3]) {
  char n[3][G_ASCII_DTOSTR_BUF_SIZE];
  for (guint i = 0; i < 3; i++)
    as_decimal (v[i], n[i]);
  g_hash_table_insert (metadata, g_strdup (key), g_strdup_printf ("%s, %s, %s", n[0], n[1], n[2]));
}

GHashTable *
clipmoe_save_metadata (const ClipmoeModel *m, ClipmoeLayout layout) {
  GHashTable *metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  set (metadata, "clip.name", m->info.name);
  set (metadata, "clip.licence", m->info.licence);
  if (layout == CLIPMOE_LAYOUT_HUGGINGFACE) {
    set (metadata, "format", "pt"); /* transformers requires it; the .json files have the rest */
    return metadata;
  }
  if (m->info.geometry != CLIPMOE_GEOMETRY_CROP)
    set (metadata, "clip.geometry", m->info.geometry == CLIPMOE_GEOMETRY_SQUASH ? "squash" : "pad");
  set_triple (metadata, "clip.mean", m->info.mean);
  set_triple (metadata, "clip.std", m->info.std);
  ClipmoeActivation one = m->image.activation ? m->image.activation : m->text.activation; /* AUTO: no tower */
  if (!m->text.activation || one == m->text.activation)
    set (metadata, "clip.activation", one == CLIPMOE_ACTIVATION_GELU ? "gelu" : "quick_gelu");
  if (m->info.top_k)
    g_hash_table_insert (metadata, g_strdup ("clip.top_k"), g_strdup_printf ("%u", m->info.top_k));
  return metadata;
}
