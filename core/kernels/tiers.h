/* Every tier's table and the numbers of the packed forms; only kernels.c and the tiers include this. */
#ifndef CLIPMOE_TIERS_H
#define CLIPMOE_TIERS_H

#include "kernels.h"

/* type of the weights, columns of a panel, k of a unit; written into files, so never given a new meaning */
enum {
  CM_LAYOUT_F32_16 = 1,
  CM_LAYOUT_F32_32 = 2,
  CM_LAYOUT_F16_16 = 3,
  CM_LAYOUT_F16_32 = 4,
  CM_LAYOUT_BF16_32 = 5,
  CM_LAYOUT_I8_16 = 6,
  CM_LAYOUT_I8_32 = 7,
  CM_LAYOUT_BF16_16 = 8,
};

extern const ClipmoeKernels cm_kernels_generic;
#ifdef CM_HAVE_AVX2
extern const ClipmoeKernels cm_kernels_avx2;
#endif
#ifdef CM_HAVE_AVX512
extern const ClipmoeKernels cm_kernels_avx512;
#endif

#endif
