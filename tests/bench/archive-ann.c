/* What approximate search in PostgreSQL costs and misses, beside the exact search in the mirror: making the
 * index, putting moments afterwards, the ten best of queries, their recall, the error of the figures.
 *
 *     archive-ann postgresql://… [MOMENTS]    an empty database with the extension "vector"; 100,000 moments
 *
 * Vectors are like those of models, and not like random numbers, among which nothing is near anything: scenes
 * in a space of few dimensions, moments around them; queries are other points of that space. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <search.h>
#include "storefill.h"

#define EMBED BENCH_EMBED
#define INNER 48     /* dimensions in which vectors differ */
#define SCENES 20000 /* each seen a few times */
#define AROUND 0.5   /* how far moments lie around their scene */
#define QUERIES 100
#define BEST 10

static void
must (GError *error) {
  if (error) {
    fprintf (stderr, "archive-ann: %s\n", error->message);
    exit (1);
  }
}

static double
normal (ClipmoeRandom *r) {
  return sqrt (-2 * log (1 - clipmoe_random_uniform (r))) * cos (2 * G_PI * clipmoe_random_uniform (r));
}

/* What a point of the inner space is as a vector: turned into all dimensions, with what all have in common.
 */
static void
unfold (const double *inner, float *out) {
  static float *turn;
  double squares = 0;
  if (!turn) {
    ClipmoeRandom r = clipmoe_random_for (19, 5, 0);
    turn = g_new (float, (INNER + 1) * EMBED);
    for (guint i = 0; i < (INNER + 1) * EMBED; i++)
      turn[i] = (float)normal (&r);
  }
  for (guint k = 0; k < EMBED; k++) {
    double sum = 5 * turn[INNER * EMBED + k];
    for (guint i = 0; i < INNER; i++)
      sum += inner[i] * turn[i * EMBED + k];
    out[k] = (float)sum;
    squares += sum * sum;
  }
  for (guint k = 0; k < EMBED; k++)
    out[k] /= (float)sqrt (squares);
}

static void
scene (guint number, double *inner) {
  ClipmoeRandom r = clipmoe_random_for (19, 6, number);
  for (guint i = 0; i < INNER; i++)
    inner[i] = normal (&r);
}

static void
make_vector (ClipmoeRandom *r, float *out) {
  double inner[INNER];
  scene (clipmoe_random_below (r, SCENES), inner);
  for (guint i = 0; i < INNER; i++)
    inner[i] += AROUND * normal (r);
  unfold (inner, out);
}

static ClipmoeStore *
open_store (const char *where, ClipmoeStoreAccess access) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (where, access, 0, &error);
  must (error);
  clipmoe_store_refresh (store, NULL, &error);
  must (error);
  return store;
}

static int
by_size (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* The best moments of the exact search that an approximate one has among its best. */
typedef struct {
  double ms_exact[QUERIES], ms_ann[QUERIES], ms_index[QUERIES], found, by_index, wanted, median, spread, size;
  ClipmoeApproximation how;
} Figures;

/* The index alone, also where so few moments pass a filter that a search compares them all. */
static void
use_index (ClipmoeStore *ann, const float *query, const ClipmoeFilter *filter, const ClipmoeAnswer *exact,
           guint i, Figures *f) {
  GError *error = NULL;
  ClipmoeNear near = {.few = 1};
  float vector[EMBED];
  gint64 begun = g_get_monotonic_time ();
  clipmoe_store_find_near (ann, query, filter, 256, &near, &error);
  must (error);
  f->ms_index[i] = 1e-3 * (double)(g_get_monotonic_time () - begun);
  for (guint k = 0; k < exact->hits->len; k++)
    f->by_index += clipmoe_near_get (&near, ((ClipmoeHit *)exact->hits->pdata[k])->found->id, vector);
  clipmoe_near_clear (&near);
}

static void
compare (ClipmoeStore *exact, ClipmoeStore *ann, const ClipmoeFilter *filter, guint i, Figures *f) {
  GError *error = NULL;
  double inner[INNER];
  float query[EMBED];
  scene (SCENES + i, inner);
  unfold (inner, query);
  ClipmoeAnswer *a = clipmoe_search (exact, query, FALSE, filter, NULL, 1, BEST, 0, &error);
  must (error);
  ClipmoeAnswer *b = clipmoe_search (ann, query, FALSE, filter, NULL, 1, BEST, 0, &error);
  must (error);
  f->ms_exact[i] = a->seconds * 1e3;
  f->ms_ann[i] = b->seconds * 1e3;
  for (guint k = 0; k < a->hits->len; k++)
    for (guint l = 0; l < b->hits->len; l++)
      f->found +=
          ((ClipmoeHit *)a->hits->pdata[k])->found->id == ((ClipmoeHit *)b->hits->pdata[l])->found->id;
  f->wanted += a->hits->len;
  f->median += pow ((b->median - a->median) / a->spread, 2) / QUERIES;
  f->spread += pow (b->spread / a->spread - 1, 2) / QUERIES;
  f->size += ((double)b->moments / (double)MAX (a->moments, 1) - 1) / QUERIES;
  f->how = b->how;
  use_index (ann, query, filter, a, i, f);
  clipmoe_answer_free (a);
  clipmoe_answer_free (b);
}

static void
measure (const char *where, const char *name, const ClipmoeFilter *filter) {
  ClipmoeStore *exact = open_store (where, CLIPMOE_STORE_READ), *ann = open_store (where, CLIPMOE_STORE_ANN);
  Figures f = {0};
  for (guint i = 0; i < QUERIES; i++)
    compare (exact, ann, filter, i, &f);
  qsort (f.ms_exact, QUERIES, sizeof (double), by_size);
  qsort (f.ms_ann, QUERIES, sizeof (double), by_size);
  qsort (f.ms_index, QUERIES, sizeof (double), by_size);
  printf ("%-14s ms: exact %.1f (90 %%: %.1f), approximate %.1f (%.1f); recall of %d: %.4f (256 candidates "
          "of the index alone: %.4f, %.1f ms); median off by %.3f "
          "spreads, spread by %.1f %%, moments by %+.1f %%; candidates %u, ef_search %u, sample %u\n",
          name, f.ms_exact[QUERIES / 2], f.ms_exact[QUERIES * 9 / 10], f.ms_ann[QUERIES / 2],
          f.ms_ann[QUERIES * 9 / 10], BEST, f.found / MAX (f.wanted, 1), f.by_index / MAX (f.wanted, 1),
          f.ms_index[QUERIES / 2], sqrt (f.median), 100 * sqrt (f.spread), 100 * f.size, f.how.candidates,
          f.how.ef_search, f.how.sample);
  fflush (stdout);
  clipmoe_store_close (exact);
  clipmoe_store_close (ann);
}

static void
tell (const char *step, guint64 done, guint64 all, gpointer data) {
  static const char *before;
  static gint64 begun;
  if (before != step && before)
    printf ("%s: %.0f s\n", before, 1e-6 * (double)(g_get_monotonic_time () - begun));
  if (before != step)
    begun = g_get_monotonic_time ();
  before = step;
  fflush (stdout);
}

int
main (int argc, char **argv) {
  GError *error = NULL;
  guint64 moments = argc > 2 ? g_ascii_strtoull (argv[2], NULL, 10) : 100000;
  if (argc < 2) {
    fprintf (stderr, "Usage: archive-ann postgresql://… [MOMENTS]\n");
    return 2;
  }
  const char *where = argv[1];
  bench_fill (where, moments, make_vector);
  ClipmoeStore *store = open_store (where, CLIPMOE_STORE_WRITE);
  gint64 begun = g_get_monotonic_time ();
  clipmoe_store_make_ann (store, tell, NULL, &error);
  must (error);
  printf ("index made: %.0f s\n", 1e-6 * (double)(g_get_monotonic_time () - begun));
  fflush (stdout);
  clipmoe_store_close (store);
  const ClipmoeFilter by_path = {.path = "*5.mp4"},
                      by_length = {.min_duration = 4 * G_GINT64_CONSTANT (1000000000)}, of_file = {.file = 7};
  measure (where, "all", NULL);
  measure (where, "a tenth", &by_path);
  measure (where, "long ones", &by_length);
  measure (where, "a file", &of_file);
  return 0;
}
