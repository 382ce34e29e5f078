/* Products of NEON: up to 6 rows by 16 columns. Twenty-four accumulators, four vectors of weights, one
 * broadcast: 29 of 32 registers. Fewer rows run the same sums. Included by files compiled for one set of
 * features alone. */
#ifndef CLIPMOE_TILE_NEON_H
#define CLIPMOE_TILE_NEON_H

#include <arm_neon.h>
#include "../kernels.h"

#ifdef __clang__
#define UNROLL _Pragma ("clang loop unroll(full)")
#else
#define UNROLL _Pragma ("GCC unroll 16")
#endif

/* MAC (sum, broadcast 32 bits of a, vector of w); LOAD (w, quarter) of the sixteen columns of a unit, which
 * takes W_BYTES. */
#define TILE_ROWS(NAME, N, VEC, W_BYTES, ZERO, LOAD, BROADCAST, MAC, STORE)                                  \
  static void NAME##_##N (size_t lines, const char *a, size_t a_stride, const char *w, const char *next,     \
                          size_t step, float *c) {                                                           \
    VEC s[N][4];                                                                                             \
    UNROLL for (int i = 0; i < N; i++) UNROLL for (int j = 0; j < 4; j++) s[i][j] = ZERO;                    \
    for (; lines; lines--, a += a_stride) {                                                                  \
      const char *x = a;                                                                                     \
      for (int q = 0; q < 16; q++, x += 4) {                                                                 \
        __builtin_prefetch (next, 0, 2);                                                                     \
        next += step;                                                                                        \
        UNROLL for (int j = 0; j < 4; j++) {                                                                 \
          /* four columns of all rows: one vector of weights at a time */                                    \
          VEC wj = LOAD (w, j);                                                                              \
          UNROLL for (int i = 0; i < N; i++) s[i][j] = MAC (s[i][j], BROADCAST (x + i * CM_LINE_BYTES), wj); \
        }                                                                                                    \
        w += W_BYTES;                                                                                        \
      }                                                                                                      \
    }                                                                                                        \
    UNROLL for (int i = 0; i < N; i++) UNROLL for (int j = 0; j < 4; j++)                                    \
        STORE (c + i * CM_LINE + 4 * j, s[i][j]);                                                            \
  }

#define TILE(NAME, ...)                                                                                      \
  TILE_ROWS (NAME, 1, __VA_ARGS__)                                                                           \
  TILE_ROWS (NAME, 2, __VA_ARGS__)                                                                           \
  TILE_ROWS (NAME, 3, __VA_ARGS__)                                                                           \
  TILE_ROWS (NAME, 4, __VA_ARGS__)                                                                           \
  TILE_ROWS (NAME, 5, __VA_ARGS__)                                                                           \
  TILE_ROWS (NAME, 6, __VA_ARGS__)                                                                           \
  static void NAME (unsigned rows, size_t lines, const void *a, size_t a_stride, const void *w,              \
                    const void *next, size_t step, float *c, size_t c_stride) {                              \
    static void (*const by_rows[]) (size_t, const char *, size_t, const char *, const char *, size_t,        \
                                    float *) = {NULL,     NAME##_1, NAME##_2, NAME##_3,                      \
                                                NAME##_4, NAME##_5, NAME##_6};                               \
    (void)c_stride; /* sixteen columns are one line */                                                       \
    by_rows[rows](lines, a, a_stride, w, next, step, c);                                                     \
  }

#endif
