/* AVX2 and FMA. Compiled with these flags alone; nothing inline of it is shared with other files. */
#include "../kernels.h"

#include <immintrin.h>
#include <math.h>

/* Six rows by sixteen columns: twelve accumulators, two halves of the panel's row, one broadcast. Fewer rows
 * run the same sums, so a row's result does not depend on its neighbours. */
#define ROWS(N)                                                                                              \
  static void gemm_rows_##N (size_t k, const float *a, size_t lda, const float *panel, const float *bias,    \
                             float *c, size_t ldc, int add) {                                                \
    __m256 s[N][2];                                                                                          \
    _Pragma ("GCC unroll 6") for (int i = 0; i < N; i++) s[i][0] = s[i][1] = _mm256_setzero_ps ();           \
    for (size_t p = 0; p < k; p++) {                                                                         \
      __m256 b0 = _mm256_load_ps (panel + p * CM_PANEL), b1 = _mm256_load_ps (panel + p * CM_PANEL + 8);     \
      _Pragma ("GCC unroll 6") for (int i = 0; i < N; i++) {                                                 \
        __m256 v = _mm256_broadcast_ss (a + (size_t)i * lda + p);                                            \
        s[i][0] = _mm256_fmadd_ps (v, b0, s[i][0]);                                                          \
        s[i][1] = _mm256_fmadd_ps (v, b1, s[i][1]);                                                          \
      }                                                                                                      \
    }                                                                                                        \
    __m256 bias0 = bias ? _mm256_loadu_ps (bias) : _mm256_setzero_ps ();                                     \
    __m256 bias1 = bias ? _mm256_loadu_ps (bias + 8) : _mm256_setzero_ps ();                                 \
    _Pragma ("GCC unroll 6") for (int i = 0; i < N; i++) {                                                   \
      float *o = c + (size_t)i * ldc;                                                                        \
      __m256 v0 = _mm256_add_ps (s[i][0], bias0), v1 = _mm256_add_ps (s[i][1], bias1);                       \
      if (add) {                                                                                             \
        v0 = _mm256_add_ps (_mm256_loadu_ps (o), v0);                                                        \
        v1 = _mm256_add_ps (_mm256_loadu_ps (o + 8), v1);                                                    \
      }                                                                                                      \
      _mm256_storeu_ps (o, v0);                                                                              \
      _mm256_storeu_ps (o + 8, v1);                                                                          \
    }                                                                                                        \
  }
ROWS (1)
ROWS (2)
ROWS (3)
ROWS (4)
ROWS (5)
ROWS (6)

static void
gemm_panel (size_t m, size_t k, const float *a, size_t lda, const float *panel, const float *bias, float *c,
            size_t ldc, int add) {
  for (; m >= 6; m -= 6, a += 6 * lda, c += 6 * ldc)
    gemm_rows_6 (k, a, lda, panel, bias, c, ldc, add);
  switch (m) {
  case 5:
    gemm_rows_5 (k, a, lda, panel, bias, c, ldc, add);
    break;
  case 4:
    gemm_rows_4 (k, a, lda, panel, bias, c, ldc, add);
    break;
  case 3:
    gemm_rows_3 (k, a, lda, panel, bias, c, ldc, add);
    break;
  case 2:
    gemm_rows_2 (k, a, lda, panel, bias, c, ldc, add);
    break;
  case 1:
    gemm_rows_1 (k, a, lda, panel, bias, c, ldc, add);
    break;
  default:
    break;
  }
}

static float
sum8 (__m256 v) {
  __m128 s = _mm_add_ps (_mm256_castps256_ps128 (v), _mm256_extractf128_ps (v, 1));
  s = _mm_add_ps (s, _mm_movehl_ps (s, s));
  return _mm_cvtss_f32 (_mm_add_ss (s, _mm_movehdup_ps (s)));
}

/* exp by 2^n * p(r), r in [-ln2/2, ln2/2]: Taylor to the sixth power, below 2e-7 relative. */
static __m256
exp8 (__m256 x) {
  /* the bound first: minps and maxps hand on their second operand when one is NaN, which must not be lost */
  x = _mm256_min_ps (_mm256_set1_ps (88.3f), _mm256_max_ps (_mm256_set1_ps (-87.3f), x));
  __m256 n = _mm256_round_ps (_mm256_mul_ps (x, _mm256_set1_ps (1.44269504088896341f)),
                              _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps (n, _mm256_set1_ps (0.693359375f), x);
  r = _mm256_fnmadd_ps (n, _mm256_set1_ps (-2.12194440e-4f), r);
  __m256 p = _mm256_set1_ps (1.0f / 720);
  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (1.0f / 120));
  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (1.0f / 24));
  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (1.0f / 6));
  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (0.5f));
  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (1.0f));
  p = _mm256_fmadd_ps (p, r, _mm256_set1_ps (1.0f));
  __m256i e = _mm256_slli_epi32 (_mm256_add_epi32 (_mm256_cvtps_epi32 (n), _mm256_set1_epi32 (127)), 23);
  return _mm256_mul_ps (p, _mm256_castsi256_ps (e));
}

static void
layer_norm (size_t n, const float *x, const float *weight, const float *bias, float eps, float *out) {
  __m256 sum = _mm256_setzero_ps ();
  size_t i;
  double tail = 0;
  for (i = 0; i + 8 <= n; i += 8)
    sum = _mm256_add_ps (sum, _mm256_loadu_ps (x + i));
  for (; i < n; i++)
    tail += x[i];
  float mean = (float)((sum8 (sum) + tail) / (double)n);
  __m256 m = _mm256_set1_ps (mean), square = _mm256_setzero_ps ();
  tail = 0;
  for (i = 0; i + 8 <= n; i += 8) {
    __m256 d = _mm256_sub_ps (_mm256_loadu_ps (x + i), m);
    square = _mm256_fmadd_ps (d, d, square);
  }
  for (; i < n; i++)
    tail += (x[i] - mean) * (x[i] - mean);
  float scale = (float)(1.0 / sqrt ((sum8 (square) + tail) / (double)n + eps));
  __m256 s = _mm256_set1_ps (scale);
  for (i = 0; i + 8 <= n; i += 8) {
    __m256 d = _mm256_mul_ps (_mm256_sub_ps (_mm256_loadu_ps (x + i), m), s);
    _mm256_storeu_ps (out + i, _mm256_fmadd_ps (d, _mm256_loadu_ps (weight + i), _mm256_loadu_ps (bias + i)));
  }
  for (; i < n; i++)
    out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

static void
softmax (size_t n, float *x) {
  float top = x[0], total = 0;
  for (size_t i = 1; i < n; i++)
    top = x[i] > top ? x[i] : top;
  __m256 t = _mm256_set1_ps (top), sum = _mm256_setzero_ps ();
  size_t i;
  for (i = 0; i + 8 <= n; i += 8) {
    __m256 e = exp8 (_mm256_sub_ps (_mm256_loadu_ps (x + i), t));
    _mm256_storeu_ps (x + i, e);
    sum = _mm256_add_ps (sum, e);
  }
  for (; i < n; i++)
    total += x[i] = expf (x[i] - top);
  float scale = 1.0f / (sum8 (sum) + total);
  for (i = 0; i < n; i++)
    x[i] *= scale;
}

static void
quick_gelu (size_t n, float *x) {
  size_t i;
  for (i = 0; i + 8 <= n; i += 8) {
    __m256 v = _mm256_loadu_ps (x + i), e = exp8 (_mm256_mul_ps (v, _mm256_set1_ps (-1.702f)));
    _mm256_storeu_ps (x + i, _mm256_div_ps (v, _mm256_add_ps (e, _mm256_set1_ps (1.0f))));
  }
  for (; i < n; i++)
    x[i] = x[i] / (1.0f + expf (-1.702f * x[i]));
}

static void
gelu (size_t n, float *x) {
  for (size_t i = 0; i < n; i++)
    x[i] = 0.5f * x[i] * (1.0f + erff (x[i] * 0.70710678118654752f));
}

static float
dot (size_t n, const float *a, const float *b) {
  __m256 s = _mm256_setzero_ps ();
  size_t i;
  float tail = 0;
  for (i = 0; i + 8 <= n; i += 8)
    s = _mm256_fmadd_ps (_mm256_loadu_ps (a + i), _mm256_loadu_ps (b + i), s);
  for (; i < n; i++)
    tail += a[i] * b[i];
  return sum8 (s) + tail;
}

static void
axpy (size_t n, float s, const float *x, float *y) {
  __m256 v = _mm256_set1_ps (s);
  size_t i;
  for (i = 0; i + 8 <= n; i += 8)
    _mm256_storeu_ps (y + i, _mm256_fmadd_ps (v, _mm256_loadu_ps (x + i), _mm256_loadu_ps (y + i)));
  for (; i < n; i++)
    y[i] += s * x[i];
}

const ClipmoeKernels cm_kernels_avx2 = {"avx2", gemm_panel, layer_norm, softmax, quick_gelu, gelu, dot, axpy};
