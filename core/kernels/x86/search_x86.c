/* Searching on AVX2 and on AVX-512, each with and without VNNI: one source, compiled once with the flags of
 * each. It shares no inline code with other files.
 *
 * Four rows at a time, so that a vector of the query is loaded once for four. Without VNNI two products are
 * added in 16 bits; they fit, see search.h. */
#include "../search.h"

#include <immintrin.h>
#include <string.h>

#ifdef __AVX512BW__
typedef __m512i Vector;
#define V(f) _mm512_##f
#define ZERO _mm512_setzero_si512 ()
#define LOAD(p) _mm512_loadu_si512 (p)
#ifdef __AVX512VNNI__
#define TABLE cm_search_avx512_vnni
#define NAME "avx512+vnni"
#define ADD_PRODUCTS(s, codes, q) _mm512_dpbusd_epi32 (s, codes, q)
#else
#define TABLE cm_search_avx512
#define NAME "avx512"
#endif
#else
typedef __m256i Vector;
#define V(f) _mm256_##f
#define ZERO _mm256_setzero_si256 ()
#define LOAD(p) _mm256_loadu_si256 ((const __m256i *)(const void *)(p))
#ifdef __AVXVNNI__
#define TABLE cm_search_avx2_vnni
#define NAME "avx2+vnni"
#define ADD_PRODUCTS(s, codes, q) _mm256_dpbusd_avx_epi32 (s, codes, q)
#else
#define TABLE cm_search_avx2
#define NAME "avx2"
#endif
#endif

/* Sums of one row: of vnni high and low apart, else together in the first. */
typedef struct {
  Vector s[2];
} Sums;

static inline void
add (Sums *sums, const uint8_t *codes, Vector high, Vector low) {
  Vector c = LOAD (codes);
#ifdef ADD_PRODUCTS
  sums->s[0] = ADD_PRODUCTS (sums->s[0], c, high);
  sums->s[1] = ADD_PRODUCTS (sums->s[1], c, low);
#else
  sums->s[0] = V (add_epi32) (sums->s[0], V (madd_epi16) (V (maddubs_epi16) (c, high), V (set1_epi16) (64)));
  sums->s[1] = V (add_epi32) (sums->s[1], V (madd_epi16) (V (maddubs_epi16) (c, low), V (set1_epi16) (1)));
#endif
}

/* To vectors of 256 bits whose elements' sum is the row's. It may wrap around; what is taken off in the end
 * makes it right again. */
static inline __m256i
fold (const Sums *sums) {
#ifdef ADD_PRODUCTS
  Vector all = V (add_epi32) (V (slli_epi32) (sums->s[0], 6), sums->s[1]);
#else
  Vector all = V (add_epi32) (sums->s[0], sums->s[1]);
#endif
#ifdef __AVX512BW__
  return _mm256_add_epi32 (_mm512_castsi512_si256 (all), _mm512_extracti64x4_epi64 (all, 1));
#else
  return all;
#endif
}

static inline __m128i
total (__m256i a, __m256i b, __m256i c, __m256i d) {
  __m256i all = _mm256_hadd_epi32 (_mm256_hadd_epi32 (a, b), _mm256_hadd_epi32 (c, d));
  return _mm_add_epi32 (_mm256_castsi256_si128 (all), _mm256_extracti128_si256 (all, 1));
}

static void
dot8 (size_t rows, size_t n, const uint8_t *codes, const ClipmoeSearchQuery *query, int32_t *out) {
  const __m128i middle = _mm_set1_epi32 (128 * query->sum);
  for (; rows >= 4; rows -= 4, codes += 4 * n, out += 4) {
    Sums a = {{ZERO, ZERO}}, b = a, c = a, d = a;
    for (size_t i = 0; i < n; i += sizeof (Vector)) {
      Vector high = LOAD (query->high + i), low = LOAD (query->low + i);
      add (&a, codes + i, high, low);
      add (&b, codes + n + i, high, low);
      add (&c, codes + 2 * n + i, high, low);
      add (&d, codes + 3 * n + i, high, low);
    }
    __m128i all = total (fold (&a), fold (&b), fold (&c), fold (&d));
    _mm_storeu_si128 ((__m128i *)(void *)out, _mm_sub_epi32 (all, middle));
  }
  for (; rows; rows--, codes += n, out++) {
    Sums a = {{ZERO, ZERO}};
    for (size_t i = 0; i < n; i += sizeof (Vector))
      add (&a, codes + i, LOAD (query->high + i), LOAD (query->low + i));
    __m256i one = fold (&a);
    *out = _mm_cvtsi128_si32 (_mm_sub_epi32 (total (one, one, one, one), middle));
  }
}

#ifdef __AVX512BW__
/* s: sums 0 to 7 and 8 to 15 */
static inline void
add16 (__m512d s[2], const uint16_t *halves, const double *query) {
  __m256i h = _mm256_loadu_si256 ((const __m256i *)(const void *)halves);
  __m256 low = _mm256_cvtph_ps (_mm256_castsi256_si128 (h)),
         high = _mm256_cvtph_ps (_mm256_extracti128_si256 (h, 1));
  s[0] = _mm512_fmadd_pd (_mm512_cvtps_pd (low), _mm512_loadu_pd (query), s[0]);
  s[1] = _mm512_fmadd_pd (_mm512_cvtps_pd (high), _mm512_loadu_pd (query + 8), s[1]);
}

static inline double
total16 (const __m512d s[2]) {
  __m512d eight = _mm512_add_pd (s[0], s[1]);
  __m256d four = _mm256_add_pd (_mm512_castpd512_pd256 (eight), _mm512_extractf64x4_pd (eight, 1));
  __m128d two = _mm_add_pd (_mm256_castpd256_pd128 (four), _mm256_extractf128_pd (four, 1));
  return _mm_cvtsd_f64 (_mm_add_sd (two, _mm_unpackhi_pd (two, two)));
}
#define SUMS16 __m512d s[2] = {_mm512_setzero_pd (), _mm512_setzero_pd ()}
#else
/* s: sums 0 to 3, 4 to 7, 8 to 11, 12 to 15 */
static inline void
add16 (__m256d s[4], const uint16_t *halves, const double *query) {
  for (int i = 0; i < 4; i++) {
    __m128 four = _mm_cvtph_ps (_mm_loadl_epi64 ((const __m128i *)(const void *)(halves + 4 * i)));
    s[i] = _mm256_fmadd_pd (_mm256_cvtps_pd (four), _mm256_loadu_pd (query + 4 * i), s[i]);
  }
}

static inline double
total16 (const __m256d s[4]) {
  __m256d four = _mm256_add_pd (_mm256_add_pd (s[0], s[2]), _mm256_add_pd (s[1], s[3]));
  __m128d two = _mm_add_pd (_mm256_castpd256_pd128 (four), _mm256_extractf128_pd (four, 1));
  return _mm_cvtsd_f64 (_mm_add_sd (two, _mm_unpackhi_pd (two, two)));
}
#define SUMS16                                                                                               \
  __m256d s[4] = {_mm256_setzero_pd (), _mm256_setzero_pd (), _mm256_setzero_pd (), _mm256_setzero_pd ()}
#endif

static void
dot16 (size_t rows, size_t n, const uint16_t *halves, const double *query, double *out) {
  const size_t whole = n / 16 * 16;
  uint16_t last[16] = {0};
  double last_query[16] = {0};
  memcpy (last_query, query + whole, (n - whole) * sizeof *query);
  for (; rows; rows--, halves += n) {
    SUMS16;
    for (size_t i = 0; i < whole; i += 16)
      add16 (s, halves + i, query + i);
    if (whole < n) {
      memcpy (last, halves + whole, (n - whole) * sizeof *halves);
      add16 (s, last, last_query);
    }
    *out++ = total16 (s);
  }
}

const ClipmoeSearchKernels TABLE = {NAME, dot8, dot16};
