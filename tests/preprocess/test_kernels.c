/* Protects: the sums of resizing give the same bytes on every tier as in plain C, for every size, tail,
 * stride, step, number of taps and extreme value; they read nothing outside their samples (pages without
 * access lie before and behind) and write nothing outside their results. libc alone, so that it cross-builds.
 */
#include <kernels/resize-choose.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LENGTH(a) (sizeof (a) / sizeof *(a))
#define CHECK(what)                                                                                          \
  do {                                                                                                       \
    if (!(what)) {                                                                                           \
      printf ("line %d: %s\n", __LINE__, #what);                                                             \
      exit (1);                                                                                              \
    }                                                                                                        \
  } while (0)

static const ClipmoeResizeKernels *plain, *tier;

/* The same numbers at every run and on every machine. */
static uint32_t
dice (void) {
  static uint64_t state = 8;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}

/* Memory of exactly @size bytes between pages without access, at their one end or the other. */
typedef struct {
  uint8_t *map, *data;
  size_t mapped, size;
} Fenced;

static Fenced
fenced (size_t size, int at_end) {
  size_t page = (size_t)sysconf (_SC_PAGESIZE), inner = (size + page - 1) / page * page;
  Fenced f = {.mapped = inner + 2 * page, .size = size};
  f.map = mmap (NULL, f.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK (f.map != MAP_FAILED);
  CHECK (mprotect (f.map, page, PROT_NONE) == 0);
  CHECK (mprotect (f.map + page + inner, page, PROT_NONE) == 0);
  f.data = f.map + page + (at_end ? inner - size : 0);
  return f;
}

static void
drop (Fenced *f) {
  munmap (f->map, f->mapped);
}

/* Bytes at random, or all at one end of their range. */
static void
fill (uint8_t *data, size_t size, int kind) {
  for (size_t i = 0; i < size; i++)
    data[i] = kind == 0 ? (uint8_t)dice () : kind == 1 ? 255 : kind == 2 ? 0 : i % 2 ? 255 : 0;
}

/* Weights whose sums are as large as bicubic ones get: 1.3 of @one in all, some negative. */
static void
fill_weights (int16_t *low, int16_t *high, size_t taps, size_t n, int exact) {
  double one = exact ? 1 << 22 : 1 << 14;
  for (size_t i = 0; i < n * taps; i++) {
    int w = (int)((dice () % 1600 / 1000.0 - 0.3) * one / (double)taps);
    low[i] = (int16_t)(exact ? w & 32767 : w);
    high[i] = (int16_t)(w >> 15);
  }
}

static const size_t sizes[] = {1,  2,  3,  7,  8,  9,  15, 16,  17,  23,  31,  32, 33,
                               47, 48, 63, 64, 65, 96, 97, 127, 128, 129, 200, 257};

/* Every size n and kind of input, with the input at either end of its memory. */
#define FOR_ALL                                                                                              \
  for (unsigned s = 0; s < LENGTH (sizes); s++)                                                              \
    for (int kind = 0; kind < 4; kind++)                                                                     \
      for (int at_end = 0; at_end < 2; at_end++)                                                             \
        for (size_t n = sizes[s], once = 1; once; once = 0)

/* Both tiers' results into fenced memory, full of a canary before, and compared whole. */
#define COMPARE(what, size, ...)                                                                             \
  do {                                                                                                       \
    Fenced want_ = fenced (size, at_end), got_ = fenced (size, at_end);                                      \
    memset (want_.data, 0xa5, size);                                                                         \
    memset (got_.data, 0xa5, size);                                                                          \
    const ClipmoeResizeKernels *k = plain;                                                                   \
    void *out = want_.data;                                                                                  \
    __VA_ARGS__;                                                                                             \
    k = tier;                                                                                                \
    out = got_.data;                                                                                         \
    __VA_ARGS__;                                                                                             \
    if (memcmp (want_.data, got_.data, size) != 0) {                                                         \
      printf ("%s of %s: %zu samples, kind %d\n", what, tier->name, n, kind);                                \
      exit (1);                                                                                              \
    }                                                                                                        \
    drop (&want_);                                                                                           \
    drop (&got_);                                                                                            \
  } while (0)

static void
test_rows (void) {
  static const size_t tap_counts[] = {1, 2, 3, 5, 20, 39};
  for (unsigned t = 0; t < LENGTH (tap_counts); t++) {
    size_t taps = tap_counts[t];
    int16_t low[64] = {0}, high[64] = {0}, smooth[64] = {0};
    for (int padding = -1; padding < 10; padding += 5) /* -1: upside down */
      FOR_ALL {
        size_t row = n * 2, gap = (size_t)(padding > 0 ? padding : 0), bytes = row * taps + gap * (taps - 1);
        Fenced in = fenced (bytes, at_end);
        fill (in.data, bytes, kind);
        fill_weights (low, high, taps, 1, 1);
        fill_weights (smooth, (int16_t[64]){0}, taps, 1, 0);
        if (taps == 1) { /* all of one */
          smooth[0] = 1 << 14;
          low[0] = 0;
          high[0] = 1 << 7;
        }
        ptrdiff_t stride = padding < 0 ? -(ptrdiff_t)row : (ptrdiff_t)(row + gap);
        const uint8_t *from = padding < 0 ? in.data + row * (taps - 1) : in.data;
        for (unsigned shift = 0; shift <= 6; shift += 6)
          COMPARE ("rows10", n * 2, k->rows10 (n, taps, from, stride, shift, smooth, out));
        /* bytes: as many again in a row */
        size_t half = n;
        n = row;
        COMPARE ("rows8", n * 2, k->rows8 (n, taps, from, stride, smooth, out));
        COMPARE ("rows_exact", n, k->rows_exact (n, taps, from, stride, low, high, out));
        n = half;
        drop (&in);
      }
  }
}

static void
test_columns (void) {
  static const size_t tap_counts[] = {2, 4, 10, 20};
  static const size_t steps[] = {1, 2, 3, 4};
  for (unsigned t = 0; t < LENGTH (tap_counts); t++)
    for (unsigned p = 0; p < LENGTH (steps); p++)
      FOR_ALL {
        size_t taps = tap_counts[t], step = steps[p], samples = (n + taps) * step - step + 1;
        Fenced in = fenced (samples * CM_LANES * 2, at_end);
        int16_t *low = malloc (n * taps * sizeof (int16_t)), *high = malloc (n * taps * sizeof (int16_t));
        unsigned *first = malloc (n * sizeof (unsigned));
        fill (in.data, in.size, kind);
        for (size_t x = 0; x < n; x++)
          first[x] = x + 1 < n ? (unsigned)(dice () % (n + 1)) : (unsigned)n;
        fill_weights (low, high, taps, n, 1);
        COMPARE ("columns_exact", n * CM_LANES,
                 k->columns_exact (n, taps, in.data + in.size / 2, step, first, low, high, out));
        fill_weights (low, high, taps, n, 0);
        COMPARE ("columns16", n * CM_LANES * 2,
                 k->columns16 (n, taps, (const int16_t *)(void *)in.data, step, first, low, out));
        free (low);
        free (high);
        free (first);
        drop (&in);
      }
}

static void
test_turning (void) {
  for (size_t gap = 0; gap < 4; gap += 3)
    FOR_ALL {
      size_t stride = n + gap, samples = stride * (CM_LANES - 1) + n;
      Fenced in = fenced (samples * 2, at_end);
      fill (in.data, in.size, kind);
      const int16_t *words = (const int16_t *)(void *)in.data;
      COMPARE ("turn16", n * CM_LANES * 2, k->turn16 (n, words, stride, out));
      for (size_t rows = 1; rows <= CM_LANES; rows++) {
        size_t bytes = stride * (rows - 1) + n;
        const uint8_t *from = at_end ? in.data + in.size - bytes : in.data;
        COMPARE ("turn8", n * CM_LANES, k->turn8 (n, rows, from, (ptrdiff_t)stride, out));
      }
      drop (&in);
      in = fenced (n * CM_LANES * 2, at_end);
      fill (in.data, in.size, kind);
      words = (const int16_t *)(void *)in.data;
      COMPARE ("back16", samples * 2, k->back16 (n, words, out, stride));
      COMPARE ("back8", samples, k->back8 (n, in.data + n * CM_LANES, out, stride));
      drop (&in);
    }
}

static void
test_colour (void) {
  float m[3][6];
  for (unsigned i = 0; i < 18; i++)
    m[i / 6][i % 6] = (float)(dice () % 1000) / 1e4f - 0.05f;
  FOR_ALL {
    Fenced in = fenced (n * 6, at_end);
    fill (in.data, in.size, kind);
    const int16_t *y = (const int16_t *)(void *)in.data;
    COMPARE ("colour", n * 12,
             k->colour (n, y, y + n, y + 2 * n, m,
                        (float *const[3]){(float *)out, (float *)out + n, (float *)out + 2 * n}));
    drop (&in);
  }
}

/* Turning there and back is nothing; the plain sums are what their description says. */
static void
test_plain (void) {
  int16_t words[CM_LANES * 20], turned[CM_LANES * 20], back[CM_LANES * 20];
  fill ((uint8_t *)words, sizeof words, 0);
  plain->turn16 (20, words, 20, turned);
  CHECK (turned[3 * CM_LANES + 5] == words[5 * 20 + 3]);
  plain->back16 (20, turned, back, 20);
  CHECK (memcmp (back, words, sizeof words) == 0);
  uint8_t bytes[] = {10, 200, 255, 0, 0x40, 0xff}, exact[2];
  int16_t w[] = {-(1 << 12), 3 << 12, 1 << 13, 0}, out[2]; /* -1/4, 3/4, 1/2 */
  plain->rows8 (2, 3, bytes, 2, w, out);
  CHECK (out[0] == 64 * -10 / 4 + 64 * 255 * 3 / 4 + 64 * 0x40 / 2);
  CHECK (out[1] == -64 * 200 / 4 + 64 * 255 / 2);
  plain->rows10 (1, 1, bytes + 4, 2, 6, (int16_t[]){1 << 14, 0}, out);
  CHECK (out[0] == 16 * (0xff40 >> 6));
  plain->rows_exact (2, 3, bytes, 2, (int16_t[]){0, 0, 0, 0}, (int16_t[]){-32, 96, 64, 0}, exact);
  CHECK (exact[0] == 221); /* 220.75 */
  CHECK (exact[1] == 78);  /* 77.5 */
}

static double
now (void) {
  struct timespec t;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The best of many, as often as a luma plane of 1080 lines, or an RGB one, needs it. */
#define BEST(times, call)                                                                                    \
  do {                                                                                                       \
    double best_ = 1e30;                                                                                     \
    for (int run_ = 0; run_ < 30; run_++) {                                                                  \
      double begin_ = now ();                                                                                \
      for (int i_ = 0; i_ < (times); i_++)                                                                   \
        call;                                                                                                \
      double took_ = now () - begin_;                                                                        \
      best_ = took_ < best_ ? took_ : best_;                                                                 \
    }                                                                                                        \
    printf (" %8.1f", best_);                                                                                \
  } while (0)

static void
bench (const char *const *names, size_t n_names) {
  enum { N = 1080, RGB = 3 * N, OUT = 224, TAPS = 20, ROWS = 24 };
  static uint8_t bytes[ROWS * RGB * 2], small[RGB * CM_LANES];
  static int16_t words[RGB * CM_LANES], turned[(RGB + 64) * CM_LANES], w[OUT * TAPS];
  static float pixels[3 * OUT];
  float m[3][6] = {{1, 1, 1, 1, 1, 1}}, *const out[3] = {pixels, pixels + OUT, pixels + 2 * OUT};
  unsigned first[OUT];
  fill (bytes, sizeof bytes, 0);
  fill_weights (w, (int16_t[OUT * TAPS]){0}, TAPS, OUT, 0);
  for (unsigned i = 0; i < OUT; i++)
    first[i] = i * (N - TAPS) / OUT;
  printf ("%-8s    rows8   rows10   columns     turn     back   colour |  exact: rows  columns     turn     "
          "back\n",
          "");
  for (size_t i = 0; i < n_names; i++) {
    const ClipmoeResizeKernels *k = cm_resize_kernels_get (names[i]);
    if (!k)
      continue;
    const int blocks = OUT / CM_LANES, all = (N + CM_LANES - 1) / CM_LANES;
    printf ("%-8s", k->name);
    BEST (OUT, k->rows8 (N, TAPS, bytes, RGB, w, words));
    BEST (OUT, k->rows10 (N, TAPS, bytes, RGB, 6, w, words));
    BEST (blocks, k->columns16 (OUT, TAPS, turned, 1, first, w, words));
    BEST (blocks, k->turn16 (N, words, N, turned));
    BEST (blocks, k->back16 (OUT, turned, words, OUT));
    BEST (OUT, k->colour (OUT, words, words + OUT, words + 2 * OUT, m, out));
    printf (" | ");
    BEST (OUT, k->rows_exact (3 * OUT, TAPS, bytes, 3 * OUT, w, w, small));
    BEST (3 * all, k->columns_exact (OUT, TAPS, bytes, 3, first, w, w, small));
    BEST (all, k->turn8 (RGB, CM_LANES, bytes, RGB, small));
    BEST (all, k->back8 (3 * OUT, small, bytes, 3 * OUT));
    putchar ('\n');
  }
}

int
main (int argc, char **argv) {
  static const char *const names[] = {"generic", "avx2", "avx512", "neon"};
  int tiers = 0;
  plain = cm_resize_kernels_get ("generic");
  CHECK (plain);
  if (argc > 1 && strcmp (argv[1], "--bench") == 0) {
    bench (names, LENGTH (names));
    return 0;
  }
  CHECK (!cm_resize_kernels_get ("avx"));
  CHECK (!cm_resize_kernels_get (""));
  test_plain ();
  for (unsigned i = 0; i < LENGTH (names); i++) {
    tier = cm_resize_kernels_get (names[i]);
    if (!tier || tier == plain)
      continue;
    tiers++;
    test_rows ();
    test_columns ();
    test_turning ();
    test_colour ();
    printf ("%s: equals plain C\n", names[i]);
  }
  if (!tiers)
    puts ("skipped: the processor has neither AVX2 nor NEON");
  return tiers ? 0 : 77;
}
