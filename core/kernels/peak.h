/* How fast this processor runs single instructions: what a product could reach at most, and which refinement
 * pays. */
#ifndef CLIPMOE_KERNEL_LIMITS_H
#define CLIPMOE_KERNEL_LIMITS_H

typedef enum {
  CM_LIMIT_F32_AVX2,
  CM_LIMIT_F32_AVX512,
  CM_LIMIT_BF16_AVX512, /* vdpbf16ps */
  CM_LIMIT_FP16_AVX512, /* vfmadd231ph */
  CM_LIMIT_I8_AVX2,     /* vpmaddubsw, vpmaddwd, vpaddd */
  CM_LIMIT_I8_AVX512,
  CM_LIMIT_VNNI_AVX2, /* vpdpbusd */
  CM_LIMIT_VNNI_AVX512,
  CM_LIMIT_I16_AVX512, /* vpdpwssd */
  CM_LIMIT_F32_NEON,
  CM_LIMIT_DOTPROD_NEON,
  CM_LIMIT_BF16_NEON,
  CM_LIMIT_I8MM_NEON,
  CM_LIMIT_FP16_NEON,
  CM_N_LIMITS,
} ClipmoeLimit;

/* Billions of operations a second, a multiply-add being two, on this core now: the best of several runs of
 * about @microseconds each. 0 where this processor or build cannot run it. */
double cm_limit (ClipmoeLimit which, double microseconds);
const char *cm_limit_name (ClipmoeLimit which);

#endif
