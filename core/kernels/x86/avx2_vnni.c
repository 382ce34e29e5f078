/* int8 products of AVX-VNNI: unsigned activations around 128, signed weights, sums in int32. */
#include "../tiers.h"
#include "tile_avx2.h"
#include "quantise_avx2.h"

#define LOAD(p) _mm256_load_si256 ((const __m256i *)(p))
#define BROADCAST(p) _mm256_set1_epi32 (*(const int *)(p))
#define STORE(p, v) _mm256_storeu_si256 ((__m256i *)(p), v)

TILE (tile, __m256i, 32, _mm256_setzero_si256 (), LOAD, BROADCAST, _mm256_dpbusd_avx_epi32, STORE)

#define INT8(...)                                                                                            \
  {                                                                                                          \
    .name = "int8", .peak = CM_PEAK_VNNI_AVX2, .rows = 6, .columns = 16, .line_k = 64, .unit_k = 4,          \
    .block_lines = 64, .weights = CM_I8, .weight_range = 127, .tile = tile, __VA_ARGS__                      \
  }
static const ClipmoeGemm i8_gelu = INT8 (.layout = CM_LAYOUT_I8_16_32, GELU_I8);
const ClipmoeGemm cm_i8_avx_vnni = INT8 (.layout = CM_LAYOUT_I8_16, EVEN_I8, .of_gelu = &i8_gelu);
