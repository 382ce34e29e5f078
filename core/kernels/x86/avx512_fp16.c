/* fp16 products of AVX512-FP16: up to 14 rows by 64 columns, sums in fp16 that are added to f32 every 128
 * values of k. Every half of the activations is stored twice, since a broadcast of 32 bits needs no shuffle
 * and one of 16 bits does. */
#include "../tiers.h"

#include <immintrin.h>

#ifdef __clang__
#define UNROLL _Pragma ("clang loop unroll(full)")
#else
#define UNROLL _Pragma ("GCC unroll 16")
#endif

#define FLUSH_LINES 8 /* 128 values of k */

#define BROADCAST(p) _mm512_castsi512_ph (_mm512_set1_epi32 (*(const int *)(p)))
#define LOAD(p) _mm512_load_ph (p)

/* Adds 32 sums of one row to two lines of c, or stores them the first time. */
static inline void
flush (__m512h s, float *c, size_t c_stride, int first) {
  __m512i bits = _mm512_castph_si512 (s);
  __m512 low = _mm512_cvtph_ps (_mm512_castsi512_si256 (bits));
  __m512 high = _mm512_cvtph_ps (_mm512_extracti64x4_epi64 (bits, 1));
  if (!first) {
    low = _mm512_add_ps (low, _mm512_loadu_ps (c));
    high = _mm512_add_ps (high, _mm512_loadu_ps (c + c_stride));
  }
  _mm512_storeu_ps (c, low);
  _mm512_storeu_ps (c + c_stride, high);
}

#define TILE_ROWS(N)                                                                                         \
  static void tile_##N (size_t lines, const char *a, size_t a_stride, const char *w, const char *next,       \
                        size_t step, float *c, size_t c_stride) {                                            \
    for (int first = 1; lines; first = 0) {                                                                  \
      __m512h s[N][2];                                                                                       \
      size_t some = lines < FLUSH_LINES ? lines : FLUSH_LINES;                                               \
      lines -= some;                                                                                         \
      UNROLL for (int i = 0; i < N; i++) s[i][0] = s[i][1] = _mm512_setzero_ph ();                           \
      for (; some; some--, a += a_stride) {                                                                  \
        const char *x = a;                                                                                   \
        for (int q = 0; q < 8; q++, x += 8) {                                                                \
          UNROLL for (int u = 0; u < 2; u++) {                                                               \
            __m512h w0 = LOAD (w), w1 = LOAD (w + 64);                                                       \
            w += 128;                                                                                        \
            _mm_prefetch (next, _MM_HINT_T1);                                                                \
            _mm_prefetch (next + 64, _MM_HINT_T1);                                                           \
            next += step;                                                                                    \
            UNROLL for (int i = 0; i < N; i++) {                                                             \
              __m512h v = BROADCAST (x + i * CM_LINE_BYTES + u * 4);                                         \
              s[i][0] = _mm512_fmadd_ph (v, w0, s[i][0]);                                                    \
              s[i][1] = _mm512_fmadd_ph (v, w1, s[i][1]);                                                    \
            }                                                                                                \
          }                                                                                                  \
        }                                                                                                    \
      }                                                                                                      \
      UNROLL for (int i = 0; i < N; i++) {                                                                   \
        flush (s[i][0], c + i * CM_LINE, c_stride, first);                                                   \
        flush (s[i][1], c + i * CM_LINE + 2 * c_stride, c_stride, first);                                    \
      }                                                                                                      \
    }                                                                                                        \
  }
TILE_ROWS (1)
TILE_ROWS (2)
TILE_ROWS (3)
TILE_ROWS (4)
TILE_ROWS (5)
TILE_ROWS (6)
TILE_ROWS (7)
TILE_ROWS (8)
TILE_ROWS (9)
TILE_ROWS (10)
TILE_ROWS (11)
TILE_ROWS (12)
TILE_ROWS (13)
TILE_ROWS (14)

static void
tile (unsigned rows, size_t lines, const void *a, size_t a_stride, const void *w, const void *next,
      size_t step, float *c, size_t c_stride) {
  static void (*const by_rows[]) (size_t, const char *, size_t, const char *, const char *, size_t, float *,
                                  size_t) = {NULL,    tile_1,  tile_2,  tile_3,  tile_4,
                                             tile_5,  tile_6,  tile_7,  tile_8,  tile_9,
                                             tile_10, tile_11, tile_12, tile_13, tile_14};
  by_rows[rows](lines, a, a_stride, w, next, step, c, c_stride);
}

/* Values beyond 65504 become infinity, which an encoder reports as an error: nothing is clipped silently.
 */
static void
pack (unsigned rows, size_t n, const float *x, size_t x_row, size_t x_stride, const float *factors, void *to,
      size_t to_stride, float *scales) {
  (void)scales, (void)factors;
  char *out = to;
  for (size_t k = 0; k < n; k += CM_LINE, out += to_stride, x += x_stride)
    for (unsigned i = 0; i < rows; i++) {
      __m512 v = n - k >= CM_LINE ? _mm512_loadu_ps (x + i * x_row)
                                  : _mm512_maskz_loadu_ps ((__mmask16)((1u << (n - k)) - 1), x + i * x_row);
      __m512i h = _mm512_cvtepu16_epi32 (_mm512_cvtps_ph (v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
      _mm512_storeu_si512 (out + i * CM_LINE_BYTES, _mm512_or_si512 (h, _mm512_slli_epi32 (h, 16)));
    }
}

const ClipmoeGemm cm_fp16_avx512 = {.name = "fp16",
                                    .peak = CM_PEAK_FP16_AVX512,
                                    .layout = CM_LAYOUT_FP16_64,
                                    .rows = 14,
                                    .columns = 64,
                                    .line_k = 16,
                                    .unit_k = 1,
                                    .block_lines = 64,
                                    .weights = CM_F16,
                                    .tile = tile,
                                    .pack = pack};
