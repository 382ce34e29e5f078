/* Products of AVX2: up to 6 rows by 16 columns. Twelve accumulators, two vectors of weights, one broadcast:
 * 15 of 16 registers. Fewer rows run the same sums. Included by files compiled for AVX2 alone. */
#ifndef CLIPMOE_TILE_AVX2_H
#define CLIPMOE_TILE_AVX2_H

#include <immintrin.h>
#include "../kernels.h"

/* LOOP: not unrolled. clang 19 would merge the four quarters of a line into one block that begins with more
 * loads than there are registers. */
#ifdef __clang__
#define UNROLL _Pragma ("clang loop unroll(full)")
#define LOOP _Pragma ("clang loop unroll(disable)")
#else
#define UNROLL _Pragma ("GCC unroll 16")
#define LOOP
#endif

/* MAC (sum, broadcast 32 bits of a, what LOAD gives of w); a unit is 32 bits of a row and W_BYTES x 2 of
 * weights. */
#define TILE_ROWS(NAME, N, VEC, W_BYTES, ZERO, LOAD, BROADCAST, MAC, STORE)                                  \
  static void NAME##_##N (size_t lines, const char *a, size_t a_stride, const char *w, const char *next,     \
                          size_t step, float *c) {                                                           \
    VEC s[N][2];                                                                                             \
    UNROLL for (int i = 0; i < N; i++) s[i][0] = s[i][1] = ZERO;                                             \
    for (; lines; lines--, a += a_stride) {                                                                  \
      const char *x = a;                                                                                     \
      LOOP for (int q = 0; q < 4; q++, x += 16) {                                                            \
        _mm_prefetch (next, _MM_HINT_T1);                                                                    \
        _mm_prefetch (next + 64, _MM_HINT_T1);                                                               \
        _mm_prefetch (next + 128, _MM_HINT_T1);                                                              \
        _mm_prefetch (next + 192, _MM_HINT_T1);                                                              \
        next += 4 * step;                                                                                    \
        UNROLL for (int u = 0; u < 4; u++) {                                                                 \
          __auto_type w0 = LOAD (w);                                                                         \
          __auto_type w1 = LOAD (w + W_BYTES);                                                               \
          w += 2 * W_BYTES;                                                                                  \
          UNROLL for (int i = 0; i < N; i++) {                                                               \
            VEC v = BROADCAST (x + i * CM_LINE_BYTES + u * 4);                                               \
            s[i][0] = MAC (s[i][0], v, w0);                                                                  \
            s[i][1] = MAC (s[i][1], v, w1);                                                                  \
          }                                                                                                  \
        }                                                                                                    \
      }                                                                                                      \
    }                                                                                                        \
    UNROLL for (int i = 0; i < N; i++) {                                                                     \
      STORE (c + i * CM_LINE, s[i][0]);                                                                      \
      STORE (c + i * CM_LINE + 8, s[i][1]);                                                                  \
    }                                                                                                        \
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
