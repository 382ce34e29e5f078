/* int8 products of AVX-512 VNNI: unsigned activations around 128, signed weights, sums in int32. */
#include "../tiers.h"
#include "tile_avx512.h"
#include "quantise_avx512.h"

#define LOAD(p) _mm512_load_si512 (p)
#define BROADCAST(p) _mm512_set1_epi32 (*(const int *)(p))

TILE (tile, __m512i, 64, _mm512_setzero_si512 (), LOAD, BROADCAST, _mm512_dpbusd_epi32, _mm512_storeu_si512)

#define INT8(...)                                                                                            \
  {                                                                                                          \
    .name = "int8", .peak = CM_PEAK_VNNI_AVX512, .rows = 14, .columns = 32, .line_k = 64, .unit_k = 4,       \
    .block_lines = 64, .weights = CM_I8, .weight_range = 127, .tile = tile, __VA_ARGS__                      \
  }
static const ClipmoeGemm i8_gelu = INT8 (.layout = CM_LAYOUT_I8_32_32, GELU_I8);
const ClipmoeGemm cm_i8_avx512 = INT8 (.layout = CM_LAYOUT_I8_32, EVEN_I8, .of_gelu = &i8_gelu);
