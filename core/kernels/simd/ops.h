/* Everything but the products, written once for all vector widths; each tier's file includes it and is
 * compiled with that tier's flags. kernels.h says what the functions do. */
#include <math.h>
#include <string.h>
#include "../kernels.h"
#include "vector.h"

static void
layer_norm (size_t n, const float *x, size_t x_stride, const float *weight, const float *bias, float eps,
            float *out, size_t out_stride) {
  size_t whole = n / CM_LINE, rest = n % CM_LINE;
  V sum = v_set (0.0f);
  for (size_t l = 0; l < whole; l++)
    for (size_t j = 0; j < CM_LINE; j += VW)
      sum = v_add (sum, v_load (x + l * x_stride + j));
  float total = v_sum (sum);
  for (size_t j = 0; j < rest; j++)
    total += x[whole * x_stride + j];
  float mean = total / (float)n;
  V m = v_set (mean), square = v_set (0.0f);
  for (size_t l = 0; l < whole; l++)
    for (size_t j = 0; j < CM_LINE; j += VW) {
      V d = v_sub (v_load (x + l * x_stride + j), m);
      square = v_fma (d, d, square);
    }
  total = v_sum (square);
  for (size_t j = 0; j < rest; j++) {
    float d = x[whole * x_stride + j] - mean;
    total += d * d;
  }
  float scale = (float)(1.0 / sqrt ((double)total / (double)n + (double)eps));
  V s = v_set (scale);
  for (size_t l = 0; l < whole; l++)
    for (size_t j = 0; j < CM_LINE; j += VW) {
      V d = v_mul (v_sub (v_load (x + l * x_stride + j), m), s);
      v_store (out + l * out_stride + j,
               v_fma (d, v_load (weight + l * CM_LINE + j), v_load (bias + l * CM_LINE + j)));
    }
  if (rest)
    for (size_t j = 0; j < CM_LINE; j++)
      out[whole * out_stride + j] =
          j < rest ? (x[whole * x_stride + j] - mean) * scale * weight[whole * CM_LINE + j] +
                         bias[whole * CM_LINE + j]
                   : 0.0f;
}

static float
softmax (size_t n, size_t padded, float scale, float *x, size_t stride) {
  size_t whole = n / CM_LINE, rest = n % CM_LINE, lines = padded / CM_LINE;
  if (rest) { /* entries beyond the end must not win */
    for (size_t j = rest; j < CM_LINE; j++)
      x[whole * stride + j] = -INFINITY;
    whole++;
  }
  V top = v_load (x);
  for (size_t l = 0; l < whole; l++)
    for (size_t j = 0; j < CM_LINE; j += VW)
      top = v_max (top, v_load (x + l * stride + j));
  V t = v_set (v_largest (top)), s = v_set (scale), sum = v_set (0.0f);
  for (size_t l = 0; l < whole; l++)
    for (size_t j = 0; j < CM_LINE; j += VW) {
      V e = v_exp (v_mul (v_sub (v_load (x + l * stride + j), t), s));
      v_store (x + l * stride + j, e);
      if (l + 1 < whole || !rest)
        sum = v_add (sum, e);
    }
  float total = v_sum (sum);
  for (size_t j = 0; j < rest; j++)
    total += x[(whole - 1) * stride + j];
  for (size_t j = rest; rest && j < CM_LINE; j++)
    x[(whole - 1) * stride + j] = 0.0f;
  for (size_t l = whole; l < lines; l++)
    memset (x + l * stride, 0, CM_LINE_BYTES);
  return 1.0f / total;
}

#define OVER_TILE                                                                                            \
  for (unsigned l = 0; l < lines; l++, c += c_stride)                                                        \
    for (size_t j = 0; j < CM_LINE; j += VW)

/* The value of an entry of a tile (floats, sums of int8 or int16) plus the bias. */
#define FLOAT_VALUE(at, b) v_add (v_load (at), b)
#define SCALED_VALUE(at, b) v_fma (v_load (at), v_mul (s, v_set (sums->rows[i])), b)
#define SUM_VALUE(at, b) v_fma (v_of_int (vi_sub (v_load_int (at), k)), v_mul (s, v_set (sums->rows[i])), b)

#define FINISH(NAME, F, ROUGHLY)                                                                             \
  static void NAME (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums, \
                    const float *bias, float *to, size_t to_stride) {                                        \
    for (unsigned l = 0; l < lines; l++, c += c_stride, to += to_stride)                                     \
      for (size_t j = 0; j < CM_LINE; j += VW) {                                                             \
        V b = v_load (bias + l * CM_LINE + j);                                                               \
        if (!sums) {                                                                                         \
          for (unsigned i = 0; i < rows; i++)                                                                \
            v_store (to + i * CM_LINE + j, F (FLOAT_VALUE (c + i * CM_LINE + j, b)));                        \
          continue;                                                                                          \
        }                                                                                                    \
        V s = v_load (sums->columns + l * CM_LINE + j);                                                      \
        if (!sums->corrections) {                                                                            \
          for (unsigned i = 0; i < rows; i++)                                                                \
            v_store (to + i * CM_LINE + j, F (SCALED_VALUE (c + i * CM_LINE + j, b)));                       \
          continue;                                                                                          \
        }                                                                                                    \
        VI k = v_load_int (sums->corrections + l * CM_LINE + j);                                             \
        for (unsigned i = 0; i < rows; i++)                                                                  \
          v_store (to + i * CM_LINE + j, ROUGHLY (SUM_VALUE (c + i * CM_LINE + j, b)));                      \
      }                                                                                                      \
  }

static inline V
quick_gelu_of (V v) {
  return v_div (v, v_add (v_exp (v_mul (v, v_set (-1.702f))), v_set (1.0f)));
}

/* erf (y) = 1 - t p(t) exp (-y^2), t = 1 / (1 + 0.3275911 y), y >= 0: within 1.5e-7 (Abramowitz and Stegun
 * 7.1.26) */
static inline V
gelu_by (V v, V t, V e) {
  V p = v_fma (t, v_set (1.061405429f), v_set (-1.453152027f));
  p = v_fma (p, t, v_set (1.421413741f));
  p = v_fma (p, t, v_set (-0.284496736f));
  p = v_fma (p, t, v_set (0.254829592f));
  V erf = v_fnma (v_mul (p, t), e, v_set (1.0f)), half = v_mul (v, v_set (0.5f));
  return v_fma (half, v_sign_of (erf, v), half);
}

static inline V
gelu_of (V v) {
  V y = v_abs (v_mul (v, v_set (0.70710678118654752f)));
  V t = v_div (v_set (1.0f), v_fma (y, v_set (0.3275911f), v_set (1.0f)));
  return gelu_by (v, t, v_exp (v_mul (v_mul (y, y), v_set (-1.0f))));
}

#ifdef v_about_exp2
static inline V
about_quick_gelu (V v) {
  return v_mul (v,
                v_about_inverse (v_add (v_about_exp2 (v_mul (v, v_set (-1.702f * LOG2_E))), v_set (1.0f))));
}

static inline V
about_gelu (V v) {
  V y = v_abs (v_mul (v, v_set (0.70710678118654752f)));
  V t = v_about_inverse (v_fma (y, v_set (0.3275911f), v_set (1.0f)));
  return gelu_by (v, t, v_about_exp2 (v_mul (v_mul (y, y), v_set (-LOG2_E))));
}
#else
#define about_quick_gelu quick_gelu_of
#define about_gelu gelu_of
#endif

#define AS_IT_IS(v) v
FINISH (add_bias, AS_IT_IS, AS_IT_IS)
FINISH (quick_gelu, quick_gelu_of, about_quick_gelu)
FINISH (gelu, gelu_of, about_gelu)

static void
add (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
     const float *bias, const float *factors, float *z, const size_t *offsets, const size_t *strides) {
  for (unsigned l = 0; l < lines; l++)
    for (size_t j = 0; j < CM_LINE; j += VW) {
      V b = bias ? v_load (bias + l * CM_LINE + j) : v_set (0.0f);
      int whole = sums && sums->corrections;
      VI k = v_load_int (whole ? (const void *)(sums->corrections + l * CM_LINE + j) : c);
      V s = v_load (sums ? sums->columns + l * CM_LINE + j : c);
      for (unsigned i = 0; i < rows; i++) {
        const float *at = c + l * c_stride + i * CM_LINE + j;
        float *to = z + offsets[i] + l * strides[i] + j;
        V v = whole ? SUM_VALUE (at, b) : sums ? SCALED_VALUE (at, b) : FLOAT_VALUE (at, b);
        v_store (to, v_fma (v_set (factors ? factors[i] : 1.0f), v, v_load (to)));
      }
    }
}

static void
scale (unsigned rows, unsigned lines, float *c, size_t c_stride, const float *factors) {
  OVER_TILE for (unsigned i = 0; i < rows; i++)
      v_store (c + i * CM_LINE + j, v_mul (v_load (c + i * CM_LINE + j), v_set (factors[i])));
}

#ifndef CM_OWN_KEYS
static void
keys_f32 (size_t n, size_t d, const void *x, size_t x_row, size_t x_stride, void *panel, size_t columns) {
  for (size_t k = 0; k < d; k++)
    for (size_t i = 0; i < n; i++)
      ((float *)panel)[k * columns + i] =
          ((const float *)x)[i * x_row + k / CM_LINE * x_stride + k % CM_LINE];
}
#endif

static void
values_f32 (unsigned lines, const void *first, size_t first_stride, const void *second, size_t second_stride,
            void *to) {
  (void)second, (void)second_stride;
  for (unsigned l = 0; l < lines; l++)
    for (size_t j = 0; j < CM_LINE; j += VW)
      v_store ((float *)to + l * CM_LINE + j, v_load ((const float *)first + l * first_stride + j));
}

static float
dot (size_t n, const float *a, const float *b) {
  V s = v_set (0.0f);
  size_t i;
  float tail = 0;
  for (i = 0; i + VW <= n; i += VW)
    s = v_fma (v_load (a + i), v_load (b + i), s);
  for (; i < n; i++)
    tail += a[i] * b[i];
  return v_sum (s) + tail;
}

/* f32 activations: lines are copied. */
static void
pack_f32 (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
          void *to, size_t to_stride, float *scales) {
  (void)scales, (void)factors;
  char *out = to;
  for (size_t k = 0; k < n; k += CM_LINE, out += to_stride, x += x_stride)
    for (unsigned i = 0; i < rows; i++) {
      float *o = (float *)(out + i * CM_LINE_BYTES);
      if (n - k >= CM_LINE) {
        for (size_t j = 0; j < CM_LINE; j += VW)
          v_store (o + j, v_load (x + i * x_row + j));
      } else {
        memset (o, 0, CM_LINE_BYTES);
        memcpy (o, x + i * x_row, (n - k) * sizeof (float));
      }
    }
}

#define CM_OPS                                                                                               \
  .layer_norm = layer_norm, .bias = add_bias, .quick_gelu = quick_gelu, .gelu = gelu, .add = add,            \
  .scale = scale, .dot = dot
