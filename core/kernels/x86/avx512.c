/* The table of AVX-512 (F, BW, VL, DQ): f32 products, and 16-bit weights that are widened. */
#include "../tiers.h"
#include "tile_avx512.h"
#include "quantise_avx512.h"
#include "transpose_avx512.h"
#define CM_OWN_KEYS
#include "../simd/ops.h"

static void
keys_f32 (size_t n, size_t d, const void *x, size_t x_row, size_t x_stride, void *panel, size_t columns) {
  turn_keys (n, d / CM_LINE, x, x_row, x_stride, panel, columns);
}

#define BROADCAST(p) _mm512_set1_ps (*(const float *)(p))
/* In assembly, since gcc 12 chooses forms of the instruction that need one register too many from 11 rows
 * on. */
static inline __m512
mac (__m512 s, __m512 v, __m512 w) {
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(v), "v"(w));
  return s;
}
#define MAC mac

#define LOAD_F32(p) _mm512_load_ps ((const float *)(p))
TILE (tile_f32, __m512, 64, _mm512_setzero_ps (), LOAD_F32, BROADCAST, MAC, _mm512_storeu_ps)

#define LOAD_F16(p) _mm512_cvtph_ps (_mm256_load_si256 ((const __m256i *)(p)))
TILE (tile_f16, __m512, 32, _mm512_setzero_ps (), LOAD_F16, BROADCAST, MAC, _mm512_storeu_ps)

/* Weights of 7 bits: two products of at most 255 x 63 fit 16 bits, so nothing saturates. */
#define LOAD_I8(p) ((const __m512i *)(p))
#define BROADCAST_I8(p) _mm512_set1_epi32 (*(const int *)(p))
/* As in avx2.c: twenty-eight sums, a broadcast, a product and the ones take 31 of 32 registers. */
static inline __m512i
mac_i8 (__m512i s, __m512i v, const __m512i *w) {
  __m512i product;
  __asm__("vpmaddubsw %3, %2, %1\n\tvpmaddwd %4, %1, %1\n\tvpaddd %1, %0, %0"
          : "+v"(s), "=&v"(product)
          : "v"(v), "m"(*w), "v"(_mm512_set1_epi16 (1)));
  return s;
}
TILE (tile_i8, __m512i, 64, _mm512_setzero_si512 (), LOAD_I8, BROADCAST_I8, mac_i8, _mm512_storeu_si512)

static const ClipmoeGemm f32 = {.name = "f32",
                                .peak = CM_PEAK_F32_AVX512,
                                .layout = CM_LAYOUT_F32_32,
                                .rows = 14,
                                .columns = 32,
                                .line_k = 16,
                                .unit_k = 1,
                                .block_lines = 64,
                                .weights = CM_F32,
                                .plain = 1,
                                .tile = tile_f32,
                                .pack = pack_f32,
                                .keys = keys_f32,
                                .values = values_f32,
                                .softmax = softmax};
static const ClipmoeGemm f16 = {.name = "f16",
                                .peak = CM_PEAK_F32_AVX512,
                                .layout = CM_LAYOUT_F16_32,
                                .rows = 14,
                                .columns = 32,
                                .line_k = 16,
                                .unit_k = 1,
                                .block_lines = 64,
                                .weights = CM_F16,
                                .plain = 1,
                                .tile = tile_f16,
                                .pack = pack_f32};

#define INT8(...)                                                                                            \
  {                                                                                                          \
    .name = "int8", .peak = CM_PEAK_I8_AVX512, .rows = 14, .columns = 32, .line_k = 64, .unit_k = 4,         \
    .block_lines = 64, .weights = CM_I8, .weight_range = 63, .tile = tile_i8, __VA_ARGS__                    \
  }
static const ClipmoeGemm i8_gelu = INT8 (.layout = CM_LAYOUT_I8_32_7_32, GELU_I8);
static const ClipmoeGemm i8 = INT8 (.layout = CM_LAYOUT_I8_32_7, EVEN_I8, .of_gelu = &i8_gelu);

const ClipmoeKernels cm_kernels_avx512 = {
    .name = "avx512", .f32 = &f32, .half = &f16, .int8 = &i8, .attention = &f32, CM_OPS};
