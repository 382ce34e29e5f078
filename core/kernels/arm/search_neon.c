/* Searching on NEON, which every 64-bit Arm has, and with dotprod: one source, compiled once with the flags
 * of each. Codes become signed bytes. Without dotprod two products are added in 16 bits; they fit, see
 * search.h.
 */
#include "../search.h"

#include <arm_neon.h>
#include <string.h>

#ifdef __ARM_FEATURE_DOTPROD
#define TABLE cm_search_neon_dotprod
#define NAME "neon+dotprod"
#else
#define TABLE cm_search_neon
#define NAME "neon"
#endif

static inline int32x4_t
add_products (int32x4_t s, int8x16_t a, int8x16_t b) {
#ifdef __ARM_FEATURE_DOTPROD
  return vdotq_s32 (s, a, b);
#else
  return vpadalq_s16 (s, vmlal_high_s8 (vmull_s8 (vget_low_s8 (a), vget_low_s8 (b)), a, b));
#endif
}

/* s: of high and of low */
static inline void
add (int32x4_t s[2], const uint8_t *codes, int8x16_t high, int8x16_t low) {
  int8x16_t c = vreinterpretq_s8_u8 (veorq_u8 (vld1q_u8 (codes), vdupq_n_u8 (0x80)));
  s[0] = add_products (s[0], c, high);
  s[1] = add_products (s[1], c, low);
}

static inline int32_t
total (const int32x4_t s[2]) {
  return vaddvq_s32 (vaddq_s32 (vshlq_n_s32 (s[0], 6), s[1]));
}

static void
dot8 (size_t rows, size_t n, const uint8_t *codes, const ClipmoeSearchQuery *query, int32_t *out) {
  const int32x4_t zero = vdupq_n_s32 (0);
  for (; rows >= 4; rows -= 4, codes += 4 * n, out += 4) {
    int32x4_t a[2] = {zero, zero}, b[2] = {zero, zero}, c[2] = {zero, zero}, d[2] = {zero, zero};
    for (size_t i = 0; i < n; i += 16) {
      int8x16_t high = vld1q_s8 (query->high + i), low = vld1q_s8 (query->low + i);
      add (a, codes + i, high, low);
      add (b, codes + n + i, high, low);
      add (c, codes + 2 * n + i, high, low);
      add (d, codes + 3 * n + i, high, low);
    }
    out[0] = total (a);
    out[1] = total (b);
    out[2] = total (c);
    out[3] = total (d);
  }
  for (; rows; rows--, codes += n, out++) {
    int32x4_t a[2] = {zero, zero};
    for (size_t i = 0; i < n; i += 16)
      add (a, codes + i, vld1q_s8 (query->high + i), vld1q_s8 (query->low + i));
    *out = total (a);
  }
}

/* s: sums 0 and 1, 2 and 3, … 14 and 15 */
static inline void
add16 (float64x2_t s[8], const uint16_t *halves, const double *query) {
  for (int i = 0; i < 4; i++) {
    float32x4_t four = vcvt_f32_f16 (vreinterpret_f16_u16 (vld1_u16 (halves + 4 * i)));
    s[2 * i] = vfmaq_f64 (s[2 * i], vcvt_f64_f32 (vget_low_f32 (four)), vld1q_f64 (query + 4 * i));
    s[2 * i + 1] = vfmaq_f64 (s[2 * i + 1], vcvt_high_f64_f32 (four), vld1q_f64 (query + 4 * i + 2));
  }
}

static void
dot16 (size_t rows, size_t n, const uint16_t *halves, const double *query, double *out) {
  const size_t whole = n / 16 * 16;
  uint16_t last[16] = {0};
  double last_query[16] = {0};
  memcpy (last_query, query + whole, (n - whole) * sizeof *query);
  for (; rows; rows--, halves += n) {
    float64x2_t s[8];
    for (int j = 0; j < 8; j++)
      s[j] = vdupq_n_f64 (0);
    for (size_t i = 0; i < whole; i += 16)
      add16 (s, halves + i, query + i);
    if (whole < n) {
      memcpy (last, halves + whole, (n - whole) * sizeof *halves);
      add16 (s, last, last_query);
    }
    for (int half = 4; half; half /= 2)
      for (int j = 0; j < half; j++)
        s[j] = vaddq_f64 (s[j], s[j + half]);
    *out++ = vgetq_lane_f64 (s[0], 0) + vgetq_lane_f64 (s[0], 1);
  }
}

const ClipmoeSearchKernels TABLE = {NAME, dot8, dot16};
