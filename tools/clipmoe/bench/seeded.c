/* Weights from a counter: value i of a tensor depends on seed, name and i alone, so that no order, thread or
 * library changes it. Scales are those with which CLIP begins its training, so that activations stay of order
 * one through any depth and routers tell tokens apart. */
#include "seeded.h"

#include <math.h>
#include <string.h>
#include <base/random.h>
#include <model/bind.h>
#include <model/storage.h>

typedef struct {
  GHashTable *weights;
  const char *model;
  guint64 seed;
  GError **error;
  gboolean failed;
} Maker;

/* Uniform values around @centre with the standard deviation @deviation. */
static void
fill (float *out, guint64 n, guint64 key, float centre, double deviation) {
  float scale = (float)(deviation * 1.7320508075688772 * 0x1p-31); /* sqrt 3: from deviation to half width */
  for (guint64 i = 0; i < n; i++) {
    guint64 z = clipmoe_random_mix (key + (i / 2 + 1) * CLIPMOE_RANDOM_STEP);
    out[i] = centre + scale * (float)(gint32)(i & 1 ? z >> 32 : z);
  }
}

/* A dimension 0 ends the list. After the first failure it does nothing. */
G_GNUC_PRINTF (8, 9)
static void
put (Maker *m, float centre, double deviation, guint64 d0, guint64 d1, guint64 d2, guint64 d3,
     const char *format, ...) {
  if (m->failed)
    return;
  const guint64 d[4] = {d0, d1, d2, d3};
  ClipmoeWeight *w = g_new0 (ClipmoeWeight, 1);
  va_list args;
  va_start (args, format);
  w->source = g_strdup_vprintf (format, args);
  va_end (args);
  w->n_elements = 1;
  for (; w->n_dims < 4 && d[w->n_dims]; w->n_dims++) {
    w->shape[w->n_dims] = d[w->n_dims];
    if (__builtin_mul_overflow (w->n_elements, d[w->n_dims], &w->n_elements))
      w->n_elements = G_MAXUINT64;
  }
  w->dtype = CLIPMOE_DTYPE_F32;
  w->data = w->n_elements < G_MAXSIZE / sizeof (float) ? g_try_malloc (w->n_elements * sizeof (float)) : NULL;
  if (!w->data) {
    g_set_error (m->error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for the weights \"%s\"",
                 m->model, w->source);
    m->failed = TRUE;
    clipmoe_weight_free (w);
    return;
  }
  guint64 key = m->seed;
  for (const char *c = w->source; *c; c++)
    key = clipmoe_random_mix (key ^ (guchar)*c);
  fill (w->data, w->n_elements, key, centre, deviation);
  g_hash_table_insert (m->weights, g_strdup (w->source), w);
}

static void
put_norm (Maker *m, guint d, const char *prefix, const char *name) {
  put (m, 1, 0.1, d, 0, 0, 0, "%s%s.weight", prefix, name);
  put (m, 0, 0.02, d, 0, 0, 0, "%s%s.bias", prefix, name);
}

static void
put_tower (Maker *m, const char *prefix, const ClipmoeSeededTower *t) {
  guint d = t->width, f = t->ffn_width, dense = t->moe_layers ? t->layers - t->moe_layers : 0;
  double in = 1 / sqrt (d), out = in / sqrt (2.0 * t->layers);
  for (guint i = 0; i < t->layers && !m->failed; i++) {
    char *p = g_strdup_printf ("%sresblocks.%u.", prefix, i);
    guint experts = i < dense ? 0 : t->experts;
    put_norm (m, d, p, "ln_1");
    put (m, 0, in, 3 * (guint64)d, d, 0, 0, "%sattn.in_proj_weight", p);
    put (m, 0, 0.02, 3 * (guint64)d, 0, 0, 0, "%sattn.in_proj_bias", p);
    put (m, 0, out, d, d, 0, 0, "%sattn.out_proj.weight", p);
    put (m, 0, 0.02, d, 0, 0, 0, "%sattn.out_proj.bias", p);
    put_norm (m, d, p, "ln_2");
    if (experts)
      put (m, 0, in, experts, d, 0, 0, "%sgate.weight", p);
    for (guint e = 0; e < MAX (experts, 1); e++) {
      char *q = experts ? g_strdup_printf ("%sexperts.%u.", p, e) : g_strdup_printf ("%smlp.", p);
      put (m, 0, in / sqrt (2), f, d, 0, 0, "%sc_fc.weight", q);
      put (m, 0, 0.02, f, 0, 0, 0, "%sc_fc.bias", q);
      put (m, 0, out, d, f, 0, 0, "%sc_proj.weight", q);
      put (m, 0, 0.02, d, 0, 0, 0, "%sc_proj.bias", q);
      g_free (q);
    }
    g_free (p);
  }
}

static gboolean
possible (const ClipmoeSeededShape *s, const ClipmoeSeededTower *t) {
  return t->width && t->layers && t->heads && t->width % t->heads == 0 && t->ffn_width &&
         t->moe_layers <= t->layers && t->experts <= CLIPMOE_MAX_EXPERTS && (!t->experts || s->top_k) &&
         t->width <= 1 << 16 && t->ffn_width <= CLIPMOE_MAX_FFN && t->layers < CLIPMOE_MAX_BLOCKS;
}

ClipmoeModel *
clipmoe_seeded_model_new (const ClipmoeSeededShape *s, guint64 seed, GError **error) {
  if (!s->name || !s->patch_size || !s->image_size || s->image_size % s->patch_size ||
      s->image_size > 1 << 14 || !s->embed || !s->context || s->vocab_size < 2 || !possible (s, &s->image) ||
      !possible (s, &s->text)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: these sizes make no model",
                 s->name ? s->name : "a seeded model");
    return NULL;
  }
  guint most = MAX (s->image.experts, s->text.experts);
  if (most && s->top_k > most) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: experts is %u, but no block has more than %u experts, expected at most that", s->name,
                 s->top_k, most);
    return NULL;
  }
  ClipmoeModel *m = g_new0 (ClipmoeModel, 1);
  ClipmoeStorage *storage = m->storage = clipmoe_storage_new ();
  ClipmoeWeights *w = storage->weights = g_new0 (ClipmoeWeights, 1);
  Maker maker = {g_hash_table_new_full (g_str_hash, g_str_equal, g_free, clipmoe_weight_free), s->name, seed,
                 error, FALSE};
  guint64 grid = s->image_size / s->patch_size, p = s->patch_size, dv = s->image.width, dt = s->text.width;
  m->ref_count = 1;
  storage->name = g_strdup (s->name);
  w->weights = maker.weights;
  w->mixture = s->image.experts || s->text.experts;
  w->layout = w->mixture ? "clip-moe" : s->context > 77 ? "long-clip" : "openai";
  w->dtype = g_strdup ("f32");

  put (&maker, 0, 1 / sqrt (3.0 * (double)(p * p)), dv, 3, p, p, "visual.conv1.weight");
  put (&maker, 0, 1 / sqrt ((double)dv), dv, 0, 0, 0, "visual.class_embedding");
  put (&maker, 0, 1 / sqrt ((double)dv), grid * grid + 1, dv, 0, 0, "visual.positional_embedding");
  put_norm (&maker, s->image.width, "visual.", "ln_pre");
  put_norm (&maker, s->image.width, "visual.", "ln_post");
  put (&maker, 0, 1 / sqrt ((double)dv), dv, s->embed, 0, 0, "visual.proj");
  put (&maker, 0, 0.02, s->vocab_size, dt, 0, 0, "token_embedding.weight");
  put (&maker, 0, 0.01, s->context, dt, 0, 0, "positional_embedding");
  put_norm (&maker, s->text.width, "", "ln_final");
  put (&maker, 0, 1 / sqrt ((double)dt), dt, s->embed, 0, 0, "text_projection");
  put (&maker, 4.6051702f, 0, 0, 0, 0, 0, "logit_scale"); /* exp of it is 100 */
  put_tower (&maker, "visual.transformer.", &s->image);
  put_tower (&maker, "transformer.", &s->text);

  gboolean ok = !maker.failed && clipmoe_bind_sizes (m, s->name, w, error);
  if (ok) {
    static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f},
                       std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
    memcpy (m->info.mean, mean, sizeof mean);
    memcpy (m->info.std, std, sizeof std);
    m->image.heads = s->image.heads;
    m->text.heads = s->text.heads;
    m->image.eps = m->text.eps = 1e-5f;
    m->image.activation = m->text.activation = s->activation ? s->activation : CLIPMOE_ACTIVATION_QUICK_GELU;
    m->image.top_k = m->text.top_k = s->top_k;
    m->info.layout = w->layout;
    ok = clipmoe_bind (m, s->name, w, error);
  }
  storage->resident = ok;
  if (ok)
    clipmoe_model_identify (m);
  else
    g_clear_pointer (&m, clipmoe_model_unref);
  return m;
}
