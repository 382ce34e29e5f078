/* Scales of 16-bit integers. By the Cauchy-Schwarz inequality a sum of products is at most the product of
 * both Euclidean norms: when no CM_I16_STEP consecutive entries in k of a row or column (counted from the
 * first) have a norm above the square root of 2^31, sums of that many products fit int32. */
#ifndef CLIPMOE_INT16_H
#define CLIPMOE_INT16_H

#define CM_I16_STEP 256
#define CM_I16_LENGTH 46300.0f /* leaves room for rounding */

/* The value of one step, for entries of magnitude up to @largest whose largest norm is @length times that.
 */
static inline float
cm_i16_scale (float largest, float length) {
  float by_size = 1 / 32767.0f, by_length = length / CM_I16_LENGTH;
  return largest * (by_size > by_length ? by_size : by_length);
}

#endif
