/* Rows to int8 with AVX-512. Included by files compiled for AVX-512 alone. */
#ifndef CLIPMOE_QUANTISE_AVX512_H
#define CLIPMOE_QUANTISE_AVX512_H

#include <immintrin.h>
#include "../kernels.h"

static inline __m512
some (const float *x, size_t left) {
  return left >= CM_LINE ? _mm512_loadu_ps (x) : _mm512_maskz_loadu_ps ((__mmask16)((1u << left) - 1), x);
}

static inline void
quantise (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
          void *to, size_t to_stride, float *scales, int range, int zero) {
  for (unsigned i = 0; i < rows; i++) {
    const float *from = x + i * x_row;
    __m512 top = _mm512_setzero_ps (), bad = top;
    for (size_t k = 0, l = 0; k < n; k += CM_LINE, l++) {
      __m512 v = _mm512_mul_ps (some (from + l * x_stride, n - k), _mm512_loadu_ps (factors + k));
      top = _mm512_max_ps (top, _mm512_abs_ps (v));
      bad = _mm512_fmadd_ps (v, _mm512_setzero_ps (), bad); /* NaN once something is not finite */
    }
    float largest = _mm512_reduce_max_ps (top), scale = largest / (float)range + _mm512_reduce_add_ps (bad);
    __m512 inverse = _mm512_set1_ps (scale > 1e-30f ? 1 / scale : 0);
    scales[i] = scale;
    char *out = (char *)to + i * CM_LINE_BYTES;
    for (size_t k = 0, l = 0; k < n; out += to_stride)
      for (int part = 0; part < 4; part++, k += CM_LINE, l++) {
        __m512 v = k < n ? some (from + l * x_stride, n - k) : _mm512_setzero_ps ();
        v = _mm512_mul_ps (v, _mm512_loadu_ps (factors + k));
        __m128i q = _mm512_cvtsepi32_epi8 (_mm512_cvtps_epi32 (_mm512_mul_ps (v, inverse)));
        _mm_storeu_si128 ((__m128i *)(out + part * 16), _mm_add_epi8 (q, _mm_set1_epi8 ((char)zero)));
      }
  }
}

#endif
