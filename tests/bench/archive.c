/* Our side of tests/bench/archive: a process that stays, so that rounds of several peers interleave. A
 * command a line on stdin, words between tabs, one line of answer each ("ok …" or "error …"):
 *
 *   make PATH ROWS EMBED           a vector file of clustered random rows, where it is not there yet
 *   open PATH ROWS EMBED THREADS
 *   queries PATH N                 raw floats [N][embed], unit vectors
 *   ranges N LENGTH                N ranges of LENGTH rows, spread evenly; 0: all rows
 *   write K PATH                   for each query K times: the row (uint64), padding to it the cosine
 * (double) time K SPREAD N                "ok" and for each of N runs, of one query each in turn:
 * milliseconds on the wall, on the processor. K 0: the first pass alone memory                         bytes
 * of this process that are no file's; those of one scan are the most
 */
#include <base/random.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "scan.h"

#define MODEL "bench@0"
#define CENTRES 2000
#define AT_ONCE 4096

static struct {
  ClipmoeVectors *vectors;
  guint embed, threads, n_queries, turn;
  guint64 rows;
  float *queries;
  ClipmoeRowRange *ranges;
  gsize n_ranges;
  ClipmoeScanHit *hits;
  gsize room;
} all;

/* About normal, and quick: a table of numbers, read from random places on. */
#define TABLE (1 << 20)

static void
make_rows (const float *table, guint64 first, guint n, guint embed, float *out) {
  for (guint i = 0; i < n; i++) {
    ClipmoeRandom r = clipmoe_random_for (1, 0, first + i);
    /* what all have in common, a centre, and a row's own */
    const float *common = table, *centre = table + 4096 + clipmoe_random_below (&r, CENTRES) * 331,
                *own = table + clipmoe_random_below (&r, TABLE - 4096);
    float *row = out + (gsize)i * embed;
    double squares = 0;
    for (guint k = 0; k < embed; k++) {
      row[k] = common[k] + 0.7f * centre[k] + own[k];
      squares += (double)row[k] * (double)row[k];
    }
    for (guint k = 0; k < embed; k++)
      row[k] *= (float)(1 / sqrt (squares));
  }
}

static gboolean
make (const char *path, guint64 rows, guint embed, GError **error) {
  ClipmoeVectors *v = clipmoe_vectors_open (path, MODEL, embed, rows, FALSE, NULL);
  if (v) { /* made before */
    clipmoe_vectors_close (v);
    return TRUE;
  }
  v = clipmoe_vectors_open (path, MODEL, embed, 0, TRUE, error);
  if (!v)
    return FALSE;
  float *table = g_new (float, TABLE), *some = g_new (float, (gsize)AT_ONCE *embed);
  ClipmoeRandom r = {2};
  for (gsize i = 0; i < TABLE; i++) {
    double sum = 0;
    for (guint k = 0; k < 6; k++)
      sum += clipmoe_random_uniform (&r) - 0.5;
    table[i] = (float)sum;
  }
  gboolean ok = TRUE;
  for (guint64 done = 0, first; ok && done < rows; done += AT_ONCE) {
    guint n = (guint)MIN (AT_ONCE, rows - done);
    make_rows (table, done, n, embed, some);
    ok = clipmoe_vectors_append (v, some, n, &first, error);
  }
  clipmoe_vectors_close (v);
  g_free (table);
  g_free (some);
  return ok;
}

static gboolean
read_queries (const char *path, guint n, GError **error) {
  char *bytes;
  gsize length;
  if (!g_file_get_contents (path, &bytes, &length, error))
    return FALSE;
  g_free (all.queries);
  all.queries = (float *)(void *)bytes;
  all.n_queries = n;
  if (length == (gsize)n * all.embed * sizeof (float))
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "%s: not %u queries", path, n);
  return FALSE;
}

static void
set_ranges (guint64 n, guint64 length) {
  g_free (all.ranges);
  all.n_ranges = MAX (n, 1);
  all.ranges = g_new (ClipmoeRowRange, all.n_ranges);
  all.ranges[0] = (ClipmoeRowRange){0, all.rows};
  for (guint64 i = 0; i < n; i++) /* not at the borders of blocks */
    all.ranges[i] = (ClipmoeRowRange){i * (all.rows / n) + MIN (77, all.rows / n - length), length};
}

static gssize
scan (guint query, gsize k, gboolean spread, GError **error) {
  ClipmoeScanSpread s;
  if (k > all.room)
    all.hits = g_renew (ClipmoeScanHit, all.hits, all.room = k);
  return clipmoe_scan (all.vectors, all.queries + (gsize)query * all.embed, all.ranges, all.n_ranges, k,
                       all.threads, all.hits, spread ? &s : NULL, error);
}

static gboolean
write_hits (gsize k, const char *path, GError **error) {
  GByteArray *out = g_byte_array_new ();
  gboolean ok = TRUE;
  for (guint q = 0; ok && q < all.n_queries; q++) {
    gssize n = scan (q, k, FALSE, error);
    ok = n >= 0;
    for (gsize i = 0; ok && i < k; i++) {
      guint64 row = (gssize)i < n ? all.hits[i].row : G_MAXUINT64;
      double cosine = (gssize)i < n ? (double)all.hits[i].cosine : -2;
      g_byte_array_append (out, (guint8 *)&row, sizeof row);
      g_byte_array_append (out, (guint8 *)&cosine, sizeof cosine);
    }
  }
  ok = ok && g_file_set_contents (path, (char *)out->data, out->len, error);
  g_byte_array_unref (out);
  return ok;
}

static double
now (clockid_t clock) {
  struct timespec t;
  clock_gettime (clock, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static gboolean
measure (gsize k, gboolean spread, guint n, GString *times, GError **error) {
  for (guint i = 0; i < n; i++) {
    double wall = now (CLOCK_MONOTONIC), processor = now (CLOCK_PROCESS_CPUTIME_ID);
    if (scan (all.turn++ % all.n_queries, k, spread, error) < 0)
      return FALSE;
    g_string_append_printf (times, "\t%.4f\t%.4f", now (CLOCK_MONOTONIC) - wall,
                            now (CLOCK_PROCESS_CPUTIME_ID) - processor);
  }
  return TRUE;
}

static void
tell_memory (GString *out) {
  char *text = NULL;
  if (g_file_get_contents ("/proc/self/status", &text, NULL, NULL)) {
    const char *line = strstr (text, "RssAnon:");
    g_string_append_printf (out, "\t%" G_GUINT64_FORMAT,
                            line ? g_ascii_strtoull (line + strlen ("RssAnon:"), NULL, 10) * 1024 : 0);
  }
  g_free (text);
}

static gboolean
answer (char **w, guint n, GString *out, GError **error) {
  if (n == 4 && strcmp (w[0], "make") == 0)
    return make (w[1], strtoull (w[2], NULL, 10), (guint)atoi (w[3]), error);
  if (n == 5 && strcmp (w[0], "open") == 0) {
    clipmoe_vectors_close (all.vectors);
    all.rows = strtoull (w[2], NULL, 10);
    all.embed = (guint)atoi (w[3]);
    all.threads = (guint)atoi (w[4]);
    all.vectors = clipmoe_vectors_open (w[1], MODEL, all.embed, all.rows, FALSE, error);
    set_ranges (0, 0);
    return all.vectors != NULL;
  }
  if (n == 3 && strcmp (w[0], "queries") == 0)
    return read_queries (w[1], (guint)atoi (w[2]), error);
  if (n == 3 && strcmp (w[0], "ranges") == 0) {
    set_ranges (strtoull (w[1], NULL, 10), strtoull (w[2], NULL, 10));
    return TRUE;
  }
  if (n == 3 && strcmp (w[0], "write") == 0)
    return write_hits (strtoull (w[1], NULL, 10), w[2], error);
  if (n == 4 && strcmp (w[0], "time") == 0)
    return measure (strtoull (w[1], NULL, 10), atoi (w[2]), (guint)atoi (w[3]), out, error);
  if (n == 1 && strcmp (w[0], "memory") == 0) {
    tell_memory (out);
    return TRUE;
  }
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "\"%s\" is no command here", w[0]);
  return FALSE;
}

int
main (void) {
  char *line = NULL;
  size_t size = 0;
  while (getline (&line, &size, stdin) > 0) {
    GString *out = g_string_new ("ok");
    GError *error = NULL;
    char **words = g_strsplit (g_strchomp (line), "\t", -1);
    if (answer (words, g_strv_length (words), out, &error))
      puts (out->str);
    else
      printf ("error\t%s\n", error->message);
    fflush (stdout);
    g_clear_error (&error);
    g_strfreev (words);
    g_string_free (out, TRUE);
  }
  free (line);
  return 0;
}
