#include "adapter.h"

#include <math.h>
#include <string.h>
#include "../base/error.h"
#include "../base/file.h"
#include "../checkpoint/checkpoint.h"
#include "config-keys.h"

const char *const clipmoe_adapter_names[] = {"adapter_model.safetensors", "adapter_model.bin", NULL};

static const ClipmoeKey keys[] = {
    READ ("r"),
    READ ("lora_alpha"),
    READ ("use_rslora"),
    READ ("init_lora_weights"),
    WORDS ("peft_type", "LORA"),
    WORDS ("bias", "none"),
    IDLE ("auto_mapping"),
    IDLE ("base_model_name_or_path"),
    IDLE ("exclude_modules"),
    IDLE ("inference_mode"),
    IDLE ("layers_pattern"),
    IDLE ("layers_to_transform"),
    IDLE ("lora_dropout"), /* in training only */
    IDLE ("megatron_core"),
    IDLE ("peft_version"),
    IDLE ("revision"),
    IDLE ("runtime_config"),
    IDLE ("target_modules"),
    IDLE ("task_type"),
    IDLE ("eva_config"), /* how A and B began */
    OFF ("loftq_config", "the base model was changed as well"),
    OFF ("corda_config", "the base model was changed as well"),
    OFF ("alora_invocation_tokens", "an adapter that depends on the tokens is not merged"),
    OFF ("alpha_pattern", "one alpha for all layers is read"),
    OFF ("rank_pattern", "one r for all layers is read"),
    OFF ("arrow_config", "a choice among several adapters is not merged"),
    OFF ("ensure_weight_tying", NULL),
    OFF ("fan_in_fan_out", "transposed layers are not read"),
    OFF ("layer_replication", "layers that stand there several times are not read"),
    OFF ("lora_bias", "biases of an adapter are not read"),
    OFF ("megatron_config", NULL),
    OFF ("modules_to_save", "whole layers beside the adapter are not read"),
    OFF ("target_parameters", NULL),
    OFF ("trainable_token_indices", "changed tokens are not read"),
    OFF ("use_bdlora", NULL),
    OFF ("use_dora", "DoRA is not merged"),
    OFF ("use_qalora", "QALoRA is not merged"),
};

/* Every pair of matrices is found by the name of the layer. */
typedef struct {
  const ClipmoeTensor *a, *b;
} Thin;

typedef struct {
  const char *path; /* of the matrices */
  guint r;
  double scale;
} Adapter;

/* Whether the key is not there, or true or false. */
static gboolean
is_switch (json_t *root, const char *key) {
  json_t *v = json_object_get (root, key);
  return !v || json_is_null (v) || json_is_boolean (v);
}

static gboolean
read_config (Adapter *self, const char *path, GError **error) {
  json_t *root = clipmoe_json_read (path, CLIPMOE_MAX_JSON, error);
  if (!root)
    return FALSE;
  gboolean ok = json_is_object (root);
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no JSON object", path);
  json_t *start = ok ? json_object_get (root, "init_lora_weights") : NULL;
  const char *word = json_string_value (start);
  ok = ok && clipmoe_keys_check (path, root, "", keys, G_N_ELEMENTS (keys), NULL, error) &&
       clipmoe_key_whole (path, root, "", "r", 0, &self->r, error);
  double alpha = ok ? json_number_value (json_object_get (root, "lora_alpha")) : 0;
  if (ok && (!json_string_value (json_object_get (root, "peft_type")) || !self->r || !isfinite (alpha) ||
             fabs (alpha) > 1e6 || !json_is_number (json_object_get (root, "lora_alpha")))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: expected peft_type, r and lora_alpha",
                 path);
    ok = FALSE;
  }
  if (ok && (!is_switch (root, "use_rslora") || !(word || is_switch (root, "init_lora_weights")))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: %s: expected true or false", path,
                 is_switch (root, "use_rslora") ? "init_lora_weights" : "use_rslora");
    ok = FALSE;
  }
  if (ok && word && strcmp (word, "gaussian") != 0 && strcmp (word, "eva") != 0 &&
      strcmp (word, "orthogonal") != 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: init_lora_weights is \"%.40s\", which changes the base model as well, expected true or "
                 "gaussian",
                 path, word);
    ok = FALSE;
  }
  if (ok)
    self->scale = alpha / (json_is_true (json_object_get (root, "use_rslora")) ? sqrt (self->r) : self->r);
  json_decref (root);
  return ok;
}

/* "base_model.model.LAYER.lora_A.weight", or with the adapter's name ("default") before "weight". Returns the
 * name of the layer's weight; NULL: another name. Free with g_free(). */
static char *
layer_of (const char *name, gboolean *is_b) {
  static const char before[] = "base_model.model.";
  static const char *const parts[] = {".lora_A.", ".lora_B."};
  if (!g_str_has_prefix (name, before))
    return NULL;
  name += strlen (before);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    const char *at = strstr (name, parts[i]), *end = at ? at + strlen (parts[i]) : NULL;
    if (!at)
      continue;
    *is_b = i == 1;
    const char *dot = strchr (end, '.');
    if (strcmp (end, "weight") != 0 && !(dot && strcmp (dot, ".weight") == 0))
      return NULL;
    return g_strdup_printf ("%.*s.weight", (int)(at - name), name);
  }
  return NULL;
}

static gboolean
pair_up (const Adapter *self, const ClipmoeTensors *tensors, GHashTable *layers, GError **error) {
  for (guint i = 0; i < clipmoe_tensors_get_n (tensors); i++) {
    const ClipmoeTensor *t = clipmoe_tensors_get (tensors, i);
    gboolean is_b = FALSE;
    char *layer = layer_of (t->name, &is_b);
    if (!layer || t->n_dims != 2 || t->dtype == CLIPMOE_DTYPE_OTHER || t->shape[is_b ? 1 : 0] != self->r) {
      if (layer)
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                     "%s: tensor \"%s\": expected a matrix of %u %s, as r in adapter_config.json says",
                     self->path, t->name, self->r, is_b ? "columns" : "rows");
      else
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                     "%s: tensor \"%s\" is none of a LoRA adapter of PEFT, expected "
                     "\"base_model.model.….lora_A.weight\" and lora_B",
                     self->path, t->name);
      g_free (layer);
      return FALSE;
    }
    Thin *thin = g_hash_table_lookup (layers, layer);
    if (!thin) {
      thin = g_new0 (Thin, 1);
      g_hash_table_insert (layers, layer, thin);
    } else {
      g_free (layer);
    }
    const ClipmoeTensor **slot = is_b ? &thin->b : &thin->a;
    if (*slot) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                   "%s: tensors \"%s\" and \"%s\" are of two adapters, expected one", self->path,
                   (*slot)->name, t->name);
      return FALSE;
    }
    *slot = t;
  }
  if (!g_hash_table_size (layers))
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: no tensors in it, expected an adapter's",
                 self->path);
  return g_hash_table_size (layers) > 0;
}

static float *
floats (const Adapter *self, const ClipmoeTensor *t, GError **error) {
  float *out = t->n_elements <= G_MAXSIZE / sizeof (float) ? g_try_new (float, MAX (t->n_elements, 1)) : NULL;
  if (!out)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: tensor \"%s\": no memory", self->path,
                 t->name);
  else
    clipmoe_tensor_to_f32 (t, out);
  return out;
}

/* w[o][i] += scale · Σ b[o][k] a[k][i]; @across and @down: numbers between neighbours of w in i and o. */
static void
add (const Adapter *self, float *w, gsize down, gsize across, const float *a, const float *b, gsize out,
     gsize in) {
  double *row = g_new (double, in);
  for (gsize o = 0; o < out; o++) {
    for (gsize i = 0; i < in; i++)
      row[i] = 0;
    for (guint k = 0; k < self->r; k++)
      for (gsize i = 0; i < in; i++)
        row[i] += (double)b[o * self->r + k] * a[k * in + i];
    for (gsize i = 0; i < in; i++)
      w[o * down + i * across] = (float)(w[o * down + i * across] + self->scale * row[i]);
  }
  g_free (row);
}

static gboolean
merge (const Adapter *self, ClipmoeWeights *weights, const char *layer, const Thin *thin, GError **error) {
  ClipmoePart part = CLIPMOE_PART_WHOLE;
  char *canonical = clipmoe_name_to_canonical (CLIPMOE_NAMING_HUGGINGFACE, layer, &part);
  ClipmoeWeight *w = g_hash_table_lookup (weights->weights, canonical ? canonical : layer);
  g_free (canonical);
  if (!w || w->n_dims != 2 || !thin->a || !thin->b) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH, "%s: layer \"%s\": %s", self->path, layer,
                 w && w->n_dims == 2 ? "one matrix of its two, expected lora_A and lora_B"
                                     : "not in the base model, expected one of its matrices");
    return FALSE;
  }
  gboolean turned = part == CLIPMOE_PART_TRANSPOSED;
  guint64 out = thin->b->shape[0], in = thin->a->shape[1], rows = turned ? in : out,
          columns = turned ? out : in, third = part >= CLIPMOE_PART_Q ? 3 : 1;
  if (w->shape[0] != third * rows || w->shape[1] != columns) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH,
                 "%s: layer \"%s\" is for a matrix of [%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT
                 "], the base model has [%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT "]",
                 self->path, layer, out, in, turned ? w->shape[1] : w->shape[0] / third,
                 turned ? w->shape[0] : w->shape[1]);
    return FALSE;
  }
  w->dtype = CLIPMOE_DTYPE_F32;
  if (!w->data)
    return TRUE;
  float *a = floats (self, thin->a, error), *b = a ? floats (self, thin->b, error) : NULL;
  if (b) {
    gsize first = third == 3 ? (gsize)(part - CLIPMOE_PART_Q) * rows * columns : 0;
    add (self, w->data + first, turned ? 1 : columns, turned ? columns : 1, a, b, out, in);
    for (guint64 i = 0; i < w->n_elements; i++)
      if (!isfinite (w->data[i])) {
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                     "%s: layer \"%s\": with it a weight is not finite, expected numbers that are",
                     self->path, layer);
        g_clear_pointer (&b, g_free);
        break;
      }
  }
  gboolean ok = b != NULL;
  g_free (a);
  g_free (b);
  return ok;
}

/* A name with nothing behind it would be looked for beside where we are. */
static gboolean
is_there (const char *path, GError **error) {
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  clipmoe_error_set (error, CLIPMOE_ERROR_IO, path,
                     "not there, expected an adapter of PEFT: a folder, or its adapter_model.safetensors");
  return FALSE;
}

gboolean
clipmoe_adapter_merge (ClipmoeWeights *weights, const char *path, GError **error) {
  gboolean is_folder = g_file_test (path, G_FILE_TEST_IS_DIR);
  char *folder = is_folder ? g_strdup (path) : g_path_get_dirname (path),
       *file = is_folder ? NULL : g_strdup (path);
  for (guint i = 0; clipmoe_adapter_names[i] && is_folder; i++) {
    g_free (file);
    file = g_build_filename (folder, clipmoe_adapter_names[i], NULL);
    is_folder = !clipmoe_file_is_there (file);
  }
  char *config = g_build_filename (folder, "adapter_config.json", NULL);
  Adapter self = {.path = file};
  ClipmoeTensors *tensors = NULL;
  GHashTable *layers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  gboolean ok = is_there (path, error) && read_config (&self, config, error) &&
                (tensors = clipmoe_tensors_read (file, error)) && pair_up (&self, tensors, layers, error);
  GList *sorted = g_list_sort (g_hash_table_get_keys (layers), (GCompareFunc)strcmp);
  for (GList *i = sorted; ok && i; i = i->next)
    ok = merge (&self, weights, i->data, g_hash_table_lookup (layers, i->data), error);
  g_list_free (sorted);
  g_hash_table_unref (layers);
  clipmoe_tensors_free (tensors);
  g_free (config);
  g_free (file);
  g_free (folder);
  return ok;
}
