/* Opens a checkpoint: finds its files, binds every weight to its role, and makes the identity. */
#include "model-private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "config.h"
#include "names.h"

typedef struct {
  ClipmoeWeights *weights;
  GPtrArray *assumed;
  char *name, *path, *licence, *fingerprint, *id, *dtype;
} Storage;

typedef struct {
  const char *path;
  GHashTable *weights;
  GError **error;
  gboolean failed;
} Binder;

/* The weight @name with exactly this shape; after the first failure it does nothing. A dimension 0 ends the
 * list. */
static const float *
bind (Binder *b, const char *name, guint64 d0, guint64 d1, guint64 d2, guint64 d3) {
  const guint64 expected[4] = {d0, d1, d2, d3};
  guint n = 0;
  while (n < 4 && expected[n])
    n++;
  if (b->failed)
    return NULL;
  ClipmoeWeight *w = g_hash_table_lookup (b->weights, name);
  if (w && w->n_dims == n && memcmp (w->shape, expected, n * sizeof *expected) == 0) {
    w->used = TRUE;
    return w->data;
  }
  b->failed = TRUE;
  if (!w) {
    g_set_error (b->error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: tensor \"%s\" is missing", b->path,
                 name);
    return NULL;
  }
  GString *s = g_string_new (NULL);
  g_string_append_printf (s, "%s: tensor \"%s\": shape [", b->path, name);
  for (guint i = 0; i < w->n_dims; i++)
    g_string_append_printf (s, "%s%" G_GUINT64_FORMAT, i ? ", " : "", w->shape[i]);
  g_string_append (s, "], expected [");
  for (guint i = 0; i < n; i++)
    g_string_append_printf (s, "%s%" G_GUINT64_FORMAT, i ? ", " : "", expected[i]);
  g_string_append (s, "]");
  g_set_error_literal (b->error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, s->str);
  g_string_free (s, TRUE);
  return NULL;
}

G_GNUC_PRINTF (6, 7)
static const float *
bindf (Binder *b, guint64 d0, guint64 d1, guint64 d2, guint64 d3, const char *format, ...) {
  va_list args;
  va_start (args, format);
  char *name = g_strdup_vprintf (format, args);
  va_end (args);
  const float *p = bind (b, name, d0, d1, d2, d3);
  g_free (name);
  return p;
}

static guint
count_blocks (GHashTable *weights, const char *prefix) {
  for (guint i = 0; i < 1000; i++) {
    char *name = g_strdup_printf ("%sresblocks.%u.ln_1.weight", prefix, i);
    gboolean there = g_hash_table_contains (weights, name);
    g_free (name);
    if (!there)
      return i;
  }
  return 1000;
}

static void
bind_tower (Binder *b, const char *prefix, ClipmoeTower *t, ClipmoeTowerInfo *info, guint top_k) {
  guint64 d = t->width, f = t->ffn_width;
  t->blocks = g_new0 (ClipmoeBlock, t->layers);
  for (guint i = 0; i < t->layers && !b->failed; i++) {
    ClipmoeBlock *k = &t->blocks[i];
    char *p = g_strdup_printf ("%sresblocks.%u.", prefix, i), *gate = g_strconcat (p, "gate.weight", NULL);
    ClipmoeWeight *router = g_hash_table_lookup (b->weights, gate);
    k->ln_1_weight = bindf (b, d, 0, 0, 0, "%sln_1.weight", p);
    k->ln_1_bias = bindf (b, d, 0, 0, 0, "%sln_1.bias", p);
    k->in_proj_weight = bindf (b, 3 * d, d, 0, 0, "%sattn.in_proj_weight", p);
    k->in_proj_bias = bindf (b, 3 * d, 0, 0, 0, "%sattn.in_proj_bias", p);
    k->out_proj_weight = bindf (b, d, d, 0, 0, "%sattn.out_proj.weight", p);
    k->out_proj_bias = bindf (b, d, 0, 0, 0, "%sattn.out_proj.bias", p);
    k->ln_2_weight = bindf (b, d, 0, 0, 0, "%sln_2.weight", p);
    k->ln_2_bias = bindf (b, d, 0, 0, 0, "%sln_2.bias", p);
    guint64 experts = router && router->n_dims ? router->shape[0] : 0;
    if (router && (experts < 1 || experts > 1024)) {
      b->failed = TRUE;
      g_set_error (b->error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: tensor \"%s\": no router of 1 to 1024 experts", b->path, gate);
    } else {
      if (router)
        k->gate_weight = bindf (b, experts, d, 0, 0, "%s", gate);
      k->n_experts = (guint)experts;
      k->ffn = g_new0 (ClipmoeFfn, MAX (experts, 1));
      for (guint e = 0; e < MAX (experts, 1) && !b->failed; e++) {
        char *q = experts ? g_strdup_printf ("%sexperts.%u.", p, e) : g_strdup_printf ("%smlp.", p);
        k->ffn[e].c_fc_weight = bindf (b, f, d, 0, 0, "%sc_fc.weight", q);
        k->ffn[e].c_fc_bias = bindf (b, f, 0, 0, 0, "%sc_fc.bias", q);
        k->ffn[e].c_proj_weight = bindf (b, d, f, 0, 0, "%sc_proj.weight", q);
        k->ffn[e].c_proj_bias = bindf (b, d, 0, 0, 0, "%sc_proj.bias", q);
        g_free (q);
      }
    }
    guint64 ffn = 2 * f * d + f + d, shared = 4 * d * d + 8 * d + experts * d;
    info->parameters += shared + MAX (experts, 1) * ffn;
    info->active_parameters += shared + (experts ? MIN (top_k, experts) : 1) * ffn;
    info->moe_layers += experts > 0;
    info->experts = MAX (info->experts, (guint)experts);
    g_free (p);
    g_free (gate);
  }
  info->width = t->width;
  info->layers = t->layers;
  info->heads = t->heads;
  info->ffn_width = t->ffn_width;
  info->activation = t->activation;
  info->eps = t->eps;
}

static guint
ffn_width (GHashTable *weights, const char *prefix) {
  static const char *const kinds[] = {"mlp", "experts.0"};
  for (guint i = 0; i < 2; i++) {
    char *name = g_strdup_printf ("%sresblocks.0.%s.c_fc.weight", prefix, kinds[i]);
    ClipmoeWeight *w = g_hash_table_lookup (weights, name);
    g_free (name);
    if (w && w->n_dims == 2 && w->shape[0] > 0 && w->shape[0] <= 1 << 20)
      return (guint)w->shape[0];
  }
  return 0;
}

/* Everything that shapes say. */
static gboolean
sizes_from_shapes (ClipmoeModel *m, const char *path, GHashTable *weights, GError **error) {
  const char *const names[] = {"visual.conv1.weight",    "visual.positional_embedding", "visual.proj",
                               "token_embedding.weight", "positional_embedding",        "text_projection"};
  const guint dims[] = {4, 2, 2, 2, 2, 2};
  ClipmoeWeight *w[G_N_ELEMENTS (names)];
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    w[i] = g_hash_table_lookup (weights, names[i]);
    if (!w[i] || w[i]->n_dims != dims[i]) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   w[i] ? "%s: tensor \"%s\": expected %u dimensions"
                        : "%s: tensor \"%s\" is missing, of %u dimensions",
                   path, names[i], dims[i]);
      return FALSE;
    }
    for (guint d = 0; d < dims[i]; d++)
      if (w[i]->shape[d] < 1 || w[i]->shape[d] > 1 << 24) {
        g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT, "%s: tensor \"%s\": an impossible dimension",
                     path, names[i]);
        return FALSE;
      }
  }
  guint grid = 1;
  while ((guint64)grid * grid + 1 < w[1]->shape[0])
    grid++;
  if ((guint64)grid * grid + 1 != w[1]->shape[0]) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"%s\": %" G_GUINT64_FORMAT " rows, expected a square and one more", path,
                 names[1], w[1]->shape[0]);
    return FALSE;
  }
  m->info.patch_size = (guint)w[0]->shape[3];
  m->info.image_size = grid * m->info.patch_size;
  m->info.embed = (guint)w[2]->shape[1];
  m->info.vocab_size = (guint)w[3]->shape[0];
  m->info.context = (guint)w[4]->shape[0];
  m->image.width = (guint)w[0]->shape[0];
  m->text.width = (guint)w[3]->shape[1];
  m->image.layers = count_blocks (weights, "visual.transformer.");
  m->text.layers = count_blocks (weights, "transformer.");
  m->image.ffn_width = ffn_width (weights, "visual.transformer.");
  m->text.ffn_width = ffn_width (weights, "transformer.");
  if (m->info.image_size > 4096 || m->info.context < 2 || !m->image.layers || !m->text.layers ||
      !m->image.ffn_width || !m->text.ffn_width) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: a tower without blocks or feed-forward layer, or of impossible size (%u and %u blocks, "
                 "%u pixels)",
                 path, m->image.layers, m->text.layers, m->info.image_size);
    return FALSE;
  }
  return TRUE;
}

static gboolean
bind_all (ClipmoeModel *m, const char *path, GHashTable *weights, GError **error) {
  Binder b = {path, weights, error, FALSE};
  guint64 dv = m->image.width, dt = m->text.width, p = m->info.patch_size, c = m->info.embed,
          grid = m->info.image_size / p;
  m->conv1_weight = bind (&b, "visual.conv1.weight", dv, 3, p, p);
  m->class_embedding = bind (&b, "visual.class_embedding", dv, 0, 0, 0);
  m->image_positions = bind (&b, "visual.positional_embedding", grid * grid + 1, dv, 0, 0);
  m->ln_pre_weight = bind (&b, "visual.ln_pre.weight", dv, 0, 0, 0);
  m->ln_pre_bias = bind (&b, "visual.ln_pre.bias", dv, 0, 0, 0);
  m->ln_post_weight = bind (&b, "visual.ln_post.weight", dv, 0, 0, 0);
  m->ln_post_bias = bind (&b, "visual.ln_post.bias", dv, 0, 0, 0);
  m->image_projection = bind (&b, "visual.proj", dv, c, 0, 0);
  m->token_embedding = bind (&b, "token_embedding.weight", m->info.vocab_size, dt, 0, 0);
  m->text_positions = bind (&b, "positional_embedding", m->info.context, dt, 0, 0);
  m->ln_final_weight = bind (&b, "ln_final.weight", dt, 0, 0, 0);
  m->ln_final_bias = bind (&b, "ln_final.bias", dt, 0, 0, 0);
  m->text_projection = bind (&b, "text_projection", dt, c, 0, 0);
  const float *scale = bind (&b, "logit_scale", 0, 0, 0, 0);
  if (scale)
    m->info.logit_scale = *scale;
  bind_tower (&b, "visual.transformer.", &m->image, &m->info.image, m->top_k);
  bind_tower (&b, "transformer.", &m->text, &m->info.text, m->top_k);
  if (b.failed)
    return FALSE;
  if (m->info.logit_scale > 20 || m->info.logit_scale < -20) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: tensor \"logit_scale\" is %g, expected -20 to 20", path, m->info.logit_scale);
    return FALSE;
  }
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init (&iter, weights);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (!((ClipmoeWeight *)value)->used) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: tensor \"%s\" is unexpected in this model of %u and %u blocks", path, (char *)key,
                   m->image.layers, m->text.layers);
      return FALSE;
    }
  guint64 image = dv * 3 * p * p + dv + (grid * grid + 1) * dv + 4 * dv + dv * c;
  guint64 text = m->info.vocab_size * dt + m->info.context * dt + 2 * dt + dt * c;
  m->info.image.parameters += image;
  m->info.image.active_parameters += image;
  m->info.text.parameters += text;
  m->info.text.active_parameters += text;
  m->info.parameters = m->info.image.parameters + m->info.text.parameters + 1;
  m->info.active_parameters = m->info.image.active_parameters + m->info.text.active_parameters + 1;
  return TRUE;
}

/* SHA-256 over the names in byte order, their shapes, and XXH3-128 of their values as f32. */
static char *
fingerprint (GHashTable *weights) {
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  GList *keys = g_list_sort (g_hash_table_get_keys (weights), (GCompareFunc)strcmp);
  for (GList *i = keys; i; i = i->next) {
    const ClipmoeWeight *w = g_hash_table_lookup (weights, i->data);
    GString *line = g_string_new (i->data);
    for (guint d = 0; d < w->n_dims; d++)
      g_string_append_printf (line, " %" G_GUINT64_FORMAT, w->shape[d]);
    XXH128_hash_t h = XXH3_128bits (w->data, w->n_elements * sizeof (float));
    g_string_append_printf (line, " %016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x\n",
                            (guint64)h.high64, (guint64)h.low64);
    g_checksum_update (sum, (const guchar *)line->str, (gssize)line->len);
    g_string_free (line, TRUE);
  }
  g_list_free (keys);
  char *hex = g_strdup (g_checksum_get_string (sum));
  g_checksum_free (sum);
  return hex;
}

static char *
model_id (const ClipmoeModel *m) {
  GString *s = g_string_new (m->info.fingerprint);
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (s, "\n%d %d %u %u", m->image.activation, m->text.activation, m->top_k,
                          m->info.image_size);
  const double values[] = {m->image.eps,    m->text.eps,    m->info.mean[0], m->info.mean[1],
                           m->info.mean[2], m->info.std[0], m->info.std[1],  m->info.std[2]};
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    g_string_append_printf (s, " %s", g_ascii_formatd (number, sizeof number, "%.9g", values[i]));
  g_string_append_printf (s, "\n%s", m->tokenizer ? clipmoe_tokenizer_get_digest (m->tokenizer) : "");
  char *hex = g_compute_checksum_for_string (G_CHECKSUM_SHA256, s->str, (gssize)s->len);
  char *id = g_strdup_printf ("%s@%.12s", m->info.name, hex);
  g_free (hex);
  g_string_free (s, TRUE);
  return id;
}

ClipmoeModel *
clipmoe_model_open (const char *path, const ClipmoeModelOptions *options, GError **error) {
  ClipmoeModelOptions o = options ? *options : (ClipmoeModelOptions){0};
  ClipmoeFiles files = {0};
  if (!clipmoe_files_find (path, o.vocab, &files, error))
    return NULL;

  ClipmoeModel *m = g_new0 (ClipmoeModel, 1);
  Storage *storage = m->storage = g_new0 (Storage, 1);
  ClipmoeTensors *tensors = NULL;
  gboolean ok = FALSE;
  m->ref_count = 1;
  storage->assumed = g_ptr_array_new_with_free_func (g_free);
  storage->path = g_strdup (files.weights);
  if (!(tensors = clipmoe_tensors_read (files.weights, error)) ||
      !(storage->weights = clipmoe_weights_new (files.weights, tensors, error)) ||
      !sizes_from_shapes (m, files.weights, storage->weights->weights, error))
    goto out;
  m->info.layout = storage->weights->layout;
  if (!clipmoe_config_apply (m, &files, tensors, &o, storage->assumed, error))
    goto out;
  if (!bind_all (m, files.weights, storage->weights->weights, error))
    goto out;
  const char *name = clipmoe_tensors_get_metadata (tensors, "clip.name");
  storage->name = name && *name ? g_strdup (name) : g_strdup (files.name);
  storage->licence = g_strdup (clipmoe_tensors_get_metadata (tensors, "clip.licence"));
  if (!storage->licence)
    storage->licence = clipmoe_files_licence (&files);
  storage->fingerprint = fingerprint (storage->weights->weights);
  if (!o.no_vocab) {
    if (!files.vocab) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                   "%s: no vocabulary beside it: expected tokenizer.json, vocab.json with merges.txt, or "
                   "bpe_simple_vocab_16e6.txt.gz "
                   "there, or one named with vocab",
                   files.weights);
      goto out;
    }
    if (!(m->tokenizer = clipmoe_tokenizer_open (files.vocab, m->info.vocab_size, error)))
      goto out;
  }
  m->info.name = storage->name;
  m->info.path = storage->path;
  m->info.dtype = storage->weights->dtype;
  m->info.fingerprint = storage->fingerprint;
  m->info.licence = storage->licence;
  storage->id = model_id (m);
  m->info.id = storage->id;
  g_ptr_array_add (storage->assumed, NULL);
  m->info.assumed = (const char *const *)storage->assumed->pdata;
  ok = TRUE;
out:
  clipmoe_tensors_free (tensors);
  clipmoe_files_clear (&files);
  if (!ok)
    g_clear_pointer (&m, clipmoe_model_unref);
  return m;
}

ClipmoeModel *
clipmoe_model_ref (ClipmoeModel *self) {
  g_atomic_int_inc (&self->ref_count);
  return self;
}

static void
tower_clear (ClipmoeTower *t) {
  for (guint i = 0; t->blocks && i < t->layers; i++)
    g_free (t->blocks[i].ffn);
  g_free (t->blocks);
}

void
clipmoe_model_unref (ClipmoeModel *self) {
  if (!self || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  Storage *s = self->storage;
  tower_clear (&self->image);
  tower_clear (&self->text);
  clipmoe_tokenizer_unref (self->tokenizer);
  clipmoe_weights_free (s->weights);
  g_ptr_array_unref (s->assumed);
  g_free (s->name);
  g_free (s->path);
  g_free (s->licence);
  g_free (s->fingerprint);
  g_free (s->id);
  g_free (s);
  g_free (self);
}

const ClipmoeModelInfo *
clipmoe_model_get_info (const ClipmoeModel *self) {
  return &self->info;
}

ClipmoeTokenizer *
clipmoe_model_get_tokenizer (const ClipmoeModel *self) {
  return self->tokenizer;
}
