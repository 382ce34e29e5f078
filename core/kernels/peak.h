/* Peak rates of single instructions on this processor: the upper bound of a product's speed, and the reason
 * to take a refinement or not. */
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

/* Measures billions of operations per second on this core now, a multiply-add counted as two: the best of
 * several runs of about @microseconds each. 0 when this processor or build cannot run it. Any thread may
 * call it. */
double cm_peak (ClipmoePeak which, double microseconds);
const char *cm_peak_name (ClipmoePeak which);

#endif
