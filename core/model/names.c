/* Tells whose names a checkpoint uses and brings them to OpenAI's. */
#include "names.h"

#include <math.h>
#include <string.h>

static void
weight_free (gpointer data) {
  ClipmoeWeight *w = data;
  g_free (w->data);
  g_free (w);
}

void
clipmoe_weights_free (ClipmoeWeights *self) {
  if (!self)
    return;
  g_hash_table_unref (self->weights);
  g_free (self->dtype);
  g_free (self);
}

/* How many bytes of prefix all names share; they may be nested. */
static gsize
common_prefix (const ClipmoeTensors *tensors) {
  static const char *const known[] = {"module.", "model.", "_orig_mod."};
  gsize skip = 0;
  for (gboolean again = TRUE; again;) {
    again = FALSE;
    for (guint k = 0; k < G_N_ELEMENTS (known) && !again; k++) {
      gboolean all = clipmoe_tensors_get_n (tensors) > 0;
      for (guint i = 0; i < clipmoe_tensors_get_n (tensors) && all; i++)
        all = g_str_has_prefix (clipmoe_tensors_get (tensors, i)->name + skip, known[k]);
      if (all) {
        skip += strlen (known[k]);
        again = TRUE;
      }
    }
  }
  return skip;
}

static gboolean
ignored (const char *name) {
  static const char *const names[] = {"input_resolution",
                                      "context_length",
                                      "vocab_size",
                                      "attn_mask",
                                      "text.attn_mask",
                                      "text_model.embeddings.position_ids",
                                      "vision_model.embeddings.position_ids"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (name, names[i]) == 0)
      return TRUE;
  return FALSE;
}

/* Returns the OpenAI name of a Hugging Face one (with "#q", "#k", "#v" behind parts of in_proj, "#t" behind
 * what is transposed), or NULL. */
static char *
from_huggingface (const char *name) {
  static const char *const fixed[][2] = {
      {"text_model.embeddings.token_embedding.weight", "token_embedding.weight"},
      {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
      {"text_model.final_layer_norm.weight", "ln_final.weight"},
      {"text_model.final_layer_norm.bias", "ln_final.bias"},
      {"text_projection.weight", "text_projection#t"},
      {"vision_model.embeddings.class_embedding", "visual.class_embedding"},
      {"vision_model.embeddings.patch_embedding.weight", "visual.conv1.weight"},
      {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
      {"vision_model.pre_layrnorm.weight", "visual.ln_pre.weight"},
      {"vision_model.pre_layrnorm.bias", "visual.ln_pre.bias"},
      {"vision_model.post_layernorm.weight", "visual.ln_post.weight"},
      {"vision_model.post_layernorm.bias", "visual.ln_post.bias"},
      {"visual_projection.weight", "visual.proj#t"},
      {"logit_scale", "logit_scale"},
  };
  static const char *const inner[][2] = {
      {"layer_norm1.weight", "ln_1.weight"},
      {"layer_norm1.bias", "ln_1.bias"},
      {"layer_norm2.weight", "ln_2.weight"},
      {"layer_norm2.bias", "ln_2.bias"},
      {"self_attn.q_proj.weight", "attn.in_proj_weight#q"},
      {"self_attn.k_proj.weight", "attn.in_proj_weight#k"},
      {"self_attn.v_proj.weight", "attn.in_proj_weight#v"},
      {"self_attn.q_proj.bias", "attn.in_proj_bias#q"},
      {"self_attn.k_proj.bias", "attn.in_proj_bias#k"},
      {"self_attn.v_proj.bias", "attn.in_proj_bias#v"},
      {"self_attn.out_proj.weight", "attn.out_proj.weight"},
      {"self_attn.out_proj.bias", "attn.out_proj.bias"},
      {"mlp.fc1.weight", "mlp.c_fc.weight"},
      {"mlp.fc1.bias", "mlp.c_fc.bias"},
      {"mlp.fc2.weight", "mlp.c_proj.weight"},
      {"mlp.fc2.bias", "mlp.c_proj.bias"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (fixed); i++)
    if (strcmp (name, fixed[i][0]) == 0)
      return g_strdup (fixed[i][1]);
  const char *tower = NULL, *rest = NULL;
  if (g_str_has_prefix (name, "text_model.encoder.layers.")) {
    tower = "transformer";
    rest = name + strlen ("text_model.encoder.layers.");
  } else if (g_str_has_prefix (name, "vision_model.encoder.layers.")) {
    tower = "visual.transformer";
    rest = name + strlen ("vision_model.encoder.layers.");
  }
  const char *dot = rest ? strchr (rest, '.') : NULL;
  for (guint i = 0; dot && i < G_N_ELEMENTS (inner); i++)
    if (strcmp (dot + 1, inner[i][0]) == 0)
      return g_strdup_printf ("%s.resblocks.%.*s.%s", tower, (int)(dot - rest), rest, inner[i][1]);
  return NULL;
}

static void
transpose (ClipmoeWeight *w) {
  guint64 rows = w->shape[0], columns = w->shape[1];
  float *out = g_malloc_n (MAX (w->n_elements, 1), sizeof (float));
  for (guint64 r = 0; r < rows; r++)
    for (guint64 c = 0; c < columns; c++)
      out[c * rows + r] = w->data[r * columns + c];
  g_free (w->data);
  w->data = out;
  w->shape[0] = columns;
  w->shape[1] = rows;
}

static ClipmoeWeight *
convert (const char *path, const ClipmoeTensor *t, GError **error) {
  if (t->dtype == CLIPMOE_DTYPE_OTHER) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"%s\": dtype %s, expected F16, BF16, F32 or F64", path, t->name, t->dtype_name);
    return NULL;
  }
  ClipmoeWeight *w = g_new0 (ClipmoeWeight, 1);
  w->n_dims = t->n_dims;
  memcpy (w->shape, t->shape, sizeof w->shape);
  w->n_elements = t->n_elements;
  w->data = g_try_malloc_n (MAX (t->n_elements, 1), sizeof (float));
  if (!w->data) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: tensor \"%s\": no memory", path, t->name);
    g_free (w);
    return NULL;
  }
  clipmoe_tensor_to_f32 (t, w->data);
  for (guint64 i = 0; i < w->n_elements; i++)
    if (!isfinite (w->data[i])) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: tensor \"%s\": entry %" G_GUINT64_FORMAT " is %s, expected finite weights", path,
                   t->name, i, isnan (w->data[i]) ? "NaN" : "infinite");
      weight_free (w);
      return NULL;
    }
  return w;
}

/* Puts q, k and v, which came as three tensors, one behind the other. */
static gboolean
join_projections (ClipmoeWeights *self, const char *path, GError **error) {
  GList *keys = g_hash_table_get_keys (self->weights);
  gboolean ok = TRUE;
  for (GList *i = keys; i && ok; i = i->next) {
    if (!g_str_has_suffix (i->data, "#q"))
      continue;
    char *base = g_strndup (i->data, strlen (i->data) - 2);
    char *kn = g_strconcat (base, "#k", NULL), *vn = g_strconcat (base, "#v", NULL);
    ClipmoeWeight *q = g_hash_table_lookup (self->weights, i->data),
                  *k = g_hash_table_lookup (self->weights, kn), *v = g_hash_table_lookup (self->weights, vn);
    if (!k || !v || q->n_elements != k->n_elements || q->n_elements != v->n_elements ||
        q->n_dims != k->n_dims || q->n_dims != v->n_dims || q->n_dims < 1 || q->n_dims > 2) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: q_proj, k_proj and v_proj of \"%s\" do not fit together", path, base);
      ok = FALSE;
    } else {
      ClipmoeWeight *w = g_new0 (ClipmoeWeight, 1);
      w->n_dims = q->n_dims;
      memcpy (w->shape, q->shape, sizeof w->shape);
      w->shape[0] *= 3;
      w->n_elements = 3 * q->n_elements;
      w->data = g_malloc_n (MAX (w->n_elements, 1), sizeof (float));
      memcpy (w->data, q->data, q->n_elements * sizeof (float));
      memcpy (w->data + q->n_elements, k->data, q->n_elements * sizeof (float));
      memcpy (w->data + 2 * q->n_elements, v->data, q->n_elements * sizeof (float));
      g_hash_table_remove (self->weights, kn);
      g_hash_table_remove (self->weights, vn);
      g_hash_table_insert (self->weights, g_strdup (base), w);
      char *qn = g_strdup (i->data);
      g_hash_table_remove (self->weights, qn);
      g_free (qn);
    }
    g_free (base);
    g_free (kn);
    g_free (vn);
  }
  g_list_free (keys);
  return ok;
}

/* Effective positions: rows 0 to 19 of the first table, the others of the second. */
static gboolean
merge_positions (ClipmoeWeights *self, const char *path, GError **error) {
  ClipmoeWeight *a = g_hash_table_lookup (self->weights, "positional_embedding"),
                *b = g_hash_table_lookup (self->weights, "positional_embedding_res");
  if (!b)
    return TRUE;
  if (!a || a->n_dims != 2 || b->n_dims != 2 || a->shape[0] != b->shape[0] || a->shape[1] != b->shape[1] ||
      a->shape[0] < 20) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"positional_embedding_res\": expected the shape of \"positional_embedding\"",
                 path);
    return FALSE;
  }
  gsize kept = 20 * a->shape[1];
  memcpy (a->data + kept, b->data + kept, (a->n_elements - kept) * sizeof (float));
  g_hash_table_remove (self->weights, "positional_embedding_res");
  return TRUE;
}

static gboolean
refuse (const char *path, const char *name, GError **error) {
  static const char *const other[][2] = {
      {"visual.layer1.", "a ResNet CLIP"},
      {"visual.trunk.", "a timm image tower"},
      {"visual.attn_pool.", "a tower with attention pooling"},
      {"text.transformer.embeddings.", "a Hugging Face text tower in OpenCLIP"},
      {"logit_bias", "a SigLIP model"}};
  for (guint i = 0; i < G_N_ELEMENTS (other); i++)
    if (g_str_has_prefix (name, other[i][0])) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                   "%s: %s (tensor \"%s\"), expected a ViT CLIP", path, other[i][1], name);
      return TRUE;
    }
  if (strstr (name, ".ls_1.gamma") || strstr (name, ".ls_2.gamma")) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: a tower with layer scale (tensor \"%s\"), expected a ViT CLIP", path, name);
    return TRUE;
  }
  return FALSE;
}

ClipmoeWeights *
clipmoe_weights_new (const char *path, const ClipmoeTensors *tensors, GError **error) {
  gsize skip = common_prefix (tensors);
  gboolean hf = FALSE, open_clip = FALSE, openai = FALSE, moe = FALSE, stretched = FALSE;
  guint n = clipmoe_tensors_get_n (tensors);
  GHashTable *dtypes = g_hash_table_new (g_str_hash, g_str_equal);
  ClipmoeWeights *self = g_new0 (ClipmoeWeights, 1);
  self->weights = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, weight_free);

  for (guint i = 0; i < n; i++) {
    const char *name = clipmoe_tensors_get (tensors, i)->name + skip;
    hf |= g_str_has_prefix (name, "text_model.") || g_str_has_prefix (name, "vision_model.");
    open_clip |= strcmp (name, "text.token_embedding.weight") == 0;
    openai |= strcmp (name, "visual.conv1.weight") == 0;
    moe |= g_str_has_suffix (name, ".gate.weight");
    stretched |= strcmp (name, "positional_embedding_res") == 0;
    if (refuse (path, name, error))
      goto fail;
  }
  if (!hf && !openai) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: no CLIP checkpoint: %u tensors, such as \"%.60s\", expected \"visual.conv1.weight\" or "
                 "\"vision_model.…\"",
                 path, n, n ? clipmoe_tensors_get (tensors, 0)->name : "");
    goto fail;
  }
  self->layout = hf          ? "huggingface"
                 : open_clip ? "openclip"
                 : moe       ? "clip-moe"
                 : stretched ? "long-clip"
                             : "openai";
  for (guint i = 0; i < n; i++) {
    const ClipmoeTensor *t = clipmoe_tensors_get (tensors, i);
    const char *name = t->name + skip;
    if (ignored (name))
      continue;
    char *canonical;
    if (hf)
      canonical = from_huggingface (name);
    else if (open_clip && strcmp (name, "text.text_projection.weight") == 0)
      canonical = g_strdup ("text_projection#t");
    else
      canonical = g_strdup (open_clip && g_str_has_prefix (name, "text.") ? name + 5 : name);
    ClipmoeWeight *w = convert (path, t, error);
    if (!w) {
      g_free (canonical);
      goto fail;
    }
    g_hash_table_add (dtypes, (gpointer)t->dtype_name);
    if (canonical && g_str_has_suffix (canonical, "#t")) {
      if (w->n_dims != 2) {
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                     "%s: tensor \"%s\": %u dimensions, expected 2", path, t->name, w->n_dims);
        weight_free (w);
        g_free (canonical);
        goto fail;
      }
      transpose (w);
      canonical[strlen (canonical) - 2] = 0;
    }
    if (!canonical || g_hash_table_lookup (self->weights, canonical)) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: tensor \"%s\": %s", path, t->name,
                   canonical ? "stands there twice" : "unexpected in a CLIP model");
      weight_free (w);
      g_free (canonical);
      goto fail;
    }
    g_hash_table_insert (self->weights, canonical, w);
  }
  if (!join_projections (self, path, error) || !merge_positions (self, path, error))
    goto fail;

  GList *found = g_list_sort (g_hash_table_get_keys (dtypes), (GCompareFunc)strcmp);
  GString *text = g_string_new (found && found->next ? "mixed " : "");
  for (GList *i = found; i; i = i->next)
    g_string_append_printf (text, "%s%s", i == found ? "" : "/", (char *)i->data);
  self->dtype = g_ascii_strdown (text->str, -1);
  g_string_free (text, TRUE);
  g_list_free (found);
  g_hash_table_unref (dtypes);
  return self;
fail:
  g_hash_table_unref (dtypes);
  clipmoe_weights_free (self);
  return NULL;
}
