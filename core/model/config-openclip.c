#include "config-openclip.h"

#include <math.h>
#include <string.h>

static const ClipmoeKey root_keys[] = {READ ("model_cfg"), READ ("preprocess_cfg")};

static const ClipmoeKey model_keys[] = {
    READ ("embed_dim"), READ ("vision_cfg"), READ ("text_cfg"), READ ("quick_gelu"),
    /* choice of the Python class, and initial values in training */
    IDLE ("custom_text"), IDLE ("init_logit_scale"), IDLE ("init_logit_bias"), IDLE ("cast_dtype"),
    IDLE ("output_dict"), OFF ("nonscalar_logit_scale", "a scale of one number"),
    OFF ("multimodal_cfg", "CoCa's text decoder is not read"),
    OFF ("decoder_cfg", "a text decoder is not read"),
    READ ("preprocess_cfg"), /* last: allowed only where model and preprocessing are on one level */
};

static const ClipmoeKey vision_keys[] = {
    READ ("image_size"),
    READ ("layers"),
    READ ("width"),
    READ ("patch_size"),
    READ ("head_width"),
    READ ("mlp_ratio"),
    IDLE ("patch_dropout"), /* used in training only */
    IDLE ("output_tokens"),
    /* used only with pooling that is refused */
    IDLE ("attn_pooler_queries"),
    IDLE ("attn_pooler_heads"),
    IDLE ("timm_model_pretrained"),
    IDLE ("timm_pool"),
    IDLE ("timm_proj"),
    IDLE ("timm_proj_bias"),
    IDLE ("timm_drop"),
    IDLE ("timm_drop_path"),
    OFF ("timm_model_name", "only OpenCLIP's own ViT is read"),
    OFF ("attentional_pool", "a tower with attention pooling is not read"),
    OFF ("attn_pooler", "a tower with attention pooling is not read"),
    OFF ("global_average_pool", "only the class token's row is read"),
    OFF ("input_patchnorm", NULL),
    OFF ("no_ln_pre", "a tower without the norm before its blocks is not read"),
    OFF ("final_ln_after_pool", NULL),
    OFF ("ls_init_value", "layer scale is not read"),
    OFF ("norm_kwargs", NULL),
    OFF ("act_kwargs", NULL),
    OFF ("qk_norm", NULL),
    OFF ("scaled_cosine_attn", NULL),
    OFF ("scale_heads", NULL),
    OFF ("scale_attn_inner", NULL),
    OFF ("scale_attn", NULL),
    OFF ("scale_fc", NULL),
    WORDS ("pool_type", "tok"),
    WORDS ("pos_embed_type", "learnable"),
};

static const ClipmoeKey text_keys[] = {
    READ ("context_length"),
    READ ("vocab_size"),
    READ ("width"),
    READ ("heads"),
    READ ("layers"),
    READ ("mlp_ratio"),
    IDLE ("output_tokens"),
    IDLE ("pad_id"), /* tokens behind the end token have no effect */
    IDLE ("eos_id"),
    IDLE ("hf_model_pretrained"),
    IDLE ("hf_pooler_type"),
    IDLE ("hf_proj_type"),
    OFF ("hf_model_name", "only CLIP's own text tower is read"),
    OFF ("hf_tokenizer_name", "only CLIP's own tokenizer is read"),
    OFF ("tokenizer_kwargs", "texts are cleaned as CLIP's own tokenizer does"),
    OFF ("tokenizer_mode", NULL),
    OFF ("embed_cls", NULL),
    OFF ("no_causal_mask", NULL),
    OFF ("final_ln_after_pool", NULL),
    OFF ("ls_init_value", "layer scale is not read"),
    OFF ("proj_bias", NULL),
    OFF ("norm_kwargs", NULL),
    OFF ("act_kwargs", NULL),
    WORDS ("proj", "linear"),
    WORDS ("proj_type", "linear"),
    WORDS ("pool_type", "argmax eos"), /* both take the end token's row */
};

static const ClipmoeKey preprocess_keys[] = {
    READ ("size"),
    READ ("mean"),
    READ ("std"),
    READ ("fill_color"),
    WORDS ("mode", "RGB"),
    WORDS ("interpolation", "bicubic"),
    WORDS ("resize_mode", "shortest squash longest"),
};

/* A number, or the same number twice. */
static gboolean
square (const char *path, json_t *object, const char *where, const char *key, guint expected,
        GError **error) {
  json_t *v = json_object_get (object, key);
  if (!json_is_array (v))
    return clipmoe_key_whole (path, object, where, key, expected, NULL, error);
  gboolean ok = json_array_size (v) == 2;
  for (gsize i = 0; ok && i < 2; i++)
    ok = json_is_integer (json_array_get (v, i)) &&
         json_integer_value (json_array_get (v, i)) == (json_int_t)expected;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: %s%s: expected %u, or that twice, as the weights' shapes say", path, where, key,
                 expected);
  return ok;
}

static gboolean
resize_mode (ClipmoeModel *m, const char *path, json_t *pre, GError **error) {
  static const char key[] = "preprocess_cfg.resize_mode";
  const char *mode = json_string_value (json_object_get (pre, "resize_mode"));
  json_t *fill = json_object_get (pre, "fill_color");
  gboolean longest = g_strcmp0 (mode, "longest") == 0, black = TRUE;
  for (gsize i = 0; i < json_array_size (fill); i++)
    black = black && json_number_value (json_array_get (fill, i)) == 0;
  if (longest && fill && !json_is_null (fill) &&
      !(black && (json_is_array (fill) || (json_is_number (fill) && json_number_value (fill) == 0)))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: preprocess_cfg.fill_color: expected 0, black, where pictures are padded", path);
    return FALSE;
  }
  return !mode || clipmoe_config_agree_geometry (path, key,
                                                 longest                           ? CLIPMOE_GEOMETRY_PAD
                                                 : g_strcmp0 (mode, "squash") == 0 ? CLIPMOE_GEOMETRY_SQUASH
                                                                                   : CLIPMOE_GEOMETRY_CROP,
                                                 &m->info.geometry, error);
}

static gboolean
ratio (const char *path, json_t *object, const char *where, const ClipmoeArchitecture *t, GError **error) {
  json_t *v = json_object_get (object, "mlp_ratio");
  if (!v || json_is_null (v))
    return TRUE;
  double said = json_number_value (v);
  if (json_is_number (v) && said > 0 && said < 1000 && (guint)(t->width * said) == t->ffn_width)
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
               "%s: %smlp_ratio: expected the %u by %u of the weights' shapes", path, where, t->ffn_width,
               t->width);
  return FALSE;
}

static gboolean
check_keys (const char *path, json_t *root, json_t *model, json_t *vision, json_t *text, json_t *pre,
            GPtrArray *assumed, GError **error) {
  return (root == model ||
          clipmoe_keys_check (path, root, "", root_keys, G_N_ELEMENTS (root_keys), assumed, error)) &&
         clipmoe_keys_check (path, model, "model_cfg.", model_keys,
                             G_N_ELEMENTS (model_keys) - (root == model ? 0 : 1), NULL, error) &&
         clipmoe_keys_check (path, vision, "vision_cfg.", vision_keys, G_N_ELEMENTS (vision_keys), NULL,
                             error) &&
         clipmoe_keys_check (path, text, "text_cfg.", text_keys, G_N_ELEMENTS (text_keys), NULL, error) &&
         clipmoe_keys_check (path, pre, "preprocess_cfg.", preprocess_keys, G_N_ELEMENTS (preprocess_keys),
                             NULL, error);
}

gboolean
clipmoe_config_openclip (ClipmoeModel *m, const char *path, json_t *root, ClipmoeSaidOfBoth *said,
                         GPtrArray *assumed, GError **error) {
  json_t *model = json_object_get (root, "model_cfg"), *pre = json_object_get (root, "preprocess_cfg");
  if (!model) /* a file from OpenCLIP's own list of models is this part alone */
    model = root;
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
  /* of a tower that is not there nothing is read */
  if (!clipmoe_architecture_is_there (&m->image))
    vision = pre = NULL;
  if (!clipmoe_architecture_is_there (&m->text))
    text = NULL;
  guint head = 0, heads = 0;
  json_t *quick = json_object_get (model, "quick_gelu");
  if (quick && !json_is_null (quick) && !json_is_boolean (quick)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: model_cfg.quick_gelu: expected true or false", path);
    return FALSE;
  }
  const char *v = "vision_cfg.", *t = "text_cfg.", *p = "preprocess_cfg.";
  if (!check_keys (path, root, model, vision, text, pre, assumed, error) ||
      !clipmoe_key_whole (path, model, "model_cfg.", "embed_dim", MAX (m->image.embed, m->text.embed), NULL,
                          error) ||
      !square (path, vision, v, "image_size", m->image.side, error) ||
      !clipmoe_key_whole (path, vision, v, "width", m->image.width, NULL, error) ||
      !clipmoe_key_whole (path, vision, v, "layers", m->image.layers, NULL, error) ||
      !square (path, vision, v, "patch_size", m->image.patch, error) ||
      !clipmoe_key_whole (path, vision, v, "head_width", 0, &head, error) ||
      !ratio (path, vision, v, &m->image, error) ||
      !clipmoe_key_whole (path, text, t, "context_length", m->text.context, NULL, error) ||
      !clipmoe_key_whole (path, text, t, "vocab_size", m->text.vocab, NULL, error) ||
      !clipmoe_key_whole (path, text, t, "width", m->text.width, NULL, error) ||
      !clipmoe_key_whole (path, text, t, "layers", m->text.layers, NULL, error) ||
      !clipmoe_key_whole (path, text, t, "heads", 0, &heads, error) ||
      !ratio (path, text, t, &m->text, error) || !square (path, pre, p, "size", m->image.side, error) ||
      !resize_mode (m, path, pre, error) ||
      !clipmoe_key_triple (path, pre, p, "mean", FALSE, m->info.mean, error) ||
      !clipmoe_key_triple (path, pre, p, "std", TRUE, m->info.std, error))
    return FALSE;
  if ((heads && !clipmoe_config_check_heads (path, "text_cfg.heads", &m->text, heads, error)) ||
      (head && !clipmoe_config_check_heads (path, "vision_cfg.head_width", &m->image, head, error)))
    return FALSE;
  said->text.heads = heads;
  /* The defaults of its classes: heads of 64 in the image tower, 8 in the text tower. */
  if (vision && !head && m->image.width % 64 == 0)
    head = 64;
  if (head)
    said->image.heads = m->image.width / head;
  if (json_is_object (text) && !heads && m->text.width % 8 == 0)
    said->text.heads = 8;
  said->image.activation = said->text.activation =
      json_is_true (quick) ? CLIPMOE_ACTIVATION_QUICK_GELU : CLIPMOE_ACTIVATION_GELU;
  said->image.eps = said->text.eps = 1e-5f;
  return TRUE;
}
