/* Matrix products with packed weights, with bias, activation function or addition applied while the results
 * are in the cache. */
#ifndef CLIPMOE_PRODUCT_H
#define CLIPMOE_PRODUCT_H

#include "rows.h"

/* y = W x + b, with W packed for one format. The memory belongs to the caller. */
typedef struct {
  const ClipmoeGemm *format;
  size_t out, in;
  size_t panels, lines; /* of out and in */
  const void *weights;  /* panels, each cm_panel_bytes() */
  const float *bias;    /* [panels * columns], zeros beyond out */
  const float *scales;  /* int8 and int16, else NULL; [panels * columns] */
  /* int8 alone, else NULL */
  const int32_t *corrections; /* [panels * columns] */
  const float *factors;       /* [lines * line_k]: activations are multiplied by these and weights divided */
} ClipmoePackedMatrix;

/* The most values of k in an int8 product: its sums and their corrections fit int32, whatever the numbers
 * are. */
#define CM_I8_MOST_IN 65536
_Static_assert(255ll * 127 * CM_I8_MOST_IN <= INT32_MAX, "sums of int8 products");

static inline size_t
cm_weight_bytes (const ClipmoeGemm *f) {
  return f->weights == CM_F32 ? 4 : f->weights == CM_I8 ? 1 : 2;
}

static inline size_t
cm_panel_bytes (const ClipmoeGemm *f, size_t lines) {
  return lines * f->line_k * f->columns * cm_weight_bytes (f);
}

typedef enum {
  CM_STORE,      /* out = y */
  CM_QUICK_GELU, /* out = quick_gelu (y) */
  CM_GELU,       /* out = gelu (y) */
  CM_ADD,        /* out += factor of the row * y, at an address given for each row */
} ClipmoeResult;

typedef struct {
  const ClipmoePackedMatrix *matrix;
  size_t first_panel, last_panel; /* the panels first_panel .. last_panel - 1; 0, 0: all */
  ClipmoeRows rows;               /* for tiles of the format's rows */
  const void *a;                  /* activations in lines of the format */
  size_t a_lines;                 /* lines of a row, at least those of the matrix */
  const float *a_scales;          /* int8, int16: [rows] */
  ClipmoeResult result;
  /* Results: out_lines lines a row, at least those of whole panels; columns are counted from 0 whatever
   * first_panel is. With CM_ADD, offsets and strides (in floats) give the address of each row. */
  float *out;
  size_t out_lines;
  const size_t *offsets, *strides;
  const float *factors; /* CM_ADD: [rows], or NULL for 1 */
  /* When not NULL (and not CM_ADD), results are written here as activations of the format packed_as
   * instead, which must pack without a scale (cm_packs_at_once()); packed_lines lines a row. */
  void *packed;
  size_t packed_lines;
  const ClipmoeGemm *packed_as;
  const void *following; /* the weights of the next product, prefetched towards the end, or NULL */
} ClipmoeProduct;

/* Whether results of products with matrices of the format @of can be packed as @as while they are in the
 * cache: a tile must fill whole lines, and @as must have no scales, which are known only for whole rows. */
static inline int
cm_packs_at_once (const ClipmoeGemm *of, const ClipmoeGemm *as) {
  return !cm_scaled (as) && of->columns % as->line_k == 0;
}

void cm_product_run (const ClipmoeKernels *kernels, unsigned threads, const ClipmoeProduct *product);

/* The bytes of weights, bias, scales, corrections and factors, packed one after the other, each at a
 * multiple of 64; 0 when that overflows. */
size_t cm_matrix_bytes (const ClipmoeGemm *format, size_t out, size_t in);
/* Points *m into @memory of cm_matrix_bytes() bytes, 64-byte aligned, which is packed already or will be.
 */
void cm_matrix_map (ClipmoePackedMatrix *m, const ClipmoeGemm *format, size_t out, size_t in, void *memory);
/* Packs weights[o * row + i * column] and bias[o] (or NULL) into a mapped matrix; int8: divided by
 * factors[i] (NULL: 1). Packs @n panels from @first on, so that threads may share the work. */
void cm_matrix_pack (const ClipmoePackedMatrix *m, const float *weights, size_t row, size_t column,
                     const float *bias, const float *factors, size_t first, size_t n);

#endif
