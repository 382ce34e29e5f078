/* Checks what is reported of frames that cannot be looked at, and when a stream ends with an error. */
#include "tagtrouble.h"

/* The first failure is told, then one a minute; ten without one that goes well are given up, of each kind by
 * itself, and anew where other caps come; a stream that ends before that had nothing else. */
static void
test_trouble (void) {
  for (TagTroubleKind kind = 0; kind < TAG_N_TROUBLES; kind++) {
    TagTrouble t = {0};
    gint64 now = 1;
    g_assert_false (tag_trouble_only (&t));
    g_assert_cmpint (tag_trouble_failed (&t, kind, now), ==, TAG_TROUBLE_WARN);
    g_assert_true (tag_trouble_only (&t));
    for (guint i = 1; i < 9; i++)
      g_assert_cmpint (tag_trouble_failed (&t, kind, now += 1000), ==, TAG_TROUBLE_QUIET);
    g_assert_cmpint (tag_trouble_failed (&t, kind, now), ==, TAG_TROUBLE_GIVE_UP);
    t = (TagTrouble){0};
    tag_trouble_went_well (&t, kind);
    for (guint i = 0; i < 600; i++) /* ten a second, for a minute */
      g_assert_cmpint (tag_trouble_failed (&t, kind, now += 100000), ==,
                       i ? TAG_TROUBLE_QUIET : TAG_TROUBLE_WARN);
    g_assert_cmpint (tag_trouble_failed (&t, kind, now += 100000), ==, TAG_TROUBLE_WARN);
    g_assert_false (tag_trouble_only (&t));
    tag_trouble_new_caps (&t);
    for (guint i = 0; i < 9; i++)
      g_assert_cmpint (tag_trouble_failed (&t, kind, now), ==, TAG_TROUBLE_QUIET);
    g_assert_cmpint (tag_trouble_failed (&t, kind, now), ==,
                     kind == TAG_TROUBLE_FRAME ? TAG_TROUBLE_GIVE_UP : TAG_TROUBLE_QUIET);
  }
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trouble/trouble", test_trouble);
  return g_test_run ();
}
