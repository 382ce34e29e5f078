/* What files say that shapes do not: heads, activation, eps, experts a token uses, mean and deviation. */
#include "config.h"

#include <math.h>
#include <string.h>
#include "../weights/json.h"

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

/* What is there must say this: any other value would be another formula on the same shapes. */
static gboolean
fixed (const char *path, json_t *object, const char *where, const char *key, json_t *value,
       const char *expected, GError **error) {
  json_t *v = json_object_get (object, key);
  gboolean ok = !v || json_is_null (v) || (value && json_equal (v, value));
  json_decref (value);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: %s%s: expected %s", path, where, key,
                 expected);
  return ok;
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

/* Heads must divide the width, whoever says how many there are. */
static gboolean
check_heads (const char *path, const char *what, const ClipmoeTower *t, guint heads, GError **error) {
  if (heads && t->width % heads == 0)
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
               "%s: %s is %u, which does not divide the width %u of the weights", path, what, heads,
               t->width);
  return FALSE;
}

static gboolean
tower_config (const char *path, json_t *object, const char *where, ClipmoeTower *t, GError **error) {
  json_t *act = json_object_get (object, "hidden_act"), *eps = json_object_get (object, "layer_norm_eps");
  if (!whole (path, object, where, "hidden_size", t->width, NULL, error) ||
      !whole (path, object, where, "intermediate_size", t->ffn_width, NULL, error) ||
      !whole (path, object, where, "num_hidden_layers", t->layers, NULL, error))
    return FALSE;
  guint heads = 0;
  if (!whole (path, object, where, "num_attention_heads", 0, &heads, error))
    return FALSE;
  if (heads) {
    char *what = g_strconcat (where, "num_attention_heads", NULL);
    gboolean ok = check_heads (path, what, t, heads, error);
    g_free (what);
    if (!ok)
      return FALSE;
    t->heads = heads;
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

/* The object @key of @root with the fields of @over, when there, in place of its own; NULL when neither is.
 * Free with json_decref(). */
static gboolean
merged (const char *path, json_t *root, const char *key, const char *over, json_t **out, GError **error) {
  json_t *parts[2] = {json_object_get (root, key), json_object_get (root, over)};
  const char *const names[2] = {key, over};
  *out = NULL;
  for (guint i = 0; i < 2; i++) {
    if (!parts[i] || json_is_null (parts[i]))
      continue;
    if (!json_is_object (parts[i])) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s is no JSON object", path, names[i]);
      json_decref (*out);
      *out = NULL; /* the caller lets go of it too */
      return FALSE;
    }
    if (!*out)
      *out = json_object ();
    json_object_update (*out, parts[i]);
  }
  return TRUE;
}

/* Hugging Face's config.json: text_config and vision_config, each overridden by its _dict. */
static gboolean
huggingface_config (ClipmoeModel *m, const char *path, json_t *root, GError **error) {
  json_t *vision = NULL, *text = NULL;
  gboolean ok = whole (path, root, "", "projection_dim", m->info.embed, NULL, error) &&
                merged (path, root, "vision_config", "vision_config_dict", &vision, error) &&
                merged (path, root, "text_config", "text_config_dict", &text, error) &&
                tower_config (path, vision, "vision_config.", &m->image, error) &&
                whole (path, vision, "vision_config.", "image_size", m->info.image_size, NULL, error) &&
                whole (path, vision, "vision_config.", "patch_size", m->info.patch_size, NULL, error) &&
                whole (path, vision, "vision_config.", "num_channels", 3, NULL, error) &&
                tower_config (path, text, "text_config.", &m->text, error) &&
                whole (path, text, "text_config.", "vocab_size", m->info.vocab_size, NULL, error) &&
                whole (path, text, "text_config.", "max_position_embeddings", m->info.context, NULL, error);
  json_decref (vision);
  json_decref (text);
  return ok;
}

/* Whoever says it first, the others must agree; NaN = nobody yet. */
static gboolean
agree (const char *path, const char *key, const float said[3], float out[3], GError **error) {
  for (guint i = 0; i < 3; i++) {
    if (fabsf (out[i] - said[i]) > 1e-6f) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                   "%s: %s[%u] is %g, which contradicts the %g of another file of this model", path, key, i,
                   said[i], out[i]);
      return FALSE;
    }
    out[i] = said[i];
  }
  return TRUE;
}

static gboolean
triple (const char *path, json_t *array, const char *key, gboolean deviation, float out[3], GError **error) {
  if (!array || json_is_null (array))
    return TRUE;
  float said[3];
  gboolean ok = json_is_array (array) && json_array_size (array) == 3;
  for (guint i = 0; i < 3 && ok; i++) {
    double v = json_number_value (json_array_get (array, i));
    ok = json_is_number (json_array_get (array, i)) && isfinite (v) && fabs (v) < 1000 &&
         (!deviation || v > 1e-6);
    said[i] = (float)v;
  }
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s: expected three %snumbers", path, key,
                 deviation ? "positive " : "");
  return ok && agree (path, key, said, out, error);
}

/* OpenCLIP's words for towers that are built in another way than CLIP's. */
static gboolean
openclip_variants (const char *path, json_t *vision, json_t *text, json_t *pre, GError **error) {
  const char *v = "vision_cfg.", *t = "text_cfg.", *p = "preprocess_cfg.";
  json_t *pool = json_object_get (text, "pool_type");
  /* eos and argmax both mean the end token's row. */
  const char *row = json_string_value (pool);
  return fixed (path, vision, v, "pool_type", json_string ("tok"), "\"tok\"", error) &&
         fixed (path, text, t, "pool_type", json_string (row && g_str_equal (row, "eos") ? "eos" : "argmax"),
                "\"argmax\" or \"eos\"", error) &&
         fixed (path, text, t, "no_causal_mask", json_false (), "false", error) &&
         fixed (path, vision, v, "final_ln_after_pool", json_false (), "false", error) &&
         fixed (path, vision, v, "norm_kwargs", json_object (), "none", error) &&
         fixed (path, text, t, "norm_kwargs", json_object (), "none", error) &&
         fixed (path, vision, v, "act_kwargs", json_object (), "none", error) &&
         fixed (path, text, t, "act_kwargs", json_object (), "none", error) &&
         fixed (path, vision, v, "timm_model_name", NULL, "none: only OpenCLIP's own ViT is read", error) &&
         fixed (path, text, t, "hf_model_name", NULL, "none: only CLIP's own text tower is read", error) &&
         fixed (path, pre, p, "mode", json_string ("RGB"), "\"RGB\"", error) &&
         fixed (path, pre, p, "interpolation", json_string ("bicubic"), "\"bicubic\"", error) &&
         fixed (path, pre, p, "resize_mode", json_string ("shortest"), "\"shortest\"", error);
}

static gboolean
openclip_config (ClipmoeModel *m, const char *path, json_t *root, GError **error) {
  json_t *model = json_object_get (root, "model_cfg"), *pre = json_object_get (root, "preprocess_cfg");
  json_t *vision = json_object_get (model, "vision_cfg"), *text = json_object_get (model, "text_cfg");
  const struct {
    const char *name;
    json_t *value;
  } parts[] = {{"model_cfg", model}, {"vision_cfg", vision}, {"text_cfg", text}, {"preprocess_cfg", pre}};
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (parts[i].value && !json_is_null (parts[i].value) && !json_is_object (parts[i].value)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s is no JSON object", path,
                   parts[i].name);
      return FALSE;
    }
  guint head = 0, heads = 0;
  json_t *quick = json_object_get (model, "quick_gelu");
  if (quick && !json_is_boolean (quick)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: model_cfg.quick_gelu: expected true or false", path);
    return FALSE;
  }
  if (!openclip_variants (path, vision, text, pre, error))
    return FALSE;
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
      !whole (path, text, "text_cfg.", "heads", 0, &heads, error) ||
      !triple (path, json_object_get (pre, "mean"), "preprocess_cfg.mean", FALSE, m->info.mean, error) ||
      !triple (path, json_object_get (pre, "std"), "preprocess_cfg.std", TRUE, m->info.std, error))
    return FALSE;
  if (heads) {
    if (!check_heads (path, "text_cfg.heads", &m->text, heads, error))
      return FALSE;
    m->text.heads = heads;
  }
  if (head) {
    if (!check_heads (path, "vision_cfg.head_width", &m->image, head, error))
      return FALSE;
    m->image.heads = m->image.width / head;
  }
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
  json_t *root = clipmoe_json_read (path, CLIPMOE_MAX_JSON, error);
  if (!root)
    return FALSE;
  json_t *resample = json_object_get (root, "resample");
  gboolean ok = json_is_object (root);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no JSON object", path);
  static const char *const steps[] = {"do_resize", "do_center_crop", "do_rescale", "do_normalize"};
  for (guint i = 0; i < G_N_ELEMENTS (steps) && ok; i++)
    ok = fixed (path, root, "", steps[i], json_true (), "true", error);
  json_t *factor = json_object_get (root, "rescale_factor");
  if (ok && factor && !json_is_null (factor) && !(fabs (json_number_value (factor) - 1 / 255.0) < 1e-6)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: rescale_factor: expected 1/255", path);
    ok = FALSE;
  }
  ok = ok && preprocessor_size (m, path, root, "size", error) &&
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
  float said[3];
  guint n = 0;
  gboolean ok = TRUE;
  for (char **p = parts; *p && ok; p++) {
    char *end;
    if (!**p)
      continue;
    double v = g_ascii_strtod (*p, &end);
    ok = n < 3 && !*end && isfinite (v) && fabs (v) < 1000 && (!deviation || v > 1e-6);
    if (ok)
      said[n++] = (float)v;
  }
  g_strfreev (parts);
  if (!ok || n != 3) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: metadata %s: expected three %snumbers",
                 path, key, deviation ? "positive " : "");
    return FALSE;
  }
  char *where = g_strconcat ("metadata ", key, NULL);
  ok = agree (path, where, said, out, error);
  g_free (where);
  return ok;
}

gboolean
clipmoe_config_apply (ClipmoeModel *m, const ClipmoeFiles *files, const ClipmoeTensors *tensors,
                      gboolean mixture, const ClipmoeModelOptions *options, GPtrArray *assumed,
                      GError **error) {
  static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f},
                     std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
  for (guint i = 0; i < 3; i++)
    m->info.mean[i] = m->info.std[i] = NAN;
  m->image.heads = m->image.width % 64 ? 0 : m->image.width / 64;
  m->text.heads = m->text.width % 64 ? 0 : m->text.width / 64;
  m->image.eps = m->text.eps = 1e-5f;

  if (files->config) {
    json_t *root = clipmoe_json_read (files->config, CLIPMOE_MAX_JSON, error);
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
  if (isnan (m->info.mean[0]) || isnan (m->info.std[0]))
    g_ptr_array_add (assumed,
                     g_strdup ("pictures are normalised with CLIP's mean and deviation: no file says "
                               "how (clip.mean, clip.std)"));
  if (isnan (m->info.mean[0]))
    memcpy (m->info.mean, mean, sizeof mean);
  if (isnan (m->info.std[0]))
    memcpy (m->info.std, std, sizeof std);

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
  m->top_k = options->experts;
  if (!m->top_k && k) {
    guint64 n = 0;
    if (!g_ascii_string_to_unsigned (k, 10, mixture ? 1 : 0, 1024, &n, NULL)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: metadata clip.top_k is \"%.40s\", expected 1 to 1024", files->weights, k);
      return FALSE;
    }
    m->top_k = (guint)n;
  }
  if (mixture && !m->top_k) {
    m->top_k = 2;
    g_ptr_array_add (assumed, g_strdup ("a token uses 2 experts: no file says how many (experts)"));
  }
  m->info.top_k = mixture ? m->top_k : 0;
  if (!m->image.heads || !m->text.heads) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: widths %u and %u: no file says how many heads, and 64 does not divide them",
                 files->weights, m->image.width, m->text.width);
    return FALSE;
  }
  return TRUE;
}
