/* The transformer of either tower: layer norm, attention, layer norm, feed-forward layer or mixture of
 * experts. */
#include "tower.h"

#include <string.h>
#include "../kernels/attention.h"
#include "../kernels/pool.h"

void
clipmoe_tower_trace (const ClipmoePackedTower *self, const char *stage, int block, const ClipmoeRows *rows,
                     const float *x, gsize lines, guint columns) {
  if (!self->trace)
    return;
  gsize stride;
  float *plain = g_new (float, rows->n *columns);
  for (gsize i = 0; i < rows->n; i++) {
    const float *from = x + cm_row_at (rows, i, lines, &stride) * CM_LINE;
    for (gsize c = 0; c < columns; c++)
      plain[i * columns + c] = from[c / CM_LINE * stride * CM_LINE + c % CM_LINE];
  }
  self->trace (self->trace_data, stage, block, plain, (guint)rows->n, columns, columns);
  g_free (plain);
}

void
clipmoe_tower_places (const ClipmoePackedTower *self, guint n, gsize *offsets, gsize *strides) {
  ClipmoeRows rows = clipmoe_tower_rows (self, n);
  for (guint i = 0; i < n; i++) {
    offsets[i] = cm_row_at (&rows, i, self->width_lines, &strides[i]) * CM_LINE;
    strides[i] *= CM_LINE;
  }
}

typedef struct {
  ClipmoePackedTower *tower;
  const ClipmoeRows *rows;
  const float *x, *weight, *bias; /* no weight: packed as it is */
  gsize x_lines, n;
  const ClipmoePackedMatrix *matrix; /* that will multiply them */
  gpointer to;
  gsize to_lines;
} Packing;

static void
pack_tile (void *data, unsigned thread, unsigned i, unsigned next) {
  const Packing *p = data;
  const ClipmoePackedTower *t = p->tower;
  gsize first = cm_tile_first (p->rows, i), n = p->n;
  unsigned rows = cm_tile_rows (p->rows, i);
  gsize stride = (gsize)rows * CM_LINE;
  const float *x = p->x + first * p->x_lines * CM_LINE;
  char *to = (char *)p->to + first * p->to_lines * CM_LINE_BYTES;
  const ClipmoeGemm *f = p->matrix->format;
  if (!p->weight) {
    f->pack (rows, n, x, CM_LINE, stride, p->matrix->factors, to, (gsize)rows * CM_LINE_BYTES,
             t->act_scales + first);
    return;
  }
  float *normed = t->work + thread * t->work_floats; /* one row, which stays in L1 */
  for (unsigned r = 0; r < rows; r++) {
    float *out = f->plain ? (float *)to + r * CM_LINE : normed;
    t->kernels->layer_norm (n, x + r * CM_LINE, stride, p->weight, p->bias, t->tower->eps, out,
                            f->plain ? stride : CM_LINE);
    if (!f->plain)
      f->pack (1, n, normed, CM_LINE, CM_LINE, p->matrix->factors, to + r * CM_LINE_BYTES,
               (gsize)rows * CM_LINE_BYTES, t->act_scales + first + r);
  }
}

void
clipmoe_tower_norm (ClipmoePackedTower *self, const ClipmoeRows *rows, const float *z, const float *weight,
                    const float *bias, const ClipmoePackedMatrix *matrix) {
  Packing p = {self,      rows,           z, weight, bias, self->width_lines, self->tower->width, matrix,
               self->act, self->act_lines};
  cm_pool_run (self->threads, rows->tiles, pack_tile, &p);
}

void
clipmoe_tower_pack (ClipmoePackedTower *self, const ClipmoeRows *rows, gsize n, const float *x, gsize x_lines,
                    const ClipmoePackedMatrix *matrix, gpointer to, gsize lines) {
  Packing p = {self, rows, x, NULL, NULL, x_lines, n, matrix, to, lines};
  cm_pool_run (self->threads, rows->tiles, pack_tile, &p);
}

typedef struct {
  ClipmoePackedTower *tower;
  const ClipmoeRows *rows, *pooled; /* pooled: only those rows are worked out */
} Attention;

static void
attention_head (void *data, unsigned thread, unsigned i, unsigned next) {
  const Attention *a = data;
  const ClipmoePackedTower *t = a->tower;
  guint heads = t->tower->heads;
  const ClipmoeSequence *s = &t->plan[i / heads];
  gsize width = t->tower->width, d = width / heads, column = i % heads * d;
  ClipmoeAttention run = {
      .format = t->attention,
      .d = d,
      .k = {*a->rows, t->qkv, t->qkv_lines, width + column},
      .v = {*a->rows, t->qkv, t->qkv_lines, 2 * width + column},
      .tokens = s->tokens,
      .n = s->n_before + s->n,
      .causal = t->tower->causal,
      .scratch = t->work + thread * t->work_floats,
  };
  if (a->pooled) {
    run.q = (ClipmoeHeads){*a->pooled, t->last_q, t->qkv_lines, column};
    run.o = (ClipmoeHeads){*a->pooled, t->mixed, t->width_lines, column};
    run.q_first = i / heads;
    run.n_q = 1;
    run.position = run.n - 1;
  } else {
    run.q = (ClipmoeHeads){*a->rows, t->qkv, t->qkv_lines, column};
    run.o = (ClipmoeHeads){*a->rows, t->mixed, t->width_lines, column};
    run.q_first = s->first;
    run.n_q = s->n;
    run.position = s->n_before;
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
  const ClipmoeArchitecture *tower = self->tower;
  ClipmoePackedBlock *p = &self->blocks[l];
  const ClipmoeBlock *b = &p->block;
  const ClipmoeRows *rows = pooled ? pooled : all;
  float *z = pooled ? self->last : self->z;
  if (self->observer) /* before formats are looked at */
    self->observer->block (self->observer->data, l);
  const ClipmoeGemm *f = p->in_proj.format;
  clipmoe_tower_norm (self, all, self->z, b->ln_1_weight, b->ln_1_bias, &p->in_proj);
  ClipmoeProduct in = {.matrix = &p->in_proj,
                       .first_panel = pooled ? tower->width / f->columns : 0, /* queries are not wanted */
                       .last_panel = p->in_proj.panels,
                       .rows = *all,
                       .a = self->act,
                       .a_lines = self->act_lines,
                       .a_scales = self->act_scales,
                       .result = CM_STORE,
                       .out = self->qkv,
                       .out_lines = self->qkv_lines,
                       .packed = self->attention->plain || self->attention->round ? NULL : self->qkv,
                       .packed_lines = self->qkv_lines,
                       .packed_as = self->attention,
                       .following = pooled ? p->in_proj.weights : p->out_proj.weights};
  clipmoe_tower_observe (self, &in);
  cm_product_run (self->kernels, self->threads, &in);
  if (pooled) {
    clipmoe_tower_norm (self, pooled, self->last, b->ln_1_weight, b->ln_1_bias, &p->in_proj);
    in.first_panel = 0;
    in.last_panel = cm_lines (tower->width, f->columns);
    in.rows = *pooled;
    in.out = self->last_q;
    in.packed = in.packed ? self->last_q : NULL;
    in.following = p->out_proj.weights;
    cm_product_run (self->kernels, self->threads, &in);
  }
  Attention attention = {self, all, pooled};
  cm_pool_run (self->threads, n_sequences * tower->heads, attention_head, &attention);
  gconstpointer a = self->mixed;
  gsize a_lines = self->width_lines;
  f = p->out_proj.format;
  if (!f->plain) {
    clipmoe_tower_pack (self, rows, tower->width, self->mixed, self->width_lines, &p->out_proj, self->act,
                        self->act_lines);
    a = self->act;
    a_lines = self->act_lines;
  }
  if (pooled)
    clipmoe_tower_places (self, (guint)pooled->n, self->offsets, self->strides);
  ClipmoeProduct out = {.matrix = &p->out_proj,
                        .rows = *rows,
                        .a = a,
                        .a_lines = a_lines,
                        .a_scales = self->act_scales,
                        .result = CM_ADD,
                        .out = z,
                        .offsets = self->offsets,
                        .strides = self->strides,
                        .following = clipmoe_tower_feed_forward_first (self, l)};
  clipmoe_tower_observe (self, &out);
  cm_product_run (self->kernels, self->threads, &out);
  clipmoe_tower_trace (self, "attention", (int)l, rows, z, self->width_lines, tower->width);
  clipmoe_tower_feed_forward (self, l, rows, z,
                              l + 1 < tower->layers ? self->blocks[l + 1].in_proj.weights
                                                    : self->projection.weights);
  clipmoe_tower_trace (self, "block", (int)l, rows, z, self->width_lines, tower->width);
}

void
clipmoe_packed_tower_run (ClipmoePackedTower *self, guint n, guint n_sequences) {
  ClipmoeRows all = clipmoe_tower_rows (self, n);
  guint layers = self->tower->layers;
  self->n_pooled = 0;
  if (self->observer) { /* it wants to see all rows of the last block, too; there is no result */
    for (guint l = 0; l < layers; l++)
      run_block (self, l, &all, n_sequences, NULL);
    return;
  }
  clipmoe_tower_places (self, n, self->offsets, self->strides);
  for (guint l = 0; l + 1 < layers; l++)
    run_block (self, l, &all, n_sequences, NULL);
  self->n_pooled = n_sequences;
  ClipmoeRows pooled = clipmoe_tower_rows (self, n_sequences);
  for (guint s = 0; s < n_sequences; s++)
    copy_row (self->last, &pooled, s, self->z, &all, self->plan[s].pooled, self->width_lines);
  run_block (self, layers - 1, &all, n_sequences, &pooled);
}

void
clipmoe_packed_tower_project (ClipmoePackedTower *self, const float *weight, const float *bias,
                              const void *following) {
  ClipmoeRows rows = clipmoe_tower_rows (self, self->n_pooled);
  clipmoe_tower_norm (self, &rows, self->last, weight, bias, &self->projection);
  ClipmoeProduct project = {.matrix = &self->projection,
                            .rows = rows,
                            .a = self->act,
                            .a_lines = self->act_lines,
                            .result = CM_STORE,
                            .out = self->embedded,
                            .out_lines = self->embed_lines,
                            .following = following};
  clipmoe_tower_trace (self, "norm", -1, &rows, self->act, self->act_lines, self->tower->width);
  cm_product_run (self->kernels, self->threads, &project);
  clipmoe_tower_trace (self, "embedding", -1, &rows, self->embedded, self->embed_lines,
                       (guint)self->projection.out);
}
