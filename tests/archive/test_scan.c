/* Protects: a search finds exactly the best rows, in order, whatever the rows look like, on every tier, with
 * any number of threads, ranges and k, with the 8-bit copy, without it, and with a damaged one; the spread of
 * all cosines is right; files that are cut short meanwhile are an error or cost only time, never a signal. */
#include <base/half.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "place.h"
#include "rowfile.h"
#include "scan.h"
#include "vectors-private.h"

#define MODEL "test@0123456789abcdef"
#define BLOCK CLIPMOE_VECTOR_BLOCK

typedef enum { RANDOM, CLUSTERED, EQUAL, ONE_HUGE, TINY_STEPS, RISING, N_KINDS } Kind;
static const char *const kinds[] = {"random", "clustered", "equal", "one huge", "tiny steps", "rising"};
static const char *const tiers[] = {"generic", "avx2,-vnni", "avx2",          "avx512,-vnni",
                                    "avx512",  "neon",       "neon,-dotprod", NULL};

static void
to_unit (float *v, guint embed) {
  double squares = 0;
  for (guint i = 0; i < embed; i++)
    squares += (double)v[i] * v[i];
  for (guint i = 0; i < embed; i++)
    v[i] = (float)(v[i] / sqrt (squares));
}

static void
make_row (Kind kind, guint64 row, guint64 n, guint embed, float *v) {
  float other[CLIPMOE_MAX_EMBED];
  ClipmoeRandom r = clipmoe_random_for (5, kind, row);
  switch (kind) {
  case CLUSTERED: /* ten centres, and what they all have in common */
    place_vector (row, embed, v);
    place_vector (1000000 + row % 10, embed, other);
    for (guint i = 0; i < embed; i++)
      v[i] = v[i] * 0.5f + other[i];
    v[embed / 2] += 3;
    break;
  case EQUAL:
    place_vector (7, embed, v);
    break;
  case ONE_HUGE: /* nearly all of the length in one element that differs from row to row: codes of the rest
                    are 0 */
    place_vector (row, embed, v);
    for (guint i = 0; i < embed; i++)
      v[i] *= 0.05f;
    v[clipmoe_random_below (&r, embed)] += row % 2 ? 1 : -1;
    break;
  case TINY_STEPS: /* rows that only the last bits of f16 tell apart */
    place_vector (7, embed, v);
    v[row % embed] += 0x1p-13f * (float)(row % 5);
    break;
  case RISING: /* each is better than all before it */
    place_vector (3, embed, other);
    place_vector (row % 3 + 10, embed, v);
    for (guint i = 0; i < embed; i++)
      v[i] = v[i] * (float)(n - row) / (float)n + other[i];
    break;
  case RANDOM:
  case N_KINDS:
    place_vector (row, embed, v);
  }
  to_unit (v, embed);
}

typedef struct {
  char *path;
  ClipmoeVectors *vectors;
  guint embed;
  guint64 n;
  float *rows; /* as they are stored */
} Archive;

static ClipmoeVectors *
open_vectors (const Archive *a, gboolean write) {
  GError *error = NULL;
  ClipmoeVectors *v = clipmoe_vectors_open (a->path, MODEL, a->embed, write ? 0 : a->n, write, &error);
  g_assert_no_error (error);
  return v;
}

static Archive
archive_new (Kind kind, guint64 n, guint embed) {
  Archive a = {.path = place ("rows"), .embed = embed, .n = n, .rows = g_new (float, n *embed + 1)};
  GError *error = NULL;
  guint64 first;
  clipmoe_vectors_remove (a.path, &error);
  g_assert_no_error (error);
  for (guint64 row = 0; row < n; row++)
    make_row (kind, row, n, embed, a.rows + row * embed);
  a.vectors = open_vectors (&a, TRUE);
  if (n)
    clipmoe_vectors_append (a.vectors, a.rows, (guint)n, &first, &error);
  g_assert_no_error (error);
  clipmoe_vectors_close (a.vectors);
  a.vectors = open_vectors (&a, FALSE);
  for (guint64 i = 0; i < n * embed; i++)
    a.rows[i] = clipmoe_f16_to_f32 (clipmoe_f32_to_f16 (a.rows[i]));
  return a;
}

static void
archive_reopen (Archive *a) {
  clipmoe_vectors_close (a->vectors);
  a->vectors = open_vectors (a, FALSE);
}

static char *
codes_path (const Archive *a) {
  return g_strconcat (a->path, ".int8", NULL);
}

static void
archive_free (Archive *a) {
  clipmoe_vectors_close (a->vectors);
  g_assert_true (clipmoe_vectors_remove (a->path, NULL));
  g_free (a->path);
  g_free (a->rows);
}

/* --- the plain way --- */

static int
compare_hits (gconstpointer one, gconstpointer other) {
  const ClipmoeScanHit *a = one, *b = other;
  return a->cosine != b->cosine ? (a->cosine > b->cosine ? -1 : 1) : a->row < b->row ? -1 : a->row > b->row;
}

static int
compare_floats (gconstpointer one, gconstpointer other) {
  float a = *(const float *)one, b = *(const float *)other;
  return a < b ? -1 : a > b;
}

/* The sums in the order that search.h says: so all bits are the same. */
static double
product (const float *row, const float *query, guint embed) {
  double s[16] = {0};
  for (guint i = 0; i < embed; i++)
    s[i % 16] += (double)row[i] * (double)query[i];
  for (guint half = 8; half; half /= 2)
    for (guint j = 0; j < half; j++)
      s[j] += s[j + half];
  return s[0];
}

static guint64
plain_scan (const Archive *a, const float *query, const ClipmoeRowRange *ranges, gsize n_ranges,
            ClipmoeScanHit *all, ClipmoeScanSpread *spread) {
  guint64 n = 0;
  for (gsize i = 0; i < n_ranges; i++)
    for (guint64 row = ranges[i].first; row < ranges[i].first + ranges[i].n; row++) {
      double exact = product (a->rows + row * a->embed, query, a->embed), other = 0;
      for (guint k = 0; k < a->embed; k++)
        other += (double)a->rows[row * a->embed + k] * (double)query[k];
      g_assert_cmpfloat_with_epsilon (exact, other, 1e-12);
      all[n++] = (ClipmoeScanHit){row, (float)exact};
    }
  float *sorted = g_new (float, n + 1);
  for (guint64 i = 0; i < n; i++)
    sorted[i] = all[i].cosine;
  qsort (sorted, n, sizeof *sorted, compare_floats);
  *spread = (ClipmoeScanSpread){.n = n};
  if (n) {
    double below = 0.158655 * (double)(n - 1);
    guint64 at = (guint64)below, next = MIN (at + 1, n - 1);
    spread->median = ((double)sorted[(n - 1) / 2] + (double)sorted[n / 2]) / 2;
    spread->spread = spread->median - ((double)sorted[at] +
                                       (below - (double)at) * ((double)sorted[next] - (double)sorted[at]));
  }
  g_free (sorted);
  qsort (all, n, sizeof *all, compare_hits);
  return n;
}

/* All of the answer is that of the plain way. */
static void
check (const Archive *a, const char *what, const float *query, const ClipmoeRowRange *ranges, gsize n_ranges,
       gsize k, guint threads) {
  ClipmoeScanHit *want = g_new (ClipmoeScanHit, a->n + 1), *got = g_new (ClipmoeScanHit, MAX (k, 1));
  ClipmoeScanSpread want_spread, got_spread;
  GError *error = NULL;
  guint64 n = plain_scan (a, query, ranges, n_ranges, want, &want_spread);
  gssize found = clipmoe_scan (a->vectors, query, ranges, n_ranges, k, threads, got, &got_spread, &error);
  g_assert_no_error (error);
  g_assert_cmpint (found, ==, MIN (k, n));
  for (gssize i = 0; i < found; i++)
    if (got[i].row != want[i].row || got[i].cosine != want[i].cosine)
      g_error ("%s: of %" G_GUINT64_FORMAT " rows of %u, k %" G_GSIZE_FORMAT
               ", %u threads, hit %d is row %" G_GUINT64_FORMAT " (%.9g), expected %" G_GUINT64_FORMAT
               " (%.9g)",
               what, n, a->embed, k, threads, (int)i, got[i].row, (double)got[i].cosine, want[i].row,
               (double)want[i].cosine);
  g_assert_cmpuint (got_spread.n, ==, n);
  if (n > 100 && a->embed >= 16) { /* of a few, the rank of a quantile says little */
    g_assert_cmpfloat_with_epsilon (got_spread.median, want_spread.median, 0.002);
    g_assert_cmpfloat_with_epsilon (got_spread.spread, want_spread.spread, 0.002);
  }
  g_free (want);
  g_free (got);
}

static void
check_all (const Archive *a, const char *what, gsize k, guint threads) {
  float query[CLIPMOE_MAX_EMBED];
  ClipmoeRowRange all = {0, a->n};
  for (guint i = 0; i < 2; i++) {
    place_vector (i ? 7 : 500000, a->embed, query); /* one that is there, and one that is not */
    check (a, what, query, &all, 1, k, threads);
  }
}

/* The last answers came by the 8-bit copy of all full blocks. */
static void
check_copy_was_used (const Archive *a) {
  guint state = clipmoe_codes_begin (a->vectors->codes);
  g_assert_cmpuint (state, >, 0);
  for (guint64 block = 0; block < a->n / BLOCK; block++)
    g_assert_true (clipmoe_codes_is_checked (a->vectors->codes, state, block));
}

static void
test_kinds (void) {
  static const guint embeds[] = {64, 100, 512, 1152};
  for (Kind kind = 0; kind < N_KINDS; kind++)
    for (guint e = 0; e < G_N_ELEMENTS (embeds); e++) {
      Archive a = archive_new (kind, 2500, embeds[e]);
      for (guint t = 0; t < G_N_ELEMENTS (tiers); t++) {
        if (tiers[t])
          g_setenv ("CLIPMOE_CPU", tiers[t], TRUE);
        else
          g_unsetenv ("CLIPMOE_CPU");
        GError *error = NULL;
        float query[CLIPMOE_MAX_EMBED] = {1};
        if (clipmoe_scan (a.vectors, query, NULL, 0, 1, 1, NULL, NULL, &error) < 0) {
          g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED);
          g_error_free (error);
          continue; /* not on this processor */
        }
        check_all (&a, kinds[kind], 20, 1 + t % 3);
        check_copy_was_used (&a);
      }
      archive_free (&a);
    }
}

static void
test_sizes (void) {
  static const guint64 sizes[] = {0, 1, 2, 31, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK, 8000};
  static const gsize counts[] = {0, 1, 7, 100, 1000, 10000};
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    Archive a = archive_new (CLUSTERED, sizes[i], 65);
    for (guint k = 0; k < G_N_ELEMENTS (counts); k++)
      check_all (&a, "sizes", counts[k], k % 4);
    archive_free (&a);
  }
}

/* Of few dimensions, so that what rounding left out of a row often lies in the direction of the query: bounds
 * that are too narrow by a third lose rows. */
static void
test_bounds (void) {
  for (guint embed = 2; embed < 5; embed++) {
    Archive a = archive_new (RANDOM, 3 * BLOCK, embed);
    for (guint i = 0; i < 150; i++) {
      float query[4];
      ClipmoeRowRange all = {0, a.n};
      place_vector (900000 + i, embed, query);
      check (&a, "bounds", query, &all, 1, 1 + i % 5, 1);
    }
    check_copy_was_used (&a);
    archive_free (&a);
  }
}

/* More rows are candidates than a thread keeps. */
static void
test_many_candidates (void) {
  for (Kind kind = EQUAL; kind < N_KINDS; kind++) {
    Archive a = archive_new (kind, 60000, 16);
    for (guint threads = 1; threads < 5; threads++)
      check_all (&a, kinds[kind], 50, threads);
    check_copy_was_used (&a);
    archive_free (&a);
  }
}

static void
test_ranges (void) {
  Archive a = archive_new (CLUSTERED, 20000, 64);
  ClipmoeRandom r = clipmoe_random_for (6, 0, 0);
  ClipmoeRowRange *ranges = g_new (ClipmoeRowRange, a.n);
  float query[64];
  place_vector (7, 64, query);
  for (guint try = 0; try < 60; try++) {
    guint gap = 1u << clipmoe_random_below (&r, 14), run = 1u << clipmoe_random_below (&r, 14);
    gsize n = 0;
    for (guint64 row = clipmoe_random_below (&r, gap); row < a.n;) {
      guint64 some = clipmoe_random_below (&r, run + 1);
      some = MIN (some, a.n - row);
      ranges[n++] = (ClipmoeRowRange){row, some};
      row += some + clipmoe_random_below (&r, gap);
      if (n == a.n)
        break;
    }
    check (&a, "ranges", query, ranges, n, 1 + clipmoe_random_below (&r, 200), try % 3);
    if (try % 10 == 9)
      archive_reopen (&a); /* small pieces of blocks that were never looked at */
  }
  static const ClipmoeRowRange bad[][2] = {{{10, 5}, {14, 1}},
                                           {{10, 5}, {3, 1}},
                                           {{19999, 2}, {0, 0}},
                                           {{20001, 0}, {0, 0}},
                                           {{5, G_MAXUINT64}, {0, 0}}};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    GError *error = NULL;
    g_assert_cmpint (clipmoe_scan (a.vectors, query, bad[i], 2, 1, 1, NULL, NULL, &error), ==, -1);
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
    g_error_free (error);
  }
  g_free (ranges);
  archive_free (&a);
}

/* Queries that no model makes. */
static void
test_queries (void) {
  Archive a = archive_new (RANDOM, 5000, 96);
  ClipmoeRowRange all = {0, a.n};
  float query[96] = {0};
  GError *error = NULL;
  check (&a, "zero", query, &all, 1, 10, 2);
  query[5] = 1;
  check (&a, "one element", query, &all, 1, 10, 2);
  query[6] = 1e-30f;
  check (&a, "one and hardly another", query, &all, 1, 10, 2);
  query[7] = NAN;
  g_assert_cmpint (clipmoe_scan (a.vectors, query, &all, 1, 1, 1, NULL, NULL, &error), ==, -1);
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_error_free (error);
  archive_free (&a);
}

static void
flip (const char *path, guint64 offset) {
  guint8 byte = 0;
  int fd = open (path, O_RDWR);
  g_assert_cmpint (pread (fd, &byte, 1, (off_t)offset), ==, 1);
  byte ^= 0x55;
  g_assert_cmpint (pwrite (fd, &byte, 1, (off_t)offset), ==, 1);
  close (fd);
}

static char *
contents (const char *path, gsize *length) {
  char *all = NULL;
  GError *error = NULL;
  g_file_get_contents (path, &all, length, &error);
  g_assert_no_error (error);
  return all;
}

/* Whatever happens to the copy, answers stay right, and it is made again: the same bytes as before. */
static void
test_copy_is_a_cache (void) {
  Archive a = archive_new (CLUSTERED, 6 * BLOCK + 77, 128);
  char *path = codes_path (&a), *path2 = place ("elsewhere");
  gsize length, again;
  char *whole = contents (path, &length);
  g_assert_cmpuint (length, ==, 4096 + 6 * (64 + 128 * 2 + BLOCK * 8 + BLOCK * 128));
  for (guint what = 0; what < 40; what++) {
    if (what == 0)
      g_assert_cmpint (g_unlink (path), ==, 0);
    else if (what == 1)
      g_assert_cmpint (truncate (path, 0), ==, 0);
    else if (what == 2)
      g_assert_cmpint (truncate (path, 4096 + 200000), ==, 0);
    else if (what == 3)
      flip (path, 17); /* the version */
    else
      flip (path, 4096 + (what - 4) * (length - 4096) / 36);
    archive_reopen (&a);
    check_all (&a, "damaged copy", 10, what % 3); /* the second query already finds it mended */
    char *now = contents (path, &again);
    g_assert_cmpmem (now, again, whole, length);
    g_free (now);
    if (what % 8 == 0) {
      check_all (&a, "mended copy", 10, 2);
      check_copy_was_used (&a);
    }
  }
  /* a stranger's file of that name is left alone, and so is what cannot be opened */
  g_assert_true (g_file_set_contents (path, "something else, of somebody else", -1, NULL));
  archive_reopen (&a);
  check_all (&a, "stranger's copy", 10, 2);
  char *now = contents (path, &again);
  g_assert_cmpstr (now, ==, "something else, of somebody else");
  g_free (now);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (symlink (path2, path), ==, 0);
  g_assert_cmpint (g_mkdir (path2, 0700), ==, 0);
  archive_reopen (&a);
  check_all (&a, "a folder", 10, 2);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rmdir (path2), ==, 0);
  g_free (whole);
  g_free (path);
  g_free (path2);
  archive_free (&a);
}

/* Rows that a killed writer left, of which codes were made, are written over: those codes do not count. */
static void
test_left_behind (void) {
  Archive a = archive_new (RANDOM, 3 * BLOCK, 64);
  GError *error = NULL;
  guint64 first;
  clipmoe_vectors_close (a.vectors);
  a.vectors = clipmoe_vectors_open (a.path, MODEL, 64, BLOCK + 10, TRUE,
                                    &error); /* two blocks of codes are too many */
  g_assert_no_error (error);
  for (guint64 row = BLOCK + 10, some; row < a.n; row += some) {
    float *v = a.rows + row * 64;
    some = MIN (97, a.n - row);
    for (guint64 i = 0; i < some; i++)
      make_row (CLUSTERED, row + i, a.n, 64, v + i * 64);
    clipmoe_vectors_append (a.vectors, v, (guint)some, &first, &error);
    g_assert_no_error (error);
    for (guint64 i = 0; i < some * 64; i++)
      v[i] = clipmoe_f16_to_f32 (clipmoe_f32_to_f16 (v[i]));
  }
  check_all (&a, "a writer", 10, 2);
  archive_reopen (&a);
  check_all (&a, "written over", 10, 2);
  check_all (&a, "mended", 10, 2);
  check_copy_was_used (&a);
  archive_free (&a);
}

/* A copy of some rows has codes of its own, and a reader of the old file goes on when it was replaced. */
static void
test_compacted (void) {
  Archive a = archive_new (CLUSTERED, 5 * BLOCK, 64), b = {.path = place ("less"), .embed = 64};
  guint64 *rows = g_new (guint64, a.n);
  GError *error = NULL;
  b.rows = g_new (float, a.n * 64);
  for (guint64 row = 0; row < a.n; row++)
    if (row % 3) {
      memcpy (b.rows + b.n * 64, a.rows + row * 64, 64 * sizeof (float));
      rows[b.n++] = row;
    }
  clipmoe_vectors_copy (a.vectors, b.path, rows, b.n, &error);
  g_assert_no_error (error);
  b.vectors = open_vectors (&b, FALSE);
  char *path = codes_path (&b);
  gsize length;
  char *before = contents (path, &length);
  check_all (&b, "compacted", 10, 2);
  check_copy_was_used (&b);
  clipmoe_vectors_copy (b.vectors, a.path, NULL, 0, &error); /* over the one that is read */
  g_assert_no_error (error);
  check_all (&a, "replaced", 10, 2);
  char *after = contents (path, &length);
  g_assert_cmpmem (after, length, before, length);
  g_assert_cmpuint (length, >, 3 * BLOCK * 64);
  g_free (before);
  g_free (after);
  g_free (path);
  g_free (rows);
  archive_free (&b);
  archive_free (&a);
}

/* The copy is cut short while it is mapped: the answer is the right one. So are the rows: an error. */
static void
test_cut_short (void) {
  Archive a = archive_new (CLUSTERED, 6 * BLOCK + 77, 128);
  char *path = codes_path (&a);
  for (guint what = 0; what < 6; what++) {
    check_all (&a, "whole", 10, 2); /* it is known to be right */
    g_assert_cmpint (truncate (path, what * 90000), ==, 0);
    check_all (&a, "cut short", 10, 1 + what % 2);
    if (what % 2)
      archive_reopen (&a);
  }
  float query[128];
  ClipmoeRowRange all = {0, a.n};
  ClipmoeScanHit hits[10];
  GError *error = NULL;
  place_vector (7, 128, query);
  g_assert_cmpint (truncate (a.path, 10000), ==, 0);
  g_assert_cmpint (clipmoe_scan (a.vectors, query, &all, 1, 10, 2, hits, NULL, &error), ==, -1);
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, "was cut short"));
  g_error_free (error);
  g_free (path);
  archive_free (&a);
}

/* Several threads at once, at one object, while somebody else plays with the copy. */
typedef struct {
  const Archive *archive;
  gint left;
} Crowd;

static gpointer
one_of_many (gpointer data) {
  Crowd *crowd = data;
  while (g_atomic_int_add (&crowd->left, -1) > 0)
    check_all (crowd->archive, "at once", 10, 2);
  return NULL;
}

static void
test_at_once (void) {
  Archive a = archive_new (CLUSTERED, 5 * BLOCK, 64);
  char *path = codes_path (&a);
  Crowd crowd = {&a, 40};
  GThread *threads[4];
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("search", one_of_many, &crowd);
  while (g_atomic_int_get (&crowd.left) > 0) {
    g_usleep (2000);
    g_assert_cmpint (truncate (path, 100000), ==, 0);
  }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_free (path);
  archive_free (&a);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scan/kinds", test_kinds);
  g_test_add_func ("/scan/sizes", test_sizes);
  g_test_add_func ("/scan/bounds", test_bounds);
  g_test_add_func ("/scan/many-candidates", test_many_candidates);
  g_test_add_func ("/scan/ranges", test_ranges);
  g_test_add_func ("/scan/queries", test_queries);
  g_test_add_func ("/scan/copy-is-a-cache", test_copy_is_a_cache);
  g_test_add_func ("/scan/left-behind", test_left_behind);
  g_test_add_func ("/scan/compacted", test_compacted);
  g_test_add_func ("/scan/cut-short", test_cut_short);
  g_test_add_func ("/scan/at-once", test_at_once);
  int failed = g_test_run ();
  place_end ();
  return failed;
}
