/* The feed-forward layer of a block: one for all rows, or experts among which a router chooses for each. */
#include <math.h>
#include <string.h>
#include "../kernels/pool.h"
#include "tower.h"

/* c_fc, activation, c_proj; @a: activations of the rows in c_fc's format; rows end where places say. */
static void
ffn (ClipmoePackedTower *self, const ClipmoePackedMatrix *c_fc, const ClipmoePackedMatrix *c_proj,
     const ClipmoeRows *rows, float *z, const gsize *offsets, const gsize *strides, const float *factors,
     const void *following) {
  const ClipmoeGemm *f = c_proj->format;
  gboolean plain = f->plain, at_once = cm_packs_at_once (c_fc->format, f);
  ClipmoeProduct up = {.matrix = c_fc,
                       .rows = *rows,
                       .a = self->act,
                       .a_lines = self->act_lines,
                       .a_scales = self->act_scales,
                       .result = self->tower->activation == CLIPMOE_ACTIVATION_GELU ? CM_GELU : CM_QUICK_GELU,
                       .out = self->hidden,
                       .out_lines = self->hidden_lines,
                       .packed = plain || !at_once ? NULL : self->hidden_act,
                       .packed_lines = self->hidden_lines,
                       .packed_as = f,
                       .following = c_proj->weights};
  clipmoe_tower_observe (self, &up);
  cm_product_run (self->kernels, self->threads, &up);
  if (!plain && !at_once)
    clipmoe_tower_pack (self, rows, self->tower->ffn_width, self->hidden, self->hidden_lines, c_proj,
                        self->hidden_act, self->hidden_lines);
  ClipmoeProduct down = {.matrix = c_proj,
                         .rows = *rows,
                         .a = plain ? (gconstpointer)self->hidden : self->hidden_act,
                         .a_lines = self->hidden_lines,
                         .a_scales = self->act_scales,
                         .result = CM_ADD,
                         .out = z,
                         .offsets = offsets,
                         .strides = strides,
                         .factors = factors,
                         .following = following};
  clipmoe_tower_observe (self, &down);
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
  ClipmoePackedTower *tower;
  const ClipmoeBlock *block;
  guint experts;
  const ClipmoeRows *rows; /* of all tokens, or of one expert's */
  const float *z;
  const ClipmoePackedMatrix *matrix;
} Routing;

/* self->norm holds rows one after the other. */
static void
route_tile (void *data, unsigned thread, unsigned i, unsigned next) {
  const Routing *r = data;
  ClipmoePackedTower *t = r->tower;
  const ClipmoeBlock *b = r->block;
  gsize first = cm_tile_first (r->rows, i);
  unsigned rows = cm_tile_rows (r->rows, i);
  for (gsize row = first; row < first + rows; row++) {
    float *x = t->norm + row * t->width_lines * CM_LINE;
    t->kernels->layer_norm (t->tower->width, r->z + (first * t->width_lines + (row - first)) * CM_LINE,
                            (gsize)rows * CM_LINE, b->ln_2_weight, b->ln_2_bias, t->tower->eps, x, CM_LINE);
    for (guint e = 0; e < r->experts; e++)
      t->gates[row * r->experts + e] =
          t->kernels->dot (t->tower->width, b->gate_weight + (gsize)e * t->tower->width, x);
    if (!t->trace)
      route (t->gates + row * r->experts, r->experts, MIN (t->tower->top_k, r->experts));
  }
}

static void
gather_tile (void *data, unsigned thread, unsigned i, unsigned next) {
  const Routing *r = data;
  ClipmoePackedTower *t = r->tower;
  gsize first = cm_tile_first (r->rows, i);
  unsigned rows = cm_tile_rows (r->rows, i);
  char *to = (char *)t->act + first * t->act_lines * CM_LINE_BYTES;
  for (unsigned row = 0; row < rows; row++)
    r->matrix->format->pack (1, t->tower->width, t->norm + t->chosen[first + row] * t->width_lines * CM_LINE,
                             CM_LINE, CM_LINE, r->matrix->factors, to + row * CM_LINE_BYTES,
                             (gsize)rows * CM_LINE_BYTES, t->act_scales + first + row);
}

static guint
count (const ClipmoePackedTower *t, guint experts, guint e, gsize n) {
  guint rows = 0;
  for (gsize i = 0; i < n; i++)
    rows += t->gates[i * experts + e] != 0; /* NaN too: it must reach the result and be refused */
  return rows;
}

static void
mixture (ClipmoePackedTower *self, guint index, const ClipmoeRows *all, float *z, const void *following) {
  const ClipmoePackedBlock *p = &self->blocks[index];
  guint experts = self->tower->experts[index];
  Routing r = {self, &p->block, experts, all, z, NULL};
  cm_pool_run (self->threads, all->tiles, route_tile, &r);
  if (self->trace) {
    self->trace (self->trace_data, "router", (int)index, self->gates, (guint)all->n, experts, experts);
    for (gsize i = 0; i < all->n; i++)
      route (self->gates + i * experts, experts, MIN (self->tower->top_k, experts));
    self->trace (self->trace_data, "gates", (int)index, self->gates, (guint)all->n, experts, experts);
  }
  for (guint e = 0; e < experts; e++) {
    guint n = 0;
    for (guint i = 0; i < all->n; i++)
      if (self->gates[(gsize)i * experts + e] != 0) {
        self->factors[n] = self->gates[(gsize)i * experts + e];
        self->expert_offsets[n] = self->offsets[i];
        self->expert_strides[n] = self->strides[i];
        self->chosen[n++] = i;
      }
    if (!n)
      continue;
    const void *next = following;
    for (guint other = experts - 1; other > e; other--)
      if (count (self, experts, other, all->n))
        next = p->c_fc[other].weights;
    ClipmoeRows rows = clipmoe_tower_rows (self, n);
    r.rows = &rows;
    r.matrix = &p->c_fc[e];
    cm_pool_run (self->threads, rows.tiles, gather_tile, &r);
    ffn (self, &p->c_fc[e], &p->c_proj[e], &rows, z, self->expert_offsets, self->expert_strides,
         self->factors, next);
  }
}

void
clipmoe_tower_feed_forward (ClipmoePackedTower *self, guint block, const ClipmoeRows *rows, float *z,
                            const void *following) {
  const ClipmoePackedBlock *p = &self->blocks[block];
  if (self->tower->experts[block]) {
    mixture (self, block, rows, z, following);
    return;
  }
  clipmoe_tower_norm (self, rows, z, p->block.ln_2_weight, p->block.ln_2_bias, &p->c_fc[0]);
  ffn (self, &p->c_fc[0], &p->c_proj[0], rows, z, self->offsets, self->strides, NULL, following);
}

const void *
clipmoe_tower_feed_forward_first (const ClipmoePackedTower *self, guint block) {
  return self->blocks[block].c_fc[0].weights;
}
