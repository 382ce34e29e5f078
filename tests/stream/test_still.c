/* Protects when a picture needs no look: what counts as a difference, where it is averaged, that a slow drift
 * is seen, and that an answer does not stay for longer than it may. */
#include <stream/still.h>
#include <math.h>

#define SECOND G_GINT64_CONSTANT (1000000000)

static const float std[3] = {0.25f, 0.5f, 0.125f};

/* @levels of 0 to 255 as the model's input has them, whatever the mean. */
static float
level (guint c, double levels) {
  return (float)(levels / 255 / (double)std[c]);
}

static float *
picture (guint side, double levels) {
  float *p = g_new (float, 3 * (gsize)side * side);
  for (guint c = 0; c < 3; c++)
    for (gsize i = 0; i < (gsize)side * side; i++)
      p[c * side * side + i] = level (c, levels);
  return p;
}

static void
test_difference (void) {
  static const guint sides[] = {1, 7, 8, 32, 37, 224};
  for (guint i = 0; i < G_N_ELEMENTS (sides); i++) {
    guint side = sides[i];
    ClipmoeStill *s = clipmoe_still_new (side, std);
    float *a = picture (side, 100), *b = picture (side, 97.5);
    g_assert_true (isinf (clipmoe_still_difference (s, a)));
    g_assert_false (clipmoe_still_is (s, a, 0, 1000, 0));
    clipmoe_still_remember (s, a, 0);
    g_assert_cmpfloat (clipmoe_still_difference (s, a), ==, 0);
    g_assert_cmpfloat_with_epsilon (clipmoe_still_difference (s, b), 2.5, 1e-3);
    g_assert_true (clipmoe_still_is (s, b, 1, 2.6, 0));
    g_assert_false (clipmoe_still_is (s, b, 1, 2.4, 0));
    g_assert_false (clipmoe_still_is (s, a, 1, 0, 0)); /* less than 0 is nothing */
    clipmoe_still_forget (s);
    g_assert_false (clipmoe_still_is (s, a, 1, 1000, 0));
    g_free (a);
    g_free (b);
    clipmoe_still_free (s);
  }
  clipmoe_still_free (NULL);
}

/* What fills one cell is seen as what fills the picture is; at a border that is no whole cell, too. */
static void
test_cells (void) {
  const guint side = 37; /* four cells and five pixels */
  ClipmoeStill *s = clipmoe_still_new (side, std);
  float *a = picture (side, 50);
  clipmoe_still_remember (s, a, 0);
  for (guint c = 0; c < 3; c++)
    for (guint y = 32; y < side; y++)
      for (guint x = 32; x < side; x++)
        a[(c * side + y) * side + x] = level (c, 70);
  g_assert_cmpfloat_with_epsilon (clipmoe_still_difference (s, a), 20, 1e-3);
  clipmoe_still_remember (s, a, 0);
  a[0] = level (0, 50 + 192); /* one pixel of one colour of 64 */
  g_assert_cmpfloat_with_epsilon (clipmoe_still_difference (s, a), 1, 1e-3);
  clipmoe_still_remember (s, a, 0);
  a[0] = level (0, 50 - 192 + 192); /* either way */
  g_assert_cmpfloat_with_epsilon (clipmoe_still_difference (s, a), 1, 1e-3);
  a[5] = NAN;
  g_assert_false (clipmoe_still_is (s, a, 0, 1000, 0));
  g_free (a);
  clipmoe_still_free (s);
}

/* Each step is far below the threshold. */
static void
test_drift (void) {
  const guint side = 16;
  ClipmoeStill *s = clipmoe_still_new (side, std);
  guint looks = 0;
  for (guint i = 0; i < 100; i++) {
    float *p = picture (side, i * 0.25);
    if (!clipmoe_still_is (s, p, i * SECOND, 1.9, 0)) {
      clipmoe_still_remember (s, p, i * SECOND);
      looks++;
    }
    g_free (p);
  }
  g_assert_cmpuint (looks, ==, 13); /* at 0 and after every eight steps */
  clipmoe_still_free (s);
}

static void
test_most (void) {
  const guint side = 8;
  ClipmoeStill *s = clipmoe_still_new (side, std);
  float *p = picture (side, 9);
  clipmoe_still_remember (s, p, 100 * SECOND);
  g_assert_true (clipmoe_still_is (s, p, 159 * SECOND, 1, 60));
  g_assert_false (clipmoe_still_is (s, p, 160 * SECOND, 1, 60));
  g_assert_false (clipmoe_still_is (s, p, 40 * SECOND, 1, 60)); /* a stream that runs backwards */
  g_assert_true (clipmoe_still_is (s, p, 41 * SECOND, 1, 60));
  g_assert_true (clipmoe_still_is (s, p, G_MAXINT64 / 2, 1, 0));
  g_free (p);
  clipmoe_still_free (s);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/still/difference", test_difference);
  g_test_add_func ("/still/cells", test_cells);
  g_test_add_func ("/still/drift", test_drift);
  g_test_add_func ("/still/most", test_most);
  return g_test_run ();
}
