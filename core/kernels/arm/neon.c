/* The table of NEON: f32 products, 16-bit weights that are widened, int8 by widening multiplication. */
#include "../tiers.h"
#include "quantise_neon.h"
#include "tile_neon.h"
#include "../simd/ops.h"

#define LOAD_A(a) vld1q_f32 ((const float *)(a))
#define MAC(s, w, x, element) MULTIPLY_ADD ("fmla %0.4s, %1.4s, %2.s[%3]", "w", s, w, x, element)

#define LOAD_F32(w, j) vld1q_f32 ((const float *)(w) + 4 * (j))
TILE (tile_f32, float32x4_t, float32x4_t, float32x4_t, 64, vdupq_n_f32 (0), LOAD_F32, LOAD_A, MAC, vst1q_f32)

#define LOAD_F16(w, j) vcvt_f32_f16 (vreinterpret_f16_u16 (vld1_u16 ((const uint16_t *)(w) + 4 * (j))))
TILE (tile_f16, float32x4_t, float32x4_t, float32x4_t, 32, vdupq_n_f32 (0), LOAD_F16, LOAD_A, MAC, vst1q_f32)

/* Signed by signed: two products of 127 x 127 fit 16 bits, so the products of two adjacent units are added
 * before pairs of them are accumulated in 32 bits, in two sums for each vector of weights. */
static inline int8x16_t
twice (const char *a) { /* a unit of a row for all columns */
  return vreinterpretq_s8_s32 (vld1q_dup_s32 ((const int32_t *)(const void *)a));
}

#define TILE_I8_ROWS(N)                                                                                      \
  static void tile_i8_##N (size_t lines, const char *a, size_t a_stride, const int8_t *w, const char *next,  \
                           size_t step, float *c) {                                                          \
    int32x4_t s[N][4][2];                                                                                    \
    UNROLL for (int i = 0; i < N; i++) UNROLL for (int j = 0; j < 4; j++) s[i][j][0] = s[i][j][1] =          \
        vdupq_n_s32 (0);                                                                                     \
    for (; lines; lines--, a += a_stride)                                                                    \
      for (int q = 0; q < CM_LINE_BYTES; q += 8, w += 128) {                                                 \
        int8x16_t x[N], y[N];                                                                                \
        UNROLL for (int i = 0; i < N; i++) {                                                                 \
          x[i] = twice (a + i * CM_LINE_BYTES + q);                                                          \
          y[i] = twice (a + i * CM_LINE_BYTES + q + 4);                                                      \
        }                                                                                                    \
        AHEAD;                                                                                               \
        AHEAD;                                                                                               \
        UNROLL for (int j = 0; j < 4; j++) {                                                                 \
          int8x16_t wx = vld1q_s8 (w + 16 * j), wy = vld1q_s8 (w + 64 + 16 * j);                             \
          UNROLL for (int i = 0; i < N; i++) {                                                               \
            int16x8_t low = vmull_s8 (vget_low_s8 (x[i]), vget_low_s8 (wx)),                                 \
                      high = vmull_high_s8 (x[i], wx);                                                       \
            low = vmlal_s8 (low, vget_low_s8 (y[i]), vget_low_s8 (wy));                                      \
            s[i][j][0] = vpadalq_s16 (s[i][j][0], low);                                                      \
            s[i][j][1] = vpadalq_s16 (s[i][j][1], vmlal_high_s8 (high, y[i], wy));                           \
          }                                                                                                  \
        }                                                                                                    \
      }                                                                                                      \
    UNROLL for (int i = 0; i < N; i++) UNROLL for (int j = 0; j < 4; j++)                                    \
        vst1q_s32 ((int32_t *)c + i * CM_LINE + 4 * j, vpaddq_s32 (s[i][j][0], s[i][j][1]));                 \
  }
TILE_I8_ROWS (1)
TILE_I8_ROWS (2)

/* Two rows at a time: sixteen sums, and registers for intermediate results. */
static void
tile_i8 (unsigned rows, size_t lines, const void *a, size_t a_stride, const void *w, const void *next,
         size_t step, float *c, size_t c_stride) {
  (void)c_stride; /* sixteen columns are one line */
  for (unsigned i = 0; i < rows; i += 2, next = w, step = 0)
    (rows - i > 1 ? tile_i8_2 : tile_i8_1) (lines, (const char *)a + i * CM_LINE_BYTES, a_stride, w, next,
                                            step, c + i * CM_LINE);
}

static const ClipmoeGemm f32 = {.name = "f32",
                                .peak = CM_PEAK_F32_NEON,
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
                                .peak = CM_PEAK_F32_NEON,
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
                               .peak = CM_PEAK_F32_NEON,
                               .layout = CM_LAYOUT_I8_16_SIGNED,
                               .rows = 6,
                               .columns = 16,
                               .line_k = 64,
                               .unit_k = 4,
                               .block_lines = 64,
                               .weights = CM_I8,
                               .weight_range = 127,
                               .range = 127,
                               .tile = tile_i8,
                               .pack = quantise};

const ClipmoeKernels cm_kernels_neon = {
    .name = "neon", .f32 = &f32, .half = &f16, .int8 = &i8, .attention = &f32, CM_OPS};
