/* A tower's weights in one piece of memory, its scratch in another. */
#include <string.h>
#include <sys/mman.h>
#include "../kernels/attention.h"
#include "../kernels/pool.h"
#include "precision.h"
#include "tower.h"

/* Pages of 2 MiB where the system gives them: weights are read from one end to the other. Zeros. */
gpointer
clipmoe_pages (gsize bytes) {
  gpointer p = mmap (NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return NULL;
  madvise (p, bytes, MADV_HUGEPAGE);
  return p;
}

/* All matrices in the order in which a run uses them: the packed form is this order. */
GArray *
clipmoe_packed_tower_list (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  const ClipmoeTower *t = plan->tower;
  gsize d = t->width, f = t->ffn_width;
  GArray *all = g_array_new (FALSE, FALSE, sizeof (ClipmoePackedSource));
  if (plan->first) {
    ClipmoePackedSource s = {&self->first,
                             clipmoe_precision_format (plan, CLIPMOE_ROLE_FIRST, 0),
                             plan->first,
                             NULL,
                             d,
                             plan->first_in,
                             plan->first_in,
                             1};
    g_array_append_val (all, s);
  }
  for (guint i = 0; i < t->layers; i++) {
    const ClipmoeBlock *b = &t->blocks[i];
    ClipmoePackedBlock *p = &self->blocks[i];
    ClipmoePackedSource in = {&p->in_proj,
                              clipmoe_precision_format (plan, CLIPMOE_ROLE_IN_PROJ, i),
                              b->in_proj_weight,
                              b->in_proj_bias,
                              3 * d,
                              d,
                              d,
                              1};
    ClipmoePackedSource out = {&p->out_proj,
                               clipmoe_precision_format (plan, CLIPMOE_ROLE_OUT_PROJ, i),
                               b->out_proj_weight,
                               b->out_proj_bias,
                               d,
                               d,
                               d,
                               1};
    g_array_append_val (all, in);
    g_array_append_val (all, out);
    for (guint e = 0; e < MAX (b->n_experts, 1); e++) {
      ClipmoePackedSource fc = {&p->c_fc[e],
                                clipmoe_precision_format (plan, CLIPMOE_ROLE_C_FC, i),
                                b->ffn[e].c_fc_weight,
                                b->ffn[e].c_fc_bias,
                                f,
                                d,
                                d,
                                1};
      ClipmoePackedSource proj = {&p->c_proj[e],
                                  clipmoe_precision_format (plan, CLIPMOE_ROLE_C_PROJ, i),
                                  b->ffn[e].c_proj_weight,
                                  b->ffn[e].c_proj_bias,
                                  d,
                                  f,
                                  f,
                                  1};
      g_array_append_val (all, fc);
      g_array_append_val (all, proj);
    }
  }
  ClipmoePackedSource last = {
      &self->projection, plan->kernels->f32, plan->projection, NULL, plan->embed, d, 1, plan->embed};
  g_array_append_val (all, last);
  return all;
}

#define PANELS_A_TASK 8

static void
pack_some (void *data, unsigned thread, unsigned i, unsigned next) {
  GArray *all = data;
  for (guint at = 0; at < all->len; at++) {
    const ClipmoePackedSource *s = &g_array_index (all, ClipmoePackedSource, at);
    guint tasks = (guint)cm_lines (s->matrix->panels, PANELS_A_TASK);
    if (i < tasks) {
      gsize first = (gsize)i * PANELS_A_TASK;
      cm_matrix_pack (s->matrix, s->weights, s->row, s->column, s->bias, NULL, first,
                      MIN (PANELS_A_TASK, s->matrix->panels - first));
      return;
    }
    i -= tasks;
  }
}

typedef struct {
  const ClipmoePackedSource *source;
  const float *factors;
} One;

static void
pack_one (void *data, unsigned thread, unsigned i, unsigned next) {
  const One *one = data;
  const ClipmoePackedSource *s = one->source;
  gsize first = (gsize)i * PANELS_A_TASK;
  cm_matrix_pack (s->matrix, s->weights, s->row, s->column, s->bias, one->factors, first,
                  MIN (PANELS_A_TASK, s->matrix->panels - first));
}

void
clipmoe_packed_source_pack (const ClipmoePackedSource *source, const float *factors, guint threads) {
  One one = {source, factors};
  cm_pool_run (threads, (unsigned)cm_lines (source->matrix->panels, PANELS_A_TASK), pack_one, &one);
}

static gboolean
pack (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  GArray *all = clipmoe_packed_tower_list (self, plan);
  gboolean ok = TRUE;
  guint tasks = 0;
  for (guint i = 0; i < all->len && ok; i++) {
    const ClipmoePackedSource *s = &g_array_index (all, ClipmoePackedSource, i);
    gsize bytes = cm_matrix_bytes (s->format, s->out, s->in);
    ok = bytes && !__builtin_add_overflow (self->n_weights, bytes, &self->n_weights);
  }
  ok = ok && (self->weights = clipmoe_pages (self->n_weights)) != NULL;
  gsize at = 0;
  for (guint i = 0; i < all->len && ok; i++) {
    const ClipmoePackedSource *s = &g_array_index (all, ClipmoePackedSource, i);
    cm_matrix_map (s->matrix, s->format, s->out, s->in, (char *)self->weights + at);
    at += cm_matrix_bytes (s->format, s->out, s->in);
    tasks += (guint)cm_lines (s->matrix->panels, PANELS_A_TASK);
  }
  if (ok)
    cm_pool_run (plan->threads, tasks, pack_some, all);
  g_array_unref (all);
  return ok;
}

typedef struct {
  char *base; /* NULL while sizes are added up */
  gsize at;
  gboolean overflow;
} Arena;

static gpointer
take (Arena *a, gsize n, gsize each) {
  gsize bytes, at = a->at;
  if (__builtin_mul_overflow (n, each, &bytes) || __builtin_add_overflow (bytes, 63, &bytes) ||
      __builtin_add_overflow (at, bytes / 64 * 64, &a->at))
    a->overflow = TRUE;
  return a->base ? a->base + at : NULL;
}

static void
place (ClipmoePackedTower *self, Arena *a) {
  const ClipmoeTower *t = self->tower;
  gsize n = self->rows, s = self->sequences, experts = 1;
  for (guint i = 0; i < t->layers; i++)
    experts = MAX (experts, t->blocks[i].n_experts);
  self->z = take (a, n * self->width_lines, CM_LINE_BYTES);
  self->norm = take (a, n * self->width_lines, CM_LINE_BYTES);
  self->qkv = take (a, n * self->qkv_lines, CM_LINE_BYTES);
  self->mixed = take (a, n * self->width_lines, CM_LINE_BYTES);
  self->hidden = take (a, n * self->hidden_lines, CM_LINE_BYTES);
  self->last = take (a, s * self->width_lines, CM_LINE_BYTES);
  self->embedded = take (a, s * self->embed_lines, CM_LINE_BYTES);
  self->last_q = take (a, s * self->qkv_lines, CM_LINE_BYTES);
  self->act = take (a, n * self->act_lines, CM_LINE_BYTES);
  self->hidden_act = take (a, n * self->hidden_lines, CM_LINE_BYTES);
  self->act_scales = take (a, n, sizeof (float));
  self->gates = take (a, n * experts, sizeof (float));
  self->factors = take (a, n, sizeof (float));
  self->work = take (a, self->work_floats * self->threads, sizeof (float));
  self->offsets = take (a, n, sizeof (gsize));
  self->strides = take (a, n, sizeof (gsize));
  self->expert_offsets = take (a, n, sizeof (gsize));
  self->expert_strides = take (a, n, sizeof (gsize));
  self->chosen = take (a, n, sizeof (guint));
  self->plan = take (a, s + 1, sizeof (ClipmoeSequence));
}

static gboolean
scratch (ClipmoePackedTower *self) {
  Arena a = {NULL, 0, FALSE};
  place (self, &a);
  if (a.overflow || !(self->scratch = clipmoe_pages (a.at)))
    return FALSE;
  self->n_scratch = a.at;
  a = (Arena){self->scratch, 0, FALSE};
  place (self, &a);
  memset (self->scratch, 0, self->n_scratch); /* its pages are there before the first run */
  return TRUE;
}

void
clipmoe_packed_tower_set_threads (ClipmoePackedTower *self, guint threads) {
  ClipmoePackedTower before = *self;
  self->threads = threads;
  if (scratch (self))
    munmap (before.scratch, before.n_scratch);
  else
    *self = before;
}

gboolean
clipmoe_packed_tower_prepare (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  const ClipmoeTower *t = plan->tower;
  const ClipmoeGemm *f32 = plan->kernels->f32;
  memset (self, 0, sizeof *self);
  self->tower = t;
  self->kernels = plan->kernels;
  self->threads = MAX (plan->threads, 1);
  self->rows = plan->rows;
  self->sequences = plan->sequences;
  self->top_k = plan->top_k;
  self->fast = plan->precision != CLIPMOE_PRECISION_F32;
  self->blocks = g_new0 (ClipmoePackedBlock, t->layers);
  for (guint i = 0; i < t->layers; i++) {
    guint n = MAX (t->blocks[i].n_experts, 1);
    self->blocks[i].block = &t->blocks[i];
    self->blocks[i].c_fc = g_new0 (ClipmoePackedMatrix, n);
    self->blocks[i].c_proj = g_new0 (ClipmoePackedMatrix, n);
  }
  /* Whole panels of the widest format; activations never need more room than floats. */
  gsize d = t->width, columns = CM_MAX_COLUMNS / CM_LINE, first = cm_lines (plan->first_in, CM_LINE);
  self->width_lines = cm_lines (d, CM_MAX_COLUMNS) * columns;
  self->qkv_lines = cm_lines (3 * d, CM_MAX_COLUMNS) * columns;
  self->hidden_lines = cm_lines (t->ffn_width, CM_MAX_COLUMNS) * columns;
  self->embed_lines = cm_lines (plan->embed, CM_MAX_COLUMNS) * columns;
  self->act_lines = MAX (self->width_lines, first);
  gsize work = MAX (cm_attention_floats (f32, MAX (plan->rows, 1), d / t->heads),
                    CM_MAX_ROWS * self->act_lines * CM_LINE);
  self->work_floats = (work + CM_LINE - 1) / CM_LINE * CM_LINE;
  return scratch (self);
}

gboolean
clipmoe_packed_tower_init (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  return clipmoe_packed_tower_prepare (self, plan) && pack (self, plan);
}

void
clipmoe_packed_tower_clear (ClipmoePackedTower *self) {
  for (guint i = 0; self->blocks && i < self->tower->layers; i++) {
    g_free (self->blocks[i].c_fc);
    g_free (self->blocks[i].c_proj);
  }
  g_free (self->blocks);
  if (self->weights)
    munmap (self->weights, self->n_weights);
  if (self->scratch)
    munmap (self->scratch, self->n_scratch);
  memset (self, 0, sizeof *self);
}
