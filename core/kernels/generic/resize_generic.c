/* Resizing in plain C: the reference for the tests of the other tiers. */
#include "../resize.h"

#include <string.h>

static int32_t
clamp (int32_t v, int32_t low, int32_t high) {
  return v < low ? low : v > high ? high : v;
}

/* Samples that are summed at once, so that sums stay in registers or L1. */
#define CHUNK 256

static void
rows8 (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *w, int16_t *out) {
  int32_t sum[CHUNK];
  for (size_t at = 0; at < n; at += CHUNK) {
    size_t m = n - at < CHUNK ? n - at : CHUNK;
    const uint8_t *row = from + at;
    memset (sum, 0, sizeof sum);
    for (size_t t = 0; t < taps; t++, row += stride)
      for (size_t i = 0; i < m; i++)
        sum[i] += w[t] * row[i];
    for (size_t i = 0; i < m; i++)
      out[at + i] = (int16_t)clamp ((sum[i] + (1 << 7)) >> 8, INT16_MIN, INT16_MAX);
  }
}

static void
rows10 (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, unsigned shift, const int16_t *w,
        int16_t *out) {
  int32_t sum[CHUNK];
  for (size_t at = 0; at < n; at += CHUNK) {
    size_t m = n - at < CHUNK ? n - at : CHUNK;
    const uint8_t *row = from + at * 2;
    memset (sum, 0, sizeof sum);
    for (size_t t = 0; t < taps; t++, row += stride)
      for (size_t i = 0; i < m; i++)
        sum[i] += w[t] * (((row[2 * i] | row[2 * i + 1] << 8) >> shift) & 1023);
    for (size_t i = 0; i < m; i++)
      out[at + i] = (int16_t)clamp ((sum[i] + (1 << 9)) >> 10, INT16_MIN, INT16_MAX);
  }
}

/* Pillow's rounding from units of 2^-22. A sum fits 32 bits: the weights' magnitudes add up to at most 1.3,
 * samples are at most 255. */
static uint8_t
byte (uint32_t low, uint32_t high) {
  return (uint8_t)clamp ((int32_t)((high << 15) + low + (1u << 21)) >> 22, 0, 255);
}

static void
rows_exact (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *low,
            const int16_t *high, uint8_t *out) {
  uint32_t l[CHUNK], h[CHUNK];
  for (size_t at = 0; at < n; at += CHUNK) {
    size_t m = n - at < CHUNK ? n - at : CHUNK;
    const uint8_t *row = from + at;
    memset (l, 0, sizeof l);
    memset (h, 0, sizeof h);
    for (size_t t = 0; t < taps; t++, row += stride)
      for (size_t i = 0; i < m; i++) {
        l[i] += (uint32_t)(low[t] * row[i]);
        h[i] += (uint32_t)(high[t] * row[i]);
      }
    for (size_t i = 0; i < m; i++)
      out[at + i] = byte (l[i], h[i]);
  }
}

static void
columns16 (size_t n, size_t taps, const int16_t *from, size_t step, const unsigned *first, const int16_t *w,
           int16_t *out) {
  for (size_t x = 0; x < n; x++, w += taps, out += CM_LANES) {
    const int16_t *p = from + first[x] * step * CM_LANES;
    int32_t sum[CM_LANES] = {0};
    for (size_t t = 0; t < taps; t++, p += step * CM_LANES)
      for (size_t i = 0; i < CM_LANES; i++)
        sum[i] += w[t] * p[i];
    for (size_t i = 0; i < CM_LANES; i++)
      out[i] = (int16_t)clamp ((sum[i] + (1 << 13)) >> 14, INT16_MIN, INT16_MAX);
  }
}

static void
columns_exact (size_t n, size_t taps, const uint8_t *from, size_t step, const unsigned *first,
               const int16_t *low, const int16_t *high, uint8_t *out) {
  for (size_t x = 0; x < n; x++, low += taps, high += taps, out += CM_LANES) {
    const uint8_t *p = from + first[x] * step * CM_LANES;
    uint32_t l[CM_LANES] = {0}, h[CM_LANES] = {0};
    for (size_t t = 0; t < taps; t++, p += step * CM_LANES)
      for (size_t i = 0; i < CM_LANES; i++) {
        l[i] += (uint32_t)(low[t] * p[i]);
        h[i] += (uint32_t)(high[t] * p[i]);
      }
    for (size_t i = 0; i < CM_LANES; i++)
      out[i] = byte (l[i], h[i]);
  }
}

static void
turn16 (size_t n, const int16_t *from, size_t stride, int16_t *to) {
  for (size_t i = 0; i < n; i++)
    for (size_t r = 0; r < CM_LANES; r++)
      to[i * CM_LANES + r] = from[r * stride + i];
}

static void
back16 (size_t n, const int16_t *from, int16_t *to, size_t stride) {
  for (size_t r = 0; r < CM_LANES; r++)
    for (size_t i = 0; i < n; i++)
      to[r * stride + i] = from[i * CM_LANES + r];
}

static void
turn8 (size_t n, size_t rows, const uint8_t *from, ptrdiff_t stride, uint8_t *to) {
  for (size_t i = 0; i < n; i++)
    for (size_t r = 0; r < CM_LANES; r++)
      to[i * CM_LANES + r] = from[(ptrdiff_t)(r < rows ? r : rows - 1) * stride + (ptrdiff_t)i];
}

static void
back8 (size_t n, const uint8_t *from, uint8_t *to, size_t stride) {
  for (size_t r = 0; r < CM_LANES; r++)
    for (size_t i = 0; i < n; i++)
      to[r * stride + i] = from[i * CM_LANES + r];
}

static void
colour (size_t n, const int16_t *y, const int16_t *u, const int16_t *v, float m[3][6], float *const out[3]) {
  for (size_t c = 0; c < 3; c++)
    for (size_t i = 0; i < n; i++) {
      float value = m[c][0] * (float)y[i] + m[c][1] * (float)u[i] + m[c][2] * (float)v[i] + m[c][3];
      value = value > 0 ? value : 0;
      value = value < 255 ? value : 255;
      out[c][i] = value * m[c][4] + m[c][5];
    }
}

const ClipmoeResizeKernels cm_resize_generic = {
    "generic", rows8, rows10, rows_exact, columns16, columns_exact, turn16, back16, turn8, back8, colour};
