/* The table of AVX2 and FMA, and its f32 products. */
#include "../tiers.h"
#include "tile_avx2.h"
#include "../simd/ops.h"

#define LOAD(p) _mm256_load_ps ((const float *)(p))
#define BROADCAST(p) _mm256_broadcast_ss ((const float *)(p))
#define MAC(s, v, w) _mm256_fmadd_ps (v, w, s)
#define STORE(p, v) _mm256_storeu_ps (p, v)

TILE (tile, __m256, 32, _mm256_setzero_ps (), LOAD, BROADCAST, MAC, STORE)

static const ClipmoeGemm f32 = {.name = "f32",
                                .layout = CM_LAYOUT_F32_16,
                                .rows = 6,
                                .columns = 16,
                                .line_k = 16,
                                .unit_k = 1,
                                .block_lines = 64,
                                .weights = CM_F32,
                                .plain = 1,
                                .tile = tile,
                                .pack = pack_f32};

const ClipmoeKernels cm_kernels_avx2 = {.name = "avx2", .f32 = &f32, CM_OPS};
