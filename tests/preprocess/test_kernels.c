/* Protects: the sums of resizing give the same bytes on every tier as in plain C, for every size, tail,
 * stride, step, number of taps and extreme value; they read nothing outside their samples (pages without
 * access lie before and behind) and write nothing outside their results. */
#include <kernels/resize.h>
#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const ClipmoeResizeKernels *plain, *tier;
static GRand *dice;

/* Memory of exactly @size bytes between pages without access, at their one end or the other. */
typedef struct {
  guint8 *map, *data;
  gsize mapped, size;
} Fenced;

static Fenced
fenced (gsize size, gboolean at_end) {
  gsize page = (gsize)sysconf (_SC_PAGESIZE), inner = (size + page - 1) / page * page;
  Fenced f = {.mapped = inner + 2 * page, .size = size};
  f.map = mmap (NULL, f.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert_true (f.map != MAP_FAILED);
  g_assert_cmpint (mprotect (f.map, page, PROT_NONE), ==, 0);
  g_assert_cmpint (mprotect (f.map + page + inner, page, PROT_NONE), ==, 0);
  f.data = f.map + page + (at_end ? inner - size : 0);
  return f;
}

static void
drop (Fenced *f) {
  munmap (f->map, f->mapped);
}

/* Bytes at random, or all at one end of their range. */
static void
fill (guint8 *data, gsize size, int kind) {
  for (gsize i = 0; i < size; i++)
    data[i] = kind == 0 ? (guint8)g_rand_int (dice) : kind == 1 ? 255 : kind == 2 ? 0 : i % 2 ? 255 : 0;
}

/* Weights whose sums are as large as bicubic ones get: 1.3 of @one in all, some negative. */
static void
fill_weights (gint16 *low, gint16 *high, gsize taps, gsize n, gboolean exact) {
  double one = exact ? 1 << 22 : 1 << 14;
  for (gsize i = 0; i < n * taps; i++) {
    int w = (int)(g_rand_double_range (dice, -0.3, 1.3) * one / (double)taps);
    low[i] = (gint16)(exact ? w & 32767 : w);
    high[i] = (gint16)(w >> 15);
  }
}

static const gsize sizes[] = {1,  2,  3,  7,  8,  9,  15, 16,  17,  23,  31,  32, 33,
                              47, 48, 63, 64, 65, 96, 97, 127, 128, 129, 200, 257};

/* Every size n and kind of input, with the input at either end of its memory. */
#define FOR_ALL                                                                                              \
  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)                                                           \
    for (int kind = 0; kind < 4; kind++)                                                                     \
      for (int at_end = 0; at_end < 2; at_end++)                                                             \
        for (gsize n = sizes[s], once = 1; once; once = 0)

/* Both tiers' results into fenced memory, full of a canary before, and compared whole. */
#define COMPARE(what, size, ...)                                                                             \
  do {                                                                                                       \
    Fenced want_ = fenced (size, at_end), got_ = fenced (size, at_end);                                      \
    memset (want_.data, 0xa5, size);                                                                         \
    memset (got_.data, 0xa5, size);                                                                          \
    const ClipmoeResizeKernels *k = plain;                                                                   \
    gpointer out = want_.data;                                                                               \
    __VA_ARGS__;                                                                                             \
    k = tier;                                                                                                \
    out = got_.data;                                                                                         \
    __VA_ARGS__;                                                                                             \
    if (memcmp (want_.data, got_.data, size) != 0)                                                           \
      g_error ("%s of %s: %zu samples, kind %d", what, tier->name, n, kind);                                 \
    drop (&want_);                                                                                           \
    drop (&got_);                                                                                            \
  } while (0)

static void
test_rows (void) {
  static const gsize tap_counts[] = {1, 2, 3, 5, 20, 39};
  for (guint t = 0; t < G_N_ELEMENTS (tap_counts); t++) {
    gsize taps = tap_counts[t];
    gint16 low[64] = {0}, high[64] = {0}, smooth[64] = {0};
    for (int padding = -1; padding < 10; padding += 5) /* -1: upside down */
      FOR_ALL {
        gsize row = n * 2, gap = (gsize)MAX (padding, 0), bytes = row * taps + gap * (taps - 1);
        Fenced in = fenced (bytes, at_end);
        fill (in.data, bytes, kind);
        fill_weights (low, high, taps, 1, TRUE);
        fill_weights (smooth, (gint16[64]){0}, taps, 1, FALSE);
        if (taps == 1) { /* all of one */
          smooth[0] = 1 << 14;
          low[0] = 0;
          high[0] = 1 << 7;
        }
        ptrdiff_t stride = padding < 0 ? -(ptrdiff_t)row : (ptrdiff_t)(row + gap);
        const guint8 *from = padding < 0 ? in.data + row * (taps - 1) : in.data;
        for (guint shift = 0; shift <= 6; shift += 6)
          COMPARE ("rows10", n * 2, k->rows10 (n, taps, from, stride, shift, smooth, out));
        /* bytes: as many again in a row */
        gsize half = n;
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
  static const gsize tap_counts[] = {2, 4, 10, 20};
  static const gsize steps[] = {1, 2, 3, 4};
  for (guint t = 0; t < G_N_ELEMENTS (tap_counts); t++)
    for (guint p = 0; p < G_N_ELEMENTS (steps); p++)
      FOR_ALL {
        gsize taps = tap_counts[t], step = steps[p], samples = (n + taps) * step - step + 1;
        Fenced in = fenced (samples * CM_LANES * 2, at_end);
        gint16 *low = g_new (gint16, n * taps), *high = g_new (gint16, n * taps);
        guint *first = g_new (guint, n);
        fill (in.data, in.size, kind);
        for (gsize x = 0; x < n; x++)
          first[x] = x + 1 < n ? (guint)g_rand_int_range (dice, 0, (gint)n + 1) : (guint)n;
        fill_weights (low, high, taps, n, TRUE);
        COMPARE ("columns_exact", n * CM_LANES,
                 k->columns_exact (n, taps, in.data + in.size / 2, step, first, low, high, out));
        fill_weights (low, high, taps, n, FALSE);
        COMPARE ("columns16", n * CM_LANES * 2,
                 k->columns16 (n, taps, (const gint16 *)(gpointer)in.data, step, first, low, out));
        g_free (low);
        g_free (high);
        g_free (first);
        drop (&in);
      }
}

static void
test_turning (void) {
  for (gsize gap = 0; gap < 4; gap += 3)
    FOR_ALL {
      gsize stride = n + gap, samples = stride * (CM_LANES - 1) + n;
      Fenced in = fenced (samples * 2, at_end);
      fill (in.data, in.size, kind);
      const gint16 *words = (const gint16 *)(gpointer)in.data;
      COMPARE ("turn16", n * CM_LANES * 2, k->turn16 (n, words, stride, out));
      for (gsize rows = 1; rows <= CM_LANES; rows++) {
        gsize bytes = stride * (rows - 1) + n;
        const guint8 *from = at_end ? in.data + in.size - bytes : in.data;
        COMPARE ("turn8", n * CM_LANES, k->turn8 (n, rows, from, (ptrdiff_t)stride, out));
      }
      drop (&in);
      in = fenced (n * CM_LANES * 2, at_end);
      fill (in.data, in.size, kind);
      words = (const gint16 *)(gpointer)in.data;
      COMPARE ("back16", samples * 2, k->back16 (n, words, out, stride));
      COMPARE ("back8", samples, k->back8 (n, in.data + n * CM_LANES, out, stride));
      drop (&in);
    }
}

static void
test_colour (void) {
  float m[3][6];
  for (guint i = 0; i < 18; i++)
    m[i / 6][i % 6] = (float)g_rand_double_range (dice, -0.05, 0.05);
  FOR_ALL {
    Fenced in = fenced (n * 6, at_end);
    fill (in.data, in.size, kind);
    const gint16 *y = (const gint16 *)(gpointer)in.data;
    COMPARE ("colour", n * 12,
             k->colour (n, y, y + n, y + 2 * n, m,
                        (float *const[3]){(float *)out, (float *)out + n, (float *)out + 2 * n}));
    drop (&in);
  }
}

/* Turning there and back is nothing; the plain sums are what their description says. */
static void
test_plain (void) {
  gint16 words[CM_LANES * 20], turned[CM_LANES * 20], back[CM_LANES * 20];
  fill ((guint8 *)words, sizeof words, 0);
  plain->turn16 (20, words, 20, turned);
  g_assert_cmpint (turned[3 * CM_LANES + 5], ==, words[5 * 20 + 3]);
  plain->back16 (20, turned, back, 20);
  g_assert_cmpmem (back, sizeof back, words, sizeof words);
  guint8 bytes[] = {10, 200, 255, 0, 0x40, 0xff}, exact[2];
  gint16 w[] = {-(1 << 12), 3 << 12, 1 << 13, 0}, out[2]; /* -1/4, 3/4, 1/2 */
  plain->rows8 (2, 3, bytes, 2, w, out);
  g_assert_cmpint (out[0], ==, 64 * -10 / 4 + 64 * 255 * 3 / 4 + 64 * 0x40 / 2);
  g_assert_cmpint (out[1], ==, -64 * 200 / 4 + 64 * 255 / 2);
  plain->rows10 (1, 1, bytes + 4, 2, 6, (gint16[]){1 << 14, 0}, out);
  g_assert_cmpint (out[0], ==, 16 * (0xff40 >> 6));
  plain->rows_exact (2, 3, bytes, 2, (gint16[]){0, 0, 0, 0}, (gint16[]){-32, 96, 64, 0}, exact);
  g_assert_cmpint (exact[0], ==, 221); /* 220.75 */
  g_assert_cmpint (exact[1], ==, 78);  /* 77.5 */
}

int
main (int argc, char **argv) {
  static const char *const names[] = {"avx2", "avx512"};
  int tiers = 0;
  g_test_init (&argc, &argv, NULL);
  dice = g_rand_new_with_seed (8);
  plain = cm_resize_kernels_get ("generic");
  g_assert_nonnull (plain);
  g_assert_null (cm_resize_kernels_get ("avx"));
  g_assert_null (cm_resize_kernels_get (""));
  test_plain ();
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    tier = cm_resize_kernels_get (names[i]);
    if (!tier) {
      printf ("%s: not on this processor\n", names[i]);
      continue;
    }
    tiers++;
    test_rows ();
    test_columns ();
    test_turning ();
    test_colour ();
    printf ("%s: equals plain C\n", names[i]);
  }
  g_rand_free (dice);
  if (!tiers)
    puts ("skipped: the processor has neither AVX2 nor AVX-512");
  return tiers ? 0 : 77;
}
