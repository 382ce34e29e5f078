/* Conversions between f32 and the 16-bit floats f16 and bf16. Rounding is to the nearest, ties to even; what
 * is too large becomes infinity, NaN stays NaN. libc alone, so that kernels may use it. */
#ifndef CLIPMOE_HALF_H
#define CLIPMOE_HALF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t
clipmoe_f32_to_bf16 (float value) {
  uint32_t bits;
  memcpy (&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) /* a NaN stays one when it loses its lower bits */
    return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline uint16_t
clipmoe_f32_to_f16 (float value) {
  uint32_t bits;
  memcpy (&bits, &value, 4);
  uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > 0x7f800000)
    return (uint16_t)(sign | 0x7e00);
  if (size >= 0x477ff000) /* 65520 and more: infinity */
    return (uint16_t)(sign | 0x7c00);
  if (size < 0x38800000) { /* below 2^-14: a multiple of 2^-24 */
    memcpy (&value, &size, 4);
    return (uint16_t)(sign | (uint32_t)lrintf (value * 16777216.0f));
  }
  size += 0xfff + (size >> 13 & 1); /* may carry into the exponent */
  return (uint16_t)(sign | ((size - 0x38000000) >> 13));
}

static inline float
clipmoe_bf16_to_f32 (uint16_t half) {
  uint32_t bits = (uint32_t)half << 16;
  float value;
  memcpy (&value, &bits, 4);
  return value;
}

static inline float
clipmoe_f16_to_f32 (uint16_t half) {
  uint32_t sign = (uint32_t)(half >> 15) << 31, exponent = half >> 10 & 31, mantissa = half & 1023, bits;
  float value = (float)mantissa * 0x1p-24f;
  if (!exponent)
    return sign ? -value : value;
  bits = sign | (exponent == 31 ? 0x7f800000 : (exponent + 112) << 23) | mantissa << 13;
  memcpy (&value, &bits, 4);
  return value;
}

#endif
