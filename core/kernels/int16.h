/* Scales of 16-bit whole numbers. By Cauchy and Schwarz a sum of products is at most the product of both
 * lengths: rows and columns of which no CM_I16_STEP neighbours in k, counted from the first, are longer than
 * the square root of 2^31 give sums that fit int32. */
#ifndef CLIPMOE_INT16_H
#define CLIPMOE_INT16_H

#define CM_I16_STEP 256
#define CM_I16_LENGTH 46300.0f /* and what rounding adds */

/* What one unit stands for, where the largest entry is @largest and the longest neighbours are @length of
 * these. */
static inline float
cm_i16_scale (float largest, float length) {
  float by_size = 1 / 32767.0f, by_length = length / CM_I16_LENGTH;
  return largest * (by_size > by_length ? by_size : by_length);
}

#endif
