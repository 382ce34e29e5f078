/* How a tower's weights lie in one piece of memory, and its scratch in another. */
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>
#include "../kernels/attention.h"
#include "../kernels/pool.h"
#include "memory.h"
#include "precision.h"
#include "tower.h"

typedef enum { PLAIN, TRANSPOSED, OF_GELU } Kind;

/* weights [out][in], or transposed [in][out]; or they multiply what a GELU left. */
static void
add_matrix (GArray *all, const ClipmoeTowerPlan *plan, ClipmoeArithmetic arithmetic,
            ClipmoePackedMatrix *matrix, const float *weights, const float *bias, gsize out, gsize in,
            Kind kind) {
  guint at = all->len;
  ClipmoeArithmetic a = plan->formats ? plan->formats[at] : arithmetic;
  if (a == CLIPMOE_ARITHMETIC_INT8 && in > CM_I8_MOST_IN)
    a = CLIPMOE_ARITHMETIC_HALF;
  const ClipmoeGemm *f = clipmoe_arithmetic_gemm (plan->kernels, a);
  gboolean transposed = kind == TRANSPOSED;
  ClipmoePackedSource s = {.matrix = matrix,
                           .format = kind == OF_GELU && f && f->of_gelu ? f->of_gelu : f,
                           .weights = weights,
                           .bias = bias,
                           .factors = plan->factors ? plan->factors[at] : NULL,
                           .out = out,
                           .in = in,
                           .row = transposed ? 1 : in,
                           .column = transposed ? out : 1};
  g_array_append_val (all, s);
}

/* A block's weights; all NULL while another thread may be reading them again. */
static ClipmoeBlock
block_of (const ClipmoeTowerPlan *plan, guint i) {
  return plan->held ? plan->blocks[i] : (ClipmoeBlock){0};
}

GArray *
clipmoe_packed_tower_list (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  const ClipmoeArchitecture *t = plan->tower;
  ClipmoeArithmetic a = clipmoe_precision_arithmetic (plan->precision);
  gsize d = t->width, f = t->ffn_width;
  GArray *all = g_array_new (FALSE, FALSE, sizeof (ClipmoePackedSource));
  if (plan->first_in)
    add_matrix (all, plan, clipmoe_precision_of_pixels (plan->kernels, a), &self->first, plan->first, NULL, d,
                plan->first_in, PLAIN);
  for (guint i = 0; i < t->layers; i++) {
    const ClipmoeBlock b = block_of (plan, i);
    ClipmoePackedBlock *p = &self->blocks[i];
    add_matrix (all, plan, a, &p->in_proj, b.in_proj_weight, b.in_proj_bias, 3 * d, d, PLAIN);
    add_matrix (all, plan, a, &p->out_proj, b.out_proj_weight, b.out_proj_bias, d, d, PLAIN);
    for (guint e = 0; e < clipmoe_architecture_ffns (t, i); e++) {
      const ClipmoeFfn ffn = b.ffn ? b.ffn[e] : (ClipmoeFfn){0};
      add_matrix (all, plan, a, &p->c_fc[e], ffn.c_fc_weight, ffn.c_fc_bias, f, d, PLAIN);
      add_matrix (all, plan, a, &p->c_proj[e], ffn.c_proj_weight, ffn.c_proj_bias, d, f, OF_GELU);
    }
  }
  add_matrix (all, plan, CLIPMOE_ARITHMETIC_F32, &self->projection, plan->projection, NULL, plan->embed, d,
              TRANSPOSED);
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
      cm_matrix_pack (s->matrix, s->weights, s->row, s->column, s->bias, s->factors, first,
                      MIN (PANELS_A_TASK, s->matrix->panels - first));
      return;
    }
    i -= tasks;
  }
}

void
clipmoe_packed_source_pack (const ClipmoePackedSource *source, guint threads) {
  GArray *one = g_array_new (FALSE, FALSE, sizeof *source);
  g_array_append_val (one, *source);
  cm_pool_run (threads, (unsigned)cm_lines (source->matrix->panels, PANELS_A_TASK), pack_some, one);
  g_array_unref (one);
}

/* What is read as it is: copied, so that nothing else of the checkpoint need stay. */
typedef struct {
  const float **place, *from;
  gsize n;
} Vector;

/* n: rows * columns, or what no memory holds. */
static void
add_vector (GArray *all, const float **place, const float *from, gsize rows, gsize columns) {
  Vector v = {place, from, 0};
  if (__builtin_mul_overflow (rows, columns, &v.n))
    v.n = G_MAXSIZE;
  g_array_append_val (all, v);
}

static GArray *
list_vectors (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  const ClipmoeArchitecture *t = plan->tower;
  gsize d = t->width;
  GArray *all = g_array_new (FALSE, FALSE, sizeof (Vector));
  if (plan->first_in) {
    add_vector (all, &self->ln_pre_weight, plan->ln_pre_weight, 1, d);
    add_vector (all, &self->ln_pre_bias, plan->ln_pre_bias, 1, d);
  }
  for (guint i = 0; i < t->layers; i++) {
    const ClipmoeBlock from = block_of (plan, i);
    ClipmoeBlock *to = &self->blocks[i].block;
    add_vector (all, &to->ln_1_weight, from.ln_1_weight, 1, d);
    add_vector (all, &to->ln_1_bias, from.ln_1_bias, 1, d);
    add_vector (all, &to->ln_2_weight, from.ln_2_weight, 1, d);
    add_vector (all, &to->ln_2_bias, from.ln_2_bias, 1, d);
    if (t->experts[i])
      add_vector (all, &to->gate_weight, from.gate_weight, t->experts[i], d);
  }
  add_vector (all, &self->ln_post_weight, plan->ln_post_weight, 1, d);
  add_vector (all, &self->ln_post_bias, plan->ln_post_bias, 1, d);
  add_vector (all, &self->positions, plan->positions, plan->n_positions, d);
  add_vector (all, &self->embedding, plan->embedding, plan->n_embeddings, d);
  return all;
}

static gsize
vector_bytes (const Vector *v) {
  return (v->n * sizeof (float) + 63) / 64 * 64;
}

gsize
clipmoe_packed_tower_bytes (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  GArray *matrices = clipmoe_packed_tower_list (self, plan), *vectors = list_vectors (self, plan);
  gboolean ok = TRUE;
  gsize all = 0;
  for (guint i = 0; i < matrices->len && ok; i++) {
    const ClipmoePackedSource *s = &g_array_index (matrices, ClipmoePackedSource, i);
    gsize bytes = cm_matrix_bytes (s->format, s->out, s->in);
    ok = bytes && !__builtin_add_overflow (all, bytes, &all);
  }
  for (guint i = 0; i < vectors->len && ok; i++) {
    const Vector *v = &g_array_index (vectors, Vector, i);
    ok = v->n <= G_MAXSIZE / 8 && !__builtin_add_overflow (all, vector_bytes (v), &all);
  }
  g_array_unref (matrices);
  g_array_unref (vectors);
  return ok ? all : 0;
}

guint
clipmoe_packed_tower_count (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  GArray *matrices = clipmoe_packed_tower_list (self, plan);
  guint n = matrices->len;
  g_array_unref (matrices);
  return n;
}

void
clipmoe_packed_tower_formats (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan, guint8 *formats) {
  GArray *matrices = clipmoe_packed_tower_list (self, plan);
  for (guint i = 0; i < matrices->len; i++) {
    const ClipmoeGemm *f = g_array_index (matrices, ClipmoePackedSource, i).format;
    const ClipmoeGemm *g;
    formats[i] = CLIPMOE_ARITHMETIC_F32;
    while ((g = clipmoe_arithmetic_gemm (plan->kernels, formats[i])) != f && (!g || g->of_gelu != f))
      formats[i]++;
  }
  g_array_unref (matrices);
}

guint64
clipmoe_packed_tower_layout (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  GArray *matrices = clipmoe_packed_tower_list (self, plan);
  const ClipmoeKernels *k = plan->kernels;
  guint64 hash = matrices->len;
  for (guint i = 0; i < matrices->len; i++) {
    const ClipmoePackedSource *s = &g_array_index (matrices, ClipmoePackedSource, i);
    const guint64 numbers[] = {k->f32->layout,
                               k->half ? k->half->layout : 0,
                               k->int8 ? k->int8->layout : 0,
                               k->int8 && k->int8->of_gelu ? k->int8->of_gelu->layout : 0,
                               s->out,
                               s->in};
    hash = XXH3_64bits_withSeed (numbers, sizeof numbers, hash);
  }
  g_array_unref (matrices);
  return hash;
}

void
clipmoe_packed_tower_borrow_vectors (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  GArray *vectors = list_vectors (self, plan);
  for (guint i = 0; i < vectors->len; i++) {
    const Vector *v = &g_array_index (vectors, Vector, i);
    *v->place = v->from;
  }
  g_array_unref (vectors);
}

void
clipmoe_packed_tower_set_weights (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan, gpointer weights,
                                  gboolean pack) {
  GArray *matrices = clipmoe_packed_tower_list (self, plan), *vectors = list_vectors (self, plan);
  char *at = weights;
  guint tasks = 0;
  for (guint i = 0; i < matrices->len; i++) {
    const ClipmoePackedSource *s = &g_array_index (matrices, ClipmoePackedSource, i);
    cm_matrix_map (s->matrix, s->format, s->out, s->in, at);
    at += cm_matrix_bytes (s->format, s->out, s->in);
    tasks += (guint)cm_lines (s->matrix->panels, PANELS_A_TASK);
  }
  for (guint i = 0; i < vectors->len; i++) {
    const Vector *v = &g_array_index (vectors, Vector, i);
    *v->place = (const float *)at;
    if (pack)
      memcpy (at, v->from, v->n * sizeof (float));
    at += vector_bytes (v);
  }
  if (pack)
    cm_pool_run (plan->threads, tasks, pack_some,
                 matrices); /* panels of all matrices: threads end together */
  g_array_unref (matrices);
  g_array_unref (vectors);
}

typedef struct {
  char *base; /* NULL while sizes are added up */
  gsize at;
  gboolean overflow;
} Arena;

/* rows * n things of @each bytes. */
static gpointer
take (Arena *a, gsize rows, gsize n, gsize each) {
  gsize bytes, at = a->at;
  if (__builtin_mul_overflow (rows, n, &bytes) || __builtin_mul_overflow (bytes, each, &bytes) ||
      __builtin_add_overflow (bytes, 63, &bytes) || __builtin_add_overflow (at, bytes / 64 * 64, &a->at))
    a->overflow = TRUE;
  return a->base ? a->base + at : NULL;
}

static void
place (ClipmoePackedTower *self, Arena *a) {
  const ClipmoeArchitecture *t = self->tower;
  gsize n = self->rows, s = self->sequences, experts = MAX (clipmoe_architecture_most_experts (t), 1);
  self->z = take (a, n, self->width_lines, CM_LINE_BYTES);
  self->norm = take (a, n, self->width_lines, CM_LINE_BYTES);
  self->qkv = take (a, n, self->qkv_lines, CM_LINE_BYTES);
  self->mixed = take (a, n, self->width_lines, CM_LINE_BYTES);
  self->hidden = take (a, n, self->hidden_lines, CM_LINE_BYTES);
  self->last = take (a, s, self->width_lines, CM_LINE_BYTES);
  self->embedded = take (a, s, self->embed_lines, CM_LINE_BYTES);
  self->last_q = take (a, s, self->qkv_lines, CM_LINE_BYTES);
  self->act = take (a, n, self->act_lines, CM_LINE_BYTES);
  self->hidden_act = take (a, n, self->hidden_lines, CM_LINE_BYTES);
  self->act_scales = take (a, n, 1, sizeof (float));
  self->gates = take (a, n, experts, sizeof (float));
  self->factors = take (a, n, 1, sizeof (float));
  self->work = take (a, self->work_floats, self->threads, sizeof (float));
  self->offsets = take (a, n, 1, sizeof (gsize));
  self->strides = take (a, n, 1, sizeof (gsize));
  self->expert_offsets = take (a, n, 1, sizeof (gsize));
  self->expert_strides = take (a, n, 1, sizeof (gsize));
  self->chosen = take (a, n, 1, sizeof (guint));
  self->plan = take (a, s, 1, sizeof (ClipmoeSequence));
  self->tokens = take (a, s, self->n_positions, sizeof (guint));
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
clipmoe_packed_tower_init (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan) {
  const ClipmoeArchitecture *t = plan->tower;
  memset (self, 0, sizeof *self);
  self->tower = t;
  self->kernels = plan->kernels;
  self->threads = MAX (plan->threads, 1);
  self->rows = plan->rows;
  self->sequences = plan->sequences;
  self->n_positions = plan->n_positions;
  /* bf16 in it would change the minds of the routers behind it. int16 has units of all tokens, and those of a
   * text are not to know later ones: these are few, f32 does. */
  const ClipmoeGemm *attention = plan->kernels->attention;
  gboolean exact = attention && attention->weights == CM_I16;
  gboolean fast = plan->precision != CLIPMOE_PRECISION_F32 &&
                  (exact ? plan->first_in > 0 : !clipmoe_architecture_is_mixture (t));
  self->attention = cm_attention_format (plan->kernels, clipmoe_architecture_head_width (t), fast);
  self->blocks = g_new0 (ClipmoePackedBlock, t->layers);
  for (guint i = 0; i < t->layers; i++) {
    guint n = clipmoe_architecture_ffns (t, i);
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
  gsize work =
      MAX (cm_attention_floats (self->attention, MAX (plan->rows, 1), clipmoe_architecture_head_width (t)),
           CM_MAX_ROWS * self->act_lines * CM_LINE);
  self->work_floats = (work + CM_LINE - 1) / CM_LINE * CM_LINE;
  return scratch (self);
}

void
clipmoe_packed_tower_clear (ClipmoePackedTower *self) {
  for (guint i = 0; self->blocks && i < self->tower->layers; i++) {
    g_free (self->blocks[i].c_fc);
    g_free (self->blocks[i].c_proj);
  }
  g_free (self->blocks);
  if (self->scratch)
    munmap (self->scratch, self->n_scratch);
  memset (self, 0, sizeof *self);
}
