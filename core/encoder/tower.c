#include "tower.h"

#include <string.h>
#include "../kernels/attention.h"
#include "../kernels/pool.h"

/* bf16 attention would change what the routers behind it choose. int16's units are of all tokens, and those
 * of a causal tower must not depend on later ones; texts are short, so they run in f32. */
static const ClipmoeGemm *
attention_gemm (const ClipmoeSchema *schema) {
  const ClipmoeArchitecture *a = schema->arch;
  const ClipmoeGemm *best = schema->kernels->attention;
  gboolean exact = best && best->weights == CM_I16;
  gboolean fast = schema->precision != CLIPMOE_PRECISION_F32 &&
                  (exact ? !a->causal : !clipmoe_architecture_is_mixture (a));
  return cm_attention_format (schema->kernels, clipmoe_architecture_head_width (a), fast);
}

gboolean
clipmoe_packed_tower_init (ClipmoePackedTower *self, const ClipmoeSchema *schema, guint threads, guint rows,
                           guint sequences) {
  const ClipmoeArchitecture *a = schema->arch;
  *self = (ClipmoePackedTower){.schema = schema,
                               .arch = a,
                               .kernels = schema->kernels,
                               .threads = MAX (threads, 1),
                               .attention = attention_gemm (schema)};
  self->matrices = g_new0 (ClipmoePackedMatrix, schema->n_matrices);
  self->vectors = g_new0 (const float *, schema->n_vectors);
  ClipmoeScratchSizes sizes = {.threads = self->threads,
                               .rows = rows,
                               .sequences = sequences,
                               .tokens = clipmoe_architecture_tokens (a),
                               .width = a->width,
                               .hidden = a->ffn_width,
                               .embed = a->embed,
                               .patch = clipmoe_architecture_patch_length (a),
                               .experts = MAX (clipmoe_architecture_most_experts (a), 1),
                               .attention = self->attention,
                               .heads = a->heads};
  return clipmoe_scratch_init (&self->scratch, &sizes);
}

void
clipmoe_packed_tower_clear (ClipmoePackedTower *self) {
  clipmoe_scratch_clear (&self->scratch);
  g_free (self->matrices);
  g_free (self->vectors);
  *self = (ClipmoePackedTower){0};
}

void
clipmoe_packed_tower_set_weights (ClipmoePackedTower *self, gconstpointer weights) {
  const ClipmoeSchema *schema = self->schema;
  for (guint i = 0; i < schema->n_matrices; i++) {
    const ClipmoeMatrixEntry *e = &schema->matrices[i];
    cm_matrix_map (&self->matrices[i], e->gemm, e->out, e->in, (char *)weights + e->place);
  }
  for (guint i = 0; i < schema->n_vectors; i++)
    self->vectors[i] = (const float *)((const char *)weights + schema->vectors[i].place);
}

void
clipmoe_packed_tower_trace (const ClipmoePackedTower *self, const char *stage, int block,
                            const ClipmoeRows *rows, const float *x, gsize lines, guint columns) {
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
clipmoe_packed_tower_places (const ClipmoePackedTower *self, guint n, gsize *offsets, gsize *strides) {
  ClipmoeRows rows = clipmoe_packed_tower_rows (self, n);
  for (guint i = 0; i < n; i++) {
    offsets[i] = cm_row_at (&rows, i, self->scratch.width_lines, &strides[i]) * CM_LINE;
    strides[i] *= CM_LINE;
  }
}

typedef struct {
  const ClipmoePackedTower *tower;
  const ClipmoeRows *rows;
  const float *x, *weight, *bias; /* no weight: no layer norm */
  gsize x_lines, n;
  const ClipmoePackedMatrix *matrix; /* that will multiply them */
  gpointer to;
  gsize to_lines;
} Conversion;

static void
convert_tile (void *data, unsigned thread, unsigned i, unsigned next) {
  const Conversion *c = data;
  const ClipmoePackedTower *t = c->tower;
  gsize first = cm_tile_first (c->rows, i), n = c->n;
  unsigned rows = cm_tile_rows (c->rows, i);
  gsize stride = (gsize)rows * CM_LINE;
  const float *x = c->x + first * c->x_lines * CM_LINE;
  char *to = (char *)c->to + first * c->to_lines * CM_LINE_BYTES;
  const ClipmoeGemm *gemm = c->matrix->format;
  if (!c->weight) {
    gemm->pack (rows, n, x, CM_LINE, stride, c->matrix->factors, to, (gsize)rows * CM_LINE_BYTES,
                t->scratch.act_scales + first);
    return;
  }
  float *normed = t->scratch.work + thread * t->scratch.work_floats; /* one row, which stays in L1 */
  for (unsigned r = 0; r < rows; r++) {
    float *out = gemm->plain ? (float *)to + (gsize)r * CM_LINE : normed;
    t->kernels->layer_norm (n, x + (gsize)r * CM_LINE, stride, c->weight, c->bias, t->arch->eps, out,
                            gemm->plain ? stride : CM_LINE);
    if (!gemm->plain)
      gemm->pack (1, n, normed, CM_LINE, CM_LINE, c->matrix->factors, to + (gsize)r * CM_LINE_BYTES,
                  (gsize)rows * CM_LINE_BYTES, t->scratch.act_scales + first + r);
  }
}

void
clipmoe_packed_tower_norm (ClipmoePackedTower *self, const ClipmoeRows *rows, const float *z,
                           const float *weight, const float *bias, const ClipmoePackedMatrix *matrix) {
  const ClipmoeScratch *s = &self->scratch;
  Conversion c = {self,   rows,   z,           weight, bias, s->width_lines, self->arch->width,
                  matrix, s->act, s->act_lines};
  cm_pool_run (self->threads, rows->tiles, convert_tile, &c);
}

void
clipmoe_packed_tower_convert (ClipmoePackedTower *self, const ClipmoeRows *rows, gsize n, const float *x,
                              gsize x_lines, const ClipmoePackedMatrix *matrix, gpointer to, gsize lines) {
  Conversion c = {self, rows, x, NULL, NULL, x_lines, n, matrix, to, lines};
  cm_pool_run (self->threads, rows->tiles, convert_tile, &c);
}
