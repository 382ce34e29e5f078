/* A tower that is ready to run: packed weights by schema, and scratch. This header has what the steps of a
 * run share; block.h runs the blocks, image.c and text.c fill the rows and take the results. Rows are tokens;
 * matrices lie in lines and tiles (kernels/kernels.h). One caller at a time. */
#ifndef CLIPMOE_TOWER_H
#define CLIPMOE_TOWER_H

#include "../kernels/product.h"
#include "schema.h"
#include "scratch.h"
#include "trace.h"

typedef struct {
  const ClipmoeSchema *schema;     /* whoever made the tower keeps it */
  const ClipmoeArchitecture *arch; /* the schema's */
  const ClipmoeKernels *kernels;
  guint threads;
  const ClipmoeGemm *attention;  /* queries, keys and values are activations of it */
  ClipmoePackedMatrix *matrices; /* by schema */
  const float **vectors;         /* by schema */
  ClipmoeScratch scratch;
  guint n_pooled; /* rows that the last run left in scratch.last */
  const ClipmoeObserver *observer;
  ClipmoeTrace trace;
  gpointer trace_data;
} ClipmoePackedTower;

/* Allocates everything but weights, for runs of up to @rows rows in up to @sequences sequences. @schema
 * outlives the tower. FALSE: no memory; clipmoe_packed_tower_clear() is fine all the same. */
gboolean clipmoe_packed_tower_init (ClipmoePackedTower *self, const ClipmoeSchema *schema, guint threads,
                                    guint rows, guint sequences);
void clipmoe_packed_tower_clear (ClipmoePackedTower *self);
/* @weights: packed by the schema, 64-byte aligned; they outlive the tower. */
void clipmoe_packed_tower_set_weights (ClipmoePackedTower *self, gconstpointer weights);

static inline const ClipmoePackedMatrix *
clipmoe_packed_tower_matrix (const ClipmoePackedTower *self, ClipmoeMatrixRole role, guint block,
                             guint expert) {
  return &self->matrices[clipmoe_schema_matrix (self->schema, role, block, expert)];
}

static inline const float *
clipmoe_packed_tower_vector (const ClipmoePackedTower *self, ClipmoeVectorRole role, guint block) {
  return self->vectors[clipmoe_schema_vector (self->schema, role, block)];
}

/* How @n rows lie in the scratch. */
static inline ClipmoeRows
clipmoe_packed_tower_rows (const ClipmoePackedTower *self, guint n) {
  return cm_rows (n, self->kernels->f32->rows);
}
/* Where rows begin, for what adds to scratch.z: sets offsets and strides (floats) of n rows of width lines.
 */
void clipmoe_packed_tower_places (const ClipmoePackedTower *self, guint n, gsize *offsets, gsize *strides);

/* Layer norm of all rows of z into activations (scratch.act) for @matrix. */
void clipmoe_packed_tower_norm (ClipmoePackedTower *self, const ClipmoeRows *rows, const float *z,
                                const float *weight, const float *bias, const ClipmoePackedMatrix *matrix);
/* Floats in lines (@x_lines a row) to activations for @matrix with @lines a row, n columns. */
void clipmoe_packed_tower_convert (ClipmoePackedTower *self, const ClipmoeRows *rows, gsize n, const float *x,
                                   gsize x_lines, const ClipmoePackedMatrix *matrix, gpointer to,
                                   gsize lines);

/* Tells self->trace, where there is one, of @x: rows of @lines lines, of which @columns columns count. */
void clipmoe_packed_tower_trace (const ClipmoePackedTower *self, const char *stage, int block,
                                 const ClipmoeRows *rows, const float *x, gsize lines, guint columns);

static inline void
clipmoe_packed_tower_observe (const ClipmoePackedTower *self, guint matrix, const ClipmoeProduct *product) {
  if (self->observer)
    self->observer->product (self->observer->product_data, matrix, product->matrix, &product->rows,
                             product->a, product->a_lines);
}

#endif
