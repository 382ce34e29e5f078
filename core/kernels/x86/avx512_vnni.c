/* int8 products of AVX-512 VNNI: unsigned activations around 128, signed weights, sums in int32. */
#include "../tiers.h"
#include "tile_avx512.h"
#include "quantise_avx512.h"

#define LOAD(p) _mm512_load_si512 (p)
#define BROADCAST(p) _mm512_set1_epi32 (*(const int *)(p))

TILE (tile, __m512i, 64, _mm512_setzero_si512 (), LOAD, BROADCAST, _mm512_dpbusd_epi32, _mm512_storeu_si512)

static void
pack (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors, void *to,
      size_t to_stride, float *scales) {
  quantise (rows, n, x, x_row, x_stride, factors, to, to_stride, scales, 127, 127, 128);
}

static void
pack_gelu (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
           void *to, size_t to_stride, float *scales) {
  quantise (rows, n, x, x_row, x_stride, factors, to, to_stride, scales, 223, 32, 32);
}

#define INT8(...)                                                                                            \
  {                                                                                                          \
    .name = "int8", .limit = CM_LIMIT_VNNI_AVX512, .rows = 14, .columns = 32, .line_k = 64, .unit_k = 4,     \
    .block_lines = 64, .weights = CM_I8, .weight_range = 127, .tile = tile, __VA_ARGS__                      \
  }
static const ClipmoeGemm i8_gelu =
    INT8 (.layout = CM_LAYOUT_I8_32_32, .zero = 32, .range = 223, .below = 32, .pack = pack_gelu);
const ClipmoeGemm cm_i8_avx512 =
    INT8 (.layout = CM_LAYOUT_I8_32, .zero = 128, .range = 127, .pack = pack, .of_gelu = &i8_gelu);
