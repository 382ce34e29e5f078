/* Recognises the naming of a checkpoint, and translates to and from OpenAI's. */
#include "names.h"

#include <string.h>

typedef struct {
  const char *hugging_face, *canonical;
  ClipmoePart part;
} Pair;

/* Tensors outside of blocks. */
static const Pair fixed[] = {
    {"text_model.embeddings.token_embedding.weight", "token_embedding.weight", CLIPMOE_PART_WHOLE},
    {"text_model.embeddings.position_embedding.weight", "positional_embedding", CLIPMOE_PART_WHOLE},
    {"text_model.final_layer_norm.weight", "ln_final.weight", CLIPMOE_PART_WHOLE},
    {"text_model.final_layer_norm.bias", "ln_final.bias", CLIPMOE_PART_WHOLE},
    {"text_projection.weight", "text_projection", CLIPMOE_PART_TRANSPOSED},
    {"vision_model.embeddings.class_embedding", "visual.class_embedding", CLIPMOE_PART_WHOLE},
    {"vision_model.embeddings.patch_embedding.weight", "visual.conv1.weight", CLIPMOE_PART_WHOLE},
    {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding", CLIPMOE_PART_WHOLE},
    {"vision_model.pre_layrnorm.weight", "visual.ln_pre.weight", CLIPMOE_PART_WHOLE}, /* sic */
    {"vision_model.pre_layrnorm.bias", "visual.ln_pre.bias", CLIPMOE_PART_WHOLE},
    {"vision_model.post_layernorm.weight", "visual.ln_post.weight", CLIPMOE_PART_WHOLE},
    {"vision_model.post_layernorm.bias", "visual.ln_post.bias", CLIPMOE_PART_WHOLE},
    {"visual_projection.weight", "visual.proj", CLIPMOE_PART_TRANSPOSED},
    {"logit_scale", "logit_scale", CLIPMOE_PART_WHOLE},
};

/* Tensors of a block. */
static const Pair inner[] = {
    {"layer_norm1.weight", "ln_1.weight", CLIPMOE_PART_WHOLE},
    {"layer_norm1.bias", "ln_1.bias", CLIPMOE_PART_WHOLE},
    {"layer_norm2.weight", "ln_2.weight", CLIPMOE_PART_WHOLE},
    {"layer_norm2.bias", "ln_2.bias", CLIPMOE_PART_WHOLE},
    {"self_attn.q_proj.weight", "attn.in_proj_weight", CLIPMOE_PART_Q},
    {"self_attn.k_proj.weight", "attn.in_proj_weight", CLIPMOE_PART_K},
    {"self_attn.v_proj.weight", "attn.in_proj_weight", CLIPMOE_PART_V},
    {"self_attn.q_proj.bias", "attn.in_proj_bias", CLIPMOE_PART_Q},
    {"self_attn.k_proj.bias", "attn.in_proj_bias", CLIPMOE_PART_K},
    {"self_attn.v_proj.bias", "attn.in_proj_bias", CLIPMOE_PART_V},
    {"self_attn.out_proj.weight", "attn.out_proj.weight", CLIPMOE_PART_WHOLE},
    {"self_attn.out_proj.bias", "attn.out_proj.bias", CLIPMOE_PART_WHOLE},
    {"mlp.fc1.weight", "mlp.c_fc.weight", CLIPMOE_PART_WHOLE},
    {"mlp.fc1.bias", "mlp.c_fc.bias", CLIPMOE_PART_WHOLE},
    {"mlp.fc2.weight", "mlp.c_proj.weight", CLIPMOE_PART_WHOLE},
    {"mlp.fc2.bias", "mlp.c_proj.bias", CLIPMOE_PART_WHOLE},
};

static const char *const blocks[][2] = {
    {"text_model.encoder.layers.", "transformer.resblocks."},
    {"vision_model.encoder.layers.", "visual.transformer.resblocks."},
};

gboolean
clipmoe_name_foreign (const char *path, const char *whole, const char *name, GError **error) {
  static const char *const other[][2] = {
      {"visual.layer1.", "a ResNet CLIP"},
      {"visual.attnpool.", "a ResNet CLIP"},
      {"visual.trunk.", "a timm image tower"},
      {"visual.attn_pool.", "a tower with attention pooling"},
      {"text.transformer.embeddings.", "a Hugging Face text tower in OpenCLIP"},
      {"vision_model.head.", "a SigLIP model"},
  };
  const char *what = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (other) && !what; i++)
    if (g_str_has_prefix (name, other[i][0]))
      what = other[i][1];
  if (strstr (name, ".ls_1.gamma") || strstr (name, ".ls_2.gamma"))
    what = "a tower with layer scale";
  if (what)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: %s (tensor \"%s\"), expected a ViT CLIP", path, what, whole);
  return what != NULL;
}

gboolean
clipmoe_name_ignored (const char *name) {
  static const char *const whole[] = {"input_resolution", "context_length", "vocab_size", "logit_bias"};
  static const char *const last[] = {"attn_mask", "position_ids"};
  const char *dot = strrchr (name, '.'), *end = dot ? dot + 1 : name;
  for (guint i = 0; i < G_N_ELEMENTS (whole); i++)
    if (strcmp (name, whole[i]) == 0)
      return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (last); i++)
    if (strcmp (end, last[i]) == 0)
      return TRUE;
  return FALSE;
}

char *
clipmoe_name_to_canonical (ClipmoeNaming naming, const char *name, ClipmoePart *part) {
  *part = CLIPMOE_PART_WHOLE;
  if (naming == CLIPMOE_NAMING_OPENAI)
    return g_strdup (name);
  if (naming == CLIPMOE_NAMING_OPENCLIP) {
    if (strcmp (name, "text.text_projection.weight") == 0) { /* a Linear */
      *part = CLIPMOE_PART_TRANSPOSED;
      return g_strdup ("text_projection");
    }
    return g_strdup (g_str_has_prefix (name, "text.") ? name + strlen ("text.") : name);
  }
  for (guint i = 0; i < G_N_ELEMENTS (fixed); i++)
    if (strcmp (name, fixed[i].hugging_face) == 0) {
      *part = fixed[i].part;
      return g_strdup (fixed[i].canonical);
    }
  for (guint t = 0; t < G_N_ELEMENTS (blocks); t++) {
    if (!g_str_has_prefix (name, blocks[t][0]))
      continue;
    const char *number = name + strlen (blocks[t][0]), *dot = strchr (number, '.');
    for (guint i = 0; dot && i < G_N_ELEMENTS (inner); i++)
      if (strcmp (dot + 1, inner[i].hugging_face) == 0) {
        *part = inner[i].part;
        return g_strdup_printf ("%s%.*s.%s", blocks[t][1], (int)(dot - number), number, inner[i].canonical);
      }
  }
  return NULL;
}

char *
clipmoe_name_from_canonical (ClipmoeNaming naming, const char *canonical, guint third, ClipmoePart *part) {
  *part = CLIPMOE_PART_WHOLE;
  if (naming == CLIPMOE_NAMING_OPENAI)
    return g_strdup (canonical);
  if (naming == CLIPMOE_NAMING_OPENCLIP)
    return g_str_has_prefix (canonical, "visual.") || strcmp (canonical, "logit_scale") == 0
               ? g_strdup (canonical)
               : g_strconcat ("text.", canonical, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (fixed); i++)
    if (strcmp (canonical, fixed[i].canonical) == 0) {
      *part = fixed[i].part;
      return g_strdup (fixed[i].hugging_face);
    }
  for (guint t = 0; t < G_N_ELEMENTS (blocks); t++) {
    if (!g_str_has_prefix (canonical, blocks[t][1]))
      continue;
    const char *number = canonical + strlen (blocks[t][1]), *dot = strchr (number, '.');
    for (guint i = 0; dot && i < G_N_ELEMENTS (inner); i++)
      if (strcmp (dot + 1, inner[i].canonical) == 0 &&
          (inner[i].part < CLIPMOE_PART_Q || inner[i].part == CLIPMOE_PART_Q + third)) {
        *part = inner[i].part;
        return g_strdup_printf ("%s%.*s.%s", blocks[t][0], (int)(dot - number), number,
                                inner[i].hugging_face);
      }
  }
  return NULL;
}
