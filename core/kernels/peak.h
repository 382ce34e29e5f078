/* How fast this processor runs single instructions: what a product could reach at most, and which refinement
 * pays. */
#ifndef CLIPMOE_PEAK_H
#define CLIPMOE_PEAK_H

typedef enum {
  CM_PEAK_F32_AVX2,
  CM_PEAK_F32_AVX512,
  CM_PEAK_BF16_AVX512, /* vdpbf16ps */
  CM_PEAK_FP16_AVX512, /* vfmadd231ph */
  CM_PEAK_I8_AVX2,     /* vpmaddubsw, vpmaddwd, vpaddd */
  CM_PEAK_I8_AVX512,
  CM_PEAK_VNNI_AVX2, /* vpdpbusd */
  CM_PEAK_VNNI_AVX512,
  CM_PEAK_I16_AVX512, /* vpdpwssd */
  CM_PEAK_F32_NEON,
  CM_PEAK_DOTPROD_NEON,
  CM_PEAK_BF16_NEON,
  CM_PEAK_I8MM_NEON,
  CM_PEAK_FP16_NEON,
  CM_N_PEAKS,
} ClipmoePeak;

/* Billions of operations a second, a multiply-add being two, on this core now: the best of several runs of
 * about @microseconds each. 0 where this processor or build cannot run it. */
double cm_peak (ClipmoePeak which, double microseconds);
const char *cm_peak_name (ClipmoePeak which);

#endif
