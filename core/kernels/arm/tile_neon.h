/* Products of NEON: up to 6 rows by 4 vectors of columns. Twenty-four sums, a vector of each row's
 * activations of which an instruction takes one element, two vectors of weights: 32 registers. Fewer rows run
 * the same sums. Included by files compiled for one set of features alone. */
#ifndef CLIPMOE_TILE_NEON_H
#define CLIPMOE_TILE_NEON_H

#include <arm_neon.h>
#include "../kernels.h"

#ifdef __clang__
#define UNROLL _Pragma ("clang loop unroll(full)")
#else
#define UNROLL _Pragma ("GCC unroll 16")
#endif

/* An instruction that adds to a sum, in assembly, since gcc 12 would move sums between registers. WHERE:
 * the registers that x may be in, "w" all, "x" the lower sixteen. */
#define MULTIPLY_ADD(INSTRUCTION, WHERE, s, w, x, element)                                                   \
  ({                                                                                                         \
    __typeof__ (s) sum = s;                                                                                  \
    __asm__(INSTRUCTION : "+w"(sum) : "w"(w), WHERE (x), "i"(element));                                      \
    sum;                                                                                                     \
  })

#define AHEAD                                                                                                \
  __builtin_prefetch (next, 0, 2);                                                                           \
  next += step

/* Element U of the rows' vectors x by four vectors of weights, W_BYTES in all. No loop, since the
 * instruction takes the element's number as a constant. */
#define UNIT(N, U, WEIGHTS, W_BYTES, LOAD, MAC)                                                              \
  UNROLL for (int j = 0; j < 4; j++) {                                                                       \
    WEIGHTS wj = LOAD (w, j);                                                                                \
    UNROLL for (int i = 0; i < N; i++) s[i][j] = MAC (s[i][j], wj, x[i], U);                                 \
  }                                                                                                          \
  w += W_BYTES

/* Units of 32 bits of a row. MAC (sum, vector of weights, vector of activations, its element); LOAD (w, j):
 * the j-th vector of a unit, LOAD_A (a): four units of a row; STORE (c, sum). */
#define TILE_ROWS(NAME, N, SUM, WEIGHTS, ACTIVATIONS, W_BYTES, ZERO, LOAD, LOAD_A, MAC, STORE)               \
  static void NAME##_##N (size_t lines, const char *a, size_t a_stride, const char *w, const char *next,     \
                          size_t step, float *c) {                                                           \
    SUM s[N][4];                                                                                             \
    UNROLL for (int i = 0; i < N; i++) UNROLL for (int j = 0; j < 4; j++) s[i][j] = ZERO;                    \
    for (; lines; lines--, a += a_stride)                                                                    \
      for (int q = 0; q < CM_LINE_BYTES; q += 16) {                                                          \
        ACTIVATIONS x[N];                                                                                    \
        UNROLL for (int i = 0; i < N; i++) x[i] = LOAD_A (a + i * CM_LINE_BYTES + q);                        \
        AHEAD;                                                                                               \
        UNIT (N, 0, WEIGHTS, W_BYTES, LOAD, MAC);                                                            \
        AHEAD;                                                                                               \
        UNIT (N, 1, WEIGHTS, W_BYTES, LOAD, MAC);                                                            \
        AHEAD;                                                                                               \
        UNIT (N, 2, WEIGHTS, W_BYTES, LOAD, MAC);                                                            \
        AHEAD;                                                                                               \
        UNIT (N, 3, WEIGHTS, W_BYTES, LOAD, MAC);                                                            \
      }                                                                                                      \
    UNROLL for (int i = 0; i < N; i++) UNROLL for (int j = 0; j < 4; j++)                                    \
        STORE (c + i * CM_LINE + 4 * j, s[i][j]);                                                            \
  }

/* NAME (rows, …) of NAME_1 to NAME_6, which take one line of columns. */
#define BY_ROWS(NAME)                                                                                        \
  static void NAME (unsigned rows, size_t lines, const void *a, size_t a_stride, const void *w,              \
                    const void *next, size_t step, float *c, size_t c_stride) {                              \
    static void (*const by_rows[]) (size_t, const char *, size_t, const char *, const char *, size_t,        \
                                    float *) = {NULL,     NAME##_1, NAME##_2, NAME##_3,                      \
                                                NAME##_4, NAME##_5, NAME##_6};                               \
    (void)c_stride; /* sixteen columns are one line */                                                       \
    by_rows[rows](lines, a, a_stride, w, next, step, c);                                                     \
  }

#define TILE(NAME, ...)                                                                                      \
  TILE_ROWS (NAME, 1, __VA_ARGS__)                                                                           \
  TILE_ROWS (NAME, 2, __VA_ARGS__)                                                                           \
  TILE_ROWS (NAME, 3, __VA_ARGS__)                                                                           \
  TILE_ROWS (NAME, 4, __VA_ARGS__)                                                                           \
  TILE_ROWS (NAME, 5, __VA_ARGS__)                                                                           \
  TILE_ROWS (NAME, 6, __VA_ARGS__)                                                                           \
  BY_ROWS (NAME)

#endif
