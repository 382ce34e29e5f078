/* One table of functions per instruction set. libc alone; no caller's data is trusted to be padded except as
 * said. A matrix is row-major; the sum behind each output element runs over k in rising order whatever row,
 * batch or thread computes it, so that results do not depend on how work is split. */
#ifndef CLIPMOE_KERNELS_H
#define CLIPMOE_KERNELS_H

#include <stddef.h>

#define CM_PANEL 16 /* columns of one packed panel */

typedef struct {
  const char *name;
  /* c[m][CM_PANEL] (+)= a[m][k] * panel[k][CM_PANEL] + bias[CM_PANEL]; bias may be NULL; rows of a and c are
   * lda and ldc floats apart; add: whether c is kept and added to. panel is 32-byte aligned, c has room for
   * whole panels. */
  void (*gemm_panel) (size_t m, size_t k, const float *a, size_t lda, const float *panel, const float *bias,
                      float *c, size_t ldc, int add);
  /* out = (x - mean) / sqrt (variance + eps) * weight + bias, biased variance of n entries */
  void (*layer_norm) (size_t n, const float *x, const float *weight, const float *bias, float eps,
                      float *out);
  /* in place; the largest entry is taken away first; n >= 1 */
  void (*softmax) (size_t n, float *x);
  void (*quick_gelu) (size_t n, float *x); /* x / (1 + exp (-1.702 x)) */
  void (*gelu) (size_t n, float *x);       /* x/2 (1 + erf (x / sqrt 2)) */
  float (*dot) (size_t n, const float *a, const float *b);
  /* y += s * x */
  void (*axpy) (size_t n, float s, const float *x, float *y);
} ClipmoeKernels;

/* The best table for this processor, or the one that @forced names ("generic", "avx2"); NULL when @forced is
 * unknown or lacks support here. @forced may be NULL. */
const ClipmoeKernels *cm_kernels_get (const char *forced);

extern const ClipmoeKernels cm_kernels_generic;
#ifdef CM_HAVE_AVX2
extern const ClipmoeKernels cm_kernels_avx2;
#endif

#endif
