/* Checks what clipmoe calibrate does to a list that somebody else changes while pictures are looked at, or at
 * the last moment before it is replaced. */
#include <base/random.h>
#include <base/temporary.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "calibratewrite.h"

#define LIST "\357\273\277# doors\r\nred = a red door @ 0.5\r\n[group lamp]\r\non\r\n  off = dark  "

static char *folder, *list, *other;
static void (*meanwhile) (void);

gboolean __real_clipmoe_temporary_write (ClipmoeTemporary *self, const char *path, const void *data,
                                         gsize length, GError **error);
gboolean __wrap_clipmoe_temporary_write (ClipmoeTemporary *self, const char *path, const void *data,
                                         gsize length, GError **error);

/* The text is made, and the list not yet replaced. */
gboolean
__wrap_clipmoe_temporary_write (ClipmoeTemporary *self, const char *path, const void *data, gsize length,
                                GError **error) {
  gboolean ok = __real_clipmoe_temporary_write (self, path, data, length, error);
  if (meanwhile)
    meanwhile ();
  return ok;
}

static void
write_text (const char *path, const char *text) {
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* Not synced: a file system may wait for the disk where a file is emptied. */
static void
write_bytes (const char *path, const char *text) {
  g_unlink (path);
  FILE *f = fopen (path, "w");
  g_assert_nonnull (f);
  fputs (text, f);
  g_assert_cmpint (fclose (f), ==, 0);
}

static void
expect_text (const char *path, const char *text) {
  char *now;
  g_assert_true (g_file_get_contents (path, &now, NULL, NULL));
  g_assert_cmpstr (now, ==, text);
  g_free (now);
}

static void
expect_nothing_left (void) {
  GDir *dir = g_dir_open (folder, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir));)
    g_assert_false (clipmoe_temporary_is_ours (name));
  g_dir_close (dir);
}

/* Thresholds for all labels of a list that was @before and is @now. */
static char *
calibrate (const char *before, const char *now) {
  GError *error = NULL;
  write_text (list, before);
  GPtrArray *labels = clipmoe_label_list_load (list, &error);
  g_assert_no_error (error);
  char *target = clipmoe_calibrate_target (list, labels, NULL, &error), *said = NULL;
  g_assert_no_error (error);
  for (guint i = 0; i < labels->len; i++)
    ((ClipmoeLabel *)labels->pdata[i])->threshold = 0.25;
  write_text (list, now);
  if (!clipmoe_calibrate_write (list, labels, target, TRUE, &error)) {
    g_assert_nonnull (error);
    said = g_strdup (error->message);
    g_error_free (error);
  }
  g_ptr_array_unref (labels);
  g_free (target);
  expect_nothing_left ();
  return said;
}

static void
expect_refused (const char *now, const char *says) {
  char *said = calibrate (LIST, now);
  g_assert_nonnull (said);
  g_assert_nonnull (strstr (said, says));
  g_free (said);
  expect_text (list, now);
}

static void
test_kept (void) {
  g_assert_null (calibrate (LIST, LIST));
  expect_text (
      list,
      "\357\273\277# doors\r\nred = a red door @ 0.25\r\n[group lamp]\r\non @ 0.25\r\n  off = dark @ 0.25  ");
  /* comments and thresholds change no score */
  g_assert_null (calibrate (LIST, "# other\nred = a red door @ 0.75\n[group lamp]\non\noff=dark\n"));
  expect_text (list, "# other\nred = a red door @ 0.25\n[group lamp]\non @ 0.25\noff=dark @ 0.25\n");
  g_assert_null (calibrate ("red = @a.png ; b.png + a door", "red = @a.png;b.png + a door\r"));
  expect_text (list, "red = @a.png;b.png + a door @ 0.25\r");
}

static void
test_changed (void) {
  expect_refused ("red = a green door @ 0.5\n[group lamp]\non\noff = dark\n", "changed meanwhile");
  expect_refused ("red = a red door\non\noff = dark\n", "changed meanwhile");
  expect_refused ("red = a red door\n[group lamp]\non\noff = dark\n[]\ngreen\n", "changed meanwhile");
  expect_refused ("red = @a.png + a red door\n[group lamp]\non\noff = dark\n", "changed meanwhile");
  expect_refused ("red = a red door\n[group lamp]\non\n", "one label in it");
  expect_refused ("", "no label in it");
}

/* Any list that can be read says the same with other thresholds, and what stands around them stays. */
static void
test_any (void) {
  static const char *const parts[] = {
      "a",  "b",           "=",    "@", "\\",       "\\@",          "\\=",    " ",   "  ",  "\t",   "\n",
      "\n", "\r\n",        "\r",   ";", "+",        " + ",          " @ ",    "0.5", "-1",  "1e-3", "[",
      "]",  "[group g]\n", "[]\n", "#", "\302\240", "\357\273\277", "@x.png", " = ", "c\n", "d\n"};
  guint taken = 0;
  for (guint round = 0; round < 5000; round++) {
    ClipmoeRandom random = clipmoe_random_for (7, 1, round);
    GString *text = g_string_new (NULL);
    for (guint n = 1 + clipmoe_random_below (&random, 14); n; n--)
      g_string_append (text, parts[clipmoe_random_below (&random, G_N_ELEMENTS (parts))]);
    write_bytes (list, text->str);
    GPtrArray *labels = clipmoe_label_list_load (list, NULL);
    if (labels) {
      GError *error = NULL;
      for (guint i = 0; i < labels->len; i++)
        ((ClipmoeLabel *)labels->pdata[i])->threshold = 0.25;
      char *now = clipmoe_label_list_rewrite (list, labels, &error);
      g_assert_no_error (error);
      write_bytes (list, now);
      GPtrArray *again = clipmoe_label_list_load (list, &error);
      if (error)
        g_test_message ("%s", text->str);
      g_assert_no_error (error);
      g_assert_cmpuint (again->len, ==, labels->len);
      for (guint i = 0; i < labels->len; i++) {
        const ClipmoeLabel *x = labels->pdata[i], *y = again->pdata[i];
        g_assert_cmpstr (x->name, ==, y->name);
        g_assert_cmpstr (x->prompt, ==, y->prompt);
        g_assert_cmpstr (x->group, ==, y->group);
        g_assert_true (y->threshold == 0.25);
        g_assert_true (x->pictures ? g_strv_equal (x->pictures, y->pictures) : !y->pictures);
      }
      g_ptr_array_unref (again);
      g_ptr_array_unref (labels);
      g_free (now);
      taken++;
    }
    g_string_free (text, TRUE);
  }
  g_assert_cmpuint (taken, >, 250);
}

static void
append (void) {
  g_assert_cmpint (g_file_set_contents (list, "red = mine\n", -1, NULL), ==, TRUE);
}

static void
point_elsewhere (void) {
  g_assert_cmpint (g_unlink (list), ==, 0);
  g_assert_cmpint (symlink (other, list), ==, 0);
}

static void
test_last_moment (void) {
  meanwhile = append;
  char *said = calibrate (LIST, LIST);
  g_assert_nonnull (strstr (said, "changed meanwhile"));
  g_free (said);
  expect_text (list, "red = mine\n");
  meanwhile = point_elsewhere;
  write_text (other, LIST);
  said = calibrate (LIST, LIST);
  g_assert_nonnull (strstr (said, "changed meanwhile"));
  g_free (said);
  expect_text (other, LIST);
  meanwhile = NULL;
  g_assert_cmpint (g_unlink (list), ==, 0);
}

static void
expect_no_target (const char *says) {
  GError *error = NULL;
  GPtrArray *labels = clipmoe_label_list_load (list, &error);
  g_assert_no_error (error);
  g_assert_null (clipmoe_calibrate_target (list, labels, NULL, &error));
  g_assert_nonnull (strstr (error->message, says));
  g_clear_error (&error);
  char *free_place = g_build_filename (folder, "new.labels", NULL),
       *target = clipmoe_calibrate_target (list, labels, free_place, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (target, ==, free_place);
  g_free (target);
  g_free (free_place);
  g_ptr_array_unref (labels);
}

static void
test_file (void) {
  write_text (list, LIST);
  g_assert_cmpint (g_chmod (list, 0444), ==, 0);
  expect_no_target ("may not be written to");
  g_assert_cmpint (g_chmod (list, 0644), ==, 0);
  g_assert_cmpint (g_unlink (other), ==, 0);
  g_assert_cmpint (link (list, other), ==, 0);
  expect_no_target ("several names");
  g_assert_cmpint (g_unlink (other), ==, 0);
  if (geteuid () == 0) {
    struct stat st;
    GError *error = NULL;
    GPtrArray *labels = clipmoe_label_list_load (list, &error);
    ((ClipmoeLabel *)labels->pdata[0])->threshold = 0.25;
    g_assert_cmpint (chown (list, 12345, 23456), ==, 0);
    g_assert_true (clipmoe_calibrate_write (list, labels, list, TRUE, &error));
    g_assert_cmpint (stat (list, &st), ==, 0);
    g_assert_cmpuint (st.st_uid, ==, 12345);
    g_assert_cmpuint (st.st_gid, ==, 23456);
    g_ptr_array_unref (labels);
  }
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("clipmoe-calibratewrite-XXXXXX", NULL);
  list = g_build_filename (folder, "door.labels", NULL);
  other = g_build_filename (folder, "other.labels", NULL);
  g_test_add_func ("/calibratewrite/kept", test_kept);
  g_test_add_func ("/calibratewrite/changed", test_changed);
  g_test_add_func ("/calibratewrite/any", test_any);
  g_test_add_func ("/calibratewrite/last-moment", test_last_moment);
  g_test_add_func ("/calibratewrite/file", test_file);
  int r = g_test_run ();
  g_unlink (list);
  g_unlink (other);
  g_rmdir (folder);
  g_free (folder);
  g_free (list);
  g_free (other);
  return r;
}
