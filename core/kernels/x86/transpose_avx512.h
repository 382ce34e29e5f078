/* Sixteen by sixteen units of 32 bits. Included by files compiled for AVX-512 alone. */
#ifndef CLIPMOE_TRANSPOSE_AVX512_H
#define CLIPMOE_TRANSPOSE_AVX512_H

#include <immintrin.h>

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

#endif
