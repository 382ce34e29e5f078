/* What tests and the calibration may be told of a run. */
#ifndef CLIPMOE_TRACE_H
#define CLIPMOE_TRACE_H

#include <glib.h>
#include "../kernels/product.h"

/* For tests alone: called with a stage's name, its block (-1 outside of blocks), and its result: @rows of
 * @columns floats, @stride floats apart. Stages, in order: "patches", "ln_pre" or "embedded"; in a block
 * "attention" (the residual stream after it), of a mixture "router" (logits) and "gates" (0 = not chosen),
 * "block" (the residual stream after it); "norm" and "embedding" of the pooled rows. In the last block rows
 * are the pooled ones alone. */
typedef void (*ClipmoeTrace) (gpointer data, const char *stage, int block, const float *values, guint rows,
                              guint columns, gsize stride);

/* For the calibration (probe.h), in towers of f32: told of each block and of each product before it runs,
 * with its activations as floats. All blocks run over all rows then, and there is no result. */
typedef struct {
  void (*block) (gpointer data, guint block);
  gpointer block_data;
  /* @matrix: its number in the schema; @packed: the same matrix in f32 */
  void (*product) (gpointer data, guint matrix, const ClipmoePackedMatrix *packed, const ClipmoeRows *rows,
                   const float *a, gsize a_lines);
  gpointer product_data;
} ClipmoeObserver;

#endif
