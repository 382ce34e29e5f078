/* The tables of all tiers, and the numbers of packed layouts. Only choose.c and the tiers include this. */
#ifndef CLIPMOE_TIERS_H
#define CLIPMOE_TIERS_H

#include "kernels.h"

/* type of the weights, columns of a panel, k of a unit; written into files, so a number never gets a new
 * meaning */
enum {
  CM_LAYOUT_F32_16 = 1,
  CM_LAYOUT_F32_32 = 2,
  CM_LAYOUT_F16_16 = 3,
  CM_LAYOUT_F16_32 = 4,
  CM_LAYOUT_BF16_32 = 5,
  CM_LAYOUT_I8_16 = 6,
  CM_LAYOUT_I8_32 = 7,
  /* 8 and 9 were corrections for activations of seven bits */
  CM_LAYOUT_FP16_64 = 10,
  CM_LAYOUT_I8_16_SIGNED = 11, /* no corrections */
  CM_LAYOUT_BF16_16 = 12,
  CM_LAYOUT_I16_32 = 13,
  CM_LAYOUT_I8_16_BY_8 = 20, /* no corrections, eight of k a unit */
  CM_LAYOUT_FP16_32 = 21,
  CM_LAYOUT_I8_16_32 = 22, /* corrections for activations around 32 */
  CM_LAYOUT_I8_32_32 = 23,
  CM_LAYOUT_I8_16_7 = 24, /* weights of seven bits */
  CM_LAYOUT_I8_32_7 = 25,
  CM_LAYOUT_I8_16_7_32 = 26, /* and corrections for activations around 32 */
  CM_LAYOUT_I8_32_7_32 = 27,
};

extern const ClipmoeKernels cm_kernels_generic;
#ifdef CM_HAVE_AVX2
extern const ClipmoeKernels cm_kernels_avx2;
#endif
#ifdef CM_HAVE_AVX512
extern const ClipmoeKernels cm_kernels_avx512;
#endif
#ifdef CM_HAVE_NEON
extern const ClipmoeKernels cm_kernels_neon;
#endif
/* refinements */
#ifdef CM_HAVE_NEON_DOTPROD
extern const ClipmoeGemm cm_i8_neon_dotprod;
#endif
#ifdef CM_HAVE_NEON_BF16
extern const ClipmoeGemm cm_bf16_neon;
#endif
#ifdef CM_HAVE_NEON_I8MM
extern const ClipmoeGemm cm_i8_neon_i8mm;
#endif
#ifdef CM_HAVE_NEON_FP16
extern const ClipmoeGemm cm_fp16_neon;
#endif
#ifdef CM_HAVE_AVX2_VNNI
extern const ClipmoeGemm cm_i8_avx_vnni;
#endif
#ifdef CM_HAVE_AVX512_VNNI
extern const ClipmoeGemm cm_i8_avx512;
#endif
#ifdef CM_HAVE_AVX512_INT16
extern const ClipmoeGemm cm_i16_avx512;
#endif
#ifdef CM_HAVE_AVX512_FP16
extern const ClipmoeGemm cm_fp16_avx512;
#endif
#ifdef CM_HAVE_AVX512_BF16
extern const ClipmoeGemm cm_bf16_avx512;
#endif

#endif
