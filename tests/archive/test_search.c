/* Protects: clipmoe_search() finds what is nearest, makes one hit of neighbours, keeps pictures apart, counts
 * what passes the filter, and gives figures that are those of all cosines. */
#include <hitspans.h>
#include <search.h>
#include <string.h>
#include "place.h"

#define EMBED 16
#define SECOND G_GINT64_CONSTANT (1000000000)

/* A unit vector with this cosine to the first axis; the rest by @number. */
static void
vector_at (double cosine, guint64 number, float *out) {
  double square = 0;
  place_vector (number, EMBED, out);
  for (guint j = 1; j < EMBED; j++)
    square += (double)out[j] * out[j];
  for (guint j = 1; j < EMBED; j++)
    out[j] = (float)(out[j] * sqrt ((1 - cosine * cosine) / square));
  out[0] = (float)cosine;
}

/* A file of moments that follow each other, a second each, @pause behind the one at @gap. */
static void
add_file (ClipmoeStore *store, const char *path, const double *cosines, guint n, gboolean picture, guint gap,
          gint64 pause) {
  GError *error = NULL;
  static guint64 number;
  ClipmoeStoreFile file = {.path = (char *)path, .inode = ++number, .size = number, .mtime = 1};
  ClipmoeClaim claim;
  gint64 take;
  memcpy (file.digest, &number, sizeof number);
  clipmoe_store_claim (store, &file, FALSE, &claim, &take, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++) {
    float vector[EMBED];
    gint64 start = picture ? 0 : i * SECOND + (i > gap ? pause : 0);
    vector_at (cosines[i], number * 1000 + i, vector);
    ClipmoeMoment moment = {.start = start,
                            .end = picture ? 0 : start + SECOND,
                            .time = picture ? 0 : start + SECOND / 2,
                            .why = CLIPMOE_WHY_ONLY,
                            .looks = 1,
                            .vector = vector};
    clipmoe_store_put (store, take, &moment, 1, &error);
    g_assert_no_error (error);
  }
  ClipmoeStoreFile facts = {.duration = picture ? 0 : n * SECOND, .picture = picture};
  clipmoe_store_finish (store, take, &facts, &error);
  g_assert_no_error (error);
}

static ClipmoeStore *
open_store (const char *where) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_WRITE, 0, &error);
  g_assert_no_error (error);
  clipmoe_store_set_model (store, "tiny@0123456789ab", NULL, EMBED, FALSE, &error);
  g_assert_no_error (error);
  return store;
}

static const float query[EMBED] = {1};

static ClipmoeAnswer *
ask (ClipmoeStore *store, gboolean words, const ClipmoeFilter *filter, const ClipmoeBank *bank, guint limit) {
  GError *error = NULL;
  clipmoe_store_refresh (store, NULL, &error);
  g_assert_no_error (error);
  ClipmoeAnswer *answer = clipmoe_search (store, query, words, filter, bank, 25, limit, 1, &error);
  g_assert_no_error (error);
  return answer;
}

static const ClipmoeHit *
hit (const ClipmoeAnswer *answer, guint i) {
  g_assert_cmpuint (i, <, answer->hits->len);
  return answer->hits->pdata[i];
}

static void
test_empty (void) {
  char *where = place ("empty");
  ClipmoeStore *store = open_store (where);
  ClipmoeAnswer *answer = ask (store, TRUE, NULL, NULL, 5);
  g_assert_cmpuint (answer->hits->len, ==, 0);
  g_assert_cmpuint (answer->moments, ==, 0);
  g_assert_false (answer->stands_out);
  clipmoe_answer_free (answer);
  GError *error = NULL;
  g_assert_null (clipmoe_search (store, query, TRUE, NULL, NULL, 25, 0, 1, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  clipmoe_store_close (store);
  g_free (where);
}

static void
test_neighbours (void) {
  char *where = place ("neighbours");
  ClipmoeStore *store = open_store (where);
  const double a[] = {0, 0.77, 0.8, 0.78, 0.1, 0.5, 0, 0, 0, 0, 0, 0, 0}, b[] = {0.6, 0.6, 0.6, 0.6},
               pictures[] = {0.7};
  add_file (store, "/a.mp4", a, 13, FALSE, 13, 0);
  add_file (store, "/b.mp4", b, 4, FALSE, 1, 5 * SECOND); /* a pause between the second and the third */
  add_file (store, "/c.png", pictures, 1, TRUE, 0, 0);
  add_file (store, "/d.png", pictures, 1, TRUE, 0, 0);
  ClipmoeAnswer *answer = ask (store, TRUE, NULL, NULL, 100);
  g_assert_cmpuint (answer->moments, ==, 19);
  const ClipmoeHit *first = hit (answer, 0);
  g_assert_cmpstr (first->found->path, ==, "/a.mp4");
  g_assert_cmpint (first->start, ==, 1 * SECOND);
  g_assert_cmpint (first->end, ==, 4 * SECOND);
  g_assert_cmpint (first->found->time, ==, 2 * SECOND + SECOND / 2);
  g_assert_cmpuint (first->moments, ==, 3);
  g_assert_cmpfloat_with_epsilon (first->cosine, 0.8, 2e-3);
  g_assert_true (hit (answer, 1)->found->picture && hit (answer, 2)->found->picture);
  g_assert_cmpuint (hit (answer, 1)->moments, ==, 1);
  g_assert_cmpstr (hit (answer, 3)->found->path, ==, "/b.mp4");
  g_assert_cmpuint (hit (answer, 3)->moments, ==, 2);
  g_assert_cmpuint (hit (answer, 4)->moments, ==, 2);
  guint moments = 0;
  for (guint i = 0; i < answer->hits->len; i++) {
    moments += hit (answer, i)->moments;
    g_assert_true (!i || hit (answer, i - 1)->cosine >= hit (answer, i)->cosine);
  }
  g_assert_cmpuint (moments, ==, 19);
  clipmoe_answer_free (answer);
  /* filters, and a limit, which has no part in the figures of what is left */
  ClipmoeFilter filter = {.path = "/a*"};
  answer = ask (store, TRUE, &filter, NULL, 1);
  g_assert_cmpuint (answer->moments, ==, 13);
  g_assert_cmpuint (answer->hits->len, ==, 1);
  clipmoe_answer_free (answer);
  clipmoe_store_close (store);
  g_free (where);
}

/* What a camera saw in one run: @n moments of a second each from stream time 0 and @began (UTC) on. */
static void
add_live (ClipmoeStore *store, gint64 began, double cosine, guint n) {
  GError *error = NULL;
  ClipmoeStoreFile file = {.source = (char *)"door"}, facts = {.recorded_by = CLIPMOE_RECORDED_LIVE};
  ClipmoeClaim claim;
  gint64 take;
  clipmoe_store_claim (store, &file, FALSE, &claim, &take, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++) {
    float vector[EMBED];
    vector_at (cosine, (guint64)began + i, vector);
    ClipmoeMoment moment = {.start = i * SECOND,
                            .end = (i + 1) * SECOND,
                            .time = i * SECOND + SECOND / 2,
                            .at = began + i * G_USEC_PER_SEC + G_USEC_PER_SEC / 2,
                            .why = CLIPMOE_WHY_ONLY,
                            .looks = 1,
                            .vector = vector};
    clipmoe_store_put (store, take, &moment, 1, &error);
    g_assert_no_error (error);
  }
  clipmoe_store_finish (store, take, &facts, &error);
  g_assert_no_error (error);
}

/* Each run of a camera begins at stream time 0: what two runs saw at the same stream time are two hits. */
static void
test_live (void) {
  const gint64 day = (gint64)24 * 3600 * G_USEC_PER_SEC, began = 20000 * day;
  char *where = place ("live");
  ClipmoeStore *store = open_store (where);
  add_live (store, began, 0.8, 4);
  add_live (store, began + day, 0.79, 4);
  add_live (store, began + day + 5 * G_USEC_PER_SEC, 0.78, 4); /* it was started again at once */
  ClipmoeAnswer *answer = ask (store, TRUE, NULL, NULL, 10);
  g_assert_cmpuint (answer->moments, ==, 12);
  g_assert_cmpuint (answer->hits->len, ==, 3);
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpuint (hit (answer, i)->moments, ==, 4);
    g_assert_cmpint (hit (answer, i)->start, ==, 0);
    g_assert_cmpint (hit (answer, i)->end, ==, 4 * SECOND);
  }
  clipmoe_answer_free (answer);
  clipmoe_store_close (store);
  g_free (where);
}

/* 400 moments around 0.1, and five pictures far out. */
static ClipmoeStore *
open_many (const char *where, double far) {
  ClipmoeStore *store = open_store (where);
  double cosines[401];
  for (guint i = 0; i < 400; i++)
    cosines[i] = 0.1 + 0.05 * sin (i * 1.7);
  cosines[400] = far;
  add_file (store, "/many.mp4", cosines, 400, FALSE, 400, 0);
  for (guint i = 0; i < 5; i++) {
    char *name = g_strdup_printf ("/far-%u.png", i);
    add_file (store, name, cosines + 400, 1, TRUE, 0, 0);
    g_free (name);
  }
  return store;
}

static ClipmoeBank *
make_bank (guint n, double reach) {
  float *vectors = g_new (float, n *EMBED);
  for (guint i = 0; i < n; i++)
    vector_at (reach * sin (i), 7000 + i, vectors + (gsize)i * EMBED);
  ClipmoeBank *bank = clipmoe_bank_new (vectors, n, EMBED);
  g_free (vectors);
  return bank;
}

static void
test_figures (void) {
  char *where = place ("figures");
  ClipmoeStore *store = open_many (where, 0.9);
  ClipmoeBank *bank = make_bank (40, 0.2), *other = clipmoe_bank_new ((const float[]){1, 0, 0, 1}, 2, 2);
  ClipmoeAnswer *answer = ask (store, TRUE, NULL, bank, 10);
  const ClipmoeHit *first = hit (answer, 0);
  g_assert_true (g_str_has_prefix (first->found->path, "/far-"));
  g_assert_cmpuint (answer->hits->len, <=, 10);
  g_assert_cmpfloat_with_epsilon (answer->median, 0.1, 0.01);
  g_assert_cmpfloat_with_epsilon (first->distance, (first->cosine - answer->median) / answer->spread, 1e-9);
  g_assert_true (answer->compared && first->stands_out && answer->stands_out);
  g_assert_true (first->score > 0.5 && first->score <= 1 && first->margin > hit (answer, 5)->margin);
  g_assert_cmpfloat_with_epsilon (first->lead, clipmoe_standing_lead (&answer->standing, first->cosine),
                                  1e-12);
  /* as spans */
  guint damaged;
  GPtrArray *spans = clipmoe_hit_spans (answer, store, "far", TRUE, TRUE, &damaged, NULL);
  const ClipmoeSpan *span = spans->pdata[0];
  g_assert_cmpuint (spans->len, ==, answer->hits->len);
  g_assert_cmpuint (damaged, ==, 0);
  g_assert_cmpstr (span->file, ==, first->found->path);
  g_assert_cmpstr (span->path, ==, first->found->path);
  g_assert_true (!span->timed && span->stands_out == 1 && !span->thumbnail && span->cosine == first->cosine);
  g_ptr_array_unref (spans);
  clipmoe_answer_free (answer);
  /* a picture has no score; the distance decides */
  answer = ask (store, FALSE, NULL, bank, 10);
  g_assert_true (isnan (hit (answer, 0)->score) && !answer->compared && hit (answer, 0)->stands_out);
  clipmoe_answer_free (answer);
  GError *error = NULL;
  g_assert_null (clipmoe_search (store, query, TRUE, NULL, other, 25, 10, 1, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH);
  g_clear_error (&error);
  clipmoe_bank_free (other);
  clipmoe_store_close (store);
  g_free (where);
  /* nothing is there: words of a bank reach further than the query */
  where = place ("nothing");
  store = open_many (where, 0.12);
  answer = ask (store, TRUE, NULL, bank, 10);
  g_assert_true (!answer->stands_out && !hit (answer, 0)->stands_out && answer->hits->len == 10);
  clipmoe_answer_free (answer);
  clipmoe_bank_free (bank);
  clipmoe_store_close (store);
  g_free (where);
}

static void
remove_stores (void) {
  static const char *const names[] = {"empty", "neighbours", "figures", "nothing"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    char *where = place (names[i]);
    GDir *dir = g_dir_open (where, 0, NULL);
    for (const char *file; dir && (file = g_dir_read_name (dir));) {
      char *path = g_build_filename (where, file, NULL);
      g_unlink (path);
      g_free (path);
    }
    g_clear_pointer (&dir, g_dir_close);
    g_free (where);
  }
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/search/empty", test_empty);
  g_test_add_func ("/search/neighbours", test_neighbours);
  g_test_add_func ("/search/live", test_live);
  g_test_add_func ("/search/figures", test_figures);
  int failed = g_test_run ();
  remove_stores ();
  place_end ();
  return failed;
}
