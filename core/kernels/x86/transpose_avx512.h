/* Keys and values of attention, in units of 32 bits: one float or two 16-bit numbers. Included by files
 * compiled for AVX-512 alone. */
#ifndef CLIPMOE_TRANSPOSE_AVX512_H
#define CLIPMOE_TRANSPOSE_AVX512_H

#include <immintrin.h>
#include "../kernels.h"

static inline void
transpose_16 (__m512i r[16]) {
  __m512i t[16];
#define FOUR(i)                                                                                              \
  t[i] = _mm512_unpacklo_epi32 (r[i], r[i + 1]);                                                             \
  t[i + 1] = _mm512_unpackhi_epi32 (r[i], r[i + 1]);                                                         \
  t[i + 2] = _mm512_unpacklo_epi32 (r[i + 2], r[i + 3]);                                                     \
  t[i + 3] = _mm512_unpackhi_epi32 (r[i + 2], r[i + 3]);                                                     \
  r[i] = _mm512_unpacklo_epi64 (t[i], t[i + 2]);                                                             \
  r[i + 1] = _mm512_unpackhi_epi64 (t[i], t[i + 2]);                                                         \
  r[i + 2] = _mm512_unpacklo_epi64 (t[i + 1], t[i + 3]);                                                     \
  r[i + 3] = _mm512_unpackhi_epi64 (t[i + 1], t[i + 3])
  FOUR (0);
  FOUR (4);
  FOUR (8);
  FOUR (12);
#undef FOUR
  /* now r[4 i + j] holds, of rows 4 i to 4 i + 3, units j, j + 4, j + 8, j + 12, one in each quarter */
  for (int j = 0; j < 4; j++) {
    __m512i a = _mm512_shuffle_i32x4 (r[j], r[j + 4], 0x88), b = _mm512_shuffle_i32x4 (r[j], r[j + 4], 0xdd);
    __m512i c = _mm512_shuffle_i32x4 (r[j + 8], r[j + 12], 0x88);
    __m512i d = _mm512_shuffle_i32x4 (r[j + 8], r[j + 12], 0xdd);
    t[j] = _mm512_shuffle_i32x4 (a, c, 0x88);
    t[j + 4] = _mm512_shuffle_i32x4 (b, d, 0x88);
    t[j + 8] = _mm512_shuffle_i32x4 (a, c, 0xdd);
    t[j + 12] = _mm512_shuffle_i32x4 (b, d, 0xdd);
  }
  for (int j = 0; j < 16; j++)
    r[j] = t[j];
}

/* keys of kernels.h, of rows of @lines lines */
static inline void
turn_keys (size_t n, size_t lines, const float *x, size_t x_row, size_t x_stride, int *panel,
           size_t columns) {
  for (size_t i = 0; i < n; i += 16) {
    size_t some = n - i < 16 ? n - i : 16;
    __mmask16 mask = (__mmask16)((1u << some) - 1);
    for (size_t l = 0; l < lines; l++) {
      __m512i r[16];
      for (size_t j = 0; j < 16; j++)
        r[j] = j < some ? _mm512_loadu_si512 (x + (i + j) * x_row + l * x_stride) : _mm512_setzero_si512 ();
      transpose_16 (r);
      for (size_t u = 0; u < 16; u++)
        _mm512_mask_storeu_epi32 (panel + (l * 16 + u) * columns + i, mask, r[u]);
    }
  }
}

/* keys and values of kernels.h, of rows of 16 bits: two of these become pairs */
static inline void
keys_16 (size_t n, size_t d, const void *x, size_t x_row, size_t x_stride, void *panel, size_t columns) {
  turn_keys (n, d / 32, x, x_row, x_stride, panel, columns);
}

static inline void
values_16 (unsigned lines, const void *first, size_t first_stride, const void *second, size_t second_stride,
           void *to) {
  const __m512i low = _mm512_set_epi16 (47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7,
                                        38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16 (low, _mm512_set1_epi16 (16));
  for (unsigned l = 0; l < lines; l++) {
    __m512i a = _mm512_loadu_si512 ((const float *)first + l * first_stride);
    __m512i b =
        second ? _mm512_loadu_si512 ((const float *)second + l * second_stride) : _mm512_setzero_si512 ();
    _mm512_storeu_si512 ((char *)to + l * 128, _mm512_permutex2var_epi16 (a, low, b));
    _mm512_storeu_si512 ((char *)to + l * 128 + 64, _mm512_permutex2var_epi16 (a, high, b));
  }
}

#endif
