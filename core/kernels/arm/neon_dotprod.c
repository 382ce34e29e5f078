/* int8 products of NEON's dotprod: signed by signed, sums in int32. */
#include "../tiers.h"
#include "quantise_neon.h"
#include "tile_neon.h"

#define LOAD(w, j) vld1q_s8 ((const int8_t *)(w) + 16 * (j))
#define LOAD_A(a) vld1q_s8 ((const int8_t *)(a))
#define MAC(s, w, x, element) MULTIPLY_ADD ("sdot %0.4s, %1.16b, %2.4b[%3]", "w", s, w, x, element)
#define STORE(p, v) vst1q_s32 ((int32_t *)(p), v)

TILE (tile, int32x4_t, int8x16_t, int8x16_t, 64, vdupq_n_s32 (0), LOAD, LOAD_A, MAC, STORE)

const ClipmoeGemm cm_i8_neon_dotprod = {.name = "int8",
                                        .peak = CM_PEAK_DOTPROD_NEON,
                                        .layout = CM_LAYOUT_I8_16_SIGNED,
                                        .rows = 6,
                                        .columns = 16,
                                        .line_k = 64,
                                        .unit_k = 4,
                                        .block_lines = 64,
                                        .weights = CM_I8,
                                        .weight_range = 127,
                                        .range = 127,
                                        .tile = tile,
                                        .pack = quantise};
