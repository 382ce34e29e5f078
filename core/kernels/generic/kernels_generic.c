/* The plain version of every kernel: what the others are tested against. */
#include "../kernels.h"

#include <math.h>

static void
gemm_panel (size_t m, size_t k, const float *a, size_t lda, const float *panel, const float *bias, float *c,
            size_t ldc, int add) {
  for (size_t i = 0; i < m; i++) {
    float sum[CM_PANEL] = {0};
    const float *row = a + i * lda, *b = panel;
    for (size_t p = 0; p < k; p++, b += CM_PANEL)
      for (size_t j = 0; j < CM_PANEL; j++)
        sum[j] += row[p] * b[j];
    float *out = c + i * ldc;
    for (size_t j = 0; j < CM_PANEL; j++) {
      float v = sum[j] + (bias ? bias[j] : 0.0f);
      out[j] = add ? out[j] + v : v;
    }
  }
}

static void
layer_norm (size_t n, const float *x, const float *weight, const float *bias, float eps, float *out) {
  double mean = 0, variance = 0;
  for (size_t i = 0; i < n; i++)
    mean += x[i];
  mean /= (double)n;
  for (size_t i = 0; i < n; i++)
    variance += (x[i] - mean) * (x[i] - mean);
  float scale = (float)(1.0 / sqrt (variance / (double)n + eps)), shift = (float)mean;
  for (size_t i = 0; i < n; i++)
    out[i] = (x[i] - shift) * scale * weight[i] + bias[i];
}

static void
softmax (size_t n, float *x) {
  float top = x[0];
  for (size_t i = 1; i < n; i++)
    top = x[i] > top ? x[i] : top;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    x[i] = expf (x[i] - top);
    sum += x[i];
  }
  float scale = (float)(1.0 / sum);
  for (size_t i = 0; i < n; i++)
    x[i] *= scale;
}

static void
quick_gelu (size_t n, float *x) {
  for (size_t i = 0; i < n; i++)
    x[i] = x[i] / (1.0f + expf (-1.702f * x[i]));
}

static void
gelu (size_t n, float *x) {
  for (size_t i = 0; i < n; i++)
    x[i] = 0.5f * x[i] * (1.0f + erff (x[i] * 0.70710678118654752f));
}

static float
dot (size_t n, const float *a, const float *b) {
  float sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

static void
axpy (size_t n, float s, const float *x, float *y) {
  for (size_t i = 0; i < n; i++)
    y[i] += s * x[i];
}

const ClipmoeKernels cm_kernels_generic = {"generic",  gemm_panel, layer_norm, softmax,
                                           quick_gelu, gelu,       dot,        axpy};
