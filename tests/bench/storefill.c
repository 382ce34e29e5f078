#include "storefill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_FILE 1000
#define BATCH 50
#define SECOND G_GINT64_CONSTANT (1000000000)

static void
must (const char *where, GError *error) {
  if (error) {
    fprintf (stderr, "%s: %s\n", where, error->message);
    exit (1);
  }
}

void
bench_fill (const char *where, guint64 moments, BenchVector make) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_WRITE, 0, &error);
  must (where, error);
  clipmoe_store_set_model (store, "bench@000000000000", NULL, BENCH_EMBED, FALSE, &error);
  must (where, error);
  float *vectors = g_new (float, BATCH *BENCH_EMBED);
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
    must (where, error);
    for (guint done = 0; done < PER_FILE; done += BATCH) {
      for (guint i = 0; i < BATCH; i++) {
        float *v = vectors + i * BENCH_EMBED;
        make (&r, v);
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
      must (where, error);
    }
    ClipmoeStoreFile facts = {.recorded =
                                  G_GINT64_CONSTANT (1600000000000000) + (gint64)f * 3600 * G_USEC_PER_SEC,
                              .recorded_by = CLIPMOE_RECORDED_CONTAINER,
                              .duration = time};
    clipmoe_store_finish (store, take, &facts, &error);
    must (where, error);
    g_free (path);
  }
  g_free (vectors);
  printf ("written: %.0f moments a second, vectors made of random numbers included\n",
          (double)moments / (1e-6 * (double)(g_get_monotonic_time () - begin)));
  clipmoe_store_close (store);
}
