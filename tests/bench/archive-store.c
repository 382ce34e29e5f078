/* What a store in a folder costs when it is large: writing, bytes a moment, opening to the first answer,
 * filters.
 *
 *     archive-store DIR [MOMENTS]    DIR is made, and kept for further runs; 1,000,000 moments of 512 by
 * default
 *
 * Files have 1000 moments each, half an hour of video; random vectors, no thumbnails. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "storefill.h"

#define EMBED BENCH_EMBED
#define SECOND G_GINT64_CONSTANT (1000000000)
#define ROUNDS 5

static void
must (GError *error) {
  if (error) {
    fprintf (stderr, "archive-store: %s\n", error->message);
    exit (1);
  }
}

/* Of random numbers. */
static void
make_vector (ClipmoeRandom *r, float *out) {
  double squares = 0;
  for (guint k = 0; k < EMBED; k++) {
    out[k] = (float)(clipmoe_random_uniform (r) - 0.5);
    squares += out[k] * out[k];
  }
  for (guint k = 0; k < EMBED; k++)
    out[k] /= (float)sqrt (squares);
}

static guint64
count (const GArray *ranges) {
  guint64 n = 0;
  for (guint i = 0; i < ranges->len; i++)
    n += g_array_index (ranges, ClipmoeRowRange, i).n;
  return n;
}

static void
open_once (const char *where) {
  GError *error = NULL;
  gint64 begin = g_get_monotonic_time ();
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_READ, 0, &error);
  must (error);
  clipmoe_store_refresh (store, NULL, &error);
  must (error);
  GArray *all = clipmoe_store_select (store, NULL, &error);
  must (error);
  guint64 rows[10];
  for (guint i = 0; i < 10; i++)
    rows[i] = count (all) / 10 * i;
  GPtrArray *found = clipmoe_store_find_rows (store, rows, 10, &error);
  must (error);
  printf ("opened, all %" G_GUINT64_FORMAT " rows selected, 10 looked up: %.2f ms\n", count (all),
          1e-3 * (double)(g_get_monotonic_time () - begin));
  g_ptr_array_unref (found);
  g_array_unref (all);
  clipmoe_store_close (store);
}

static void
filters (const char *where) {
  GError *error = NULL;
  gint64 first = G_GINT64_CONSTANT (1600000000000000), hour = 3600 * G_GINT64_CONSTANT (1000000);
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_READ, 0, &error);
  must (error);
  const struct {
    const char *name;
    ClipmoeFilter filter;
  } all[] = {
      {"none", {0}},
      {"path", {.path = "/videos/01?/*"}},
      {"path, all", {.path = "*"}},
      {"time", {.since = first + 100 * hour, .until = first + 110 * hour + 7}},
      {"hours", {.hours_from = 180, .hours_until = 195}},
      {"long", {.min_duration = 30 * SECOND}},
      {"file", {.file = 7}},
  };
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    double best = INFINITY;
    guint64 n = 0;
    guint ranges = 0;
    for (guint k = 0; k < ROUNDS; k++) {
      gint64 begin = g_get_monotonic_time ();
      GArray *found = clipmoe_store_select (store, &all[i].filter, &error);
      must (error);
      best = MIN (best, 1e-3 * (double)(g_get_monotonic_time () - begin));
      n = count (found);
      ranges = found->len;
      g_array_unref (found);
    }
    printf ("filter %-10s %8" G_GUINT64_FORMAT " rows in %6u ranges: %8.3f ms\n", all[i].name, n, ranges,
            best);
  }
  clipmoe_store_close (store);
}

int
main (int argc, char **argv) {
  struct stat st;
  guint64 moments = argc > 2 ? g_ascii_strtoull (argv[2], NULL, 10) : 1000000;
  if (argc < 2) {
    fprintf (stderr, "Usage: archive-store DIR [MOMENTS]\n");
    return 2;
  }
  char *database = g_build_filename (argv[1], "archive.sqlite", NULL);
  if (stat (database, &st) != 0)
    bench_fill (argv[1], moments, make_vector);
  if (stat (database, &st) == 0)
    printf ("database: %.1f bytes a moment; vectors are 1024 and their 8-bit copy 512\n",
            (double)st.st_size / (double)moments);
  for (guint i = 0; i < 3; i++)
    open_once (argv[1]);
  filters (argv[1]);
  g_free (database);
  return 0;
}
