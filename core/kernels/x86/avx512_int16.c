/* Products of 16-bit integers, AVX-512 VNNI: as fast as bf16 where that is fast, and ten times as exact.
 * Sums of CM_I16_STEP products fit int32 (int16.h); these are added up in f32. */
#include <math.h>
#include <string.h>
#include "../int16.h"
#include "../rows.h"
#include "../simd/vector.h"
#include "../tiers.h"
#include "tile_avx512.h"
#include "transpose_avx512.h"

#define LINES (CM_I16_STEP / 32)

#define LOAD(p) _mm512_load_si512 (p)
#define BROADCAST(p) _mm512_set1_epi32 (*(const int *)(p))
/* In assembly, since gcc 12 keeps some sums on the stack. */
static inline __m512i
mac (__m512i s, __m512i v, __m512i w) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(s) : "v"(v), "v"(w));
  return s;
}
#define STORE(p, sum) _mm512_storeu_ps (p, _mm512_cvtepi32_ps (sum))
#define ADD(p, sum) _mm512_storeu_ps (p, _mm512_add_ps (_mm512_loadu_ps (p), _mm512_cvtepi32_ps (sum)))

TILE (tile_first, __m512i, 64, _mm512_setzero_si512 (), LOAD, BROADCAST, mac, STORE)
TILE (tile_step, __m512i, 64, _mm512_setzero_si512 (), LOAD, BROADCAST, mac, ADD)

static void
tile (unsigned rows, size_t lines, const void *a, size_t a_stride, const void *w, const void *next,
      size_t step, float *c, size_t c_stride) {
  tile_first (rows, lines < LINES ? lines : LINES, a, a_stride, w, next, step, c, c_stride);
  for (size_t l = LINES; l < lines; l += LINES)
    tile_step (rows, lines - l < LINES ? lines - l : LINES, (const char *)a + l * a_stride, a_stride,
               (const char *)w + l * 32 * 64, (const char *)next + l * CM_LINE * step, step, c, c_stride);
}

/* Converts two lines of floats to one of 16 bits, saturating. */
static inline __m512i
join (__m512 low, __m512 high) {
  const __m512i order =
      _mm512_setr_epi64 (0, 2, 4, 6, 1, 3, 5, 7); /* packing interleaves quarters of both lines */
  return _mm512_permutexvar_epi64 (order,
                                   _mm512_packs_epi32 (_mm512_cvtps_epi32 (low), _mm512_cvtps_epi32 (high)));
}

static inline __m512
some (const float *x, size_t left) {
  return left >= CM_LINE ? _mm512_loadu_ps (x) : _mm512_maskz_loadu_ps ((__mmask16)((1u << left) - 1), x);
}

/* The largest magnitude in a row (infinity and NaN compare above all numbers), and the largest norm of
 * CM_I16_STEP consecutive entries, divided by that magnitude. */
static float
measure (size_t n, const float *x, size_t x_stride, float *longest) {
  __m512i top = _mm512_setzero_si512 ();
  float square = 0;
  for (size_t k = 0; k < n; k += CM_I16_STEP) {
    size_t end = n - k < CM_I16_STEP ? n : k + CM_I16_STEP;
    __m512 even = _mm512_setzero_ps (), odd = even;
    for (size_t j = k; j < end; j += 2 * CM_LINE, x += 2 * x_stride) {
      __m512 v = _mm512_abs_ps (some (x, end - j));
      top = _mm512_max_epi32 (top, _mm512_castps_si512 (v));
      even = _mm512_fmadd_ps (v, v, even);
      if (end - j <= CM_LINE)
        break;
      v = _mm512_abs_ps (some (x + x_stride, end - j - CM_LINE));
      top = _mm512_max_epi32 (top, _mm512_castps_si512 (v));
      odd = _mm512_fmadd_ps (v, v, odd);
    }
    float one = _mm512_reduce_add_ps (_mm512_add_ps (even, odd));
    square = one > square ? one : square;
  }
  int bits = _mm512_reduce_max_epi32 (top);
  float largest;
  memcpy (&largest, &bits, 4);
  /* outside this range squares overflow or vanish: assume that all are the largest */
  int fits = largest > 1e-15f && largest < 1e15f;
  *longest = fits ? sqrtf (square) / largest : sqrtf (CM_I16_STEP);
  return largest;
}

static void
pack (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors, void *to,
      size_t to_stride, float *scales) {
  (void)factors;
  for (unsigned i = 0; i < rows; i++) {
    const float *from = x + i * x_row;
    float longest, largest = measure (n, from, x_stride, &longest), scale = cm_i16_scale (largest, longest);
    __m512 by = _mm512_set1_ps (scale > 1e-34f ? 1 / scale : 0);
    char *out = (char *)to + i * CM_LINE_BYTES;
    scales[i] = scale;
    for (size_t k = 0; k < n; k += 2 * CM_LINE, from += 2 * x_stride, out += to_stride) {
      __m512 low = some (from, n - k);
      __m512 high = n - k > CM_LINE ? some (from + x_stride, n - k - CM_LINE) : _mm512_setzero_ps ();
      _mm512_storeu_si512 (out, join (_mm512_mul_ps (low, by), _mm512_mul_ps (high, by)));
    }
  }
}

static void
extent (size_t rows, size_t n, const float *x, size_t x_row, size_t x_stride, float *largest,
        float *squares) {
  for (size_t c = 0; c < n; c += CM_LINE, x += x_stride) {
    __m512i top =
        _mm512_loadu_si512 (largest + c); /* compared as integers, infinity and NaN are above all numbers */
    __m512 sum = _mm512_loadu_ps (squares + c);
    for (size_t i = 0; i < rows; i++) {
      __m512 v = _mm512_abs_ps (_mm512_loadu_ps (x + i * x_row));
      top = _mm512_max_epi32 (top, _mm512_castps_si512 (v));
      sum = _mm512_fmadd_ps (v, v, sum);
    }
    _mm512_storeu_si512 (largest + c, top);
    _mm512_storeu_ps (squares + c, sum);
  }
}

static void
round_rows (size_t rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *by, void *to) {
  for (size_t c = 0; c < n; c += 2 * CM_LINE, x += 2 * x_stride) {
    __m512 low = _mm512_loadu_ps (by + c), high = _mm512_loadu_ps (by + c + CM_LINE);
    for (size_t i = 0; i < rows; i++)
      _mm512_storeu_si512 ((char *)to + (i * n + c) * 2,
                           join (_mm512_mul_ps (_mm512_loadu_ps (x + i * x_row), low),
                                 _mm512_mul_ps (_mm512_loadu_ps (x + i * x_row + x_stride), high)));
  }
}

/* The exponentials stay floats until they are rounded, since the norm of the whole row decides the scale;
 * they are as exact as one step of it. */
static float
softmax (size_t n, size_t padded, float scale, float *x, size_t stride) {
  size_t lines = cm_lines (n, CM_LINE);
  const __m512 never = _mm512_set1_ps (-INFINITY);
  __mmask16 last = (__mmask16)(0xffff >> (lines * CM_LINE - n));
  V top = never, sum = v_set (0), square = sum;
  for (size_t l = 0; l + 1 < lines; l++)
    top = v_max (top, v_load (x + l * stride));
  top = v_max (top, _mm512_mask_loadu_ps (never, last, x + (lines - 1) * stride));
  V s = v_set (scale * LOG2_E), t = v_mul (v_set (v_largest (top)), s);
  for (size_t l = 0; l < lines; l++) {
    V e = v_about_exp2 (_mm512_fmsub_ps (v_load (x + l * stride), s, t));
    if (l + 1 == lines)
      e = _mm512_maskz_mov_ps (last, e);
    v_store (x + l * stride, e);
    sum = v_add (sum, e);
    square = v_fma (e, e, square);
  }
  float unit = cm_i16_scale (1, sqrtf (v_sum (square)));
  V by = v_set (1 / unit);
  for (size_t l = 0; l < padded / CM_LINE; l += 2) {
    V low = l < lines ? v_load (x + l * stride) : v_set (0),
      high = l + 1 < lines ? v_load (x + (l + 1) * stride) : v_set (0);
    _mm512_storeu_si512 (x + l / 2 * stride, join (v_mul (low, by), v_mul (high, by)));
  }
  return unit / v_sum (sum);
}

const ClipmoeGemm cm_i16_avx512 = {.name = "int16",
                                   .peak = CM_PEAK_I16_AVX512,
                                   .layout = CM_LAYOUT_I16_32,
                                   .rows = 14,
                                   .columns = 32,
                                   .line_k = 32,
                                   .unit_k = 2,
                                   .block_lines = 64,
                                   .weights = CM_I16,
                                   .range = 32767,
                                   .tile = tile,
                                   .pack = pack,
                                   .keys = keys_16,
                                   .values = values_16,
                                   .softmax = softmax,
                                   .extent = extent,
                                   .round = round_rows};
