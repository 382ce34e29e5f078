/* Checks the pictures of reports and contact sheets: each interval's is that of its best look, and a sheet of
 * hits is drawn as one of frames is. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sheetdraw.h>
#include "intervals.h"
#include "picture.h"
#include "sheet.h"
#include "shots.h"

#define SIDE 8

/* A frame of one grey. */
static ClipmoeSmall *
frame (guint8 grey, guint width, guint height) {
  ClipmoeSmall *small = clipmoe_small_new (width, height);
  memset (small->rgb, grey, (gsize)width * height * 3);
  return small;
}

static guint8
grey_of (GBytes *jpeg) {
  gsize length;
  const guint8 *bytes = g_bytes_get_data (jpeg, &length);
  guint8 *rgb, grey;
  guint width, height;
  GError *error = NULL;
  g_assert_true (clipmoe_picture_decode ("it", bytes, length, &rgb, &width, &height, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (width, ==, SIDE);
  grey = rgb[(SIDE / 2 * SIDE + SIDE / 2) * 3];
  g_free (rgb);
  return grey;
}

/* Random looks: the picture that each interval gets shows the number of the look at its peak. */
static void
test_shots (void) {
  static const char *const names[] = {"a", "b", "c", "d"};
  GRand *random = g_rand_new_with_seed (1);
  ClipmoeShots *shots = clipmoe_shots_new (G_MAXUINT);
  for (guint round = 0; round < 20; round++) {
    GPtrArray *looks = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_look_free);
    clipmoe_shots_begin (shots);
    for (guint i = 0; i < 120; i++) {
      ClipmoeTag tags[G_N_ELEMENTS (names)];
      guint n = 0;
      for (guint j = 0; j < G_N_ELEMENTS (names); j++)
        if (g_rand_int_range (random, 0, 4)) /* few digits: equal scores are frequent */
          tags[n++] = (ClipmoeTag){names[j], g_rand_int_range (random, 0, 6) / 7.0, 0};
      ClipmoeLook look = {.source = "s",
                          .model = "m",
                          .time = i * G_GUINT64_CONSTANT (1001000000) / 3,
                          .fresh = TRUE,
                          .tags = tags,
                          .n_tags = n};
      g_ptr_array_add (looks, clipmoe_look_copy (&look));
      if (!clipmoe_shots_wants (shots, &look))
        continue;
      ClipmoeSmall *small = frame ((guint8)(i * 2), SIDE, SIDE);
      clipmoe_shots_add (shots, &look, small);
      clipmoe_small_unref (small);
    }
    const ClipmoeIntervalsFile file = {.source = "s"};
    ClipmoeIntervals *intervals = clipmoe_intervals_new (&file, looks);
    guint n;
    const ClipmoeSpan *spans = clipmoe_intervals_get_spans (intervals, &n);
    g_assert_cmpuint (n, >, 50);
    for (guint i = 0; i < n; i++) {
      GBytes *jpeg = clipmoe_shots_get (shots, spans[i].time);
      g_assert_nonnull (jpeg);
      double look = spans[i].time * 3 / 1.001;
      g_assert_cmpfloat (fabs (grey_of (jpeg) - 2 * look), <, 0.9);
      g_bytes_unref (jpeg);
    }
    clipmoe_intervals_free (intervals);
    g_ptr_array_unref (looks);
  }
  g_assert_false (clipmoe_shots_is_full (shots));
  clipmoe_shots_free (shots);
  g_rand_free (random);
}

/* Not more pictures than asked for, and it says so. */
static void
test_shots_full (void) {
  ClipmoeShots *shots = clipmoe_shots_new (3);
  guint kept = 0;
  for (guint file = 0; file < 5; file++) {
    ClipmoeTag tag = {"a", 0.5, 0};
    ClipmoeLook look = {.source = "s", .model = "m", .fresh = TRUE, .tags = &tag, .n_tags = 1};
    ClipmoeSmall *small = frame (1, SIDE, SIDE);
    clipmoe_shots_begin (shots);
    if (clipmoe_shots_wants (shots, &look))
      clipmoe_shots_add (shots, &look, small);
    GBytes *jpeg = clipmoe_shots_get (shots, 0);
    kept += jpeg != NULL;
    g_clear_pointer (&jpeg, g_bytes_unref);
    clipmoe_small_unref (small);
  }
  g_assert_cmpuint (kept, ==, 3);
  g_assert_true (clipmoe_shots_is_full (shots));
  clipmoe_shots_free (shots);
}

/* A sheet of hits, one without a picture, one with a damaged one. */
static void
test_sheet (void) {
  ClipmoeSmall *pixels = frame (200, SIDE, SIDE), *large = frame (0, 320, 200);
  GBytes *small = clipmoe_small_to_jpeg (pixels), *wide = clipmoe_small_to_jpeg (large),
         *damaged = g_bytes_new_static ("\xff\xd8\xff\xe0 no picture", 15);
  ClipmoeSheet *sheet = clipmoe_sheet_new ();
  GBytes *thumbnails[] = {small, NULL, damaged, wide, small};
  for (guint i = 0; i < G_N_ELEMENTS (thumbnails); i++) {
    const ClipmoeSpan span = {.file = "/x/\xff\n.mp4",
                              .label = "red van",
                              .timed = i != 1,
                              .time = 3.5,
                              .score = i == 4 ? (double)NAN : 0.5,
                              .cosine = NAN,
                              .distance = NAN,
                              .thumbnail = thumbnails[i]};
    clipmoe_sheet_add_span (sheet, &span);
  }
  char *folder = g_dir_make_tmp ("clipmoe-sheet-XXXXXX", NULL),
       *path = g_build_filename (folder, "s.png", NULL);
  GError *error = NULL;
  clipmoe_sheet_write (sheet, path, &error);
  g_assert_no_error (error);
  guint8 *rgb;
  guint width, height;
  clipmoe_picture_load (path, &rgb, &width, &height, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (width, ==, 4 * (CLIPMOE_SHEET_WIDTH + 16) + 16);
  g_assert_cmpuint (height, ==, 2 * (200 + 4 * 20 + 16 + 4) + 16); /* the tallest is 320 x 200 */
  const guint8 *middle = rgb + ((gsize)(16 + 200 - SIDE / 2) * width + 16 + CLIPMOE_SHEET_WIDTH / 2) * 3;
  g_assert_cmpint (abs (middle[0] - 200), <, 4); /* the small picture stands on its line, in the middle */
  g_free (rgb);
  g_unlink (path);
  g_rmdir (folder);
  clipmoe_sheet_free (sheet);
  ClipmoeSheet *none = clipmoe_sheet_new ();
  g_assert_false (clipmoe_sheet_write (none, path, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_error_free (error);
  clipmoe_sheet_free (none);
  g_free (path);
  g_free (folder);
  g_bytes_unref (small);
  g_bytes_unref (damaged);
  g_bytes_unref (wide);
  clipmoe_small_unref (pixels);
  clipmoe_small_unref (large);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pictures/shots", test_shots);
  g_test_add_func ("/pictures/shots full", test_shots_full);
  g_test_add_func ("/pictures/sheet", test_sheet);
  return g_test_run ();
}
