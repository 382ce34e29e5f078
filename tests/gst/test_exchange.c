/* Checks precision=auto with open streams: when a verdict is measured while they run, every stream of the
 * process with that model follows it, and then gives the results of one that opens now; settings stay; a
 * stream may end at any moment of this. */
#include <glib/gstdio.h>
#include <clipmoe/clipmoe.h>
#include "common.h"

static char *
word (GstHarness *h, const char *name) {
  GstStructure *s;
  g_object_get (tagger (h), "stats", &s, NULL);
  char *value = g_strdup (gst_structure_get_string (s, name));
  gst_structure_free (s);
  return value;
}

/* The scores of both labels of one frame, or FALSE: none yet. */
static gboolean
scores (GstHarness *h, guint n, double out[2]) {
  GstBuffer *b = frame (RGB64, n);
  gst_buffer_memset (b, 3000, 9, 5000);
  b = through (h, b);
  const GstStructure *l = look (b, 0);
  gboolean found = l && n_tags (l) == 2;
  for (guint i = 0; i < 2 && found; i++) {
    guint at = g_str_equal (gst_structure_get_string (tag_of (l, i), "label"), "a dog") ? 0 : 1;
    g_assert_true (gst_structure_get_double (tag_of (l, i), "score", &out[at]));
  }
  gst_buffer_unref (b);
  return found;
}

#define TINY "model=clip-tiny labels=\"a dog,a test card\" threshold=0 rate=1 "

static void
test_follow (void) {
  char *list = g_build_filename (g_getenv ("XDG_CACHE_HOME"), "list.txt", NULL);
  char *from_file = g_strdup_printf ("model=clip-tiny threshold=0 rate=1 mode=sync labels-file=%s", list);
  g_assert_true (g_file_set_contents (list, "a dog\na test card\n", -1, NULL));
  const char *lines[] = {TINY "mode=sync",
                         TINY "mode=latest",
                         from_file,
                         TINY "mode=sync threads=1",
                         TINY "mode=sync threads=1 attach-embedding=true",
                         TINY "mode=sync precision=f32"};
  enum { N = G_N_ELEMENTS (lines), SET = N - 1 };
  GstHarness *h[N], *other;
  char *reasons[N];
  double now[2], fresh[2];
  guint n = 0;
  for (guint i = 0; i < N; i++) {
    h[i] = harness (lines[i], RGB64, NULL);
    reasons[i] = word (h[i], "precision-reason");
    char *precision = word (h[i], "precision");
    g_assert_cmpstr (precision, ==, "f32");
    g_free (precision);
  }
  g_assert_cmpint (g_unlink (list), ==, 0);  /* what was read is kept: nobody asks for it anew */
  other = harness ("labels=a", RGB64, NULL); /* another model, whose verdict is never awaited */
  for (gboolean all = FALSE; !all; n++) {
    all = TRUE;
    for (guint i = 0; i < N; i++) {
      scores (h[i], n, now);
      char *reason = word (h[i], "precision-reason");
      gboolean changed = g_strcmp0 (reason, reasons[i]) != 0;
      g_free (reason);
      g_assert_true (!changed || i != SET);
      all = all && (changed || i == SET);
      if (changed && other) { /* in the midst of it */
        done (other, NULL);
        other = NULL;
      }
    }
    g_usleep (20000);
  }
  GstHarness *opened = harness (lines[0], RGB64, NULL);
  for (guint i = 0; i < N; i++)
    g_object_set (tagger (h[i]), "rate", 0.0, NULL);
  char *expected = word (opened, "precision");
  g_assert_true (scores (opened, 0, fresh));
  for (guint i = 0; i < N; i++) {
    char *precision = word (h[i], "precision");
    g_assert_cmpstr (precision, ==, i == SET ? "f32" : expected);
    g_free (precision);
    gboolean same = i == SET;
    for (guint k = 0; k < 5000 && !same; k++) { /* label vectors follow aside */
      same = scores (h[i], n++, now) && now[0] == fresh[0] && now[1] == fresh[1];
      g_usleep (same ? 0 : 2000);
    }
    if (!same)
      g_error ("%s: scores %g %g, a stream that opens now has %g %g", lines[i], now[0], now[1], fresh[0],
               fresh[1]);
    done (h[i], NULL);
    g_free (reasons[i]);
  }
  g_test_message ("the verdict is %s", expected);
  g_free (expected);
  g_free (from_file);
  g_free (list);
  done (opened, NULL);
}

int
main (int argc, char **argv) {
  char *top = g_dir_make_tmp ("clipmoe-exchange-XXXXXX", NULL);
  g_assert_nonnull (top);
  g_setenv ("XDG_CACHE_HOME", top, TRUE);
  g_unsetenv ("CLIPMOE_PRECISION"); /* which the other tests are run with */
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  alarm (800); /* a sanitizer's machine with others on it: who measures waits for all of them */
  g_test_add_func ("/exchange/follow", test_follow);
  int r = g_test_run ();
  clipmoe_cache_wait ();
  char *folder = g_build_filename (top, "clipmoe", NULL);
  GDir *dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    char *path = g_build_filename (folder, name, NULL);
    g_unlink (path);
    g_free (path);
  }
  if (dir)
    g_dir_close (dir);
  g_rmdir (folder);
  g_rmdir (top);
  g_free (folder);
  g_free (top);
  return r;
}
