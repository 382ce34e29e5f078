/* Resizing on NEON, which every 64-bit Arm has. A last vector that would not be full begins earlier instead
 * and computes some results twice. */
#include "../resize.h"

#include <arm_neon.h>

static int32_t
clamp (int32_t v, int32_t low, int32_t high) {
  return v < low ? low : v > high ? high : v;
}

/* s += w * sixteen bytes, s of 32 bits */
static inline void
add_bytes (int32x4_t s[4], uint8x16_t a, int16_t w) {
  int16x8_t low = vreinterpretq_s16_u16 (vmovl_u8 (vget_low_u8 (a))),
            high = vreinterpretq_s16_u16 (vmovl_high_u8 (a));
  s[0] = vmlal_n_s16 (s[0], vget_low_s16 (low), w);
  s[1] = vmlal_high_n_s16 (s[1], low, w);
  s[2] = vmlal_n_s16 (s[2], vget_low_s16 (high), w);
  s[3] = vmlal_high_n_s16 (s[3], high, w);
}

static inline void
rows8_block (size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *w, int16_t *out) {
  int32x4_t s[4] = {vdupq_n_s32 (0), vdupq_n_s32 (0), vdupq_n_s32 (0), vdupq_n_s32 (0)};
  for (size_t t = 0; t < taps; t++, from += stride)
    add_bytes (s, vld1q_u8 (from), w[t]);
  vst1q_s16 (out, vqrshrn_high_n_s32 (vqrshrn_n_s32 (s[0], 8), s[1], 8));
  vst1q_s16 (out + 8, vqrshrn_high_n_s32 (vqrshrn_n_s32 (s[2], 8), s[3], 8));
}

static void
rows8 (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *w, int16_t *out) {
  if (n >= 16) {
    for (size_t i = 0; i < n; i += 16) {
      size_t at = i + 16 <= n ? i : n - 16;
      rows8_block (taps, from + at, stride, w, out + at);
    }
    return;
  }
  for (size_t i = 0; i < n; i++) {
    int32_t sum = 1 << 7;
    for (size_t t = 0; t < taps; t++)
      sum += w[t] * from[(ptrdiff_t)t * stride + (ptrdiff_t)i];
    out[i] = (int16_t)clamp (sum >> 8, INT16_MIN, INT16_MAX);
  }
}

static inline void
rows10_block (size_t taps, const uint8_t *from, ptrdiff_t stride, unsigned shift, const int16_t *w,
              int16_t *out) {
  const int16x8_t right = vdupq_n_s16 ((int16_t) - (int)shift);
  int32x4_t s0 = vdupq_n_s32 (0), s1 = s0;
  for (size_t t = 0; t < taps; t++, from += stride) {
    uint16x8_t words = vshlq_u16 (vreinterpretq_u16_u8 (vld1q_u8 (from)), right);
    int16x8_t a = vreinterpretq_s16_u16 (vandq_u16 (words, vdupq_n_u16 (1023)));
    s0 = vmlal_n_s16 (s0, vget_low_s16 (a), w[t]);
    s1 = vmlal_high_n_s16 (s1, a, w[t]);
  }
  vst1q_s16 (out, vqrshrn_high_n_s32 (vqrshrn_n_s32 (s0, 10), s1, 10));
}

static void
rows10 (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, unsigned shift, const int16_t *w,
        int16_t *out) {
  if (n >= 8) {
    for (size_t i = 0; i < n; i += 8) {
      size_t at = i + 8 <= n ? i : n - 8;
      rows10_block (taps, from + 2 * at, stride, shift, w, out + at);
    }
    return;
  }
  for (size_t i = 0; i < n; i++) {
    const uint8_t *p = from + 2 * i;
    int32_t sum = 1 << 9;
    for (size_t t = 0; t < taps; t++, p += stride)
      sum += w[t] * (((p[0] | p[1] << 8) >> shift) & 1023);
    out[i] = (int16_t)clamp (sum >> 10, INT16_MIN, INT16_MAX);
  }
}

/* Pillow's rounding of high * 2^15 + low to sixteen bytes. */
static inline uint8x16_t
bytes (const int32x4_t low[4], const int32x4_t high[4]) {
  uint16x4_t v[4];
  for (int i = 0; i < 4; i++)
    v[i] = vqmovun_s32 (vrshrq_n_s32 (vaddq_s32 (vshlq_n_s32 (high[i], 15), low[i]), 22));
  return vcombine_u8 (vqmovn_u16 (vcombine_u16 (v[0], v[1])), vqmovn_u16 (vcombine_u16 (v[2], v[3])));
}

static inline void
exact_block (size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *low, const int16_t *high,
             uint8_t *out) {
  const int32x4_t zero = vdupq_n_s32 (0);
  int32x4_t l[4] = {zero, zero, zero, zero}, h[4] = {zero, zero, zero, zero};
  for (size_t t = 0; t < taps; t++, from += stride) {
    uint8x16_t a = vld1q_u8 (from);
    add_bytes (l, a, low[t]);
    add_bytes (h, a, high[t]);
  }
  vst1q_u8 (out, bytes (l, h));
}

static void
rows_exact (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *low,
            const int16_t *high, uint8_t *out) {
  if (n >= 16) {
    for (size_t i = 0; i < n; i += 16) {
      size_t at = i + 16 <= n ? i : n - 16;
      exact_block (taps, from + at, stride, low, high, out + at);
    }
    return;
  }
  for (size_t i = 0; i < n; i++) {
    uint32_t l = 0, h = 0;
    for (size_t t = 0; t < taps; t++) {
      int32_t sample = from[(ptrdiff_t)t * stride + (ptrdiff_t)i];
      l += (uint32_t)(low[t] * sample);
      h += (uint32_t)(high[t] * sample);
    }
    out[i] = (uint8_t)clamp ((int32_t)((h << 15) + l + (1u << 21)) >> 22, 0, 255);
  }
}

static void
columns16 (size_t n, size_t taps, const int16_t *from, size_t step, const unsigned *first, const int16_t *w,
           int16_t *out) {
  for (size_t x = 0; x < n; x++, w += taps, out += CM_LANES) {
    const int16_t *p = from + first[x] * step * CM_LANES;
    int32x4_t s[4] = {vdupq_n_s32 (0), vdupq_n_s32 (0), vdupq_n_s32 (0), vdupq_n_s32 (0)};
    for (size_t t = 0; t < taps; t++, p += step * CM_LANES) {
      int16x8_t low = vld1q_s16 (p), high = vld1q_s16 (p + 8);
      s[0] = vmlal_n_s16 (s[0], vget_low_s16 (low), w[t]);
      s[1] = vmlal_high_n_s16 (s[1], low, w[t]);
      s[2] = vmlal_n_s16 (s[2], vget_low_s16 (high), w[t]);
      s[3] = vmlal_high_n_s16 (s[3], high, w[t]);
    }
    vst1q_s16 (out, vqrshrn_high_n_s32 (vqrshrn_n_s32 (s[0], 14), s[1], 14));
    vst1q_s16 (out + 8, vqrshrn_high_n_s32 (vqrshrn_n_s32 (s[2], 14), s[3], 14));
  }
}

static void
columns_exact (size_t n, size_t taps, const uint8_t *from, size_t step, const unsigned *first,
               const int16_t *low, const int16_t *high, uint8_t *out) {
  for (size_t x = 0; x < n; x++, low += taps, high += taps, out += CM_LANES)
    exact_block (taps, from + first[x] * step * CM_LANES, (ptrdiff_t)(step * CM_LANES), low, high, out);
}

/* Transposes by interleaving the halves of the list, log2 times. */
static inline void
shuffle16 (int16x8_t v[8]) {
  int16x8_t o[8];
  for (int stage = 0; stage < 3; stage++) {
    for (int i = 0; i < 4; i++) {
      o[2 * i] = vzip1q_s16 (v[i], v[i + 4]);
      o[2 * i + 1] = vzip2q_s16 (v[i], v[i + 4]);
    }
    for (int i = 0; i < 8; i++)
      v[i] = o[i];
  }
}

/* Transposes eight rows by eight; rows are @apart samples apart, results @to_apart. */
static inline void
block16 (const int16_t *from, size_t apart, int16_t *to, size_t to_apart) {
  int16x8_t v[8];
  for (size_t i = 0; i < 8; i++)
    v[i] = vld1q_s16 (from + i * apart);
  shuffle16 (v);
  for (size_t i = 0; i < 8; i++)
    vst1q_s16 (to + i * to_apart, v[i]);
}

static void
turn16 (size_t n, const int16_t *from, size_t stride, int16_t *to) {
  if (n < 8) {
    for (size_t i = 0; i < n; i++)
      for (size_t r = 0; r < CM_LANES; r++)
        to[i * CM_LANES + r] = from[r * stride + i];
    return;
  }
  for (size_t i = 0; i < n; i += 8) {
    size_t at = i + 8 <= n ? i : n - 8;
    block16 (from + at, stride, to + at * CM_LANES, CM_LANES);
    block16 (from + 8 * stride + at, stride, to + at * CM_LANES + 8, CM_LANES);
  }
}

static void
back16 (size_t n, const int16_t *from, int16_t *to, size_t stride) {
  if (n < 8) {
    for (size_t r = 0; r < CM_LANES; r++)
      for (size_t i = 0; i < n; i++)
        to[r * stride + i] = from[i * CM_LANES + r];
    return;
  }
  for (size_t i = 0; i < n; i += 8) {
    size_t at = i + 8 <= n ? i : n - 8;
    block16 (from + at * CM_LANES, CM_LANES, to + at, stride);
    block16 (from + at * CM_LANES + 8, CM_LANES, to + 8 * stride + at, stride);
  }
}

static inline void
shuffle8 (uint8x16_t v[16]) {
  uint8x16_t o[16];
  for (int stage = 0; stage < 4; stage++) {
    for (int i = 0; i < 8; i++) {
      o[2 * i] = vzip1q_u8 (v[i], v[i + 8]);
      o[2 * i + 1] = vzip2q_u8 (v[i], v[i + 8]);
    }
    for (int i = 0; i < 16; i++)
      v[i] = o[i];
  }
}

static void
turn8 (size_t n, size_t rows, const uint8_t *from, ptrdiff_t stride, uint8_t *to) {
  const uint8_t *row[CM_LANES];
  for (size_t r = 0; r < CM_LANES; r++)
    row[r] = from + (ptrdiff_t)(r < rows ? r : rows - 1) * stride;
  if (n < 16) {
    for (size_t i = 0; i < n; i++)
      for (size_t r = 0; r < CM_LANES; r++)
        to[i * CM_LANES + r] = row[r][i];
    return;
  }
  for (size_t i = 0; i < n; i += 16) {
    size_t at = i + 16 <= n ? i : n - 16;
    uint8x16_t v[16];
    for (size_t r = 0; r < 16; r++)
      v[r] = vld1q_u8 (row[r] + at);
    shuffle8 (v);
    for (size_t r = 0; r < 16; r++)
      vst1q_u8 (to + (at + r) * CM_LANES, v[r]);
  }
}

static void
back8 (size_t n, const uint8_t *from, uint8_t *to, size_t stride) {
  if (n < 16) {
    for (size_t r = 0; r < CM_LANES; r++)
      for (size_t i = 0; i < n; i++)
        to[r * stride + i] = from[i * CM_LANES + r];
    return;
  }
  for (size_t i = 0; i < n; i += 16) {
    size_t at = i + 16 <= n ? i : n - 16;
    uint8x16_t v[16];
    for (size_t r = 0; r < 16; r++)
      v[r] = vld1q_u8 (from + (at + r) * CM_LANES);
    shuffle8 (v);
    for (size_t r = 0; r < 16; r++)
      vst1q_u8 (to + r * stride + at, v[r]);
  }
}

static inline float32x4_t
floats (const int16_t *p) {
  return vcvtq_f32_s32 (vmovl_s16 (vld1_s16 (p)));
}

/* Multiplication and addition are not fused, as in plain C, so that every tier rounds alike. */
static void
colour (size_t n, const int16_t *y, const int16_t *u, const int16_t *v, float m[3][6], float *const out[3]) {
  if (n < 4) {
    for (size_t c = 0; c < 3; c++)
      for (size_t i = 0; i < n; i++) {
        float value = m[c][0] * (float)y[i] + m[c][1] * (float)u[i] + m[c][2] * (float)v[i] + m[c][3];
        value = value > 0 ? value : 0;
        value = value < 255 ? value : 255;
        out[c][i] = value * m[c][4] + m[c][5];
      }
    return;
  }
  for (size_t i = 0; i < n; i += 4) {
    size_t at = i + 4 <= n ? i : n - 4;
    float32x4_t a = floats (y + at), b = floats (u + at), d = floats (v + at);
    for (size_t c = 0; c < 3; c++) {
      float32x4_t value = vaddq_f32 (vmulq_n_f32 (a, m[c][0]), vmulq_n_f32 (b, m[c][1]));
      value = vaddq_f32 (vaddq_f32 (value, vmulq_n_f32 (d, m[c][2])), vdupq_n_f32 (m[c][3]));
      value = vminq_f32 (vmaxq_f32 (value, vdupq_n_f32 (0)), vdupq_n_f32 (255));
      vst1q_f32 (out[c] + at, vaddq_f32 (vmulq_n_f32 (value, m[c][4]), vdupq_n_f32 (m[c][5])));
    }
  }
}

const ClipmoeResizeKernels cm_resize_neon = {"neon", rows8,  rows10, rows_exact, columns16, columns_exact,
                                             turn16, back16, turn8,  back8,      colour};
