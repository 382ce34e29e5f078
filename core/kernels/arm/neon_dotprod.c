/* int8 products of NEON's dotprod: signed by signed, sums in int32. */
#include "../tiers.h"
#include "quantise_neon.h"
#include "tile_neon.h"

#define BROADCAST(p) vreinterpretq_s8_s32 (vld1q_dup_s32 ((const int32_t *)(p)))
#define LOAD(w, j) vreinterpretq_s32_s8 (vld1q_s8 ((const int8_t *)(w) + 16 * (j)))
#define STORE(p, v) vst1q_s32 ((int32_t *)(p), v)
#define MAC(s, v, w) vdotq_s32 (s, v, vreinterpretq_s8_s32 (w))

TILE (tile, int32x4_t, 64, vdupq_n_s32 (0), LOAD, BROADCAST, MAC, STORE)

const ClipmoeGemm cm_i8_neon_dotprod = {.name = "int8",
                                        .limit = CM_LIMIT_DOTPROD_NEON,
                                        .layout = CM_LAYOUT_I8_16_SIGNED,
                                        .rows = 6,
                                        .columns = 16,
                                        .line_k = 64,
                                        .unit_k = 4,
                                        .block_lines = 64,
                                        .weights = CM_I8,
                                        .zero = 0,
                                        .range = 127,
                                        .tile = tile,
                                        .pack = quantise};
