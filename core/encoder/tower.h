/* A tower made ready to run: packed weights and scratch. Rows are tokens; matrices lie in lines and tiles
 * (kernels.h). */
#ifndef CLIPMOE_TOWER_H
#define CLIPMOE_TOWER_H

#include "../model/model-private.h"
#include "../clipmoe/encoder.h"
#include "../kernels/product.h"

typedef struct {
  ClipmoeBlock
      block; /* of its vectors and router, which stand among the packed weights; matrices are not there */
  ClipmoePackedMatrix in_proj, out_proj, *c_fc, *c_proj; /* one, or one of each expert */
} ClipmoePackedBlock;

/* One text or picture among the rows of a run. Rows first .. first + n - 1 are its own; a text may go on from
 * n_before rows of others, for what stands before a token is all that changes it. */
typedef struct {
  guint first, n, n_before;
  const guint *tokens; /* [n_before + n]: their rows */
  guint pooled;        /* row whose result is wanted; of a text the last token's */
} ClipmoeSequence;

/* For tests: called with a stage's name, its block (-1 outside of blocks), and what it gave: @rows of
 * @columns floats, @stride floats apart. Stages, in order: "patches", "ln_pre" or "embedded"; in a block
 * "attention" (the stream after it), of a mixture "router" (logits) and "gates" (0 = not chosen), "block"
 * (the stream after it); "norm" and "embedding" of the pooled rows. In the last block rows are the pooled
 * ones alone. */
typedef void (*ClipmoeTrace) (gpointer data, const char *stage, int block, const float *values, guint rows,
                              guint columns, gsize stride);

/* Told of every product before it runs, with its activations as floats: only in towers of f32. Then all
 * blocks run over all rows, and there is no result. */
typedef struct {
  gpointer data;
  void (*block) (gpointer data, guint block); /* is about to run */
  void (*product) (gpointer data, const ClipmoePackedMatrix *matrix, const ClipmoeRows *rows, const float *a,
                   gsize a_lines);
} ClipmoeObserver;

typedef struct {
  const ClipmoeArchitecture *tower;
  const ClipmoeKernels *kernels;
  guint threads;
  const ClipmoeGemm *attention; /* queries, keys and values are activations of it */
  guint rows, sequences;        /* the most at once */
  ClipmoePackedBlock *blocks;
  ClipmoePackedMatrix first, projection; /* first: patches to tokens, pictures alone */
  /* Embedding of the class token, or of all tokens; layer norms before (pictures alone) and behind all
   * blocks. */
  const float *embedding, *positions, *ln_pre_weight, *ln_pre_bias, *ln_post_weight, *ln_post_bias;
  /* scratch, one piece; all lines of floats or activations with room for whole panels */
  gpointer scratch;
  gsize n_scratch;
  gsize n_positions, width_lines, qkv_lines, hidden_lines, act_lines, embed_lines;
  float *z, *norm, *mixed, *hidden, *last, *embedded;
  gpointer qkv, last_q;
  gpointer act, hidden_act;
  float *act_scales, *gates, *factors, *work;
  gsize work_floats; /* of one thread */
  gsize *offsets, *strides, *expert_offsets, *expert_strides;
  guint *chosen;
  ClipmoeSequence *plan; /* [sequences]: filled by the caller before a run */
  guint *tokens;         /* [sequences][n_positions]: for the plan's */
  guint n_pooled;        /* rows that the last run left in self->last */
  const ClipmoeObserver *observer;
  ClipmoeTrace trace;
  gpointer trace_data;
} ClipmoePackedTower;

/* What is to be made of which weights. Weights need not be there when they were packed before; sizes must. */
typedef struct {
  const ClipmoeArchitecture *tower;
  const ClipmoeBlock *blocks; /* [layers] */
  const ClipmoeKernels *kernels;
  gboolean held;              /* the weights are there and stay; else only sizes of @tower are looked at */
  ClipmoePrecision precision; /* never AUTO */
  guint threads, rows, sequences;
  const float *first; /* [width][first_in]; first_in 0: there is none */
  guint first_in;
  const float *projection; /* [width][embed] */
  guint embed;
  const float *embedding, *positions; /* [n_embeddings][width], [n_positions][width] */
  gsize n_embeddings, n_positions;
  const float *ln_pre_weight, *ln_pre_bias, *ln_post_weight, *ln_post_bias; /* pre: where there is a first */
  /* By matrix, in the order of clipmoe_packed_tower_list(): a ClipmoeFormat, and factors; NULL: as the
   * precision says, and none. */
  const guint8 *formats;
  float *const *factors;
} ClipmoeTowerPlan;

/* One matrix of a tower and what it is packed from: weights[o * row + i * column], bias[o] or NULL. */
typedef struct {
  ClipmoePackedMatrix *matrix;
  const ClipmoeGemm *format;
  const float *weights, *bias, *factors; /* factors: cm_matrix_pack()'s, or NULL */
  gsize out, in, row, column;
} ClipmoePackedSource;

/* All matrices, of ClipmoePackedSource, in the order in which a run uses them. */
GArray *clipmoe_packed_tower_list (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan);
/* Packs one that is mapped. */
void clipmoe_packed_source_pack (const ClipmoePackedSource *source, guint threads);
/* Vectors stay where the plan's weights are, which outlive the tower. */
void clipmoe_packed_tower_borrow_vectors (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan);

/* Allocates all scratch and structures. FALSE: no memory. */
gboolean clipmoe_packed_tower_init (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan);
void clipmoe_packed_tower_clear (ClipmoePackedTower *self);
/* Bytes of all weights in their packed form, a multiple of 64; 0: more than a size can hold. What stands
 * there in which order follows from the plan alone. */
gsize clipmoe_packed_tower_bytes (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan);
/* How many matrices there are, and their ClipmoeArithmetic. */
guint clipmoe_packed_tower_count (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan);
void clipmoe_packed_tower_formats (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan, guint8 *formats);
/* Tells which matrices there are, and all formats that they may come in. */
guint64 clipmoe_packed_tower_layout (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan);
/* @weights: as many bytes, 64-byte aligned, that outlive the tower; @pack: filled now from the plan's weights
 * (they are zeros), else they hold them already. */
void clipmoe_packed_tower_set_weights (ClipmoePackedTower *self, const ClipmoeTowerPlan *plan,
                                       gpointer weights, gboolean pack);
/* Scratch for another number of threads; without memory for it the number stays. */
void clipmoe_packed_tower_set_threads (ClipmoePackedTower *self, guint threads);

/* How @n rows lie in the scratch. */
static inline ClipmoeRows
clipmoe_tower_rows (const ClipmoePackedTower *self, guint n) {
  return cm_rows (n, self->kernels->f32->rows);
}
/* Where rows begin, for what adds to self->z: sets offsets and strides of n rows of width lines. */
void clipmoe_tower_places (const ClipmoePackedTower *self, guint n, gsize *offsets, gsize *strides);

/* Runs all blocks over the first @n rows of self->z, cut into @n_sequences as self->plan says. In the last
 * one only pooled rows are worked out; they are left in self->last as rows of a matrix of its own, in the
 * order of the plan. */
void clipmoe_packed_tower_run (ClipmoePackedTower *self, guint n, guint n_sequences);

/* Layer norm with weight and bias of the rows that a run left in self->last, then the projection: as many
 * rows of embed_lines lines in self->embedded. @following as in ClipmoeProduct. */
void clipmoe_packed_tower_project (ClipmoePackedTower *self, const float *weight, const float *bias,
                                   const void *following);

/* mixture.c: the feed-forward layer or mixture of @rows whose residuals are z; @following as in
 * ClipmoeProduct. */
void clipmoe_tower_feed_forward (ClipmoePackedTower *self, guint block, const ClipmoeRows *rows, float *z,
                                 const void *following);
/* The first matrix that block's feed-forward layer multiplies by. */
const void *clipmoe_tower_feed_forward_first (const ClipmoePackedTower *self, guint block);
/* Layer norm of all rows of z into activations (self->act) for @matrix. */
void clipmoe_tower_norm (ClipmoePackedTower *self, const ClipmoeRows *rows, const float *z,
                         const float *weight, const float *bias, const ClipmoePackedMatrix *matrix);
/* Floats in lines (of @x_lines a row) to activations for @matrix with @lines a row, n columns. */
void clipmoe_tower_pack (ClipmoePackedTower *self, const ClipmoeRows *rows, gsize n, const float *x,
                         gsize x_lines, const ClipmoePackedMatrix *matrix, gpointer to, gsize lines);
/* Tells self->trace, where there is one, of @x, rows of @lines lines of which @columns are meant. */
void clipmoe_tower_trace (const ClipmoePackedTower *self, const char *stage, int block,
                          const ClipmoeRows *rows, const float *x, gsize lines, guint columns);

static inline void
clipmoe_tower_observe (const ClipmoePackedTower *self, const ClipmoeProduct *product) {
  if (self->observer)
    self->observer->product (self->observer->data, product->matrix, &product->rows, product->a,
                             product->a_lines);
}

#endif
