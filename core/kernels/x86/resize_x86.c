/* Resizing on AVX2 and on AVX-512: one source, compiled once with the flags of each. Shared code runs on
 * vectors of either width. It shares no inline code with other files.
 *
 * The main instruction is pmaddwd: two taps a step, sums of 32 bits, nothing saturates. A last vector that
 * would not be full begins earlier instead and computes some results twice. */
#include "../resize.h"

#include <immintrin.h>
#include <string.h>

#ifdef __AVX512BW__
typedef __m512i Vector;
#define V(f) _mm512_##f
#define ZERO _mm512_setzero_si512 ()
#define LOAD(p) _mm512_loadu_si512 (p)
#define STORE(p, v) _mm512_storeu_si512 (p, v)
#define AND(a, b) _mm512_and_si512 (a, b)
#else
typedef __m256i Vector;
#define V(f) _mm256_##f
#define ZERO _mm256_setzero_si256 ()
#define LOAD(p) _mm256_loadu_si256 ((const __m256i *)(const void *)(p))
#define STORE(p, v) _mm256_storeu_si256 ((__m256i *)(void *)(p), v)
#define AND(a, b) _mm256_and_si256 (a, b)
#endif
#define BYTES sizeof (Vector)

/* Two adjacent weights. */
static inline int
pair (const int16_t *w) {
  int both;
  memcpy (&both, w, sizeof both);
  return both;
}

static int32_t
clamp (int32_t v, int32_t low, int32_t high) {
  return v < low ? low : v > high ? high : v;
}

/* Sums of two rows' bytes, each a vector, into sums of 32 bits. */
#define ADD_ROWS8(a, b, k, s)                                                                                \
  do {                                                                                                       \
    Vector low_ = V (unpacklo_epi8) (a, b), high_ = V (unpackhi_epi8) (a, b);                                \
    s[0] = V (add_epi32) (s[0], V (madd_epi16) (V (unpacklo_epi8) (low_, zero), k));                         \
    s[1] = V (add_epi32) (s[1], V (madd_epi16) (V (unpackhi_epi8) (low_, zero), k));                         \
    s[2] = V (add_epi32) (s[2], V (madd_epi16) (V (unpacklo_epi8) (high_, zero), k));                        \
    s[3] = V (add_epi32) (s[3], V (madd_epi16) (V (unpackhi_epi8) (high_, zero), k));                        \
  } while (0)

static inline void
rows8_block (size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *w, int16_t *out) {
  const Vector zero = ZERO, half = V (set1_epi32) (1 << 7);
  Vector s[4] = {half, half, half, half};
  size_t t = 0;
  for (; t + 2 <= taps; t += 2, from += 2 * stride) {
    Vector k = V (set1_epi32) (pair (w + t)), a = LOAD (from), b = LOAD (from + stride);
    ADD_ROWS8 (a, b, k, s);
  }
  if (t < taps) {
    Vector k = V (set1_epi32) (pair (w + t)), a = LOAD (from);
    ADD_ROWS8 (a, a, k, s);
  }
  /* Each 128 bits of bytes have become two times 128 bits of words: restores their order. */
  Vector low = V (packs_epi32) (V (srai_epi32) (s[0], 8), V (srai_epi32) (s[1], 8)),
         high = V (packs_epi32) (V (srai_epi32) (s[2], 8), V (srai_epi32) (s[3], 8));
#ifdef __AVX512BW__
  const __m512i first = _mm512_setr_epi64 (0, 1, 8, 9, 2, 3, 10, 11),
                second = _mm512_setr_epi64 (4, 5, 12, 13, 6, 7, 14, 15);
  STORE (out, _mm512_permutex2var_epi64 (low, first, high));
  STORE (out + BYTES / 2, _mm512_permutex2var_epi64 (low, second, high));
#else
  STORE (out, _mm256_permute2x128_si256 (low, high, 0x20));
  STORE (out + BYTES / 2, _mm256_permute2x128_si256 (low, high, 0x31));
#endif
}

static void
rows8 (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *w, int16_t *out) {
  if (n >= BYTES) {
    size_t i = 0;
    for (; i + BYTES <= n; i += BYTES)
      rows8_block (taps, from + i, stride, w, out + i);
    if (i < n)
      rows8_block (taps, from + n - BYTES, stride, w, out + n - BYTES);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    int32_t sum = 1 << 7;
    for (size_t t = 0; t < taps; t++)
      sum += w[t] * from[(ptrdiff_t)t * stride + (ptrdiff_t)i];
    out[i] = (int16_t)clamp (sum >> 8, INT16_MIN, INT16_MAX);
  }
}

static inline void
rows10_block (size_t taps, const uint8_t *from, ptrdiff_t stride, unsigned shift, const int16_t *w,
              int16_t *out) {
  const Vector mask = V (set1_epi16) (1023), half = V (set1_epi32) (1 << 9);
  const __m128i count = _mm_cvtsi32_si128 ((int)shift);
  Vector s0 = half, s1 = half;
  for (size_t t = 0; t < taps; t += 2, from += 2 * stride) {
    Vector k = V (set1_epi32) (pair (w + t)), a = AND (V (srl_epi16) (LOAD (from), count), mask), b = a;
    if (t + 1 < taps)
      b = AND (V (srl_epi16) (LOAD (from + stride), count), mask);
    s0 = V (add_epi32) (s0, V (madd_epi16) (V (unpacklo_epi16) (a, b), k));
    s1 = V (add_epi32) (s1, V (madd_epi16) (V (unpackhi_epi16) (a, b), k));
  }
  STORE (out, V (packs_epi32) (V (srai_epi32) (s0, 10), V (srai_epi32) (s1, 10)));
}

static void
rows10 (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, unsigned shift, const int16_t *w,
        int16_t *out) {
  const size_t block = BYTES / 2;
  if (n >= block) {
    size_t i = 0;
    for (; i + block <= n; i += block)
      rows10_block (taps, from + 2 * i, stride, shift, w, out + i);
    if (i < n)
      rows10_block (taps, from + 2 * (n - block), stride, shift, w, out + n - block);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    const uint8_t *p = from + 2 * i;
    int32_t sum = 1 << 9;
    for (size_t t = 0; t < taps; t++, p += stride)
      sum += w[t] * (((p[0] | p[1] << 8) >> shift) & 1023);
    out[i] = (int16_t)clamp (sum >> 10, INT16_MIN, INT16_MAX);
  }
}

/* Pillow's rounding of high * 2^15 + low, both sums. */
static inline Vector
level (Vector low, Vector high) {
  Vector sum = V (add_epi32) (V (add_epi32) (V (slli_epi32) (high, 15), low), V (set1_epi32) (1 << 21));
  return V (srai_epi32) (sum, 22);
}

static inline void
rows_exact_block (size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *low, const int16_t *high,
                  uint8_t *out) {
  const Vector zero = ZERO;
  Vector l[4] = {zero, zero, zero, zero}, h[4] = {zero, zero, zero, zero};
  for (size_t t = 0; t < taps; t += 2, from += 2 * stride) {
    Vector kl = V (set1_epi32) (pair (low + t)), kh = V (set1_epi32) (pair (high + t)), a = LOAD (from),
           b = t + 1 < taps ? LOAD (from + stride) : a;
    ADD_ROWS8 (a, b, kl, l);
    ADD_ROWS8 (a, b, kh, h);
  }
  STORE (out, V (packus_epi16) (V (packs_epi32) (level (l[0], h[0]), level (l[1], h[1])),
                                V (packs_epi32) (level (l[2], h[2]), level (l[3], h[3]))));
}

static void
rows_exact (size_t n, size_t taps, const uint8_t *from, ptrdiff_t stride, const int16_t *low,
            const int16_t *high, uint8_t *out) {
  if (n >= BYTES) {
    size_t i = 0;
    for (; i + BYTES <= n; i += BYTES)
      rows_exact_block (taps, from + i, stride, low, high, out + i);
    if (i < n)
      rows_exact_block (taps, from + n - BYTES, stride, low, high, out + n - BYTES);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    uint32_t l = 0, h = 0;
    for (size_t t = 0; t < taps; t++) {
      int32_t sample = from[(ptrdiff_t)t * stride + (ptrdiff_t)i];
      l += (uint32_t)(low[t] * sample);
      h += (uint32_t)(high[t] * sample);
    }
    out[i] = (uint8_t)clamp ((int32_t)((h << 15) + l + (1u << 21)) >> 22, 0, 255);
  }
}

/* CM_LANES words are 256 bits, so wider vectors would not help here. */
static void
columns16 (size_t n, size_t taps, const int16_t *from, size_t step, const unsigned *first, const int16_t *w,
           int16_t *out) {
  const __m256i half = _mm256_set1_epi32 (1 << 13);
  for (size_t x = 0; x < n; x++, w += taps, out += CM_LANES) {
    const int16_t *p = from + first[x] * step * CM_LANES;
    __m256i s0 = half, s1 = half;
    for (size_t t = 0; t < taps; t += 2, p += 2 * step * CM_LANES) {
      __m256i k = _mm256_set1_epi32 (pair (w + t)), a = _mm256_loadu_si256 ((const __m256i *)(const void *)p),
              b = _mm256_loadu_si256 ((const __m256i *)(const void *)(p + step * CM_LANES));
      s0 = _mm256_add_epi32 (s0, _mm256_madd_epi16 (_mm256_unpacklo_epi16 (a, b), k));
      s1 = _mm256_add_epi32 (s1, _mm256_madd_epi16 (_mm256_unpackhi_epi16 (a, b), k));
    }
    _mm256_storeu_si256 ((__m256i *)(void *)out,
                         _mm256_packs_epi32 (_mm256_srai_epi32 (s0, 14), _mm256_srai_epi32 (s1, 14)));
  }
}

static void
columns_exact (size_t n, size_t taps, const uint8_t *from, size_t step, const unsigned *first,
               const int16_t *low, const int16_t *high, uint8_t *out) {
  for (size_t x = 0; x < n; x++, low += taps, high += taps, out += CM_LANES) {
    const uint8_t *p = from + first[x] * step * CM_LANES;
    const Vector zero = ZERO;
    Vector l[2] = {zero, zero}, h[2] = {zero, zero}; /* one vector of 512 bits is enough */
    for (size_t t = 0; t < taps; t += 2, p += 2 * step * CM_LANES) {
      Vector kl = V (set1_epi32) (pair (low + t)), kh = V (set1_epi32) (pair (high + t));
      __m128i a = _mm_loadu_si128 ((const __m128i *)(const void *)p),
              b = _mm_loadu_si128 ((const __m128i *)(const void *)(p + step * CM_LANES)),
              begin = _mm_unpacklo_epi8 (a, b), end = _mm_unpackhi_epi8 (a, b);
#ifdef __AVX512BW__
      Vector s = _mm512_cvtepu8_epi16 (_mm256_set_m128i (end, begin));
      l[0] = V (add_epi32) (l[0], V (madd_epi16) (s, kl));
      h[0] = V (add_epi32) (h[0], V (madd_epi16) (s, kh));
#else
      Vector s0 = _mm256_cvtepu8_epi16 (begin), s1 = _mm256_cvtepu8_epi16 (end);
      l[0] = V (add_epi32) (l[0], V (madd_epi16) (s0, kl));
      h[0] = V (add_epi32) (h[0], V (madd_epi16) (s0, kh));
      l[1] = V (add_epi32) (l[1], V (madd_epi16) (s1, kl));
      h[1] = V (add_epi32) (h[1], V (madd_epi16) (s1, kh));
#endif
    }
#ifdef __AVX512BW__
    __m128i bytes = _mm512_cvtusepi32_epi8 (_mm512_max_epi32 (level (l[0], h[0]), zero));
#else
    __m256i words = _mm256_permute4x64_epi64 (_mm256_packs_epi32 (level (l[0], h[0]), level (l[1], h[1])),
                                              _MM_SHUFFLE (3, 1, 2, 0));
    __m128i bytes = _mm_packus_epi16 (_mm256_castsi256_si128 (words), _mm256_extracti128_si256 (words, 1));
#endif
    _mm_storeu_si128 ((__m128i *)(void *)out, bytes);
  }
}

/* Transposes by interleaving the halves of the list, log2 times. Eight samples of sixteen rows: the upper
 * 128 bits are the rows from the ninth on. */
static inline void
shuffle16 (__m256i v[8]) {
  __m256i o[8];
  for (int stage = 0; stage < 3; stage++) {
    _Pragma ("GCC unroll 4") for (int i = 0; i < 4; i++) {
      o[2 * i] = _mm256_unpacklo_epi16 (v[i], v[i + 4]);
      o[2 * i + 1] = _mm256_unpackhi_epi16 (v[i], v[i + 4]);
    }
    _Pragma ("GCC unroll 8") for (int i = 0; i < 8; i++) v[i] = o[i];
  }
}

static inline void
turn16_block (const int16_t *from, size_t stride, int16_t *to) {
  __m256i v[8];
  _Pragma ("GCC unroll 8") for (size_t i = 0; i < 8; i++) {
    __m128i low = _mm_loadu_si128 ((const __m128i *)(const void *)(from + i * stride)),
            high = _mm_loadu_si128 ((const __m128i *)(const void *)(from + (i + 8) * stride));
    v[i] = _mm256_set_m128i (high, low);
  }
  shuffle16 (v);
  _Pragma ("GCC unroll 8") for (size_t i = 0; i < 8; i++)
      _mm256_storeu_si256 ((__m256i *)(void *)(to + i * CM_LANES), v[i]);
}

static void
turn16 (size_t n, const int16_t *from, size_t stride, int16_t *to) {
  if (n >= 8) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
      turn16_block (from + i, stride, to + i * CM_LANES);
    if (i < n)
      turn16_block (from + n - 8, stride, to + (n - 8) * CM_LANES);
    return;
  }
  for (size_t i = 0; i < n; i++)
    for (size_t r = 0; r < CM_LANES; r++)
      to[i * CM_LANES + r] = from[r * stride + i];
}

static inline void
back16_block (const int16_t *from, int16_t *to, size_t stride) {
  __m256i v[8];
  _Pragma ("GCC unroll 8") for (size_t i = 0; i < 8; i++) v[i] =
      _mm256_loadu_si256 ((const __m256i *)(const void *)(from + i * CM_LANES));
  shuffle16 (v);
  _Pragma ("GCC unroll 8") for (size_t i = 0; i < 8; i++) {
    _mm_storeu_si128 ((__m128i *)(void *)(to + i * stride), _mm256_castsi256_si128 (v[i]));
    _mm_storeu_si128 ((__m128i *)(void *)(to + (i + 8) * stride), _mm256_extracti128_si256 (v[i], 1));
  }
}

static void
back16 (size_t n, const int16_t *from, int16_t *to, size_t stride) {
  if (n >= 8) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
      back16_block (from + i * CM_LANES, to + i, stride);
    if (i < n)
      back16_block (from + (n - 8) * CM_LANES, to + n - 8, stride);
    return;
  }
  for (size_t r = 0; r < CM_LANES; r++)
    for (size_t i = 0; i < n; i++)
      to[r * stride + i] = from[i * CM_LANES + r];
}

static inline void
shuffle8 (__m128i v[16]) {
  __m128i o[16];
  for (int stage = 0; stage < 4; stage++) {
    _Pragma ("GCC unroll 8") for (int i = 0; i < 8; i++) {
      o[2 * i] = _mm_unpacklo_epi8 (v[i], v[i + 8]);
      o[2 * i + 1] = _mm_unpackhi_epi8 (v[i], v[i + 8]);
    }
    _Pragma ("GCC unroll 16") for (int i = 0; i < 16; i++) v[i] = o[i];
  }
}

static void
turn8 (size_t n, size_t rows, const uint8_t *from, ptrdiff_t stride, uint8_t *to) {
  const uint8_t *row[CM_LANES];
  for (size_t r = 0; r < CM_LANES; r++)
    row[r] = from + (ptrdiff_t)(r < rows ? r : rows - 1) * stride;
  if (n < 16) {
    for (size_t i = 0; i < n; i++)
      for (size_t r = 0; r < CM_LANES; r++)
        to[i * CM_LANES + r] = row[r][i];
    return;
  }
  for (size_t i = 0; i < n; i += 16) {
    size_t at = i + 16 <= n ? i : n - 16;
    __m128i v[16];
    _Pragma ("GCC unroll 16") for (int r = 0; r < 16; r++) v[r] =
        _mm_loadu_si128 ((const __m128i *)(const void *)(row[r] + at));
    shuffle8 (v);
    _Pragma ("GCC unroll 16") for (int r = 0; r < 16; r++)
        _mm_storeu_si128 ((__m128i *)(void *)(to + (at + (size_t)r) * CM_LANES), v[r]);
  }
}

static void
back8 (size_t n, const uint8_t *from, uint8_t *to, size_t stride) {
  if (n < 16) {
    for (size_t r = 0; r < CM_LANES; r++)
      for (size_t i = 0; i < n; i++)
        to[r * stride + i] = from[i * CM_LANES + r];
    return;
  }
  for (size_t i = 0; i < n; i += 16) {
    size_t at = i + 16 <= n ? i : n - 16;
    __m128i v[16];
    _Pragma ("GCC unroll 16") for (int r = 0; r < 16; r++) v[r] =
        _mm_loadu_si128 ((const __m128i *)(const void *)(from + (at + (size_t)r) * CM_LANES));
    shuffle8 (v);
    _Pragma ("GCC unroll 16") for (int r = 0; r < 16; r++)
        _mm_storeu_si128 ((__m128i *)(void *)(to + (size_t)r * stride + at), v[r]);
  }
}

static inline __m256
floats (const int16_t *p) {
  return _mm256_cvtepi32_ps (_mm256_cvtepi16_epi32 (_mm_loadu_si128 ((const __m128i *)(const void *)p)));
}

/* Multiplication and addition are not fused, as in plain C, so that every tier rounds alike. */
static void
colour (size_t n, const int16_t *y, const int16_t *u, const int16_t *v, float m[3][6], float *const out[3]) {
  if (n < 8) {
    for (size_t c = 0; c < 3; c++)
      for (size_t i = 0; i < n; i++) {
        float value = m[c][0] * (float)y[i] + m[c][1] * (float)u[i] + m[c][2] * (float)v[i] + m[c][3];
        value = value > 0 ? value : 0;
        value = value < 255 ? value : 255;
        out[c][i] = value * m[c][4] + m[c][5];
      }
    return;
  }
  for (size_t i = 0; i < n; i += 8) {
    size_t at = i + 8 <= n ? i : n - 8;
    __m256 a = floats (y + at), b = floats (u + at), d = floats (v + at);
    for (size_t c = 0; c < 3; c++) {
      __m256 value = _mm256_mul_ps (_mm256_set1_ps (m[c][0]), a);
      value = _mm256_add_ps (value, _mm256_mul_ps (_mm256_set1_ps (m[c][1]), b));
      value = _mm256_add_ps (value, _mm256_mul_ps (_mm256_set1_ps (m[c][2]), d));
      value = _mm256_add_ps (value, _mm256_set1_ps (m[c][3]));
      value = _mm256_min_ps (_mm256_max_ps (value, _mm256_setzero_ps ()), _mm256_set1_ps (255));
      _mm256_storeu_ps (out[c] + at, _mm256_add_ps (_mm256_mul_ps (value, _mm256_set1_ps (m[c][4])),
                                                    _mm256_set1_ps (m[c][5])));
    }
  }
}

#ifdef __AVX512BW__
const ClipmoeResizeKernels cm_resize_avx512 = {"avx512",
#else
const ClipmoeResizeKernels cm_resize_avx2 = {"avx2",
#endif
                                               rows8,    rows10, rows_exact, columns16, columns_exact,
                                               turn16,   back16, turn8,      back8,     colour};
