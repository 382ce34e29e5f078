/* The trainer's number type, and operations on whole matrices. The same sources are compiled twice: for
 * float, and with DMU_DOUBLE for the test that holds every gradient against finite differences. Matrices are
 * row-major. */
#ifndef DMU_REAL_H
#define DMU_REAL_H

#include <glib.h>
#include <math.h>

#ifdef DMU_DOUBLE
typedef double Real;
#else
typedef float Real;
#endif

/* For functions with elementwise loops: compiled for several vector widths and chosen at run time. Without
 * contraction and reassociation every version gives the same bits. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__) &&              \
    !defined(__SANITIZE_ADDRESS__)
#define DMU_WIDE __attribute__ ((target_clones ("avx512f", "avx2", "default")))
#else
#define DMU_WIDE
#endif

/* Makes OpenBLAS single-threaded: work is split here, by rules that do not depend on what else runs. */
void dmu_single_blas (void);

/* Part @part of the work: first .. last - 1. */
typedef void (*DmuBody) (void *data, gsize first, gsize last, guint part);
/* Calls @body for parts of 0..n-1 of at least @grain from up to @threads threads. Parts depend on n, grain
 * and threads alone, and are numbered below dmu_parts(). Bodies must not call it, nor dmu_gemm() with more
 * than one thread. */
void dmu_parallel (guint threads, gsize n, gsize grain, DmuBody body, void *data);
guint dmu_parts (guint threads);

/* c[m][n] = a b + beta c, a of m x k and b of k x n, each transposed when so asked (then stored k x m, n x
 * k); ld = distance of stored rows. k = 0 gives beta c. */
void dmu_gemm (guint threads, gboolean transpose_a, gboolean transpose_b, gsize m, gsize n, gsize k,
               const Real *a, gsize lda, const Real *b, gsize ldb, Real beta, Real *c, gsize ldc);

/* sums[column] += sum over rows of x */
void dmu_column_sums (guint threads, gsize rows, gsize columns, const Real *x, gsize ldx, Real *sums);

/* exp() that compilers can vectorise; float: within 2 units of the last place between -87 and 88, no overflow
 * outside. */
static inline Real
dmu_exp (Real x) {
#ifdef DMU_DOUBLE
  return exp (x);
#else
  const float big = 12582912.0f; /* 1.5 * 2^23: adding it rounds to integers */
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  float n = (x * 1.44269504f + big) - big;
  float r = x - n * 0.693359375f; /* ln 2 in two parts, the first exact times n */
  r = r - n * -2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  union {
    gint32 i;
    float f;
  } power = {.i = ((gint32)n + 127) << 23};
  return p * power.f;
#endif
}

/* Summed in lanes, so that it is vectorised; the order of summation is fixed. */
static inline Real
dmu_dot (gsize n, const Real *a, const Real *b) {
  Real lanes[16] = {0}, sum = 0;
  gsize i = 0;
  for (; i + 16 <= n; i += 16)
    for (guint l = 0; l < 16; l++)
      lanes[l] += a[i + l] * b[i + l];
  for (; i < n; i++)
    lanes[i % 16] += a[i] * b[i];
  for (guint l = 0; l < 16; l++)
    sum += lanes[l];
  return sum;
}

static inline Real
dmu_sqrt (Real x) {
#ifdef DMU_DOUBLE
  return sqrt (x);
#else
  return sqrtf (x);
#endif
}

#endif
