/* One table of functions per instruction set; libc and pthread alone.
 *
 * Activations lie in lines: 64 bytes, the cache's line, hold CM_LINE floats (or 32 halves, or 64 bytes) of
 * one row. A matrix is cut into tiles of up to `rows` rows, and within a tile the same line of all its rows
 * stands together: [tile][line][row of the tile][64 bytes]. So a product reads one stream, and what a product
 * writes is laid out as the next one reads it. rows.h knows the arithmetic of places. A single row is plain
 * memory.
 *
 * The sum behind each output element runs over k in rising order, one accumulator each, whatever tile, batch
 * or thread computes it: results do not depend on how work is split.
 *
 * What a kernel is handed is aligned to 64 bytes and padded with zeros to whole lines and panels by the
 * caller; strides are in floats unless a name says bytes. */
#ifndef CLIPMOE_KERNELS_H
#define CLIPMOE_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include "peak.h"

/* Another one whenever a kernel, or packing, gives other numbers from the same weights: what was made or
 * measured before is then not used any more. */
#define CM_KERNELS_VERSION 1

#define CM_LINE 16 /* floats of one line */
#define CM_LINE_BYTES 64
#define CM_MAX_ROWS 16 /* no tile has more */
#define CM_MAX_COLUMNS 64

/* How a product's operands are stored and multiplied. Weights are panels of `columns` outputs,
 * [line of k][unit][column][k of the unit]; a line of activations holds line_k values of k. */
typedef struct ClipmoeGemm ClipmoeGemm;
struct ClipmoeGemm {
  const char *name; /* "f32", "f16", "bf16", "fp16", "int16", "int8" */
  ClipmoePeak peak; /* of the instructions it is made of; CM_N_PEAKS: not known */
  unsigned layout;  /* number of the packed form, for files: never reused for another one */
  unsigned rows, columns;
  unsigned line_k;      /* values of k in a line of activations: 16, 32 or 64 */
  unsigned unit_k;      /* neighbours in k that one column keeps together: 1, 2, 4 or 8 */
  unsigned block_lines; /* the most lines in one pass where partial sums may be added up outside */
  int weights;          /* CM_F32 … */
  int plain;            /* activations are plain floats: nothing need be packed */
  int zero;             /* int8: what is added to an activation, so that it is not below 0, or 0 */
  int weight_range;     /* int8: how far weights are from zero at most */
  int range, below; /* int8, int16: how far activations are from zero at most; below it, where that differs */
  /* int8: the same for what a GELU left, which is hardly ever below zero; NULL: there is none. */
  const ClipmoeGemm *of_gelu;
  /* c[row][column] = sum over lines of a * w, floats, or int32 with int8. c: rows are CM_LINE apart, lines of
   * columns c_stride. @next: what to draw into L2 meanwhile, @step bytes a unit, as two lines from there on.
   */
  void (*tile) (unsigned rows, size_t lines, const void *a, size_t a_stride_bytes, const void *w,
                const void *next, size_t step, float *c, size_t c_stride);
  /* rows x n floats to activations, padded to a line; rows of x are x_row apart, its lines x_stride. int8 and
   * int16 write one scale a row; int8 multiplies by @factors (n of them, padded to a line) before. */
  void (*pack) (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
                void *to, size_t to_stride_bytes, float *scales);
  /* For attention, NULL where it cannot. Rows of activations (strides as of floats) become columns of a
   * panel, d a multiple of line_k; unit 0 of the first one goes to @panel, its next one @columns units of 32
   * bits behind. */
  void (*keys) (size_t n, size_t d, const void *x, size_t x_row, size_t x_stride, void *panel,
                size_t columns);
  /* @lines of unit_k rows of activations become one unit of as many columns; @second is NULL for a row of
   * zeros. */
  void (*values) (unsigned lines, const void *first, size_t first_stride, const void *second,
                  size_t second_stride, void *to);
  /* x = exp (scale * (x - largest of n)), floats that become activations in place: lines of these stand where
   * the first lines of those stood. Entries n..padded-1 become 0. Returns 1 / sum. n >= 1. */
  float (*softmax) (size_t n, size_t padded, float scale, float *x, size_t stride);
  /* int16's attention, where a unit is all rows' or a column's; NULL: activations have no such units. To the
   * largest size of each of n columns, infinity and NaN above all, and to the sum of its squares these rows
   * are added. n: a multiple of line_k, for round, too, */
  void (*extent) (size_t rows, size_t n, const float *x, size_t x_row, size_t x_stride, float *largest,
                  float *squares);
  /* which makes rows of floats, each column times @by, activations: one row behind the other. */
  void (*round) (size_t rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *by,
                 void *to);
};

enum { CM_F32, CM_F16, CM_BF16, CM_I8, CM_I16 };

/* Whole numbers, of which each row of activations and each column of weights has its own unit. */
static inline int
cm_scaled (const ClipmoeGemm *f) {
  return f->weights == CM_I8 || f->weights == CM_I16;
}

/* What a tile of sums of whole numbers stands for: (sum - correction of the column) * scale of the row *
 * scale of the column. Sums are int32; of int16, which has no corrections (NULL), they are floats already. */
typedef struct {
  const int32_t *corrections;
  const float *rows, *columns;
} ClipmoeSums;

typedef struct ClipmoeKernels ClipmoeKernels;
struct ClipmoeKernels {
  const char *name;
  const ClipmoeGemm *f32, *half, *int8;
  /* The same table with a half and an attention that lose least and may be a little slower, or itself: a
   * router changes its mind where two experts are nearly equal, and then all that was lost before counts. */
  const ClipmoeKernels *exact;
  const ClipmoeGemm *attention; /* for half and int8; int16 not where what comes later must not count */
  /* out = (x - mean) / sqrt (variance + eps) * weight + bias, biased variance of n entries; the rest of the
   * last line becomes 0. out may be x. */
  void (*layer_norm) (size_t n, const float *x, size_t x_stride, const float *weight, const float *bias,
                      float eps, float *out, size_t out_stride);
  /* On a tile c of rows x lines, floats that are the results or, with sums, what these say it stands for:
   * to = c + bias, … */
  void (*bias) (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
                const float *bias, float *to, size_t to_stride);
  /* … to = f (c + bias), x / (1 + exp (-1.702 x)) or x/2 (1 + erf (x / sqrt 2)); with sums it is exact to
   * 2e-4 of x, for its rows become int8 again; to may be c, … */
  void (*quick_gelu) (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
                      const float *bias, float *to, size_t to_stride);
  void (*gelu) (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
                const float *bias, float *to, size_t to_stride);
  /* … z[offset of the row + line * its stride] += factor of the row * (c + bias); bias, factors may be NULL,
   * … */
  void (*add) (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
               const float *bias, const float *factors, float *z, const size_t *offsets,
               const size_t *strides);
  /* … c *= factor of the row. */
  void (*scale) (unsigned rows, unsigned lines, float *c, size_t c_stride, const float *factors);
  float (*dot) (size_t n, const float *a, const float *b);
};

#endif
