/* The table of AVX2, FMA and F16C: f32 products, 16-bit weights that are widened, int8 without VNNI. */
#include "../tiers.h"
#include "tile_avx2.h"
#include "quantise_avx2.h"
#include "../simd/ops.h"

#define BROADCAST(p) _mm256_broadcast_ss ((const float *)(p))
#define MAC(s, v, w) _mm256_fmadd_ps (v, w, s)
#define STORE(p, v) _mm256_storeu_ps (p, v)

#define LOAD_F32(p) _mm256_load_ps ((const float *)(p))
TILE (tile_f32, __m256, 32, _mm256_setzero_ps (), LOAD_F32, BROADCAST, MAC, STORE)

#define LOAD_F16(p) _mm256_cvtph_ps (_mm_load_si128 ((const __m128i *)(p)))
TILE (tile_f16, __m256, 16, _mm256_setzero_ps (), LOAD_F16, BROADCAST, MAC, STORE)

/* Weights of 7 bits: two products of at most 255 x 63 fit 16 bits, so nothing saturates. */
#define LOAD_I8(p) ((const __m256i *)(p))
#define BROADCAST_I8(p) _mm256_set1_epi32 (*(const int *)(p))
/* In assembly, with weights as memory operands: twelve sums, a broadcast, a product and the ones take 15 of
 * 16 registers; gcc 12 would delay the additions until it needs more. */
static inline __m256i
mac_i8 (__m256i s, __m256i v, const __m256i *w) {
  __m256i product;
  __asm__("vpmaddubsw %3, %2, %1\n\tvpmaddwd %4, %1, %1\n\tvpaddd %1, %0, %0"
          : "+x"(s), "=&x"(product)
          : "x"(v), "m"(*w), "x"(_mm256_set1_epi16 (1)));
  return s;
}
#define STORE_I8(p, v) _mm256_storeu_si256 ((__m256i *)(p), v)
TILE (tile_i8, __m256i, 32, _mm256_setzero_si256 (), LOAD_I8, BROADCAST_I8, mac_i8, STORE_I8)

static const ClipmoeGemm f32 = {.name = "f32",
                                .peak = CM_PEAK_F32_AVX2,
                                .layout = CM_LAYOUT_F32_16,
                                .rows = 6,
                                .columns = 16,
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
                                .peak = CM_PEAK_F32_AVX2,
                                .layout = CM_LAYOUT_F16_16,
                                .rows = 6,
                                .columns = 16,
                                .line_k = 16,
                                .unit_k = 1,
                                .block_lines = 64,
                                .weights = CM_F16,
                                .plain = 1,
                                .tile = tile_f16,
                                .pack = pack_f32};

#define INT8(...)                                                                                            \
  {                                                                                                          \
    .name = "int8", .peak = CM_PEAK_I8_AVX2, .rows = 6, .columns = 16, .line_k = 64, .unit_k = 4,            \
    .block_lines = 64, .weights = CM_I8, .weight_range = 63, .tile = tile_i8, __VA_ARGS__                    \
  }
static const ClipmoeGemm i8_gelu = INT8 (.layout = CM_LAYOUT_I8_16_7_32, GELU_I8);
static const ClipmoeGemm i8 = INT8 (.layout = CM_LAYOUT_I8_16_7, EVEN_I8, .of_gelu = &i8_gelu);

const ClipmoeKernels cm_kernels_avx2 = {
    .name = "avx2", .f32 = &f32, .half = &f16, .int8 = &i8, .attention = &f32, CM_OPS};
