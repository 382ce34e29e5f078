/* Protects where moments begin and end, which look stands for one, that blank frames do only where there is
 * nothing else, that an hour is one moment in bounded memory, and that models whose vectors lie close
 * together get moments, too. */
#include <math.h>
#include <string.h>
#include <cut.h>
#include <moments.h>

#define EMBED 64
#define SECOND G_GINT64_CONSTANT (1000000000)
#define PIXELS (CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE)

/* What was found, as plain data. */
typedef struct {
  ClipmoeMoment m;
  float vector[EMBED];
  char *thumbnail;
} Found;

static gboolean
take (const ClipmoeMoment *moment, gpointer data) {
  Found found = {.m = *moment};
  memcpy (found.vector, moment->vector, sizeof found.vector);
  if (moment->thumbnail)
    found.thumbnail =
        g_strndup (g_bytes_get_data (moment->thumbnail, NULL), g_bytes_get_size (moment->thumbnail));
  g_array_append_val ((GArray *)data, found);
  return TRUE;
}

static gboolean
take_one (const ClipmoeMoment *moment, gpointer data) {
  take (moment, data);
  return FALSE;
}

static void
clear (gpointer found) {
  g_free (((Found *)found)->thumbnail);
}

static GArray *
found_new (void) {
  GArray *found = g_array_new (FALSE, FALSE, sizeof (Found));
  g_array_set_clear_func (found, clear);
  return found;
}

static void
unit (float *v) {
  double sum = 0;
  for (guint i = 0; i < EMBED; i++)
    sum += (double)v[i] * v[i];
  for (guint i = 0; i < EMBED; i++)
    v[i] = (float)(v[i] / sqrt (sum));
}

/* A direction of its own for each @seed, any two at about a right angle; @common pulls all towards one. */
static void
direction (float *v, guint seed, double common) {
  GRand *rand = g_rand_new_with_seed (seed);
  for (guint i = 0; i < EMBED; i++)
    v[i] = (float)(g_rand_double_range (rand, -1, 1));
  g_rand_free (rand);
  unit (v);
  for (guint i = 0; i < EMBED; i++)
    v[i] = (float)(v[i] + common / sqrt (EMBED));
  unit (v);
}

/* A vector at @cosine to @v. */
static void
beside (float *out, const float *v, double cosine, guint seed) {
  float other[EMBED];
  double dot = 0;
  direction (other, seed, 0);
  for (guint i = 0; i < EMBED; i++)
    dot += (double)v[i] * other[i];
  for (guint i = 0; i < EMBED; i++)
    other[i] = (float)(other[i] - dot * v[i]);
  unit (other);
  for (guint i = 0; i < EMBED; i++)
    out[i] = (float)(cosine * v[i] + sqrt (1 - cosine * cosine) * other[i]);
}

static void
add (ClipmoeMoments *moments, double seconds, const float *v, const guint8 *luma, const char *thumbnail) {
  GBytes *bytes = thumbnail ? g_bytes_new (thumbnail, strlen (thumbnail)) : NULL;
  ClipmoeMomentLook look = {.time = (gint64)(seconds * SECOND),
                            .at = (gint64)(seconds * 1000000),
                            .embedding = v,
                            .luma = luma,
                            .thumbnail = bytes};
  g_assert_true (clipmoe_moments_add (moments, &look));
  if (bytes)
    g_bytes_unref (bytes);
}

static void
assert_moment (const GArray *found, guint i, double start, double end, double time, ClipmoeWhy why,
               guint looks) {
  g_assert_cmpuint (i, <, found->len);
  const ClipmoeMoment *m = &g_array_index (found, Found, i).m;
  g_assert_cmpint (m->start, ==, (gint64)(start * SECOND));
  g_assert_cmpint (m->end, ==, (gint64)(end * SECOND));
  g_assert_cmpint (m->time, ==, (gint64)(time * SECOND));
  g_assert_cmpint (m->at, ==, (gint64)(time * 1000000));
  g_assert_cmpint (m->why, ==, why);
  g_assert_cmpuint (m->looks, ==, looks);
}

static void
test_same (void) {
  GArray *found = found_new ();
  ClipmoeMoments *moments = clipmoe_moments_new (EMBED, NULL, take, found);
  float a[EMBED], near[EMBED], far[EMBED], b[EMBED];
  direction (a, 1, 0);
  direction (b, 2, 0);
  beside (near, a, 0.951, 3);
  beside (far, a, 0.949, 4);
  add (moments, 0, a, NULL, "0");
  add (moments, 2, near, NULL, "2");
  add (moments, 4, a, NULL, "4");
  add (moments, 6, far, NULL, "6"); /* less than 0.95 like the first */
  add (moments, 8, b, NULL, "8");
  g_assert_true (clipmoe_moments_finish (moments, 9 * SECOND));
  g_assert_cmpuint (found->len, ==, 3);
  assert_moment (found, 0, 0, 6, 0, CLIPMOE_WHY_MEDOID, 3);
  assert_moment (found, 1, 6, 8, 6, CLIPMOE_WHY_ONLY, 1);
  assert_moment (found, 2, 8, 9, 8, CLIPMOE_WHY_ONLY, 1);
  g_assert_cmpstr (g_array_index (found, Found, 1).thumbnail, ==, "6");
  g_assert_cmpmem (g_array_index (found, Found, 1).vector, sizeof far, far, sizeof far);
  g_assert_true (clipmoe_moments_finish (moments, -1)); /* nothing runs */
  g_assert_cmpuint (found->len, ==, 3);
  /* the next stream; its end is not known */
  add (moments, 0, b, NULL, NULL);
  add (moments, 2, b, NULL, NULL);
  clipmoe_moments_finish (moments, -1);
  assert_moment (found, 3, 0, 2, 0, CLIPMOE_WHY_MEDOID, 2);
  clipmoe_moments_free (moments);
  g_array_unref (found);
}

/* A strict `same`, and a drift: each look is like the one before it, and not like the first. */
static void
test_drift (void) {
  GArray *found = found_new ();
  ClipmoeMoments *moments = clipmoe_moments_new (EMBED, &(ClipmoeMomentRules){.same = 0.93}, take, found);
  float x[EMBED], y[EMBED], v[EMBED];
  direction (x, 1, 0);
  beside (y, x, 0, 2);
  for (guint i = 0; i < 10; i++) { /* 10 degrees a look; 0.93 is 21.6 degrees */
    for (guint j = 0; j < EMBED; j++)
      v[j] = (float)(cos (i * G_PI / 18) * x[j] + sin (i * G_PI / 18) * y[j]);
    add (moments, i, v, NULL, NULL);
  }
  clipmoe_moments_finish (moments, -1);
  g_assert_cmpuint (found->len, ==, 4);
  assert_moment (found, 0, 0, 3, 1, CLIPMOE_WHY_MEDOID, 3);
  assert_moment (found, 1, 3, 6, 4, CLIPMOE_WHY_MEDOID, 3);
  assert_moment (found, 2, 6, 9, 7, CLIPMOE_WHY_MEDOID, 3);
  assert_moment (found, 3, 9, 9, 9, CLIPMOE_WHY_ONLY, 1);
  clipmoe_moments_free (moments);
  g_array_unref (found);
}

/* Of a, and four around b, the one closest to all others: b itself. */
static void
test_medoid (void) {
  GArray *found = found_new ();
  ClipmoeMoments *moments = clipmoe_moments_new (EMBED, NULL, take, found);
  float a[EMBED], b[EMBED], v[EMBED];
  direction (a, 1, 0);
  beside (b, a, 0.98, 2);
  add (moments, 0, a, NULL, "a");
  for (guint i = 0; i < 4; i++) {
    beside (v, b, 0.995, 10 + i);
    add (moments, 1 + i, v, NULL, "around");
  }
  add (moments, 5, b, NULL, "b");
  clipmoe_moments_finish (moments, 6 * SECOND);
  g_assert_cmpuint (found->len, ==, 1);
  assert_moment (found, 0, 0, 6, 5, CLIPMOE_WHY_MEDOID, 6);
  g_assert_cmpstr (g_array_index (found, Found, 0).thumbnail, ==, "b");
  clipmoe_moments_free (moments);
  g_array_unref (found);
}

static void
count_down (gpointer number) {
  --*(guint *)number;
}

/* The look that stands for an hour comes from all of it, and few are held meanwhile. */
static void
test_hour (void) {
  GArray *found = found_new ();
  ClipmoeMoments *moments = clipmoe_moments_new (EMBED, NULL, take, found);
  float a[EMBED], v[EMBED];
  guint alive = 0, most = 0; /* thumbnails that somebody holds */
  direction (a, 1, 0);
  for (guint i = 0; i < 1800; i++) {
    beside (v, a, i == 1024 ? 0.99999 : 0.99, 100 + i);
    alive++;
    GBytes *bytes = g_bytes_new_with_free_func ("x", 1, count_down, &alive);
    ClipmoeMomentLook look = {.time = i * 2 * SECOND, .at = i * 2000000, .embedding = v, .thumbnail = bytes};
    g_assert_true (clipmoe_moments_add (moments, &look));
    g_bytes_unref (bytes);
    most = MAX (most, alive);
  }
  clipmoe_moments_finish (moments, 3600 * SECOND);
  g_assert_cmpuint (alive, ==, 0);
  g_assert_cmpuint (most, >=, 16);
  g_assert_cmpuint (most, <=, 33);
  g_assert_cmpuint (found->len, ==, 1);
  assert_moment (found, 0, 0, 3600, 2048, CLIPMOE_WHY_MEDOID,
                 1800); /* look 1024 is on every grid up to then */
  clipmoe_moments_free (moments);
  g_array_unref (found);
}

/* Squares of random grey, @side pixels each. */
static void
fill (guint8 *luma, guint side) {
  guint8 blocks[CLIPMOE_LUMA_SIDE][CLIPMOE_LUMA_SIDE];
  GRand *rand = g_rand_new_with_seed (side);
  for (guint i = 0; i < PIXELS; i++)
    blocks[i / CLIPMOE_LUMA_SIDE][i % CLIPMOE_LUMA_SIDE] = (guint8)g_rand_int_range (rand, 0, 140);
  g_rand_free (rand);
  for (guint i = 0; i < PIXELS; i++)
    luma[i] = blocks[i / CLIPMOE_LUMA_SIDE / side][i % CLIPMOE_LUMA_SIDE / side];
}

static void
test_cut (void) {
  GArray *found = found_new ();
  ClipmoeMoments *moments = clipmoe_moments_new (EMBED, NULL, take, found);
  guint8 one[PIXELS], two[PIXELS];
  float a[EMBED];
  direction (a, 1, 0);
  fill (one, 4);
  fill (two, 7);
  for (guint i = 0; i < PIXELS; i++)
    two[i] = (guint8)(two[i] + 100); /* another shot, and brighter */
  g_assert_true (clipmoe_is_cut (one, two));
  add (moments, 0, a, one, NULL);
  add (moments, 2, a, one, NULL);
  add (moments, 4, a, two, NULL);
  add (moments, 6, a, NULL, NULL); /* unknown: none is looked for, nor with what follows */
  add (moments, 8, a, one, NULL);
  clipmoe_moments_finish (moments, -1);
  g_assert_cmpuint (found->len, ==, 2);
  assert_moment (found, 0, 0, 4, 0, CLIPMOE_WHY_MEDOID, 2);
  assert_moment (found, 1, 4, 8, 4, CLIPMOE_WHY_MEDOID, 3);
  clipmoe_moments_free (moments);
  g_array_unref (found);
}

static void
test_blank (void) {
  GArray *found = found_new ();
  ClipmoeMoments *moments = clipmoe_moments_new (EMBED, NULL, take, found);
  guint8 black[PIXELS] = {0}, dim[PIXELS];
  float a[EMBED], b[EMBED], v[EMBED];
  direction (a, 1, 0);
  direction (b, 2, 0);
  for (guint i = 0; i < PIXELS; i++)
    dim[i] = i < PIXELS / 16 ? 20 : 0; /* a strip of it is lit */
  g_assert_false (clipmoe_is_cut (black, dim));
  /* the model sees little between them, and all but one look are black */
  for (guint i = 0; i < 4; i++)
    add (moments, i, a, black, "black");
  beside (v, a, 0.96, 3);
  add (moments, 4, v, dim, "dim");
  add (moments, 5, a, black, "black");
  add (moments, 6, b, NULL, NULL);
  /* nothing else */
  add (moments, 7, a, black, "first");
  add (moments, 8, a, black, "second");
  clipmoe_moments_finish (moments, -1);
  g_assert_cmpuint (found->len, ==, 3);
  assert_moment (found, 0, 0, 6, 4, CLIPMOE_WHY_MEDOID, 6);
  g_assert_cmpstr (g_array_index (found, Found, 0).thumbnail, ==, "dim");
  g_assert_cmpmem (g_array_index (found, Found, 0).vector, sizeof v, v, sizeof v);
  assert_moment (found, 2, 7, 8, 7, CLIPMOE_WHY_BLANK, 2);
  g_assert_cmpstr (g_array_index (found, Found, 2).thumbnail, ==, "first");
  g_assert_cmpmem (g_array_index (found, Found, 2).vector, sizeof a, a, sizeof a);
  clipmoe_moments_free (moments);
  g_array_unref (found);
}

static void
test_times (void) {
  GArray *found = found_new ();
  ClipmoeMoments *moments = clipmoe_moments_new (
      EMBED, &(ClipmoeMomentRules){.longest = 10 * SECOND, .gap = 5 * SECOND}, take, found);
  float a[EMBED];
  direction (a, 1, 0);
  for (guint i = 0; i < 8; i++)
    add (moments, 2 * i, a, NULL, NULL); /* 0 to 14: longer than 10 */
  add (moments, 20, a, NULL, NULL);      /* 6 later */
  add (moments, 20, a, NULL, NULL);      /* not later */
  add (moments, 3, a, NULL, NULL);       /* back */
  clipmoe_moments_finish (moments, 4 * SECOND);
  g_assert_cmpuint (found->len, ==, 5);
  assert_moment (found, 0, 0, 12, 0, CLIPMOE_WHY_MEDOID, 6);
  assert_moment (found, 1, 12, 14, 12, CLIPMOE_WHY_MEDOID, 2);
  assert_moment (found, 2, 20, 20, 20, CLIPMOE_WHY_ONLY, 1);
  assert_moment (found, 3, 20, 20, 20, CLIPMOE_WHY_ONLY, 1);
  assert_moment (found, 4, 3, 4, 3, CLIPMOE_WHY_ONLY, 1);
  clipmoe_moments_free (moments);
  g_array_unref (found);
}

static void
test_stop (void) {
  GArray *found = found_new ();
  ClipmoeMoments *moments = clipmoe_moments_new (EMBED, NULL, take_one, found);
  float a[EMBED], b[EMBED];
  direction (a, 1, 0);
  direction (b, 2, 0);
  add (moments, 0, a, NULL, NULL);
  g_assert_false (clipmoe_moments_add (moments, &(ClipmoeMomentLook){.time = SECOND, .embedding = b}));
  g_assert_false (clipmoe_moments_finish (moments, -1));
  g_assert_cmpuint (found->len, ==, 2);
  clipmoe_moments_free (moments);
  g_array_unref (found);
}

/* A model all of whose cosines are at least 0.9: shots are 20 looks each, apart by @between in the mean. */
static GArray *
narrow (double common, double unrelated, gboolean cuts, double *lowest) {
  GArray *found = found_new ();
  ClipmoeMoments *moments =
      clipmoe_moments_new (EMBED, &(ClipmoeMomentRules){.unrelated = unrelated}, take, found);
  float shots[24][EMBED], v[EMBED];
  guint8 luma[2][PIXELS];
  fill (luma[0], 4);
  fill (luma[1], 7);
  for (guint i = 0; i < PIXELS; i++)
    luma[1][i] = (guint8)(luma[1][i] + 100);
  *lowest = 1;
  for (guint i = 0; i < G_N_ELEMENTS (shots); i++)
    direction (shots[i], 1000 + i, common);
  for (guint i = 0; i < G_N_ELEMENTS (shots); i++)
    for (guint j = 0; j < i; j++) {
      double dot = 0;
      for (guint k = 0; k < EMBED; k++)
        dot += (double)shots[i][k] * shots[j][k];
      *lowest = MIN (*lowest, dot);
    }
  for (guint i = 0; i < 480; i++) {
    beside (v, shots[i / 20], 0.999, 5000 + i);
    /* the second half of the film is without hard cuts */
    add (moments, 2 * i, v, cuts ? luma[i < 240 ? i / 20 % 2 : 0] : NULL, NULL);
  }
  clipmoe_moments_finish (moments, 960 * SECOND);
  clipmoe_moments_free (moments);
  return found;
}

static void
test_narrow (void) {
  double lowest;
  /* nothing tells how narrow the model is: all is one moment */
  GArray *found = narrow (5.5, 0, FALSE, &lowest);
  g_assert_cmpfloat (lowest, >=, 0.95);
  g_assert_cmpuint (found->len, ==, 1);
  g_array_unref (found);
  /* the archive does */
  found = narrow (5.5, 0.97, FALSE, &lowest);
  g_assert_cmpuint (found->len, ==, 24);
  for (guint i = 0; i < found->len; i++)
    g_assert_cmpint (g_array_index (found, Found, i).m.start, ==, i * 40 * SECOND);
  g_array_unref (found);
  /* hard cuts do, and what they taught holds where there are none */
  found = narrow (5.5, 0, TRUE, &lowest);
  g_assert_cmpuint (found->len, ==, 24);
  for (guint i = 0; i < found->len; i++)
    g_assert_cmpint (g_array_index (found, Found, i).m.start, ==, i * 40 * SECOND);
  g_array_unref (found);
  /* a wide model is not changed by it */
  found = narrow (0, 0, TRUE, &lowest);
  g_assert_cmpfloat (lowest, <, 0.5);
  g_assert_cmpuint (found->len, ==, 24);
  g_array_unref (found);
}

static void
test_unrelated (void) {
  float v[9][EMBED], same[3][EMBED];
  gint64 groups[9];
  for (guint i = 0; i < 9; i++) {
    memset (v[i], 0, sizeof v[i]);
    v[i][0] = 0.6f;
    v[i][1 + i] = 0.8f;
    groups[i] = i / 2;
  }
  g_assert_cmpfloat_with_epsilon (clipmoe_moments_unrelated (v[0], NULL, 9, EMBED), 0.36, 1e-6);
  g_assert_cmpfloat_with_epsilon (clipmoe_moments_unrelated (v[0], groups, 9, EMBED), 0.36, 1e-6);
  g_assert_cmpfloat (clipmoe_moments_unrelated (v[0], NULL, 7, EMBED), ==, 0); /* 21 pairs */
  g_assert_cmpfloat (clipmoe_moments_unrelated (same[0], NULL, 0, EMBED), ==, 0);
  /* those of one group count for nothing: pairs within it would be 1 */
  for (guint i = 1; i < 7; i++)
    memcpy (v[i], v[0], sizeof v[0]);
  for (guint i = 0; i < 9; i++)
    groups[i] = i < 7 ? 0 : i;
  g_assert_cmpfloat (clipmoe_moments_unrelated (v[0], groups, 9, EMBED), ==, 0); /* 15 pairs */
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/moments/same", test_same);
  g_test_add_func ("/moments/drift", test_drift);
  g_test_add_func ("/moments/medoid", test_medoid);
  g_test_add_func ("/moments/hour", test_hour);
  g_test_add_func ("/moments/cut", test_cut);
  g_test_add_func ("/moments/blank", test_blank);
  g_test_add_func ("/moments/times", test_times);
  g_test_add_func ("/moments/stop", test_stop);
  g_test_add_func ("/moments/narrow", test_narrow);
  g_test_add_func ("/moments/unrelated", test_unrelated);
  return g_test_run ();
}
