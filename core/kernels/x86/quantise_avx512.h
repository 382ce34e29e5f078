/* Rows to int8 with AVX-512. Included by files compiled for AVX-512 alone. */
#ifndef CLIPMOE_QUANTISE_AVX512_H
#define CLIPMOE_QUANTISE_AVX512_H

#include <immintrin.h>
#include "../kernels.h"

/* Four lines of a row, multiplied by the factors; zeros beyond its end. */
static inline void
four (const float *x, size_t x_stride, size_t left, const float *factors, __m512 v[4]) {
  for (size_t p = 0; p < 4; p++, x += x_stride) {
    if (left >= 64)
      v[p] = _mm512_loadu_ps (x);
    else if (left > p * CM_LINE)
      v[p] = _mm512_maskz_loadu_ps (
          (__mmask16)((1u << (left - p * CM_LINE < 16 ? left - p * CM_LINE : 16)) - 1), x);
    else
      v[p] = _mm512_setzero_ps ();
    v[p] = _mm512_mul_ps (v[p], _mm512_loadu_ps (factors + p * CM_LINE));
  }
}

/* The magnitudes that decide a scale (not yet divided by @range where both sides are equal), as integers,
 * which compare like magnitudes; what is not finite is above all else. */
static inline __m512i
asks (__m512 v, int range, int below) {
  if (range == below)
    return _mm512_castps_si512 (_mm512_abs_ps (v));
  __m512 up = _mm512_mul_ps (v, _mm512_set1_ps (1.0f / (float)range));
  __m512 down = _mm512_mul_ps (v, _mm512_set1_ps (-1.0f / (float)below));
  return _mm512_castps_si512 (_mm512_abs_ps (_mm512_max_ps (up, down)));
}

/* Reads the lines of all rows in memory order, twice: first for the largest of each row. The highest byte
 * is @range; packing saturates signed numbers, so zero is shifted to make that 127. */
static inline void
quantise (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
          void *to, size_t to_stride, float *scales, int range, int below) {
  __m512i top[CM_MAX_ROWS];
  __m512 v[4], inverse[CM_MAX_ROWS];
  for (unsigned i = 0; i < rows; i++)
    top[i] = _mm512_setzero_si512 ();
  for (size_t k = 0; k < n; k += 64)
    for (unsigned i = 0; i < rows; i++) {
      four (x + k / CM_LINE * x_stride + i * x_row, x_stride, n - k, factors + k, v);
      __m512i a = _mm512_max_epi32 (asks (v[0], range, below), asks (v[1], range, below));
      __m512i b = _mm512_max_epi32 (asks (v[2], range, below), asks (v[3], range, below));
      top[i] = _mm512_max_epi32 (top[i], _mm512_max_epi32 (a, b));
    }
  for (unsigned i = 0; i < rows; i++) {
    float largest = _mm_cvtss_f32 ((__m128)_mm_cvtsi32_si128 (_mm512_reduce_max_epi32 (top[i])));
    scales[i] = range == below ? largest / (float)range : largest;
    inverse[i] = _mm512_set1_ps (scales[i] > 1e-30f ? 1 / scales[i] : 0);
  }
  const __m512 moved = _mm512_set1_ps ((float)(127 - range));
  /* packing interleaves the quarters of the lines */
  const __m512i order = _mm512_set_epi32 (15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
  char *out = to;
  for (size_t k = 0; k < n; k += 64, out += to_stride)
    for (unsigned i = 0; i < rows; i++) {
      four (x + k / CM_LINE * x_stride + i * x_row, x_stride, n - k, factors + k, v);
      __m512i q[4];
      for (int p = 0; p < 4; p++)
        q[p] = _mm512_cvtps_epi32 (_mm512_fmadd_ps (v[p], inverse[i], moved));
      __m512i bytes = _mm512_packs_epi16 (_mm512_packs_epi32 (q[0], q[1]), _mm512_packs_epi32 (q[2], q[3]));
      bytes = _mm512_add_epi8 (_mm512_permutexvar_epi32 (order, bytes), _mm512_set1_epi8 ((char)128));
      _mm512_storeu_si512 (out + i * CM_LINE_BYTES, bytes);
    }
}

#include "pack_i8.h"

#endif
