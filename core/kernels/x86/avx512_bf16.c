/* bf16 products of AVX-512: both sides rounded to bf16, sums in f32. */
#include "../tiers.h"
#include "tile_avx512.h"

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

const ClipmoeGemm cm_bf16_avx512 = {.name = "bf16",
                                    .layout = CM_LAYOUT_BF16_32,
                                    .rows = 14,
                                    .columns = 32,
                                    .line_k = 32,
                                    .unit_k = 2,
                                    .block_lines = 64,
                                    .weights = CM_BF16,
                                    .tile = tile,
                                    .pack = pack};
