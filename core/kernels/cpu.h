/* The instruction sets that the processor has and whose registers the system saves. */
#ifndef CLIPMOE_CPU_H
#define CLIPMOE_CPU_H

/* tiers, then their refinements */
enum {
  CM_CPU_AVX2 = 1 << 0,   /* with FMA and F16C */
  CM_CPU_AVX512 = 1 << 1, /* F, BW, VL, DQ */
  CM_CPU_NEON = 1 << 2,
  CM_CPU_VNNI = 1 << 3, /* of AVX-512 */
  CM_CPU_AVX_VNNI = 1 << 4,
  CM_CPU_BF16 = 1 << 5,
  CM_CPU_FP16 = 1 << 6,
  CM_CPU_DOTPROD = 1 << 7,
  CM_CPU_I8MM = 1 << 8,
};

unsigned cm_cpu (void);

#endif
