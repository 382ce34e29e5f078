/* The types of a table of kernels for resizing pictures: weighted sums of rows and of columns, and colour
 * conversion. libc alone. Every tier gives the same bytes.
 *
 * Horizontal sums work on a block of CM_LANES rows, transposed to [sample][CM_LANES], so that one sample of
 * all rows is a vector and a weight is one broadcast.
 *
 * Smooth sums have fixed-point weights in units of 2^-14 and give results in 64ths of an 8-bit level,
 * rounded once and clamped to 16 bits. Exact sums are those of Pillow: weights in units of 2^-22, split as
 * high * 2^15 + low with low in 0..32767; the result is rounded to a byte. Weights come in pairs: an odd
 * last one is followed by a zero. */
#ifndef CLIPMOE_KERNELS_RESIZE_H
#define CLIPMOE_KERNELS_RESIZE_H

#include <stddef.h>
#include <stdint.h>

#define CM_LANES 16

typedef struct {
  const char *name;
  /* out[i] = sum of w[t] * sample i of row t; rows are @stride bytes apart, i < n, t < taps. Nothing
   * outside these samples is read. rows10: the samples are (word >> shift) & 1023 of 16-bit little-endian
   * words. */
  void (*rows8) (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *w,
                 int16_t *out);
  void (*rows10) (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, unsigned shift,
                  const int16_t *w, int16_t *out);
  void (*rows_exact) (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *low,
                      const int16_t *high, uint8_t *out);
  /* out[x][lane] = sum of w[x * taps + t] * from[(first[x] + t) * step][lane], x < n, t < taps, taps even */
  void (*columns16) (size_t n, size_t taps, const int16_t *from, size_t step, const unsigned *first,
                     const int16_t *w, int16_t *out);
  void (*columns_exact) (size_t n, size_t taps, const uint8_t *from, size_t step, const unsigned *first,
                         const int16_t *low, const int16_t *high, uint8_t *out);
  /* Transposes CM_LANES rows of n samples, @stride samples (turn8: bytes) apart, to [n][CM_LANES], and
   * back. turn8 reads only the first @rows of them and repeats the last. */
  void (*turn16) (size_t n, const int16_t *from, size_t stride, int16_t *to);
  void (*back16) (size_t n, const int16_t *from, int16_t *to, size_t stride);
  void (*turn8) (size_t n, size_t rows, const uint8_t *from, ptrdiff_t stride, uint8_t *to);
  void (*back8) (size_t n, const uint8_t *from, uint8_t *to, size_t stride);
  /* For each of n pixels and channel c: m[c][0] y + m[c][1] u + m[c][2] v + m[c][3], clamped to 0..255,
   * times m[c][4] plus m[c][5]. */
  void (*colour) (size_t n, const int16_t *y, const int16_t *u, const int16_t *v, float m[3][6],
                  float *const out[3]);
} ClipmoeResizeKernels;

#endif
