/* bf16 products of NEON's bfdot: both sides rounded to bf16, sums in f32. */
#include "../tiers.h"
#include "tile_neon.h"

#define BROADCAST(p) vreinterpretq_bf16_u32 (vld1q_dup_u32 ((const uint32_t *)(p)))
#define LOAD(w, j) vreinterpretq_f32_u16 (vld1q_u16 ((const uint16_t *)(w) + 8 * (j)))
#define STORE(p, v) vst1q_f32 (p, v)
#define MAC(s, v, w) vbfdotq_f32 (s, v, vreinterpretq_bf16_f32 (w))

TILE (tile, float32x4_t, 64, vdupq_n_f32 (0), LOAD, BROADCAST, MAC, STORE)

static void
pack (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors, void *to,
      size_t to_stride, float *scales) {
  (void)scales, (void)factors;
  for (size_t k = 0; k < (n + 31) / 32 * 32; k += 4)
    for (unsigned i = 0; i < rows; i++) {
      float v[4];
      for (size_t j = 0; j < 4; j++)
        v[j] = k + j < n ? x[k / CM_LINE * x_stride + i * x_row + k % CM_LINE + j] : 0.0f;
      bfloat16x4_t b = vcvt_bf16_f32 (vld1q_f32 (v));
      vst1_bf16 ((bfloat16_t *)((char *)to + k / 32 * to_stride + i * CM_LINE_BYTES) + k % 32, b);
    }
}

const ClipmoeGemm cm_bf16_neon = {.name = "bf16",
                                  .limit = CM_LIMIT_BF16_NEON,
                                  .layout = CM_LAYOUT_BF16_16,
                                  .rows = 6,
                                  .columns = 16,
                                  .line_k = 32,
                                  .unit_k = 2,
                                  .block_lines = 64,
                                  .weights = CM_BF16,
                                  .tile = tile,
                                  .pack = pack};
