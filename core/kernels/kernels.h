/* The types of a table of kernels: one table of functions per instruction set (a tier). libc and pthread
 * alone.
 *
 * Activations are stored in lines: 64 bytes, the size of a cache line, hold CM_LINE floats (or 32 halves,
 * or 64 bytes) of one row. A matrix is cut into tiles of up to `rows` rows, and within a tile the same line
 * of all its rows is stored together: [tile][line][row of the tile][64 bytes]. So a product reads its
 * activations sequentially, and writes its results in the layout that the next product reads. rows.h
 * computes addresses. A single row is plain memory.
 *
 * Each output element is summed over k in rising order with one accumulator, whatever tile, batch or thread
 * computes it: results do not depend on how work is split.
 *
 * Callers align buffers to 64 bytes and pad them with zeros to whole lines and panels. Strides are in
 * floats unless a name says bytes. Kernels keep no state, so any thread may call them. */
#ifndef CLIPMOE_KERNELS_H
#define CLIPMOE_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include "peak.h"

/* To be changed whenever a kernel or the packing gives other numbers from the same weights: packed forms
 * and verdicts of earlier versions are then no longer used. */
#define CM_KERNELS_VERSION 1

#define CM_LINE 16 /* floats of one line */
#define CM_LINE_BYTES 64
#define CM_MAX_ROWS 16 /* no tile has more */
#define CM_MAX_COLUMNS 64

/* A format: how the operands of a product are stored and multiplied. Weights are panels of `columns`
 * outputs, [line of k][unit][column][k of the unit]; a line of activations holds line_k values of k. */
typedef struct ClipmoeGemm ClipmoeGemm;
struct ClipmoeGemm {
  const char *name; /* "f32", "f16", "bf16", "fp16", "int16", "int8" */
  ClipmoePeak peak; /* of its instructions; CM_N_PEAKS: not known */
  unsigned layout;  /* number of the packed layout in files: never reused for another one */
  unsigned rows, columns;
  unsigned line_k;      /* values of k in a line of activations: 16, 32 or 64 */
  unsigned unit_k;      /* consecutive values of k that a column stores together: 1, 2, 4 or 8 */
  unsigned block_lines; /* the most lines of one pass where partial sums may be accumulated in memory */
  int weights;          /* CM_F32 … */
  int plain;            /* activations are plain floats and need no packing */
  int zero;             /* int8: added to an activation to make it unsigned, or 0 */
  int weight_range;     /* int8: the largest magnitude of a weight */
  /* int8, int16: the largest positive magnitude of an activation, and the largest negative one where it
   * differs (else 0) */
  int range, below;
  /* int8: the same format for the output of a GELU, which is hardly ever negative; NULL: none. */
  const ClipmoeGemm *of_gelu;
  /* c[row][column] = sum over lines of a * w, floats, or int32 with int8. c: rows are CM_LINE apart, lines
   * of columns c_stride. @next: memory to prefetch into L2 meanwhile, a
   * line or two every @step bytes, one step for each unit of k. */
  void (*tile) (unsigned rows, size_t lines, const void *a, size_t a_stride_bytes, const void *w,
                const void *next, size_t step, float *c, size_t c_stride);
  /* Converts rows x n floats to activations, padded to a line; rows of x are x_row apart, its lines
   * x_stride. int8 and int16 write one scale per row; int8 first multiplies by @factors (n, padded to a
   * line). */
  void (*pack) (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
                void *to, size_t to_stride_bytes, float *scales);
  /* For attention; NULL where the format cannot do it. Rows of activations (strides as of floats) become
   * columns of a panel, d a multiple of line_k; unit 0 of the first row goes to @panel, its next unit
   * @columns units of 32 bits behind. */
  void (*keys) (size_t n, size_t d, const void *x, size_t x_row, size_t x_stride, void *panel,
                size_t columns);
  /* @lines lines of unit_k rows of activations become one unit of as many columns; @second is NULL for a
   * row of zeros. */
  void (*values) (unsigned lines, const void *first, size_t first_stride, const void *second,
                  size_t second_stride, void *to);
  /* x = exp (scale * (x - largest of n)): floats that become activations in place; their lines take the
   * place of the first lines of floats. Entries n..padded-1 become 0. Returns 1 / sum. n >= 1. */
  float (*softmax) (size_t n, size_t padded, float scale, float *x, size_t stride);
  /* Attention with int16, where one scale serves a column or all of them; NULL: the format has no such
   * scales. Updates the largest magnitude of each of n columns (infinity and NaN compare above all numbers)
   * and its sum of squares with these rows. n is a multiple of line_k, here and for round. */
  void (*extent) (size_t rows, size_t n, const float *x, size_t x_row, size_t x_stride, float *largest,
                  float *squares);
  /* Multiplies each column of rows of floats by @by and rounds them to activations, one row after the
   * other. */
  void (*round) (size_t rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *by,
                 void *to);
};

enum { CM_F32, CM_F16, CM_BF16, CM_I8, CM_I16 };

/* Whether the format has integers, with a scale for each row of activations and each column of weights. */
static inline int
cm_scaled (const ClipmoeGemm *f) {
  return f->weights == CM_I8 || f->weights == CM_I16;
}

/* The values that a tile of integer sums stands for: (sum - correction of the column) * scale of the row *
 * scale of the column. Sums are int32; those of int16, which has no corrections (NULL), are floats already.
 */
typedef struct {
  const int32_t *corrections;
  const float *rows, *columns;
} ClipmoeSums;

typedef struct ClipmoeKernels ClipmoeKernels;
struct ClipmoeKernels {
  const char *name;
  const ClipmoeGemm *f32, *half, *int8;
  /* The same table with the most exact `half` and `attention`, which may be a little slower, or the table
   * itself. Mixtures use it: where two experts are nearly equal, small errors change the router's choice. No
   * `half` of it sums in 16 bits, unless that is forced. */
  const ClipmoeKernels *exact;
  const ClipmoeGemm *attention; /* for half and int8; not int16 in causal attention, where later tokens must
                                   have no influence on scales */
  /* out = (x - mean) / sqrt (variance + eps) * weight + bias, with the biased variance of n entries; the
   * rest of the last line becomes 0. out may be x. */
  void (*layer_norm) (size_t n, const float *x, size_t x_stride, const float *weight, const float *bias,
                      float eps, float *out, size_t out_stride);
  /* These work on a tile c of rows x lines: floats or, with @sums, integer sums that stand for the values
   * described above. to = c + bias. */
  void (*bias) (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
                const float *bias, float *to, size_t to_stride);
  /* to = f (c + bias), with f (x) = x / (1 + exp (-1.702 x)) or x/2 (1 + erf (x / sqrt 2)). With sums it is
   * exact to 2e-4 of x, since the results become int8 again. to may be c. */
  void (*quick_gelu) (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
                      const float *bias, float *to, size_t to_stride);
  void (*gelu) (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
                const float *bias, float *to, size_t to_stride);
  /* z[offset of the row + line * its stride] += factor of the row * (c + bias); bias and factors may be
   * NULL. */
  void (*add) (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
               const float *bias, const float *factors, float *z, const size_t *offsets,
               const size_t *strides);
  /* c *= factor of the row. */
  void (*scale) (unsigned rows, unsigned lines, float *c, size_t c_stride, const float *factors);
  float (*dot) (size_t n, const float *a, const float *b);
};

#endif
