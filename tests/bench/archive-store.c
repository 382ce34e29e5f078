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
#include <base/random.h>
#include <store.h>

#define EMBED 512
#define PER_FILE 1000
#define BATCH 50
#define SECOND G_GINT64_CONSTANT (1000000000)
#define ROUNDS 5

static void
must (GError *error) {
  if (error) {
    fprintf (stderr, "archive-store: %s\n", error->message);
    exit (1);
  }
}

static void
fill (const char *where, guint64 moments) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_WRITE, 0, &error);
  must (error);
  clipmoe_store_set_model (store, "bench@000000000000", NULL, EMBED, FALSE, &error);
  must (error);
  float *vectors = g_new (float, BATCH *EMBED);
  ClipmoeMoment some[BATCH];
  ClipmoeRandom r = clipmoe_random_for (19, 4, 0);
  gint64 begin = g_get_monotonic_time ();
  for (guint64 f = 0; f < moments / PER_FILE; f++) {
    char *path =
        g_strdup_printf ("/videos/%03" G_GUINT64_FORMAT "/clip %" G_GUINT64_FORMAT ".mp4", f / 10, f);
    ClipmoeStoreFile file = {.path = path, .inode = f, .size = f};
    ClipmoeClaim claim;
    gint64 take, time = 0;
    memcpy (file.digest, &f, sizeof f);
    clipmoe_store_claim (store, &file, FALSE, &claim, &take, &error);
    must (error);
    for (guint done = 0; done < PER_FILE; done += BATCH) {
      for (guint i = 0; i < BATCH; i++) {
        double squares = 0;
        float *v = vectors + i * EMBED;
        for (guint k = 0; k < EMBED; k++) {
          v[k] = (float)(clipmoe_random_uniform (&r) - 0.5);
          squares += v[k] * v[k];
        }
        for (guint k = 0; k < EMBED; k++)
          v[k] /= (float)sqrt (squares);
        gint64 length = (gint64)(0.5 / (0.003 + clipmoe_random_uniform (&r)) * SECOND);
        some[i] = (ClipmoeMoment){.start = time,
                                  .end = time + length,
                                  .time = time + length / 2,
                                  .why = CLIPMOE_WHY_MEDOID,
                                  .looks = 3,
                                  .vector = v};
        time += length;
      }
      clipmoe_store_put (store, take, some, BATCH, &error);
      must (error);
    }
    ClipmoeStoreFile facts = {.recorded =
                                  G_GINT64_CONSTANT (1600000000000000) + (gint64)f * 3600 * G_USEC_PER_SEC,
                              .recorded_by = CLIPMOE_RECORDED_CONTAINER,
                              .duration = time};
    clipmoe_store_finish (store, take, &facts, &error);
    must (error);
    g_free (path);
  }
  g_free (vectors);
  printf ("written: %.0f moments a second, vectors made of random numbers included\n",
          (double)moments / (1e-6 * (double)(g_get_monotonic_time () - begin)));
  clipmoe_store_close (store);
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
    fill (argv[1], moments);
  if (stat (database, &st) == 0)
    printf ("database: %.1f bytes a moment; vectors are 1024 and their 8-bit copy 512\n",
            (double)st.st_size / (double)moments);
  for (guint i = 0; i < 3; i++)
    open_once (argv[1]);
  filters (argv[1]);
  g_free (database);
  return 0;
}
