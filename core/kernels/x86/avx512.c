/* The table of AVX-512 (F, BW, VL, DQ) and its f32 products. */
#include "../tiers.h"
#include "tile_avx512.h"
#include "../simd/ops.h"

#define LOAD(p) _mm512_load_ps ((const float *)(p))
#define BROADCAST(p) _mm512_set1_ps (*(const float *)(p))
#define MAC(s, v, w) _mm512_fmadd_ps (v, w, s)

TILE (tile, __m512, _mm512_setzero_ps (), LOAD, BROADCAST, MAC, _mm512_storeu_ps)

static const ClipmoeGemm f32 = {.name = "f32",
                                .layout = CM_LAYOUT_F32_32,
                                .rows = 14,
                                .columns = 32,
                                .line_k = 16,
                                .unit_k = 1,
                                .block_lines = 64,
                                .weights = CM_F32,
                                .plain = 1,
                                .tile = tile,
                                .pack = pack_f32};

const ClipmoeKernels cm_kernels_avx512 = {.name = "avx512", .f32 = &f32, CM_OPS};
