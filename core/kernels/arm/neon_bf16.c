/* bf16 products of NEON's bfdot: both sides rounded to bf16, sums in f32. */
#include "../tiers.h"
#include "line_neon.h"
#include "tile_neon.h"

#define LOAD(w, j) vld1q_bf16 ((const bfloat16_t *)(w) + 8 * (j))
#define LOAD_A(a) vld1q_bf16 ((const bfloat16_t *)(a))
#define MAC(s, w, x, element) MULTIPLY_ADD ("bfdot %0.4s, %1.8h, %2.2h[%3]", "w", s, w, x, element)

TILE (tile, float32x4_t, bfloat16x8_t, bfloat16x8_t, 64, vdupq_n_f32 (0), LOAD, LOAD_A, MAC, vst1q_f32)

static void
pack (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors, void *to,
      size_t to_stride, float *scales) {
  (void)scales, (void)factors;
  for (size_t k = 0; k < n; k += 32, to = (char *)to + to_stride, x += 2 * x_stride)
    for (unsigned i = 0; i < rows; i++)
      for (size_t half = 0; half < 2; half++) {
        float rest[CM_LINE];
        const float *from = line_of (x + half * x_stride + i * x_row, n, k + half * CM_LINE, rest);
        bfloat16_t *out = (bfloat16_t *)((char *)to + i * CM_LINE_BYTES) + half * CM_LINE;
        for (int j = 0; j < CM_LINE; j += 8)
          vst1q_bf16 (out + j, vcvtq_high_bf16_f32 (vcvtq_low_bf16_f32 (vld1q_f32 (from + j)),
                                                    vld1q_f32 (from + j + 4)));
      }
}

const ClipmoeGemm cm_bf16_neon = {.name = "bf16",
                                  .peak = CM_PEAK_BF16_NEON,
                                  .layout = CM_LAYOUT_BF16_16,
                                  .rows = 6,
                                  .columns = 16,
                                  .line_k = 32,
                                  .unit_k = 2,
                                  .block_lines = 64,
                                  .weights = CM_BF16,
                                  .tile = tile,
                                  .pack = pack};
