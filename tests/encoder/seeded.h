/* Models of real widths from a seed, in memory. A weight is a window into a long row of random numbers of its
 * kind, so that full depth needs no gigabytes for the source. */
#ifndef SEEDED_H
#define SEEDED_H

#include <math.h>
#include <string.h>
#include "model/model-private.h"

typedef struct {
  guint width, layers, heads;
  guint every, experts; /* every 0: dense; 1: all blocks are mixtures; 2: the second, fourth … */
} SeededTower;

typedef struct {
  SeededTower image, text;
  guint side, patch, context, embed;
  ClipmoeActivation activation;
} SeededSpec;

typedef struct {
  guint64 state;
  GPtrArray *kept;  /* what the model points into */
  GHashTable *rows; /* "kind width": the long row of that kind */
} Seeded;

#define SEEDED_VOCAB 64
#define SEEDED_SLACK 1000003 /* where in its row a weight begins: anywhere before */

static guint64
seeded_next (Seeded *s) { /* splitmix64 */
  guint64 z = s->state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* Nearly normal: four even numbers added. */
static float
seeded_normal (Seeded *s) {
  guint64 v = seeded_next (s);
  double sum =
      (double)(v & 0xffff) + (double)(v >> 16 & 0xffff) + (double)(v >> 32 & 0xffff) + (double)(v >> 48);
  return (float)((sum / 65535 - 2) * sqrt (3.0));
}

static float *
seeded_new (Seeded *s, gsize n, double deviation, double mean) {
  float *out = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    out[i] = (float)(mean + deviation * (double)seeded_normal (s));
  g_ptr_array_add (s->kept, out);
  return out;
}

static const float *
seeded_window (Seeded *s, const char *kind, guint width, gsize n, double deviation) {
  char *key = g_strdup_printf ("%s %u", kind, width);
  const float *row = g_hash_table_lookup (s->rows, key);
  if (!row) {
    row = seeded_new (s, n + SEEDED_SLACK, deviation, 0);
    g_hash_table_insert (s->rows, g_strdup (key), (gpointer)row);
  }
  g_free (key);
  return row + seeded_next (s) % SEEDED_SLACK;
}

/* Trained towers carry a few channels that are far larger than the rest and nearly constant. */
static void
seeded_outliers (float *x, guint width, double size) {
  x[width / 7] += (float)size;
  x[width / 3] -= (float)(size / 2);
  x[width - 5] += (float)(size * 2);
}

static void
seeded_tower (Seeded *s, const SeededTower *spec, ClipmoeActivation activation, ClipmoeArchitecture *t,
              ClipmoeBlock **blocks) {
  gsize d = spec->width, f = 4 * d;
  double in = 1 / sqrt ((double)d), last = in / sqrt (2.0 * spec->layers);
  t->width = spec->width;
  t->layers = spec->layers;
  t->heads = spec->heads;
  t->ffn_width = (guint)f;
  t->activation = activation;
  t->eps = 1e-5f;
  t->top_k = 2;
  t->experts = g_new0 (guint, spec->layers);
  g_ptr_array_add (s->kept, t->experts);
  *blocks = g_new0 (ClipmoeBlock, spec->layers);
  g_ptr_array_add (s->kept, *blocks);
  for (guint l = 0; l < spec->layers; l++) {
    ClipmoeBlock *b = &(*blocks)[l];
    b->ln_1_weight = seeded_new (s, d, 0.2, 1);
    b->ln_1_bias = seeded_new (s, d, 0.1, 0);
    b->ln_2_weight = seeded_new (s, d, 0.2, 1);
    b->ln_2_bias = seeded_new (s, d, 0.1, 0);
    b->in_proj_weight = seeded_window (s, "in_proj", spec->width, 3 * d * d, 1.6 * in);
    b->in_proj_bias = seeded_new (s, 3 * d, 0.1, 0);
    b->out_proj_weight = seeded_window (s, "out_proj", spec->width, d * d, 2 * last);
    b->out_proj_bias = seeded_new (s, d, 0.05, 0);
    if (spec->every && l % spec->every == spec->every - 1) {
      t->experts[l] = spec->experts;
      b->gate_weight = seeded_new (s, spec->experts * d, 1.5 * in, 0);
    }
    b->ffn = g_new0 (ClipmoeFfn, clipmoe_architecture_ffns (t, l));
    g_ptr_array_add (s->kept, b->ffn);
    for (guint e = 0; e < clipmoe_architecture_ffns (t, l); e++) {
      float *bias = seeded_new (s, d, 0.05, 0);
      if (l == 0)
        seeded_outliers (bias, spec->width, 8);
      b->ffn[e] = (ClipmoeFfn){.c_fc_weight = seeded_window (s, "c_fc", spec->width, f * d, 1.4 * in),
                               .c_fc_bias = seeded_new (s, f, 0.1, 0),
                               .c_proj_weight = seeded_window (s, "c_proj", spec->width, d * f, 1.4 * last),
                               .c_proj_bias = bias};
    }
  }
}

/* The model lives as long as @s and is not freed itself. top_k is 2. */
static void
seeded_model (Seeded *s, const SeededSpec *spec, guint64 seed, ClipmoeModel *m) {
  gsize grid = spec->side / spec->patch, d = spec->image.width, t = spec->text.width, p = spec->patch;
  s->state = seed;
  s->kept = g_ptr_array_new_with_free_func (g_free);
  s->rows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  memset (m, 0, sizeof *m);
  m->ref_count = 1;
  m->info.name = "seeded";
  m->info.image_size = spec->side;
  m->info.patch_size = spec->patch;
  m->info.embed = spec->embed;
  m->info.context = spec->context;
  m->info.vocab_size = SEEDED_VOCAB;
  for (guint c = 0; c < 3; c++)
    m->info.std[c] = 1;
  m->image = clipmoe_architecture_clip_image ();
  m->image.side = spec->side;
  m->image.patch = spec->patch;
  m->text = clipmoe_architecture_clip_text ();
  m->text.context = spec->context;
  m->text.vocab = SEEDED_VOCAB;
  m->image.embed = m->text.embed = spec->embed;
  seeded_tower (s, &spec->image, spec->activation, &m->image, &m->image_blocks);
  seeded_tower (s, &spec->text, spec->activation, &m->text, &m->text_blocks);
  m->conv1_weight = seeded_new (s, d * 3 * p * p, 1 / sqrt (3.0 * p * p), 0);
  m->class_embedding = seeded_new (s, d, 0.5, 0);
  m->image_positions = seeded_new (s, (grid * grid + 1) * d, 0.5, 0);
  float *weight = seeded_new (s, d, 0.2, 1);
  seeded_outliers (weight, spec->image.width, 6);
  m->ln_pre_weight = weight;
  m->ln_pre_bias = seeded_new (s, d, 0.1, 0);
  m->ln_post_weight = seeded_new (s, d, 0.2, 1);
  m->ln_post_bias = seeded_new (s, d, 0.1, 0);
  m->image_projection = seeded_new (s, d * spec->embed, 1 / sqrt ((double)d), 0);
  m->token_embedding = seeded_new (s, SEEDED_VOCAB * t, 0.5, 0);
  m->text_positions = seeded_new (s, spec->context * t, 0.3, 0);
  m->ln_final_weight = seeded_new (s, t, 0.2, 1);
  m->ln_final_bias = seeded_new (s, t, 0.1, 0);
  m->text_projection = seeded_new (s, t * spec->embed, 1 / sqrt ((double)t), 0);
}

static void
seeded_clear (Seeded *s) {
  g_hash_table_unref (s->rows);
  g_ptr_array_unref (s->kept);
}

#endif
