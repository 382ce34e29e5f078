/* fp16 products of NEON: up to 6 rows by 32 columns, sums in fp16 that are added to f32 every 128 values of
 * k. */
#include "../tiers.h"
#include "line_neon.h"
#include "tile_neon.h"

#define FLUSH_LINES 4 /* 128 values of k */

#define LOAD(w, j) vld1q_f16 ((const float16_t *)(w) + 8 * (j))
#define MAC(s, w, x, element) MULTIPLY_ADD ("fmla %0.8h, %1.8h, %2.h[%3]", "x", s, w, x, element)

/* Adds 8 sums of one row to c, or stores them the first time. */
static inline void
flush (float16x8_t s, float *c, int first) {
  float32x4_t low = vcvt_f32_f16 (vget_low_f16 (s)), high = vcvt_high_f32_f16 (s);
  if (!first) {
    low = vaddq_f32 (low, vld1q_f32 (c));
    high = vaddq_f32 (high, vld1q_f32 (c + 4));
  }
  vst1q_f32 (c, low);
  vst1q_f32 (c + 4, high);
}

/* `step` is per two values of k; two lines are prefetched at a time. */
#define TWO(N, U, V)                                                                                         \
  __builtin_prefetch (next, 0, 2);                                                                           \
  UNIT (N, U, float16x8_t, 64, LOAD, MAC);                                                                   \
  __builtin_prefetch (next + 64, 0, 2);                                                                      \
  next += step;                                                                                              \
  UNIT (N, V, float16x8_t, 64, LOAD, MAC)

#define TILE_FP16_ROWS(N)                                                                                    \
  static void tile_##N (size_t lines, const char *a, size_t a_stride, const char *w, const char *next,       \
                        size_t step, float *c, size_t c_stride) {                                            \
    for (int first = 1; lines; first = 0) {                                                                  \
      float16x8_t s[N][4];                                                                                   \
      size_t some = lines < FLUSH_LINES ? lines : FLUSH_LINES;                                               \
      lines -= some;                                                                                         \
      UNROLL for (int i = 0; i < N; i++) UNROLL for (int j = 0; j < 4; j++) s[i][j] = vdupq_n_f16 (0);       \
      for (; some; some--, a += a_stride)                                                                    \
        for (int q = 0; q < CM_LINE_BYTES; q += 16) {                                                        \
          float16x8_t x[N];                                                                                  \
          UNROLL for (int i = 0; i < N; i++) x[i] = LOAD (a + i * CM_LINE_BYTES + q, 0);                     \
          TWO (N, 0, 1);                                                                                     \
          TWO (N, 2, 3);                                                                                     \
          TWO (N, 4, 5);                                                                                     \
          TWO (N, 6, 7);                                                                                     \
        }                                                                                                    \
      UNROLL for (int i = 0; i < N; i++) UNROLL for (int j = 0; j < 4; j++)                                  \
          flush (s[i][j], c + j / 2 * c_stride + i * CM_LINE + j % 2 * 8, first);                            \
    }                                                                                                        \
  }
TILE_FP16_ROWS (1)
TILE_FP16_ROWS (2)
TILE_FP16_ROWS (3)
TILE_FP16_ROWS (4)
TILE_FP16_ROWS (5)
TILE_FP16_ROWS (6)

static void
tile (unsigned rows, size_t lines, const void *a, size_t a_stride, const void *w, const void *next,
      size_t step, float *c, size_t c_stride) {
  static void (*const by_rows[]) (size_t, const char *, size_t, const char *, const char *, size_t, float *,
                                  size_t) = {NULL, tile_1, tile_2, tile_3, tile_4, tile_5, tile_6};
  by_rows[rows](lines, a, a_stride, w, next, step, c, c_stride);
}

/* Values beyond 65504 become infinity, which an encoder reports as an error: nothing is clipped silently.
 */
static void
pack (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors, void *to,
      size_t to_stride, float *scales) {
  (void)scales, (void)factors;
  for (size_t k = 0; k < n; k += 32, to = (char *)to + to_stride, x += 2 * x_stride)
    for (unsigned i = 0; i < rows; i++)
      for (size_t half = 0; half < 2; half++) {
        float rest[CM_LINE];
        const float *from = line_of (x + half * x_stride + i * x_row, n, k + half * CM_LINE, rest);
        float16_t *out = (float16_t *)((char *)to + i * CM_LINE_BYTES) + half * CM_LINE;
        for (int j = 0; j < CM_LINE; j += 8)
          vst1q_f16 (out + j,
                     vcvt_high_f16_f32 (vcvt_f16_f32 (vld1q_f32 (from + j)), vld1q_f32 (from + j + 4)));
      }
}

const ClipmoeGemm cm_fp16_neon = {.name = "fp16",
                                  .peak = CM_PEAK_FP16_NEON,
                                  .layout = CM_LAYOUT_FP16_32,
                                  .rows = 6,
                                  .columns = 32,
                                  .line_k = 32,
                                  .unit_k = 1,
                                  .block_lines = 64,
                                  .weights = CM_F16,
                                  .tile = tile,
                                  .pack = pack};
