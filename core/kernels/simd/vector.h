/* Vectors of floats of the width that the including file is compiled for. Everything is static, so that
 * files of different tiers share no inline code. */
#ifndef CLIPMOE_VECTOR_H
#define CLIPMOE_VECTOR_H

#if defined __AVX512F__
#include <immintrin.h>
#define VW 16
typedef __m512 V;
typedef __m512i VI;
#define v_load(p) _mm512_loadu_ps (p)
#define v_store(p, v) _mm512_storeu_ps (p, v)
#define v_set(x) _mm512_set1_ps (x)
#define v_add(a, b) _mm512_add_ps (a, b)
#define v_sub(a, b) _mm512_sub_ps (a, b)
#define v_mul(a, b) _mm512_mul_ps (a, b)
#define v_div(a, b) _mm512_div_ps (a, b)
#define v_max(a, b) _mm512_max_ps (a, b) /* b if either is NaN */
#define v_min(a, b) _mm512_min_ps (a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps (a, b, c)
#define v_fnma(a, b, c) _mm512_fnmadd_ps (a, b, c) /* c - a b */
#define v_round(a) _mm512_roundscale_ps (a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define v_abs(a) _mm512_abs_ps (a)
#define v_sign_of(a, s) /* |a| with the sign of s */                                                         \
  _mm512_or_ps (_mm512_abs_ps (a), _mm512_and_ps (s, _mm512_set1_ps (-0.0f)))
#define v_power(p, n) /* p * 2^n, n whole and small */ _mm512_scalef_ps (p, n)
#define v_load_int(p) _mm512_loadu_si512 (p)
#define vi_sub(a, b) _mm512_sub_epi32 (a, b)
#define v_of_int(a) _mm512_cvtepi32_ps (a)
#define v_sum(a) _mm512_reduce_add_ps (a)
#define v_largest(a) _mm512_reduce_max_ps (a)
/* 2^x within 8e-5 of it; 1 / x within 6.2e-5 */
#define v_about_exp2(x) about_exp2 (x)
#define v_about_inverse(x) _mm512_rcp14_ps (x)
/* 2^x = 2^floor (x) p (x - floor (x)): the instruction takes the floor itself and handles all x. */
static inline V
about_exp2 (V x) {
  V f = _mm512_reduce_ps (x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  V p = v_fma (v_set (0.0780245215f), f, v_set (0.2260671556f));
  p = v_fma (p, f, v_set (0.6958335638f));
  p = v_fma (p, f, v_set (0.9999251962f));
  return _mm512_scalef_ps (p, x);
}

#elif defined __AVX2__
#include <immintrin.h>
#define VW 8
typedef __m256 V;
typedef __m256i VI;
#define v_load(p) _mm256_loadu_ps (p)
#define v_store(p, v) _mm256_storeu_ps (p, v)
#define v_set(x) _mm256_set1_ps (x)
#define v_add(a, b) _mm256_add_ps (a, b)
#define v_sub(a, b) _mm256_sub_ps (a, b)
#define v_mul(a, b) _mm256_mul_ps (a, b)
#define v_div(a, b) _mm256_div_ps (a, b)
#define v_max(a, b) _mm256_max_ps (a, b)
#define v_min(a, b) _mm256_min_ps (a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps (a, b, c)
#define v_fnma(a, b, c) _mm256_fnmadd_ps (a, b, c)
#define v_round(a) _mm256_round_ps (a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define v_abs(a) _mm256_andnot_ps (_mm256_set1_ps (-0.0f), a)
#define v_sign_of(a, s) _mm256_or_ps (v_abs (a), _mm256_and_ps (s, _mm256_set1_ps (-0.0f)))
#define v_power(p, n)                                                                                        \
  _mm256_mul_ps (p, _mm256_castsi256_ps (_mm256_slli_epi32 (                                                 \
                        _mm256_add_epi32 (_mm256_cvtps_epi32 (n), _mm256_set1_epi32 (127)), 23)))
#define v_load_int(p) _mm256_loadu_si256 ((const __m256i *)(p))
#define vi_sub(a, b) _mm256_sub_epi32 (a, b)
#define v_of_int(a) _mm256_cvtepi32_ps (a)
static inline float
v_sum (V v) {
  __m128 s = _mm_add_ps (_mm256_castps256_ps128 (v), _mm256_extractf128_ps (v, 1));
  s = _mm_add_ps (s, _mm_movehl_ps (s, s));
  return _mm_cvtss_f32 (_mm_add_ss (s, _mm_movehdup_ps (s)));
}
static inline float
v_largest (V v) {
  __m128 s = _mm_max_ps (_mm256_castps256_ps128 (v), _mm256_extractf128_ps (v, 1));
  s = _mm_max_ps (s, _mm_movehl_ps (s, s));
  return _mm_cvtss_f32 (_mm_max_ss (s, _mm_movehdup_ps (s)));
}

#elif defined __ARM_NEON
#include <arm_neon.h>
#define VW 4
typedef float32x4_t V;
typedef int32x4_t VI;
#define v_load(p) vld1q_f32 (p)
#define v_store(p, v) vst1q_f32 (p, v)
#define v_set(x) vdupq_n_f32 (x)
#define v_add(a, b) vaddq_f32 (a, b)
#define v_sub(a, b) vsubq_f32 (a, b)
#define v_mul(a, b) vmulq_f32 (a, b)
#define v_div(a, b) vdivq_f32 (a, b)
#define v_max(a, b) vmaxq_f32 (a, b) /* NaN if either is NaN */
#define v_min(a, b) vminq_f32 (a, b)
#define v_fma(a, b, c) vfmaq_f32 (c, a, b)
#define v_fnma(a, b, c) vfmsq_f32 (c, a, b)
#define v_round(a) vrndnq_f32 (a)
#define v_abs(a) vabsq_f32 (a)
#define v_sign_of(a, s) vbslq_f32 (vdupq_n_u32 (0x80000000u), s, a)
#define v_power(p, n)                                                                                        \
  vmulq_f32 (p, vreinterpretq_f32_s32 (vshlq_n_s32 (vaddq_s32 (vcvtnq_s32_f32 (n), vdupq_n_s32 (127)), 23)))
#define v_load_int(p) vld1q_s32 ((const int32_t *)(p))
#define vi_sub(a, b) vsubq_s32 (a, b)
#define v_of_int(a) vcvtq_f32_s32 (a)
#define v_sum(a) vaddvq_f32 (a)
#define v_largest(a) vmaxvq_f32 (a)
#endif

#define LOG2_E 1.44269504088896341f

/* exp by 2^n p (r), r in [-ln2/2, ln2/2]: Taylor to the sixth power, below 2e-7 relative. */
static inline V
v_exp (V x) {
  /* the bound comes first: if an operand is NaN, x86 returns the second one, and NaN must be kept */
  x = v_min (v_set (88.3f), v_max (v_set (-87.3f), x));
  V n = v_round (v_mul (x, v_set (LOG2_E)));
  V r = v_fnma (n, v_set (0.693359375f), x);
  r = v_fnma (n, v_set (-2.12194440e-4f), r);
  V p = v_fma (v_set (1.0f / 720), r, v_set (1.0f / 120));
  p = v_fma (p, r, v_set (1.0f / 24));
  p = v_fma (p, r, v_set (1.0f / 6));
  p = v_fma (p, r, v_set (0.5f));
  p = v_fma (p, r, v_set (1.0f));
  p = v_fma (p, r, v_set (1.0f));
  return v_power (p, n);
}

#endif
