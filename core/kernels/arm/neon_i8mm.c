/* int8 products of NEON's i8mm: an instruction multiplies two rows by two columns over eight values of k,
 * sums in int32. Three pairs of rows by eight pairs of columns: twenty-four sums as in the other tiles. */
#include "../tiers.h"
#include "quantise_neon.h"
#include "tile_neon.h"

/* Eight values of k of two adjacent rows, from the first or the second half of their vectors. */
#define PAIR(HALF, x, y) vreinterpretq_s8_s64 (HALF (vreinterpretq_s64_s8 (x), vreinterpretq_s64_s8 (y)))

#define MAC(s, x, w) MULTIPLY_ADD ("smmla %0.4s, %1.16b, %2.16b", "w", s, x, w, 0)

/* Eight values of k: eight vectors of two columns each. */
#define EIGHT(P, x)                                                                                          \
  AHEAD;                                                                                                     \
  AHEAD;                                                                                                     \
  UNROLL for (int j = 0; j < 8; j++) {                                                                       \
    int8x16_t wj = vld1q_s8 (w + 16 * j);                                                                    \
    UNROLL for (int p = 0; p < P; p++) s[p][j] = MAC (s[p][j], x[p], wj);                                    \
  }                                                                                                          \
  w += 128

/* The last row of an odd number is paired with itself, and half of the result is dropped. */
#define TILE_I8_ROWS(N, P)                                                                                   \
  static void tile_##N (size_t lines, const char *a, size_t a_stride, const char *weights, const char *next, \
                        size_t step, float *c) {                                                             \
    const int8_t *w = (const int8_t *)weights;                                                               \
    int32x4_t s[P][8];                                                                                       \
    UNROLL for (int p = 0; p < P; p++) UNROLL for (int j = 0; j < 8; j++) s[p][j] = vdupq_n_s32 (0);         \
    for (; lines; lines--, a += a_stride)                                                                    \
      for (int q = 0; q < CM_LINE_BYTES; q += 16) {                                                          \
        int8x16_t low[P], high[P];                                                                           \
        UNROLL for (int p = 0; p < P; p++) {                                                                 \
          const int8_t *from = (const int8_t *)a + 2 * p * CM_LINE_BYTES + q;                                \
          int8x16_t x = vld1q_s8 (from), y = 2 * p + 1 < N ? vld1q_s8 (from + CM_LINE_BYTES) : x;            \
          low[p] = PAIR (vzip1q_s64, x, y);                                                                  \
          high[p] = PAIR (vzip2q_s64, x, y);                                                                 \
        }                                                                                                    \
        EIGHT (P, low);                                                                                      \
        EIGHT (P, high);                                                                                     \
      }                                                                                                      \
    UNROLL for (int p = 0; p < P; p++) UNROLL for (int j = 0; j < 8; j += 2) {                               \
      int64x2_t x = vreinterpretq_s64_s32 (s[p][j]), y = vreinterpretq_s64_s32 (s[p][j + 1]);                \
      int64_t *to = (int64_t *)(void *)(c + 2 * p * CM_LINE + 2 * j);                                        \
      vst1q_s64 (to, vzip1q_s64 (x, y));                                                                     \
      if (2 * p + 1 < N)                                                                                     \
        vst1q_s64 (to + CM_LINE / 2, vzip2q_s64 (x, y));                                                     \
    }                                                                                                        \
  }
TILE_I8_ROWS (1, 1)
TILE_I8_ROWS (2, 1)
TILE_I8_ROWS (3, 2)
TILE_I8_ROWS (4, 2)
TILE_I8_ROWS (5, 3)
TILE_I8_ROWS (6, 3)
BY_ROWS (tile)

const ClipmoeGemm cm_i8_neon_i8mm = {.name = "int8",
                                     .peak = CM_PEAK_I8MM_NEON,
                                     .layout = CM_LAYOUT_I8_16_BY_8,
                                     .rows = 6,
                                     .columns = 16,
                                     .line_k = 64,
                                     .unit_k = 8,
                                     .block_lines = 64,
                                     .weights = CM_I8,
                                     .weight_range = 127,
                                     .range = 127,
                                     .tile = tile,
                                     .pack = quantise};
