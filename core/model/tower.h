/* A tower made ready to run: packed weights and scratch. Rows are tokens. */
#ifndef CLIPMOE_TOWER_H
#define CLIPMOE_TOWER_H

#include "model-private.h"
#include "../kernels/kernels.h"

/* y = W x + b with W [out][in] packed into panels of CM_PANEL columns of y; zeros beyond. */
typedef struct {
  guint in, out, panels;
  float *weights; /* [panels][in][CM_PANEL] */
  float *bias;    /* [panels * CM_PANEL], or NULL */
} ClipmoeLinear;

typedef struct {
  const ClipmoeBlock *block;
  ClipmoeLinear in_proj, out_proj, *c_fc, *c_proj; /* one, or n_experts of each */
} ClipmoePackedBlock;

/* For tests: called with a stage's name, its block (-1 outside of blocks), and what it gave: @rows of
 * @columns floats, @stride floats apart. Stages, in order: "patches", "ln_pre" or "embedded"; in a block
 * "attention" (the stream after it), of a mixture "router" (logits) and "gates" (0 = not chosen), "block"
 * (the stream after it); "norm" and "embedding" of the pooled row. In the last block rows are the pooled ones
 * alone. Sequences that run together come as one. */
typedef void (*ClipmoeTrace) (gpointer data, const char *stage, int block, const float *values, guint rows,
                              guint columns, gsize stride);

typedef struct {
  const ClipmoeTower *tower;
  const ClipmoeKernels *kernels;
  guint threads, tokens, top_k; /* tokens: the most rows at once */
  ClipmoePackedBlock *blocks;
  ClipmoeLinear projection;
  /* scratch; row lengths are rounded up to whole panels */
  float *z, *norm, *qkv, *mixed, *hidden, *expert_in, *expert_out, *scores;
  float *gates;  /* [tokens][experts]: 0 = not chosen */
  guint *chosen; /* [tokens] */
  ClipmoeTrace trace;
  gpointer trace_data;
} ClipmoePackedTower;

/* @tokens: the most tokens in one run, all sequences together. @projection: [width][embed]. FALSE: no memory.
 */
gboolean clipmoe_packed_tower_init (ClipmoePackedTower *self, const ClipmoeTower *tower,
                                    const ClipmoeKernels *kernels, guint threads, guint tokens, guint top_k,
                                    const float *projection, guint embed);
void clipmoe_packed_tower_clear (ClipmoePackedTower *self);

/* Runs all blocks over @count sequences of @n tokens in self->z [count][n][width], in place. In the last one
 * only token @row of each is worked out; they are left as self->z [count][width]. No sequence changes
 * another's bytes. */
void clipmoe_packed_tower_run (ClipmoePackedTower *self, guint count, guint n, gboolean causal, guint row);

/* Tells self->trace, where there is one. */
static inline void
clipmoe_packed_tower_trace (const ClipmoePackedTower *self, const char *stage, int block, const float *values,
                            guint rows, guint columns, gsize stride) {
  if (self->trace)
    self->trace (self->trace_data, stage, block, values, rows, columns, stride);
}

gboolean clipmoe_linear_init (ClipmoeLinear *self, const float *weights, const float *bias, guint out,
                              guint in);
/* As above from weights stored [in][out]. */
gboolean clipmoe_linear_init_transposed (ClipmoeLinear *self, const float *weights, guint in, guint out);
void clipmoe_linear_clear (ClipmoeLinear *self);
/* c rows are ldc floats apart, ldc >= panels * CM_PANEL. */
void clipmoe_linear_run (const ClipmoeLinear *self, const ClipmoeKernels *kernels, guint threads, guint rows,
                         const float *a, gsize lda, float *c, gsize ldc);
static inline gsize
clipmoe_padded (gsize n) {
  return (n + CM_PANEL - 1) / CM_PANEL * CM_PANEL;
}

#endif
