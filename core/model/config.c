#include "config.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "../base/file.h"
#include "../weights/json.h"

#define MAX_JSON (16u << 20)

static char *
first_there (const char *folder, const char *const *names) {
  for (; *names; names++) {
    char *path = g_build_filename (folder, *names, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      return path;
    g_free (path);
  }
  return NULL;
}

gboolean
clipmoe_files_find (const char *path, const char *vocab, ClipmoeFiles *files, GError **error) {
  char *found = NULL;
  if (!path)
    found = clipmoe_resource_find ("", "default");
  else if (!g_file_test (path, G_FILE_TEST_EXISTS))
    found = clipmoe_resource_find ("", path);
  if (!path && !found) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "the default model is not installed: expected a folder \"default\" in $CLIPMOE_MODEL_PATH "
                 "or " CLIPMOE_DATADIR "/models");
    return FALSE;
  }
  if (!found)
    found = g_strdup (path);
  files->name = g_path_get_basename (found);
  if (g_file_test (found, G_FILE_TEST_IS_DIR)) {
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "open_clip_model.safetensors", NULL};
    files->folder = found;
    files->weights = first_there (found, names);
    if (!files->weights) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: a folder without model.safetensors", found);
      clipmoe_files_clear (files);
      return FALSE;
    }
  } else {
    files->folder = g_path_get_dirname (found);
    files->weights = found;
    char *dot = strrchr (files->name, '.');
    if (dot && dot != files->name)
      *dot = 0;
  }
  static const char *const configs[] = {"config.json", "open_clip_config.json", NULL};
  static const char *const preprocessors[] = {"preprocessor_config.json", NULL};
  static const char *const vocabs[] = {"tokenizer.json", "vocab.json", "bpe_simple_vocab_16e6.txt.gz",
                                       "bpe_simple_vocab_16e6.txt", NULL};
  files->config = first_there (files->folder, configs);
  files->preprocessor = first_there (files->folder, preprocessors);
  files->vocab = vocab ? g_strdup (vocab) : first_there (files->folder, vocabs);
  return TRUE;
}

void
clipmoe_files_clear (ClipmoeFiles *files) {
  g_free (files->name);
  g_free (files->folder);
  g_free (files->weights);
  g_free (files->config);
  g_free (files->preprocessor);
  g_free (files->vocab);
  memset (files, 0, sizeof *files);
}

char *
clipmoe_files_licence (const ClipmoeFiles *files) {
  char *path = g_build_filename (files->folder, "README.md", NULL), *licence = NULL;
  gsize length;
  char *text = clipmoe_file_read (path, 1 << 20, &length, NULL);
  char *use = text ? strstr (text, "\nUse: ") : NULL;
  if (use) {
    use += strlen ("\nUse: ");
    char *end = strstr (use, "\n\n");
    licence = g_utf8_make_valid (use, end ? end - use : (gssize)strlen (use));
    g_strdelimit (licence, "\n", ' ');
    g_strstrip (licence);
  }
  g_free (text);
  g_free (path);
  return licence;
}

/* A whole number above 0 in @object, if there; it must equal @expected unless that is 0. */
static gboolean
whole (const char *path, json_t *object, const char *where, const char *key, guint expected, guint *out,
       GError **error) {
  json_t *v = json_object_get (object, key);
  if (!v || json_is_null (v))
    return TRUE;
  json_int_t n = json_is_integer (v) ? json_integer_value (v) : 0;
  if (n < 1 || n > 1 << 24) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s%s: expected a whole number above 0",
                 path, where, key);
    return FALSE;
  }
  if (expected && n != expected) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: %s%s is %" JSON_INTEGER_FORMAT ", the weights' shapes say %u", path, where, key, n,
                 expected);
    return FALSE;
  }
  if (out)
    *out = (guint)n;
  return TRUE;
}

static gboolean
parse_activation (const char *text, ClipmoeActivation *out) {
  if (g_str_equal (text, "quick_gelu") || g_str_equal (text, "quick-gelu") || g_str_equal (text, "quickgelu"))
    *out = CLIPMOE_ACTIVATION_QUICK_GELU;
  else if (g_str_equal (text, "gelu"))
    *out = CLIPMOE_ACTIVATION_GELU;
  else
    return FALSE;
  return TRUE;
}

static gboolean
tower_config (const char *path, json_t *object, const char *where, ClipmoeTower *t, GError **error) {
  json_t *act = json_object_get (object, "hidden_act"), *eps = json_object_get (object, "layer_norm_eps");
  if (!whole (path, object, where, "hidden_size", t->width, NULL, error) ||
      !whole (path, object, where, "intermediate_size", t->ffn_width, NULL, error) ||
      !whole (path, object, where, "num_hidden_layers", t->layers, NULL, error))
    return FALSE;
  if (json_object_get (object, "num_attention_heads")) {
    t->heads = 0;
    if (!whole (path, object, where, "num_attention_heads", 0, &t->heads, error))
      return FALSE;
    if (!t->heads || t->width % t->heads) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: %snum_attention_heads is %u, which does not divide the width %u", path, where,
                   t->heads, t->width);
      return FALSE;
    }
  }
  if (act && (!json_is_string (act) || !parse_activation (json_string_value (act), &t->activation))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: %shidden_act: expected quick_gelu or gelu", path, where);
    return FALSE;
  }
  if (eps) {
    t->eps = (float)json_number_value (eps);
    if (!json_is_number (eps) || !(t->eps > 0 && t->eps < 1)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: %slayer_norm_eps: expected a number between 0 and 1", path, where);
      return FALSE;
    }
  }
  return TRUE;
}

/* Hugging Face's config.json: text_config and vision_config, each overridden by its _dict. */
static gboolean
huggingface_config (ClipmoeModel *m, const char *path, json_t *root, GError **error) {
  static const char *const keys[2][2] = {{"vision_config", "vision_config_dict"},
                                         {"text_config", "text_config_dict"}};
  if (!whole (path, root, "", "projection_dim", m->info.embed, NULL, error))
    return FALSE;
  for (guint i = 0; i < 2; i++)
    for (guint j = 0; j < 2; j++) {
      json_t *c = json_object_get (root, keys[i][j]);
      if (!c || json_is_null (c))
        continue;
      char *where = g_strconcat (keys[i][j], ".", NULL);
      gboolean ok = json_is_object (c);
      if (!ok)
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s is no JSON object", path,
                     keys[i][j]);
      ok = ok && tower_config (path, c, where, i ? &m->text : &m->image, error);
      if (ok && i)
        ok = whole (path, c, where, "vocab_size", m->info.vocab_size, NULL, error) &&
             whole (path, c, where, "max_position_embeddings", m->info.context, NULL, error);
      else if (ok)
        ok = whole (path, c, where, "image_size", m->info.image_size, NULL, error) &&
             whole (path, c, where, "patch_size", m->info.patch_size, NULL, error) &&
             whole (path, c, where, "num_channels", 3, NULL, error);
      g_free (where);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

static gboolean
triple (const char *path, json_t *array, const char *key, gboolean deviation, float out[3], GError **error) {
  if (!array || json_is_null (array))
    return TRUE;
  gboolean ok = json_is_array (array) && json_array_size (array) == 3;
  for (guint i = 0; i < 3 && ok; i++) {
    double v = json_number_value (json_array_get (array, i));
    ok = json_is_number (json_array_get (array, i)) && isfinite (v) && fabs (v) < 1000 &&
         (!deviation || v > 1e-6);
    out[i] = (float)v;
  }
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s: expected three %snumbers", path, key,
                 deviation ? "positive " : "");
  return ok;
}

static gboolean
openclip_config (ClipmoeModel *m, const char *path, json_t *root, GError **error) {
  json_t *model = json_object_get (root, "model_cfg"), *pre = json_object_get (root, "preprocess_cfg");
  json_t *vision = json_object_get (model, "vision_cfg"), *text = json_object_get (model, "text_cfg");
  guint head = 0;
  m->image.activation = m->text.activation = json_is_true (json_object_get (model, "quick_gelu"))
                                                 ? CLIPMOE_ACTIVATION_QUICK_GELU
                                                 : CLIPMOE_ACTIVATION_GELU;
  if (!whole (path, model, "model_cfg.", "embed_dim", m->info.embed, NULL, error) ||
      !whole (path, vision, "vision_cfg.", "image_size", m->info.image_size, NULL, error) ||
      !whole (path, vision, "vision_cfg.", "width", m->image.width, NULL, error) ||
      !whole (path, vision, "vision_cfg.", "layers", m->image.layers, NULL, error) ||
      !whole (path, vision, "vision_cfg.", "patch_size", m->info.patch_size, NULL, error) ||
      !whole (path, vision, "vision_cfg.", "head_width", 0, &head, error) ||
      !whole (path, text, "text_cfg.", "context_length", m->info.context, NULL, error) ||
      !whole (path, text, "text_cfg.", "vocab_size", m->info.vocab_size, NULL, error) ||
      !whole (path, text, "text_cfg.", "width", m->text.width, NULL, error) ||
      !whole (path, text, "text_cfg.", "layers", m->text.layers, NULL, error) ||
      !whole (path, text, "text_cfg.", "heads", 0, &m->text.heads, error) ||
      !triple (path, json_object_get (pre, "mean"), "preprocess_cfg.mean", FALSE, m->info.mean, error) ||
      !triple (path, json_object_get (pre, "std"), "preprocess_cfg.std", TRUE, m->info.std, error))
    return FALSE;
  if (head)
    m->image.heads = m->image.width % head ? 0 : m->image.width / head;
  return TRUE;
}

/* size and crop_size: a number, or an object with shortest_edge, height or width. */
static gboolean
preprocessor_size (ClipmoeModel *m, const char *path, json_t *root, const char *key, GError **error) {
  json_t *v = json_object_get (root, key);
  if (!json_is_object (v))
    return whole (path, root, "", key, m->info.image_size, NULL, error);
  char *where = g_strconcat (key, ".", NULL);
  gboolean ok = whole (path, v, where, "shortest_edge", m->info.image_size, NULL, error) &&
                whole (path, v, where, "height", m->info.image_size, NULL, error) &&
                whole (path, v, where, "width", m->info.image_size, NULL, error);
  g_free (where);
  return ok;
}

static gboolean
preprocessor_config (ClipmoeModel *m, const char *path, GError **error) {
  json_t *root = clipmoe_json_read (path, MAX_JSON, error);
  if (!root)
    return FALSE;
  json_t *resample = json_object_get (root, "resample");
  gboolean ok =
      preprocessor_size (m, path, root, "size", error) &&
      preprocessor_size (m, path, root, "crop_size", error) &&
      triple (path, json_object_get (root, "image_mean"), "image_mean", FALSE, m->info.mean, error) &&
      triple (path, json_object_get (root, "image_std"), "image_std", TRUE, m->info.std, error);
  if (ok && resample && json_integer_value (resample) != 3) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: resample: expected 3 (bicubic)", path);
    ok = FALSE;
  }
  json_decref (root);
  return ok;
}

static gboolean
metadata_triple (const char *path, const ClipmoeTensors *tensors, const char *key, gboolean deviation,
                 float out[3], GError **error) {
  const char *text = clipmoe_tensors_get_metadata (tensors, key);
  if (!text)
    return TRUE;
  char **parts = g_strsplit_set (text, " ,", 0);
  guint n = 0;
  gboolean ok = TRUE;
  for (char **p = parts; *p && ok; p++) {
    char *end;
    if (!**p)
      continue;
    double v = g_ascii_strtod (*p, &end);
    ok = n < 3 && !*end && isfinite (v) && fabs (v) < 1000 && (!deviation || v > 1e-6);
    if (ok)
      out[n++] = (float)v;
  }
  g_strfreev (parts);
  if (!ok || n != 3) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: metadata %s: expected three %snumbers",
                 path, key, deviation ? "positive " : "");
    return FALSE;
  }
  return TRUE;
}

gboolean
clipmoe_config_apply (ClipmoeModel *m, const ClipmoeFiles *files, const ClipmoeTensors *tensors,
                      const ClipmoeModelOptions *options, GPtrArray *assumed, GError **error) {
  static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f},
                     std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
  memcpy (m->info.mean, mean, sizeof mean);
  memcpy (m->info.std, std, sizeof std);
  m->image.heads = m->image.width % 64 ? 0 : m->image.width / 64;
  m->text.heads = m->text.width % 64 ? 0 : m->text.width / 64;
  m->image.eps = m->text.eps = 1e-5f;

  if (files->config) {
    json_t *root = clipmoe_json_read (files->config, MAX_JSON, error);
    if (!root)
      return FALSE;
    gboolean ok = json_is_object (root);
    if (!ok)
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no JSON object", files->config);
    else
      ok = json_object_get (root, "model_cfg") ? openclip_config (m, files->config, root, error)
                                               : huggingface_config (m, files->config, root, error);
    json_decref (root);
    if (!ok)
      return FALSE;
  }
  if (files->preprocessor && !preprocessor_config (m, files->preprocessor, error))
    return FALSE;
  if (!metadata_triple (files->weights, tensors, "clip.mean", FALSE, m->info.mean, error) ||
      !metadata_triple (files->weights, tensors, "clip.std", TRUE, m->info.std, error))
    return FALSE;

  const char *activation = clipmoe_tensors_get_metadata (tensors, "clip.activation"),
             *k = clipmoe_tensors_get_metadata (tensors, "clip.top_k");
  if (activation) {
    ClipmoeActivation said;
    if (!parse_activation (activation, &said)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                   "%s: metadata clip.activation is \"%.40s\", expected quick_gelu or gelu", files->weights,
                   activation);
      return FALSE;
    }
    if ((m->image.activation && m->image.activation != said) ||
        (m->text.activation && m->text.activation != said)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: hidden_act contradicts clip.activation \"%s\" in %s", files->config, activation,
                   files->weights);
      return FALSE;
    }
    m->image.activation = m->text.activation = said;
  }
  if (options->activation)
    m->image.activation = m->text.activation = options->activation;
  if (!m->image.activation || !m->text.activation) {
    g_ptr_array_add (assumed, g_strdup ("the activation is QuickGELU: no file says which (activation)"));
    if (!m->image.activation)
      m->image.activation = CLIPMOE_ACTIVATION_QUICK_GELU;
    if (!m->text.activation)
      m->text.activation = CLIPMOE_ACTIVATION_QUICK_GELU;
  }
  gboolean moe = g_str_equal (m->info.layout, "clip-moe");
  m->top_k = options->experts;
  if (!m->top_k && k) {
    guint64 n = 0;
    if (!g_ascii_string_to_unsigned (k, 10, 0, 1024, &n, NULL)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: metadata clip.top_k is \"%.40s\", expected 1 to 1024", files->weights, k);
      return FALSE;
    }
    m->top_k = (guint)n;
  }
  if (moe && !m->top_k) {
    m->top_k = 2;
    g_ptr_array_add (assumed, g_strdup ("a token uses 2 experts: no file says how many (experts)"));
  }
  m->info.top_k = moe ? m->top_k : 0;
  if (!m->image.heads || !m->text.heads) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: widths %u and %u: no file says how many heads, and 64 does not divide them",
                 files->weights, m->image.width, m->text.width);
    return FALSE;
  }
  return TRUE;
}
