/* Protects: the products of searching give the same numbers, bit by bit, on every tier as in plain C, for
 * every number of rows and dimensions and for extreme values; they read nothing outside their rows (pages
 * without access lie before and behind). Plain C gives what its description says. libc alone, so that it
 * cross-builds. */
#include <base/half.h>
#include <kernels/search-choose.h>
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

static const ClipmoeSearchKernels *plain, *tier;

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
  size_t mapped;
} Fenced;

static Fenced
fenced (size_t size, int at_end) {
  size_t page = (size_t)sysconf (_SC_PAGESIZE), inner = (size + page - 1) / page * page;
  Fenced f = {.mapped = inner + 2 * page};
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

static ClipmoeSearchQuery query;

/* kind 0: at random; 1 and 2: all as large as can be, of one sign or the other; 3: of both in turn */
static int
query_value (int kind) {
  static int sign = 1;
  sign = -sign;
  return kind == 0 ? (int)(dice () % (2 * CM_SEARCH_RANGE + 1)) - CM_SEARCH_RANGE
                   : (kind == 1 || (kind == 3 && sign > 0) ? CM_SEARCH_RANGE : -CM_SEARCH_RANGE);
}

static void
fill_codes (uint8_t *codes, size_t size, int kind) {
  for (size_t i = 0; i < size; i++)
    codes[i] = kind == 0 ? (uint8_t)dice () : kind == 1 ? 255 : kind == 2 ? 0 : i % 2 ? 255 : 0;
}

static void
test_dot8 (void) {
  static const size_t sizes[] = {64, 128, 192, 512, 1152, CM_SEARCH_MOST};
  for (size_t s = 0; s < LENGTH (sizes); s++)
    for (size_t rows = 0; rows < 14; rows++)
      for (int kinds = 0; kinds < 16; kinds++) {
        size_t n = sizes[s];
        Fenced codes = fenced (rows * n, kinds % 2);
        int32_t want[16], got[16];
        fill_codes (codes.data, rows * n, kinds % 4);
        for (size_t i = 0; i < n; i++)
          cm_search_set (&query, i, query_value (kinds / 4));
        memset (want, 0xa5, sizeof want);
        memset (got, 0xa5, sizeof got);
        plain->dot8 (rows, n, codes.data, &query, want);
        tier->dot8 (rows, n, codes.data, &query, got);
        if (memcmp (want, got, sizeof want) != 0) {
          printf ("dot8 of %s: %zu rows of %zu, kinds %d\n", tier->name, rows, n, kinds);
          exit (1);
        }
        drop (&codes);
      }
}

static uint16_t
half (int kind) {
  static const uint16_t edges[] = {0,      0x8000, 1,      0x8001, 0x3ff, 0x400,
                                   0x3c00, 0xbc00, 0x7bff, 0xfbff, 0x3555};
  if (kind)
    return edges[dice () % LENGTH (edges)];
  return clipmoe_f32_to_f16 ((float)(dice () % 20001) / 1e5f - 0.1f);
}

static float
value (int kind) {
  static const float edges[] = {0, 1, -1, 1e-38f, 1e-45f, 3e38f, 1.0f / 3, -0.1f};
  return kind ? edges[dice () % LENGTH (edges)] : (float)(dice () % 200001) / 1e6f - 0.1f;
}

static void
test_dot16 (void) {
  static const size_t sizes[] = {1,  2,  3,  7,  8,   15,  16,  17,   31,  32,
                                 33, 63, 64, 65, 100, 512, 515, 1152, 4096};
  static double values[CM_SEARCH_MOST];
  for (size_t s = 0; s < LENGTH (sizes); s++)
    for (size_t rows = 0; rows < 5; rows++)
      for (int kinds = 0; kinds < 8; kinds++) {
        size_t n = sizes[s];
        Fenced halves = fenced (rows * n * 2, kinds % 2), q = fenced (n * sizeof (double), kinds % 2);
        double want[8], got[8];
        for (size_t i = 0; i < rows * n; i++)
          ((uint16_t *)(void *)halves.data)[i] = half (kinds & 2);
        for (size_t i = 0; i < n; i++)
          values[i] = (double)value (kinds & 4);
        memcpy (q.data, values, n * sizeof (double));
        memset (want, 0xa5, sizeof want);
        memset (got, 0xa5, sizeof got);
        plain->dot16 (rows, n, (const uint16_t *)(void *)halves.data, (const double *)(void *)q.data, want);
        tier->dot16 (rows, n, (const uint16_t *)(void *)halves.data, (const double *)(void *)q.data, got);
        if (memcmp (want, got, sizeof want) != 0) {
          printf ("dot16 of %s: %zu rows of %zu, kinds %d\n", tier->name, rows, n, kinds);
          exit (1);
        }
        drop (&halves);
        drop (&q);
      }
}

/* Every value of a query is what was set, in parts that cannot overflow; plain sums are right. */
static void
test_plain (void) {
  for (int v = -CM_SEARCH_RANGE; v <= CM_SEARCH_RANGE; v++) {
    cm_search_set (&query, 0, v);
    CHECK (64 * query.high[0] + query.low[0] == v && query.sum == v);
    CHECK (abs (query.high[0]) <= 64 && query.low[0] >= -32 && query.low[0] <= 31);
  }
  uint8_t codes[64];
  int32_t sum;
  int64_t want = 0;
  for (size_t i = 0; i < 64; i++) {
    int v = (int)(i * 130) - 4095;
    codes[i] = (uint8_t)(255 - i * 4);
    cm_search_set (&query, i, v);
    want += (int64_t)(codes[i] - 128) * v;
  }
  plain->dot8 (1, 64, codes, &query, &sum);
  CHECK (sum == want);
  uint16_t halves[40];
  double values[40], product, exact = 0;
  for (size_t i = 0; i < 40; i++) {
    halves[i] = clipmoe_f32_to_f16 ((float)i / 8 - 2); /* exact, and so are all sums */
    values[i] = (double)i / 4;
    exact += ((double)i / 8 - 2) * values[i];
  }
  plain->dot16 (1, 40, halves, values, &product);
  CHECK (product == exact);
  plain->dot16 (1, 0, halves, values, &product);
  CHECK (product == 0);
}

static double
now (void) {
  struct timespec t;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ns a row of 512, from the second-level cache: the best of many. */
static void
bench (const char *const *names, size_t n_names) {
  enum { N = 512, ROWS = 256 };
  static uint8_t codes[N * ROWS];
  static uint16_t halves[N * ROWS];
  static double values[N], products[ROWS];
  static int32_t sums[ROWS];
  fill_codes (codes, sizeof codes, 0);
  for (size_t i = 0; i < N * ROWS; i++)
    halves[i] = half (0);
  for (size_t i = 0; i < N; i++) {
    values[i] = (double)value (0);
    cm_search_set (&query, i, query_value (0));
  }
  printf ("%-14s     dot8    dot16\n", "");
  for (size_t i = 0; i < n_names; i++) {
    const ClipmoeSearchKernels *k = cm_search_kernels_get (names[i]);
    double best8 = 1e30, best16 = 1e30;
    for (int run = 0; k && run < 100; run++) {
      double begin = now ();
      k->dot8 (ROWS, N, codes, &query, sums);
      double between = now ();
      k->dot16 (ROWS, N, halves, values, products);
      double end = now ();
      best8 = between - begin < best8 ? between - begin : best8;
      best16 = end - between < best16 ? end - between : best16;
    }
    if (k)
      printf ("%-14s %8.1f %8.1f\n", k->name, best8 / ROWS, best16 / ROWS);
  }
}

int
main (int argc, char **argv) {
  static const char *const names[] = {"generic", "avx2,-vnni",    "avx2", "avx512,-vnni",
                                      "avx512",  "neon,-dotprod", "neon"};
  int tiers = 0;
  plain = cm_search_kernels_get ("generic");
  CHECK (plain && cm_search_kernels_get (NULL));
  if (argc > 1 && strcmp (argv[1], "--bench") == 0) {
    bench (names, LENGTH (names));
    return 0;
  }
  CHECK (!cm_search_kernels_get ("avx") && !cm_search_kernels_get ("") && !cm_search_kernels_get ("avx22"));
  test_plain ();
  for (unsigned i = 0; i < LENGTH (names); i++) {
    tier = cm_search_kernels_get (names[i]);
    if (!tier || tier == plain)
      continue;
    CHECK (!strchr (names[i], ',') || !strchr (tier->name, '+'));
    tiers++;
    test_dot8 ();
    test_dot16 ();
    printf ("%s: equals plain C\n", tier->name);
  }
  if (!tiers)
    puts ("skipped: the processor has neither AVX2 nor NEON");
  return tiers ? 0 : 77;
}
