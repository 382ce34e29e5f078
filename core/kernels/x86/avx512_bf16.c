/* bf16 products of AVX-512: both sides rounded to bf16, sums in f32. */
#include "../tiers.h"
#include "tile_avx512.h"
#include "transpose_avx512.h"

#define LOAD(p) _mm512_load_si512 (p)
#define BROADCAST(p) _mm512_set1_epi32 (*(const int *)(p))
#define MAC(s, v, w) (__m512i) _mm512_dpbf16_ps ((__m512)(s), (__m512bh)(v), (__m512bh)(w))

TILE (tile, __m512i, 64, _mm512_setzero_si512 (), LOAD, BROADCAST, MAC, _mm512_storeu_si512)

static __m512
some (const float *x, size_t left) {
  return left >= CM_LINE ? _mm512_loadu_ps (x) : _mm512_maskz_loadu_ps ((__mmask16)((1u << left) - 1), x);
}

static void
pack (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors, void *to,
      size_t to_stride, float *scales) {
  (void)scales, (void)factors;
  char *out = to;
  for (size_t k = 0; k < n; k += 32, out += to_stride, x += 2 * x_stride)
    for (unsigned i = 0; i < rows; i++) {
      const float *from = x + i * x_row;
      __m512 low = some (from, n - k);
      __m512 high = n - k > CM_LINE ? some (from + x_stride, n - k - CM_LINE) : _mm512_setzero_ps ();
      _mm512_storeu_si512 (out + i * CM_LINE_BYTES, (__m512i)_mm512_cvtne2ps_pbh (high, low));
    }
}

static void
keys (size_t n, size_t d, const float *x, size_t x_row, size_t x_stride, void *panel, size_t columns) {
  for (size_t i = 0; i < n; i += 16) {
    size_t some = n - i < 16 ? n - i : 16;
    __mmask16 mask = (__mmask16)((1u << some) - 1);
    for (size_t l = 0; l < d / 32; l++) {
      __m512i r[16];
      for (size_t j = 0; j < 16; j++) {
        const float *from = x + (i + j) * x_row + 2 * l * x_stride;
        r[j] = j < some
                   ? (__m512i)_mm512_cvtne2ps_pbh (_mm512_loadu_ps (from + x_stride), _mm512_loadu_ps (from))
                   : _mm512_setzero_si512 ();
      }
      transpose_16 (r);
      for (size_t u = 0; u < 16; u++)
        _mm512_mask_storeu_epi32 ((int *)panel + (l * 16 + u) * columns + i, mask, r[u]);
    }
  }
}

static void
values (unsigned lines, const float *first, size_t first_stride, const float *second, size_t second_stride,
        void *to) {
  for (unsigned l = 0; l < lines; l++) {
    __m512 a = _mm512_loadu_ps (first + l * first_stride);
    __m512 b = second ? _mm512_loadu_ps (second + l * second_stride) : _mm512_setzero_ps ();
    __m512i low = _mm512_cvtepu16_epi32 ((__m256i)_mm512_cvtneps_pbh (a));
    __m512i high = _mm512_cvtepu16_epi32 ((__m256i)_mm512_cvtneps_pbh (b));
    _mm512_storeu_si512 ((char *)to + l * 64, _mm512_or_si512 (low, _mm512_slli_epi32 (high, 16)));
  }
}

const ClipmoeGemm cm_bf16_avx512 = {.name = "bf16",
                                    .limit = CM_LIMIT_BF16_AVX512,
                                    .layout = CM_LAYOUT_BF16_32,
                                    .rows = 14,
                                    .columns = 32,
                                    .line_k = 32,
                                    .unit_k = 2,
                                    .block_lines = 64,
                                    .weights = CM_BF16,
                                    .tile = tile,
                                    .pack = pack,
                                    .keys = keys,
                                    .values = values};
