/* Rows to signed int8 with NEON. Included by files of this tier alone. */
#ifndef CLIPMOE_QUANTISE_NEON_H
#define CLIPMOE_QUANTISE_NEON_H

#include <arm_neon.h>
#include "line_neon.h"

static inline void
quantise (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
          void *to, size_t to_stride, float *scales) {
  for (unsigned i = 0; i < rows; i++) {
    const float *from = x + i * x_row;
    float32x4_t top = vdupq_n_f32 (0), bad = top;
    float rest[CM_LINE];
    for (size_t k = 0, l = 0; k < n; k += CM_LINE, l++) {
      const float *line = line_of (from + l * x_stride, n, k, rest);
      for (int j = 0; j < CM_LINE; j += 4) {
        float32x4_t v = vmulq_f32 (vld1q_f32 (line + j), vld1q_f32 (factors + k + j));
        top = vmaxq_f32 (top, vabsq_f32 (v));
        bad = vfmaq_f32 (bad, v, vdupq_n_f32 (0)); /* NaN if anything is not finite */
      }
    }
    float scale = vmaxvq_f32 (top) / 127 + vaddvq_f32 (bad), inverse = scale > 1e-30f ? 1 / scale : 0;
    scales[i] = scale;
    int8_t *out = (int8_t *)to + i * CM_LINE_BYTES;
    for (size_t k = 0, l = 0; k < n; out += to_stride)
      for (int part = 0; part < 4; part++, k += CM_LINE, l++) {
        const float *line = line_of (from + l * x_stride, n, k, rest);
        int32x4_t q[4];
        for (int j = 0; j < 4; j++)
          q[j] = vcvtnq_s32_f32 (
              vmulq_n_f32 (vmulq_f32 (vld1q_f32 (line + 4 * j), vld1q_f32 (factors + k + 4 * j)), inverse));
        int16x8_t low = vcombine_s16 (vqmovn_s32 (q[0]), vqmovn_s32 (q[1]));
        int16x8_t high = vcombine_s16 (vqmovn_s32 (q[2]), vqmovn_s32 (q[3]));
        vst1q_s8 (out + part * 16, vcombine_s8 (vqmovn_s16 (low), vqmovn_s16 (high)));
      }
  }
}

#endif
