#include "config-huggingface.h"

#include <math.h>
#include <string.h>

static const ClipmoeKey root_keys[] = {
    READ ("model_type"),
    READ ("projection_dim"),
    READ ("vision_config"),
    READ ("vision_config_dict"),
    READ ("text_config"),
    READ ("text_config_dict"),
    READ ("logit_scale_init_value"), /* initial value in training */
    IDLE ("initializer_factor"),
    IDLE ("architectures"),
    IDLE ("torch_dtype"),
    IDLE ("dtype"),
    IDLE ("transformers_version"),
    IDLE ("_name_or_path"),
    IDLE ("_commit_hash"),
    IDLE ("_attn_implementation_autoset"),
    IDLE ("attn_implementation"),
    IDLE ("return_dict"),
    IDLE ("tie_word_embeddings"),
    IDLE ("output_attentions"),
    IDLE ("output_hidden_states"),
    IDLE ("torchscript"),
    IDLE ("use_bfloat16"),
    IDLE ("is_encoder_decoder"),
    IDLE ("gradient_checkpointing"),
};

/* Keys of a section. Every configuration of transformers also has keys for models that generate text. */
static const ClipmoeKey tower_keys[] = {
    READ ("hidden_size"),
    READ ("intermediate_size"),
    READ ("num_hidden_layers"),
    READ ("num_attention_heads"),
    READ ("hidden_act"),
    READ ("layer_norm_eps"),
    READ ("image_size"),
    READ ("patch_size"),
    READ ("num_channels"),
    READ ("vocab_size"),
    READ ("max_position_embeddings"),
    IDLE ("projection_dim"), /* CLIPModel uses the one above; laion's bigG has another value here */
    IDLE ("model_type"),
    IDLE ("dropout"),
    IDLE ("attention_dropout"),
    IDLE ("initializer_factor"),
    IDLE ("initializer_range"),
    IDLE ("bos_token_id"),
    IDLE ("eos_token_id"),
    IDLE ("pad_token_id"),
    IDLE ("sep_token_id"),
    IDLE ("decoder_start_token_id"),
    IDLE ("architectures"),
    IDLE ("torch_dtype"),
    IDLE ("dtype"),
    IDLE ("transformers_version"),
    IDLE ("_name_or_path"),
    IDLE ("_commit_hash"),
    IDLE ("_attn_implementation_autoset"),
    IDLE ("attn_implementation"),
    IDLE ("bad_words_ids"),
    IDLE ("begin_suppress_tokens"),
    IDLE ("chunk_size_feed_forward"),
    IDLE ("cross_attention_hidden_size"),
    IDLE ("diversity_penalty"),
    IDLE ("do_sample"),
    IDLE ("early_stopping"),
    IDLE ("encoder_no_repeat_ngram_size"),
    IDLE ("exponential_decay_length_penalty"),
    IDLE ("finetuning_task"),
    IDLE ("forced_bos_token_id"),
    IDLE ("forced_eos_token_id"),
    IDLE ("gradient_checkpointing"),
    IDLE ("id2label"),
    IDLE ("is_encoder_decoder"),
    IDLE ("label2id"),
    IDLE ("length_penalty"),
    IDLE ("max_length"),
    IDLE ("min_length"),
    IDLE ("no_repeat_ngram_size"),
    IDLE ("num_beam_groups"),
    IDLE ("num_beams"),
    IDLE ("num_return_sequences"),
    IDLE ("output_attentions"),
    IDLE ("output_hidden_states"),
    IDLE ("output_scores"),
    IDLE ("prefix"),
    IDLE ("problem_type"),
    IDLE ("remove_invalid_values"),
    IDLE ("repetition_penalty"),
    IDLE ("return_dict"),
    IDLE ("return_dict_in_generate"),
    IDLE ("suppress_tokens"),
    IDLE ("task_specific_params"),
    IDLE ("temperature"),
    IDLE ("tf_legacy_loss"),
    IDLE ("tie_encoder_decoder"),
    IDLE ("tie_word_embeddings"),
    IDLE ("tokenizer_class"),
    IDLE ("top_k"), /* sampling of generated text, not experts */
    IDLE ("top_p"),
    IDLE ("torchscript"),
    IDLE ("typical_p"),
    IDLE ("use_bfloat16"),
    IDLE ("use_cache"),
    OFF ("add_cross_attention", NULL),
    OFF ("is_decoder", NULL),
    OFF ("pruned_heads", "heads that were taken out are not known here"),
};

static gboolean
tower_config (const char *path, json_t *object, const char *where, const ClipmoeArchitecture *t, guint heads,
              ClipmoeSaid *said, GError **error) {
  json_t *act = json_object_get (object, "hidden_act"), *eps = json_object_get (object, "layer_norm_eps");
  if (!clipmoe_keys_check (path, object, where, tower_keys, G_N_ELEMENTS (tower_keys), NULL, error) ||
      !clipmoe_key_whole (path, object, where, "hidden_size", t->width, NULL, error) ||
      !clipmoe_key_whole (path, object, where, "intermediate_size", t->ffn_width, NULL, error) ||
      !clipmoe_key_whole (path, object, where, "num_hidden_layers", t->layers, NULL, error) ||
      !clipmoe_key_whole (path, object, where, "num_attention_heads", 0, &said->heads, error))
    return FALSE;
  /* transformers leaves out what is its default. */
  if (object && !said->heads && t->width % heads == 0)
    said->heads = heads;
  if (said->heads) {
    char *what = g_strconcat (where, "num_attention_heads", NULL);
    gboolean ok = clipmoe_config_check_heads (path, what, t, said->heads, error);
    g_free (what);
    if (!ok)
      return FALSE;
  }
  if (act && !json_is_null (act) &&
      (!json_is_string (act) || !clipmoe_activation_parse (json_string_value (act), &said->activation))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: %shidden_act: expected quick_gelu or gelu", path, where);
    return FALSE;
  }
  if (object && !said->activation)
    said->activation = CLIPMOE_ACTIVATION_QUICK_GELU;
  if (eps && !json_is_null (eps)) {
    said->eps = (float)json_number_value (eps);
    if (!json_is_number (eps) || !(said->eps > 0 && said->eps < 1)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: %slayer_norm_eps: expected a number between 0 and 1", path, where);
      return FALSE;
    }
  } else if (object) {
    said->eps = 1e-5f;
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
      *out = NULL; /* the caller unrefs it too */
      return FALSE;
    }
    if (!*out)
      *out = json_object ();
    json_object_update (*out, parts[i]);
  }
  return TRUE;
}

static gboolean
is_type (json_t *root, const char *type) {
  return g_strcmp0 (json_string_value (json_object_get (root, "model_type")), type) == 0;
}

gboolean
clipmoe_config_is_tower (json_t *root) {
  return is_type (root, "clip_vision_model") || is_type (root, "clip_text_model");
}

gboolean
clipmoe_config_huggingface (const ClipmoeModel *m, const char *path, json_t *root, ClipmoeSaidOfBoth *said,
                            GPtrArray *assumed, GError **error) {
  json_t *vision = NULL, *text = NULL, *type = json_object_get (root, "model_type");
  gboolean alone = clipmoe_config_is_tower (root), image = clipmoe_architecture_is_there (&m->image),
           words = clipmoe_architecture_is_there (&m->text), ok = TRUE;
  const char *v = alone ? "" : "vision_config.", *t = alone ? "" : "text_config.";
  if (!alone && type && !json_is_null (type) && g_strcmp0 (json_string_value (type), "clip") != 0 &&
      g_strcmp0 (json_string_value (type), "clip-moe") != 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: model_type is \"%.40s\", expected \"clip\"", path,
                 json_is_string (type) ? json_string_value (type) : "");
    return FALSE;
  }
  if (alone)
    *(is_type (root, "clip_vision_model") ? &vision : &text) = json_incref (root);
  else
    ok = clipmoe_keys_check (path, root, "", root_keys, G_N_ELEMENTS (root_keys), assumed, error) &&
         clipmoe_key_whole (path, root, "", "projection_dim", image && words ? m->image.embed : 0, NULL,
                            error) &&
         merged (path, root, "vision_config", "vision_config_dict", &vision, error) &&
         merged (path, root, "text_config", "text_config_dict", &text, error);
  /* of a tower that is not there nothing is read */
  if (!image)
    g_clear_pointer (&vision, json_decref);
  if (!words)
    g_clear_pointer (&text, json_decref);
  ok = ok && tower_config (path, vision, v, &m->image, 12, &said->image, error) &&
       clipmoe_key_whole (path, vision, v, "image_size", m->image.side, NULL, error) &&
       clipmoe_key_whole (path, vision, v, "patch_size", m->image.patch, NULL, error) &&
       clipmoe_key_whole (path, vision, v, "num_channels", 3, NULL, error) &&
       tower_config (path, text, t, &m->text, 8, &said->text, error) &&
       clipmoe_key_whole (path, text, t, "vocab_size", m->text.vocab, NULL, error) &&
       clipmoe_key_whole (path, text, t, "max_position_embeddings", m->text.context, NULL, error);
  json_decref (vision);
  json_decref (text);
  return ok;
}

static const ClipmoeKey preprocessor_keys[] = {
    READ ("size"),
    READ ("crop_size"),
    READ ("do_resize"),
    READ ("do_center_crop"),
    READ ("do_rescale"),
    READ ("do_normalize"),
    READ ("rescale_factor"),
    READ ("resample"),
    READ ("image_mean"),
    READ ("image_std"),
    IDLE ("do_convert_rgb"), /* pictures are RGB already */
    IDLE ("_valid_processor_keys"),
    IDLE ("data_format"),
    IDLE ("input_data_format"),
    IDLE ("device"),
    IDLE ("return_tensors"),
    IDLE ("disable_grouping"),
    IDLE ("auto_map"),
    IDLE ("_name_or_path"),
    IDLE ("transformers_version"),
    OFF ("default_to_square", "the shorter side is resized, the other in proportion"),
    OFF ("do_pad", "pictures are not padded"),
    OFF ("pad_size", "pictures are not padded"),
    OFF ("size_divisor", NULL),
    OFF ("crop_pct", NULL),
    WORDS ("processor_class", "CLIPProcessor"),
    WORDS ("_processor_class", "CLIPProcessor"),
    WORDS ("image_processor_type", "CLIPImageProcessor CLIPImageProcessorFast CLIPFeatureExtractor"),
    WORDS ("feature_extractor_type", "CLIPFeatureExtractor CLIPImageProcessor"),
};

static const ClipmoeKey size_keys[] = {
    READ ("shortest_edge"),
    READ ("height"),
    READ ("width"),
    OFF ("longest_edge", "the shorter side is resized, expected shortest_edge"),
};
static const ClipmoeKey crop_keys[] = {READ ("height"), READ ("width"), READ ("shortest_edge")};

/* size and crop_size: a number, or an object. */
static gboolean
preprocessor_size (ClipmoeModel *m, const char *path, json_t *root, const char *key, const ClipmoeKey *keys,
                   guint n, GError **error) {
  json_t *v = json_object_get (root, key);
  if (!json_is_object (v))
    return clipmoe_key_whole (path, root, "", key, m->image.side, NULL, error);
  char *where = g_strconcat (key, ".", NULL);
  gboolean ok = clipmoe_keys_check (path, v, where, keys, n, NULL, error) &&
                clipmoe_key_whole (path, v, where, "shortest_edge", m->image.side, NULL, error) &&
                clipmoe_key_whole (path, v, where, "height", m->image.side, NULL, error) &&
                clipmoe_key_whole (path, v, where, "width", m->image.side, NULL, error);
  g_free (where);
  return ok;
}

/* Each of these, if there, must be true: without that step the result would differ. What is squashed is a
 * square already, so that it need not be cut. */
static gboolean
all_true (const char *path, json_t *root, gboolean squashed, GError **error) {
  static const char *const steps[] = {"do_resize", "do_rescale", "do_normalize", "do_center_crop"};
  for (guint i = 0; i < G_N_ELEMENTS (steps) - squashed; i++) {
    json_t *v = json_object_get (root, steps[i]);
    if (v && !json_is_null (v) && !json_is_true (v)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: %s: expected true", path, steps[i]);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
is_said (json_t *object, const char *key) {
  json_t *v = json_object_get (object, key);
  return v && !json_is_null (v);
}

static gboolean
preprocessor (ClipmoeModel *m, const char *path, json_t *root, GError **error) {
  json_t *resample = json_object_get (root, "resample"), *factor = json_object_get (root, "rescale_factor");
  /* a size of height and width squashes pictures; one number, or shortest_edge, keeps their proportions */
  json_t *size = json_object_get (root, "size");
  gboolean height = is_said (size, "height"), squashed = height && is_said (size, "width");
  if (height != is_said (size, "width") || (squashed && is_said (size, "shortest_edge"))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: size: expected height and width, or shortest_edge", path);
    return FALSE;
  }
  gboolean ok =
      clipmoe_keys_check (path, root, "", preprocessor_keys, G_N_ELEMENTS (preprocessor_keys), NULL, error) &&
      all_true (path, root, squashed, error) &&
      (!size || json_is_null (size) ||
       clipmoe_config_agree_geometry (path, "size",
                                      squashed ? CLIPMOE_GEOMETRY_SQUASH : CLIPMOE_GEOMETRY_CROP,
                                      &m->info.geometry, error));
  if (ok && factor && !json_is_null (factor) && !(fabs (json_number_value (factor) - 1 / 255.0) < 1e-6)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: rescale_factor: expected 1/255", path);
    ok = FALSE;
  }
  ok = ok && preprocessor_size (m, path, root, "size", size_keys, G_N_ELEMENTS (size_keys), error) &&
       preprocessor_size (m, path, root, "crop_size", crop_keys, G_N_ELEMENTS (crop_keys), error) &&
       clipmoe_key_triple (path, root, "", "image_mean", FALSE, m->info.mean, error) &&
       clipmoe_key_triple (path, root, "", "image_std", TRUE, m->info.std, error);
  if (ok && resample && !json_is_null (resample) && json_integer_value (resample) != 3) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: resample: expected 3 (bicubic)", path);
    ok = FALSE;
  }
  return ok;
}

gboolean
clipmoe_config_preprocessor (ClipmoeModel *m, const char *path, const char *section, GError **error) {
  json_t *root = clipmoe_json_read (path, CLIPMOE_MAX_JSON, error), *part;
  if (!root)
    return FALSE;
  gboolean ok = json_is_object (root);
  part = section ? json_object_get (root, section) : root;
  if (ok && section && (!part || json_is_null (part))) {
    json_decref (root);
    return TRUE;
  }
  ok = ok && json_is_object (part);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %sno JSON object", path,
                 section && json_is_object (root) ? "image_processor is " : "");
  ok = ok && preprocessor (m, path, part, error);
  json_decref (root);
  return ok;
}
