#include "block.h"

#include <string.h>
#include "../kernels/attention.h"
#include "../kernels/pool.h"
#include "mixture.h"

typedef struct {
  const ClipmoePackedTower *tower;
  const ClipmoeRows *rows, *pooled; /* pooled: only those rows are computed */
} Attention;

static void
attention_head (void *data, unsigned thread, unsigned i, unsigned next) {
  const Attention *a = data;
  const ClipmoePackedTower *t = a->tower;
  const ClipmoeScratch *s = &t->scratch;
  guint heads = t->arch->heads, sequence = i / heads;
  const ClipmoeSequence *of = &s->sequences[sequence];
  gsize width = t->arch->width, d = width / heads, column = i % heads * d;
  ClipmoeAttention run = {
      .format = t->attention,
      .d = d,
      .k = {*a->rows, s->qkv, s->qkv_lines, width + column},
      .v = {*a->rows, s->qkv, s->qkv_lines, 2 * width + column},
      .tokens = of->tokens,
      .n = of->n_before + of->n,
      .causal = t->arch->causal,
      .scratch = s->work + thread * s->work_floats,
  };
  if (a->pooled) {
    run.q = (ClipmoeHeads){*a->pooled, s->last_q, s->qkv_lines, column};
    run.o = (ClipmoeHeads){*a->pooled, s->mixed, s->width_lines, column};
    run.q_first = sequence;
    run.n_q = 1;
    run.position = run.n - 1;
  } else {
    run.q = (ClipmoeHeads){*a->rows, s->qkv, s->qkv_lines, column};
    run.o = (ClipmoeHeads){*a->rows, s->mixed, s->width_lines, column};
    run.q_first = of->first;
    run.n_q = of->n;
    run.position = of->n_before;
  }
  cm_attention_run (t->kernels, &run);
}

static void
copy_row (float *to, const ClipmoeRows *to_rows, gsize at, const float *from, const ClipmoeRows *from_rows,
          gsize row, gsize lines) {
  gsize to_stride, from_stride;
  to += cm_row_at (to_rows, at, lines, &to_stride) * CM_LINE;
  from += cm_row_at (from_rows, row, lines, &from_stride) * CM_LINE;
  for (gsize l = 0; l < lines; l++)
    memcpy (to + l * to_stride * CM_LINE, from + l * from_stride * CM_LINE, CM_LINE_BYTES);
}

/* One block over all rows; or, as the last one, over pooled rows with the keys and values of all. */
static void
run_block (ClipmoePackedTower *self, guint l, const ClipmoeRows *all, guint n_sequences,
           const ClipmoeRows *pooled) {
  const ClipmoeSchema *schema = self->schema;
  const ClipmoeArchitecture *arch = self->arch;
  const ClipmoeScratch *s = &self->scratch;
  const ClipmoeRows *rows = pooled ? pooled : all;
  float *z = pooled ? s->last : s->z;
  if (self->observer) /* it may map other weights, before they are looked at */
    self->observer->block (self->observer->block_data, l);
  guint in_index = clipmoe_schema_matrix (schema, CLIPMOE_MATRIX_IN_PROJ, l, 0),
        out_index = clipmoe_schema_matrix (schema, CLIPMOE_MATRIX_OUT_PROJ, l, 0);
  const ClipmoePackedMatrix *in_proj = &self->matrices[in_index], *out_proj = &self->matrices[out_index];
  const float *weight = clipmoe_packed_tower_vector (self, CLIPMOE_VECTOR_LN_1_WEIGHT, l),
              *bias = clipmoe_packed_tower_vector (self, CLIPMOE_VECTOR_LN_1_BIAS, l);
  gsize columns = in_proj->format->columns;
  clipmoe_packed_tower_norm (self, all, s->z, weight, bias, in_proj);
  ClipmoeProduct in = {.matrix = in_proj,
                       .first_panel = pooled ? arch->width / columns : 0, /* queries are not wanted */
                       .last_panel = in_proj->panels,
                       .rows = *all,
                       .a = s->act,
                       .a_lines = s->act_lines,
                       .a_scales = s->act_scales,
                       .result = CM_STORE,
                       .out = s->qkv,
                       .out_lines = s->qkv_lines,
                       .packed = self->attention->plain || self->attention->round ? NULL : s->qkv,
                       .packed_lines = s->qkv_lines,
                       .packed_as = self->attention,
                       .following = pooled ? in_proj->weights : out_proj->weights};
  clipmoe_packed_tower_observe (self, in_index, &in);
  cm_product_run (self->kernels, self->threads, &in);
  if (pooled) {
    clipmoe_packed_tower_norm (self, pooled, s->last, weight, bias, in_proj);
    in.first_panel = 0;
    in.last_panel = cm_lines (arch->width, columns);
    in.rows = *pooled;
    in.out = s->last_q;
    in.packed = in.packed ? s->last_q : NULL;
    in.following = out_proj->weights;
    cm_product_run (self->kernels, self->threads, &in);
  }
  Attention attention = {self, all, pooled};
  cm_pool_run (self->threads, n_sequences * arch->heads, attention_head, &attention);
  gconstpointer a = s->mixed;
  gsize a_lines = s->width_lines;
  if (!out_proj->format->plain) {
    clipmoe_packed_tower_convert (self, rows, arch->width, s->mixed, s->width_lines, out_proj, s->act,
                                  s->act_lines);
    a = s->act;
    a_lines = s->act_lines;
  }
  if (pooled)
    clipmoe_packed_tower_places (self, (guint)pooled->n, s->offsets, s->strides);
  ClipmoeProduct out = {.matrix = out_proj,
                        .rows = *rows,
                        .a = a,
                        .a_lines = a_lines,
                        .a_scales = s->act_scales,
                        .result = CM_ADD,
                        .out = z,
                        .offsets = s->offsets,
                        .strides = s->strides,
                        .following = clipmoe_packed_tower_matrix (self, CLIPMOE_MATRIX_C_FC, l, 0)->weights};
  clipmoe_packed_tower_observe (self, out_index, &out);
  cm_product_run (self->kernels, self->threads, &out);
  clipmoe_packed_tower_trace (self, "attention", (int)l, rows, z, s->width_lines, arch->width);
  /* the matrices of the next block, or the projection, stand behind this block's */
  guint next = in_index + clipmoe_schema_block_matrices (schema, l);
  clipmoe_packed_tower_feed_forward (self, l, rows, z, self->matrices[next].weights);
  clipmoe_packed_tower_trace (self, "block", (int)l, rows, z, s->width_lines, arch->width);
}

void
clipmoe_packed_tower_run_blocks (ClipmoePackedTower *self, guint n, guint n_sequences, guint blocks) {
  ClipmoeRows all = clipmoe_packed_tower_rows (self, n);
  self->n_pooled = 0;
  clipmoe_packed_tower_places (self, n, self->scratch.offsets, self->scratch.strides);
  for (guint l = 0; l < blocks; l++)
    run_block (self, l, &all, n_sequences, NULL);
}

void
clipmoe_packed_tower_run (ClipmoePackedTower *self, guint n, guint n_sequences) {
  const ClipmoeScratch *scratch = &self->scratch;
  guint layers = self->arch->layers;
  /* an observer sees all rows of the last block, too; there is no result */
  clipmoe_packed_tower_run_blocks (self, n, n_sequences, self->observer ? layers : layers - 1);
  if (self->observer)
    return;
  self->n_pooled = n_sequences;
  ClipmoeRows all = clipmoe_packed_tower_rows (self, n),
              pooled = clipmoe_packed_tower_rows (self, n_sequences);
  for (guint i = 0; i < n_sequences; i++)
    copy_row (scratch->last, &pooled, i, scratch->z, &all, scratch->sequences[i].pooled,
              scratch->width_lines);
  run_block (self, layers - 1, &all, n_sequences, &pooled);
}

void
clipmoe_packed_tower_project (ClipmoePackedTower *self, const void *following) {
  const ClipmoeScratch *s = &self->scratch;
  const ClipmoePackedMatrix *projection = clipmoe_packed_tower_matrix (self, CLIPMOE_MATRIX_PROJECTION, 0, 0);
  ClipmoeRows rows = clipmoe_packed_tower_rows (self, self->n_pooled);
  clipmoe_packed_tower_norm (self, &rows, s->last,
                             clipmoe_packed_tower_vector (self, CLIPMOE_VECTOR_LN_POST_WEIGHT, 0),
                             clipmoe_packed_tower_vector (self, CLIPMOE_VECTOR_LN_POST_BIAS, 0), projection);
  ClipmoeProduct project = {.matrix = projection,
                            .rows = rows,
                            .a = s->act,
                            .a_lines = s->act_lines,
                            .result = CM_STORE,
                            .out = s->embedded,
                            .out_lines = s->embed_lines,
                            .following = following};
  clipmoe_packed_tower_trace (self, "norm", -1, &rows, s->act, s->act_lines, self->arch->width);
  cm_product_run (self->kernels, self->threads, &project);
  clipmoe_packed_tower_trace (self, "embedding", -1, &rows, s->embedded, s->embed_lines,
                              (guint)projection->out);
}
