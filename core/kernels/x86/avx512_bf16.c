/* bf16 products of AVX-512: both sides rounded to bf16, sums in f32. */
#include "../tiers.h"
#include "../rows.h"
#include "../simd/vector.h"
#include "tile_avx512.h"
#include "transpose_avx512.h"

#include <math.h>

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

/* Entries beyond the end become smaller than any other. */
static inline __m512
score (const float *x, size_t left) {
  return left >= CM_LINE ? _mm512_loadu_ps (x)
                         : _mm512_mask_loadu_ps (v_set (-INFINITY), (__mmask16)((1u << left) - 1), x);
}

/* The exponentials are rounded to bf16, so they need not be more exact. */
static float
softmax (size_t n, size_t padded, float scale, float *x, size_t stride) {
  size_t whole = n / CM_LINE, lines = cm_lines (n, CM_LINE), l;
  V top = score (x, n), other = top, sum = v_set (0.0f), more = sum;
  for (l = 1; l + 1 < whole; l += 2) {
    top = v_max (top, v_load (x + l * stride));
    other = v_max (other, v_load (x + (l + 1) * stride));
  }
  for (; l < lines; l++)
    top = v_max (top, score (x + l * stride, n - l * CM_LINE));
  V s = v_set (scale * LOG2_E), t = v_mul (v_set (v_largest (v_max (top, other))), s);
  for (l = 0; l + 1 < whole; l += 2) {
    V a = v_about_exp2 (_mm512_fmsub_ps (v_load (x + l * stride), s, t));
    V b = v_about_exp2 (_mm512_fmsub_ps (v_load (x + (l + 1) * stride), s, t));
    sum = v_add (sum, a);
    more = v_add (more, b);
    _mm512_storeu_si512 (x + l / 2 * stride, (__m512i)_mm512_cvtne2ps_pbh (b, a));
  }
  for (; l < padded / CM_LINE; l += 2) {
    size_t left = l < lines ? n - l * CM_LINE : 0;
    V a = left ? v_about_exp2 (_mm512_fmsub_ps (score (x + l * stride, left), s, t)) : v_set (0.0f),
      b = v_set (0.0f);
    if (left > CM_LINE)
      b = v_about_exp2 (_mm512_fmsub_ps (score (x + (l + 1) * stride, left - CM_LINE), s, t));
    sum = v_add (sum, a);
    more = v_add (more, b);
    _mm512_storeu_si512 (x + l / 2 * stride, (__m512i)_mm512_cvtne2ps_pbh (b, a));
  }
  return 1 / v_sum (v_add (sum, more));
}

const ClipmoeGemm cm_bf16_avx512 = {.name = "bf16",
                                    .peak = CM_PEAK_BF16_AVX512,
                                    .layout = CM_LAYOUT_BF16_32,
                                    .rows = 14,
                                    .columns = 32,
                                    .line_k = 32,
                                    .unit_k = 2,
                                    .block_lines = 64,
                                    .weights = CM_BF16,
                                    .tile = tile,
                                    .pack = pack,
                                    .keys = keys_16,
                                    .values = values_16,
                                    .softmax = softmax};
