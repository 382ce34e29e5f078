/* Rows to int8 with AVX2. Included by files compiled for AVX2 alone. */
#ifndef CLIPMOE_QUANTISE_AVX2_H
#define CLIPMOE_QUANTISE_AVX2_H

#include <immintrin.h>
#include <string.h>
#include "../kernels.h"

/* The scale of a row: its largest entry / range or its lowest / below, whichever is larger; NaN when an
 * entry is not finite. */
static inline float
row_scale (size_t n, const float *x, size_t x_stride, const float *factors, int range, int below) {
  __m256 top = _mm256_setzero_ps (), bad = top, sign = _mm256_set1_ps (-0.0f);
  __m256 up = _mm256_set1_ps (1.0f / (float)range), down = _mm256_set1_ps (-1.0f / (float)below);
  _Alignas(32) float rest[CM_LINE];
  for (size_t k = 0; k < n; k += CM_LINE, x += x_stride) {
    const float *from = x;
    if (n - k < CM_LINE) {
      memset (rest, 0, sizeof rest);
      memcpy (rest, x, (n - k) * sizeof (float));
      from = rest;
    }
    for (int j = 0; j < CM_LINE; j += 8) {
      __m256 v = _mm256_mul_ps (_mm256_loadu_ps (from + j), _mm256_loadu_ps (factors + k + j));
      top = _mm256_max_ps (top, range == below
                                    ? _mm256_andnot_ps (sign, v)
                                    : _mm256_max_ps (_mm256_mul_ps (v, up), _mm256_mul_ps (v, down)));
      bad = _mm256_fmadd_ps (v, _mm256_setzero_ps (), bad);
    }
  }
  float t[8], b[8], largest = 0, sum = 0;
  _mm256_storeu_ps (t, top);
  _mm256_storeu_ps (b, bad);
  for (int j = 0; j < 8; j++) {
    largest = t[j] > largest ? t[j] : largest;
    sum += b[j];
  }
  return (range == below ? largest / (float)range : largest) + sum;
}

/* The highest byte is @range; packing saturates signed numbers, so zero is shifted to make that 127. */
static inline void
quantise (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
          void *to, size_t to_stride, float *scales, int range, int below) {
  const __m256 moved = _mm256_set1_ps ((float)(127 - range));
  const __m256i order = _mm256_setr_epi32 (0, 4, 1, 5, 2, 6, 3, 7);
  for (unsigned i = 0; i < rows; i++) {
    const float *from = x + i * x_row;
    float scale = row_scale (n, from, x_stride, factors, range, below);
    __m256 inverse = _mm256_set1_ps (scale > 1e-30f ? 1 / scale : 0);
    scales[i] = scale;
    char *out = (char *)to + i * CM_LINE_BYTES;
    for (size_t k = 0, l = 0; k < n; out += to_stride)
      for (int part = 0; part < 4; part += 2) {
        __m256i q[4];
        for (int j = 0; j < 4; j += 2, k += CM_LINE, l++) {
          _Alignas(32) float rest[CM_LINE] = {0};
          const float *line = from + l * x_stride;
          if (k + CM_LINE > n) {
            if (k < n)
              memcpy (rest, line, (n - k) * sizeof (float));
            line = rest;
          }
          q[j] = _mm256_cvtps_epi32 (_mm256_fmadd_ps (
              _mm256_mul_ps (_mm256_loadu_ps (line), _mm256_loadu_ps (factors + k)), inverse, moved));
          q[j + 1] = _mm256_cvtps_epi32 (_mm256_fmadd_ps (
              _mm256_mul_ps (_mm256_loadu_ps (line + 8), _mm256_loadu_ps (factors + k + 8)), inverse, moved));
        }
        __m256i b = _mm256_packs_epi16 (_mm256_packs_epi32 (q[0], q[1]), _mm256_packs_epi32 (q[2], q[3]));
        b = _mm256_add_epi8 (_mm256_permutevar8x32_epi32 (b, order), _mm256_set1_epi8 ((char)128));
        _mm256_storeu_si256 ((__m256i *)(out + part * 16), b);
      }
  }
}

#include "pack_i8.h"

#endif
