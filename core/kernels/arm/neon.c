/* The table of NEON: f32 products, weights of 16 bits that are widened, int8 by widening multiplication. */
#include "../tiers.h"
#include "quantise_neon.h"
#include "tile_neon.h"
#include "../simd/ops.h"

#define BROADCAST(p) vld1q_dup_f32 ((const float *)(p))
#define MAC(s, v, w) vfmaq_f32 (s, v, w)
#define STORE(p, v) vst1q_f32 (p, v)

#define LOAD_F32(w, j) vld1q_f32 ((const float *)(w) + 4 * (j))
TILE (tile_f32, float32x4_t, 64, vdupq_n_f32 (0), LOAD_F32, BROADCAST, MAC, STORE)

#define LOAD_F16(w, j) vcvt_f32_f16 (vreinterpret_f16_u16 (vld1_u16 ((const uint16_t *)(w) + 4 * (j))))
TILE (tile_f16, float32x4_t, 32, vdupq_n_f32 (0), LOAD_F16, BROADCAST, MAC, STORE)

/* Signed by signed: sixteen products of 16 bits, pairs of them added into 32 bits twice. */
#define BROADCAST_I8(p) vreinterpretq_s8_s32 (vld1q_dup_s32 ((const int32_t *)(p)))
#define LOAD_I8(w, j) vreinterpretq_s32_s8 (vld1q_s8 ((const int8_t *)(w) + 16 * (j)))
#define STORE_I8(p, v) vst1q_s32 ((int32_t *)(p), v)

static inline int32x4_t
mac_i8 (int32x4_t s, int8x16_t v, int32x4_t weights) {
  int8x16_t w = vreinterpretq_s8_s32 (weights);
  int32x4_t low = vpaddlq_s16 (vmull_s8 (vget_low_s8 (v), vget_low_s8 (w)));
  int32x4_t high = vpaddlq_s16 (vmull_high_s8 (v, w));
  return vaddq_s32 (s, vpaddq_s32 (low, high));
}
TILE (tile_i8_most_3, int32x4_t, 64, vdupq_n_s32 (0), LOAD_I8, BROADCAST_I8, mac_i8, STORE_I8)

static void
tile_i8 (unsigned rows, size_t lines, const void *a, size_t a_stride, const void *w, const void *next,
         size_t step, float *c, size_t c_stride) {
  unsigned first = rows > 3 ? 3 : rows; /* registers for what lies between */
  tile_i8_most_3 (first, lines, a, a_stride, w, next, step, c, c_stride);
  if (rows > first)
    tile_i8_most_3 (rows - first, lines, (const char *)a + first * CM_LINE_BYTES, a_stride, w, w, 0,
                    c + first * CM_LINE, c_stride);
}

static const ClipmoeGemm f32 = {.name = "f32",
                                .limit = CM_LIMIT_F32_NEON,
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
                                .limit = CM_LIMIT_F32_NEON,
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
static const ClipmoeGemm i8 = {.name = "int8",
                               .limit = CM_LIMIT_F32_NEON,
                               .layout = CM_LAYOUT_I8_16_SIGNED,
                               .rows = 6,
                               .columns = 16,
                               .line_k = 64,
                               .unit_k = 4,
                               .block_lines = 64,
                               .weights = CM_I8,
                               .zero = 0,
                               .range = 127,
                               .tile = tile_i8,
                               .pack = quantise};

const ClipmoeKernels cm_kernels_neon = {
    .name = "neon", .f32 = &f32, .half = &f16, .int8 = &i8, .attention = &f32, CM_OPS};
