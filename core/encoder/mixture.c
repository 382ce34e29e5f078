#include "mixture.h"

#include <math.h>
#include "../kernels/pool.h"

/* One feed-forward layer: c_fc, the activation function, c_proj. scratch.act holds activations of the rows
 * for c_fc; results are added, times the row's factor, to the rows of z at @offsets and @strides. */
static void
ffn (ClipmoePackedTower *self, guint block, guint expert, const ClipmoeRows *rows, float *z,
     const gsize *offsets, const gsize *strides, const float *factors, const void *following) {
  const ClipmoeScratch *s = &self->scratch;
  guint c_fc_index = clipmoe_schema_matrix (self->schema, CLIPMOE_MATRIX_C_FC, block, expert),
        c_proj_index = clipmoe_schema_matrix (self->schema, CLIPMOE_MATRIX_C_PROJ, block, expert);
  const ClipmoePackedMatrix *c_fc = &self->matrices[c_fc_index], *c_proj = &self->matrices[c_proj_index];
  const ClipmoeGemm *gemm = c_proj->format;
  gboolean plain = gemm->plain, at_once = cm_packs_at_once (c_fc->format, gemm);
  ClipmoeProduct up = {.matrix = c_fc,
                       .rows = *rows,
                       .a = s->act,
                       .a_lines = s->act_lines,
                       .a_scales = s->act_scales,
                       .result = self->arch->activation == CLIPMOE_ACTIVATION_GELU ? CM_GELU : CM_QUICK_GELU,
                       .out = s->hidden,
                       .out_lines = s->hidden_lines,
                       .packed = plain || !at_once ? NULL : s->hidden_act,
                       .packed_lines = s->hidden_lines,
                       .packed_as = gemm,
                       .following = c_proj->weights};
  clipmoe_packed_tower_observe (self, c_fc_index, &up);
  cm_product_run (self->kernels, self->threads, &up);
  if (!plain && !at_once)
    clipmoe_packed_tower_convert (self, rows, self->arch->ffn_width, s->hidden, s->hidden_lines, c_proj,
                                  s->hidden_act, s->hidden_lines);
  ClipmoeProduct down = {.matrix = c_proj,
                         .rows = *rows,
                         .a = plain ? (gconstpointer)s->hidden : s->hidden_act,
                         .a_lines = s->hidden_lines,
                         .a_scales = s->act_scales,
                         .result = CM_ADD,
                         .out = z,
                         .offsets = offsets,
                         .strides = strides,
                         .factors = factors,
                         .following = following};
  clipmoe_packed_tower_observe (self, c_proj_index, &down);
  cm_product_run (self->kernels, self->threads, &down);
}

/* Of one row's logits: softmax over all @n experts, the @k best (lowest index wins a tie), their weights
 * brought to sum 1. */
static void
route (float *gates, guint n, guint k) {
  /* exp of so few numbers is libm's: the same on every tier */
  float top = gates[0], sum = 0, kept = 0;
  for (guint e = 1; e < n; e++)
    top = MAX (top, gates[e]);
  for (guint e = 0; e < n; e++)
    sum += gates[e] = expf (gates[e] - top);
  for (guint e = 0; e < n; e++)
    gates[e] /= sum;
  for (guint drop = n; drop > k; drop--) { /* take away the smallest, the last one of equals */
    guint worst = n;
    for (guint e = n; e-- > 0;)
      if (gates[e] != -1 && (worst == n || gates[e] < gates[worst]))
        worst = e;
    gates[worst] = -1; /* one of the n, whatever they hold: NaN is not -1 */
  }
  for (guint e = 0; e < n; e++)
    if (gates[e] != -1)
      kept += gates[e];
  for (guint e = 0; e < n; e++)
    gates[e] = gates[e] < 0 ? 0 : gates[e] / kept;
}

typedef struct {
  const ClipmoePackedTower *tower;
  guint experts;
  const float *gate, *weight, *bias; /* the router's weights; of the layer norm before it */
  const ClipmoeRows *rows;           /* of all tokens, or of one expert's */
  const float *z;
  const ClipmoePackedMatrix *matrix; /* of the expert */
} Routing;

/* scratch.norm holds rows one after the other. */
static void
route_tile (void *data, unsigned thread, unsigned i, unsigned next) {
  const Routing *r = data;
  const ClipmoePackedTower *t = r->tower;
  const ClipmoeScratch *s = &t->scratch;
  gsize first = cm_tile_first (r->rows, i), width = t->arch->width;
  unsigned rows = cm_tile_rows (r->rows, i);
  for (gsize row = first; row < first + rows; row++) {
    float *x = s->norm + row * s->width_lines * CM_LINE, *gates = s->gates + row * r->experts;
    t->kernels->layer_norm (width, r->z + (first * s->width_lines + (row - first)) * CM_LINE,
                            (gsize)rows * CM_LINE, r->weight, r->bias, t->arch->eps, x, CM_LINE);
    for (guint e = 0; e < r->experts; e++)
      gates[e] = t->kernels->dot (width, r->gate + e * width, x);
    if (!t->trace)
      route (gates, r->experts, MIN (t->arch->top_k, r->experts));
  }
}

static void
gather_tile (void *data, unsigned thread, unsigned i, unsigned next) {
  const Routing *r = data;
  const ClipmoeScratch *s = &r->tower->scratch;
  gsize first = cm_tile_first (r->rows, i);
  unsigned rows = cm_tile_rows (r->rows, i);
  char *to = (char *)s->act + first * s->act_lines * CM_LINE_BYTES;
  for (unsigned row = 0; row < rows; row++)
    r->matrix->format->pack (1, r->tower->arch->width,
                             s->norm + s->chosen[first + row] * s->width_lines * CM_LINE, CM_LINE, CM_LINE,
                             r->matrix->factors, to + (gsize)row * CM_LINE_BYTES, (gsize)rows * CM_LINE_BYTES,
                             s->act_scales + first + row);
}

/* How many of @n rows use expert @e. */
static guint
count (const float *gates, guint experts, guint e, gsize n) {
  guint rows = 0;
  for (gsize i = 0; i < n; i++)
    rows += gates[i * experts + e] != 0; /* NaN too: it must reach the result and be refused */
  return rows;
}

static void
mixture (ClipmoePackedTower *self, guint block, const ClipmoeRows *all, float *z, const void *following) {
  const ClipmoeScratch *s = &self->scratch;
  guint experts = self->arch->experts[block];
  Routing r = {.tower = self,
               .experts = experts,
               .gate = clipmoe_packed_tower_vector (self, CLIPMOE_VECTOR_GATE, block),
               .weight = clipmoe_packed_tower_vector (self, CLIPMOE_VECTOR_LN_2_WEIGHT, block),
               .bias = clipmoe_packed_tower_vector (self, CLIPMOE_VECTOR_LN_2_BIAS, block),
               .rows = all,
               .z = z};
  cm_pool_run (self->threads, all->tiles, route_tile, &r);
  if (self->trace) {
    self->trace (self->trace_data, "router", (int)block, s->gates, (guint)all->n, experts, experts);
    for (gsize i = 0; i < all->n; i++)
      route (s->gates + i * experts, experts, MIN (self->arch->top_k, experts));
    self->trace (self->trace_data, "gates", (int)block, s->gates, (guint)all->n, experts, experts);
  }
  for (guint e = 0; e < experts; e++) {
    guint n = 0;
    for (guint i = 0; i < all->n; i++)
      if (s->gates[(gsize)i * experts + e] != 0) {
        s->factors[n] = s->gates[(gsize)i * experts + e];
        s->expert_offsets[n] = s->offsets[i];
        s->expert_strides[n] = s->strides[i];
        s->chosen[n++] = i;
      }
    if (!n)
      continue;
    const void *next = following;
    for (guint other = experts - 1; other > e; other--)
      if (count (s->gates, experts, other, all->n))
        next = clipmoe_packed_tower_matrix (self, CLIPMOE_MATRIX_C_FC, block, other)->weights;
    ClipmoeRows rows = clipmoe_packed_tower_rows (self, n);
    r.rows = &rows;
    r.matrix = clipmoe_packed_tower_matrix (self, CLIPMOE_MATRIX_C_FC, block, e);
    cm_pool_run (self->threads, rows.tiles, gather_tile, &r);
    ffn (self, block, e, &rows, z, s->expert_offsets, s->expert_strides, s->factors, next);
  }
}

void
clipmoe_packed_tower_feed_forward (ClipmoePackedTower *self, guint block, const ClipmoeRows *rows, float *z,
                                   const void *following) {
  if (self->arch->experts[block]) {
    mixture (self, block, rows, z, following);
    return;
  }
  clipmoe_packed_tower_norm (self, rows, z,
                             clipmoe_packed_tower_vector (self, CLIPMOE_VECTOR_LN_2_WEIGHT, block),
                             clipmoe_packed_tower_vector (self, CLIPMOE_VECTOR_LN_2_BIAS, block),
                             clipmoe_packed_tower_matrix (self, CLIPMOE_MATRIX_C_FC, block, 0));
  ffn (self, block, 0, rows, z, self->scratch.offsets, self->scratch.strides, NULL, following);
}
