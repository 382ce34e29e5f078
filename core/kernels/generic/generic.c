/* Every kernel in plain C: the reference for the tests of the others. */
#include <math.h>
#include <string.h>
#include "../tiers.h"

#define COLUMNS 16

/* Vector extensions of the compiler: with a plain array gcc 12 keeps sums[] in memory, which is five times
 * as slow. */
typedef float Four __attribute__ ((vector_size (16)));

static void
tile_f32 (unsigned rows, size_t lines, const void *a, size_t a_stride, const void *w, const void *next,
          size_t step, float *c, size_t c_stride) {
  (void)next, (void)step, (void)c_stride; /* sixteen columns are one line */
  for (unsigned i = 0; i < rows; i++) {
    Four sum[COLUMNS / 4] = {{0}};
    const Four *panel = w;
    for (size_t l = 0; l < lines; l++) {
      const float *x = (const float *)((const char *)a + l * a_stride) + i * CM_LINE;
      for (size_t k = 0; k < CM_LINE; k++, panel += COLUMNS / 4)
        for (size_t j = 0; j < COLUMNS / 4; j++)
          sum[j] += x[k] * panel[j];
    }
    memcpy (c + i * CM_LINE, sum, sizeof sum);
  }
}

static void
pack_f32 (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors,
          void *to, size_t to_stride, float *scales) {
  (void)scales, (void)factors;
  for (size_t k = 0; k < (n + CM_LINE - 1) / CM_LINE * CM_LINE; k++)
    for (unsigned i = 0; i < rows; i++)
      ((float *)((char *)to + k / CM_LINE * to_stride))[i * CM_LINE + k % CM_LINE] =
          k < n ? x[k / CM_LINE * x_stride + i * x_row + k % CM_LINE] : 0.0f;
}

#define AT(x, stride, i) (x)[(i) / CM_LINE * (stride) + (i) % CM_LINE]

static void
layer_norm (size_t n, const float *x, size_t x_stride, const float *weight, const float *bias, float eps,
            float *out, size_t out_stride) {
  double mean = 0, variance = 0;
  for (size_t i = 0; i < n; i++)
    mean += AT (x, x_stride, i);
  mean /= (double)n;
  for (size_t i = 0; i < n; i++)
    variance += (AT (x, x_stride, i) - mean) * (AT (x, x_stride, i) - mean);
  float scale = (float)(1.0 / sqrt (variance / (double)n + (double)eps)), shift = (float)mean;
  for (size_t i = 0; i < n; i++)
    AT (out, out_stride, i) = (AT (x, x_stride, i) - shift) * scale * weight[i] + bias[i];
  for (size_t i = n; i % CM_LINE; i++)
    AT (out, out_stride, i) = 0;
}

static float
softmax (size_t n, size_t padded, float scale, float *x, size_t stride) {
  float top = x[0];
  for (size_t i = 1; i < n; i++)
    top = AT (x, stride, i) > top ? AT (x, stride, i) : top;
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += AT (x, stride, i) = expf (scale * (AT (x, stride, i) - top));
  for (size_t i = n; i < padded; i++)
    AT (x, stride, i) = 0;
  return (float)(1.0 / sum);
}

#define OVER_TILE                                                                                            \
  for (unsigned l = 0; l < lines; l++)                                                                       \
    for (unsigned i = 0; i < rows; i++)                                                                      \
      for (unsigned j = 0; j < CM_LINE; j++)

/* This tier has no integer products, but the functions that take sums must work. */
static float
value (const float *c, const ClipmoeSums *sums, unsigned row, size_t column) {
  if (!sums)
    return *c;
  int32_t whole;
  memcpy (&whole, c, 4);
  float sum = sums->corrections ? (float)(whole - sums->corrections[column]) : *c;
  return sum * (sums->columns[column] * sums->rows[row]);
}

#define X (value (c + l * c_stride + i * CM_LINE + j, sums, i, l * CM_LINE + j) + bias[l * CM_LINE + j])
#define TO to[l * to_stride + i * CM_LINE + j]

static void
add_bias (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
          const float *bias, float *to, size_t to_stride) {
  OVER_TILE TO = X;
}

static void
quick_gelu (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
            const float *bias, float *to, size_t to_stride) {
  OVER_TILE {
    float x = X;
    TO = x / (1.0f + expf (-1.702f * x));
  }
}

static void
gelu (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
      const float *bias, float *to, size_t to_stride) {
  OVER_TILE {
    float x = X;
    TO = 0.5f * x * (1.0f + erff (x * 0.70710678118654752f));
  }
}

static void
add (unsigned rows, unsigned lines, const float *c, size_t c_stride, const ClipmoeSums *sums,
     const float *bias, const float *factors, float *z, const size_t *offsets, const size_t *strides) {
  OVER_TILE {
    float x = value (c + l * c_stride + i * CM_LINE + j, sums, i, l * CM_LINE + j);
    z[offsets[i] + l * strides[i] + j] +=
        (factors ? factors[i] : 1.0f) * (x + (bias ? bias[l * CM_LINE + j] : 0.0f));
  }
}

static void
scale (unsigned rows, unsigned lines, float *c, size_t c_stride, const float *factors) {
  OVER_TILE c[l * c_stride + i * CM_LINE + j] *= factors[i];
}

static void
keys_f32 (size_t n, size_t d, const void *x, size_t x_row, size_t x_stride, void *panel, size_t columns) {
  for (size_t k = 0; k < d; k++)
    for (size_t i = 0; i < n; i++)
      ((float *)panel)[k * columns + i] = AT ((const float *)x + i * x_row, x_stride, k);
}

static void
values_f32 (unsigned lines, const void *first, size_t first_stride, const void *second, size_t second_stride,
            void *to) {
  (void)second, (void)second_stride;
  for (unsigned l = 0; l < lines; l++)
    memcpy ((float *)to + l * CM_LINE, (const float *)first + l * first_stride, CM_LINE_BYTES);
}

static float
dot (size_t n, const float *a, const float *b) {
  float sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

static const ClipmoeGemm f32 = {.name = "f32",
                                .peak = CM_N_PEAKS,
                                .layout = CM_LAYOUT_F32_16,
                                .rows = 4,
                                .columns = COLUMNS,
                                .line_k = CM_LINE,
                                .unit_k = 1,
                                .block_lines = 64,
                                .weights = CM_F32,
                                .plain = 1,
                                .tile = tile_f32,
                                .pack = pack_f32,
                                .keys = keys_f32,
                                .values = values_f32,
                                .softmax = softmax};

const ClipmoeKernels cm_kernels_generic = {.name = "generic",
                                           .f32 = &f32,
                                           .layer_norm = layer_norm,
                                           .bias = add_bias,
                                           .quick_gelu = quick_gelu,
                                           .gelu = gelu,
                                           .add = add,
                                           .scale = scale,
                                           .dot = dot};
