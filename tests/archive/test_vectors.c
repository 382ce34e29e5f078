/* Protects: a vector file gives back what was appended; what a killed or failed writer left behind the rows
 * that count never does harm; damage, strange headers and files that are cut short are one clear sentence and
 * never a signal. */
#include <base/half.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "place.h"
#include "rowfile.h"
#include "vectors.h"

#define MODEL "test@0123456789abcdef"
#define BLOCK CLIPMOE_VECTOR_BLOCK

static ClipmoeVectors *
open_vectors (const char *path, guint embed, guint64 rows, gboolean write) {
  GError *error = NULL;
  ClipmoeVectors *v = clipmoe_vectors_open (path, MODEL, embed, rows, write, &error);
  g_assert_no_error (error);
  g_assert_nonnull (v);
  return v;
}

/* Rows number.. of the test's vectors. */
static void
append (ClipmoeVectors *v, guint64 number, guint n) {
  GError *error = NULL;
  guint64 before = clipmoe_vectors_get_rows (v), first;
  float *some = place_vectors (number, n, clipmoe_vectors_get_embed (v));
  clipmoe_vectors_append (v, some, n, &first, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (first, ==, before);
  g_assert_cmpuint (clipmoe_vectors_get_rows (v), ==, before + n);
  g_free (some);
}

/* Row @row is vector @number, rounded to f16. */
static void
check_row (const ClipmoeVectors *v, guint64 row, guint64 number) {
  float want[CLIPMOE_MAX_EMBED], got[CLIPMOE_MAX_EMBED];
  GError *error = NULL;
  guint embed = clipmoe_vectors_get_embed (v);
  place_vector (number, embed, want);
  clipmoe_vectors_get (v, row, got, &error);
  g_assert_no_error (error);
  for (guint k = 0; k < embed; k++)
    g_assert_cmpfloat (got[k], ==, clipmoe_f16_to_f32 (clipmoe_f32_to_f16 (want[k])));
}

static void
check_sound (const ClipmoeVectors *v) {
  GError *error = NULL;
  GArray *damaged = g_array_new (FALSE, FALSE, sizeof (guint64));
  clipmoe_vectors_verify (v, damaged, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (damaged->len, ==, 0);
  g_array_unref (damaged);
}

/* The error is of this kind and says these words. */
static void
check_error (GError **error, ClipmoeError code, const char *words) {
  g_assert_error (*error, CLIPMOE_ERROR, (int)code);
  if (!strstr ((*error)->message, words))
    g_error ("\"%s\" does not say \"%s\"", (*error)->message, words);
  g_clear_error (error);
}

static void
check_refused (const char *path, const char *model, guint embed, guint64 rows, gboolean write,
               ClipmoeError code, const char *words) {
  GError *error = NULL;
  ClipmoeVectors *v = clipmoe_vectors_open (path, model, embed, rows, write, &error);
  g_assert_null (v);
  check_error (&error, code, words);
}

static void
poke (const char *path, guint64 offset, const void *data, gsize n) {
  int fd = open (path, O_WRONLY);
  g_assert_cmpint (pwrite (fd, data, n, (off_t)offset), ==, n);
  close (fd);
}

static void
flip (const char *path, guint64 offset) {
  guint8 byte = 0;
  int fd = open (path, O_RDWR);
  g_assert_cmpint (pread (fd, &byte, 1, (off_t)offset), ==, 1);
  byte ^= 0x10;
  g_assert_cmpint (pwrite (fd, &byte, 1, (off_t)offset), ==, 1);
  close (fd);
}

static guint64
size_of (const char *path) {
  GStatBuf st;
  g_assert_cmpint (g_stat (path, &st), ==, 0);
  return (guint64)st.st_size;
}

/* Appends of many sizes, over the borders of blocks and of groups; a writer that comes again; a reader that
 * grows. */
static void
test_round_trip (void) {
  static const guint sizes[] = {1, 2, 1021, 1, 1024, 3000, 1, 70000, 70000, 5};
  char *path = place ("round");
  const guint embed = 3;
  guint64 rows = 0;
  ClipmoeVectors *w = open_vectors (path, embed, 0, TRUE), *r = open_vectors (path, embed, 0, FALSE);
  check_sound (w);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    append (w, rows, sizes[i]);
    rows += sizes[i];
    if (i % 2) {
      clipmoe_vectors_close (w);
      w = open_vectors (path, embed, rows, TRUE);
    }
    g_assert_cmpuint (size_of (path), ==, clipmoe_row_end (embed, rows));
    GError *error = NULL;
    clipmoe_vectors_grow (r, rows, &error);
    g_assert_no_error (error);
    check_row (r, rows - 1, rows - 1);
    check_sound (w);
    check_sound (r);
  }
  for (guint64 row = 0; row < rows; row += 97)
    check_row (r, row, row);
  GError *error = NULL;
  float out[3];
  g_assert_false (clipmoe_vectors_get (r, rows, out, &error));
  check_error (&error, CLIPMOE_ERROR_ARGUMENT, "there is no row");
  g_assert_false (clipmoe_vectors_grow (r, rows + 1, &error));
  check_error (&error, CLIPMOE_ERROR_FORMAT, "the file has");
  g_assert_false (clipmoe_vectors_append (r, out, 1, &rows, &error));
  check_error (&error, CLIPMOE_ERROR_ARGUMENT, "for reading");
  clipmoe_vectors_close (r);
  clipmoe_vectors_close (w);
  clipmoe_vectors_remove (path, &error);
  g_assert_no_error (error);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  clipmoe_vectors_remove (path, &error);
  g_assert_no_error (error);
  g_free (path);
}

/* Every dimension that is not a round one, too. */
static void
test_dimensions (void) {
  static const guint embeds[] = {1, 2, 63, 64, 65, 512, 1152, CLIPMOE_MAX_EMBED};
  for (guint i = 0; i < G_N_ELEMENTS (embeds); i++) {
    char *path = place ("dimensions");
    GError *error = NULL;
    ClipmoeVectors *w = open_vectors (path, embeds[i], 0, TRUE);
    append (w, 0, 3);
    append (w, 3, 4);
    for (guint row = 0; row < 7; row++)
      check_row (w, row, row);
    check_sound (w);
    clipmoe_vectors_close (w);
    clipmoe_vectors_remove (path, &error);
    g_assert_no_error (error);
    g_free (path);
  }
}

/* Whatever is not a unit vector would break the bounds and the meaning of cosines. */
static void
test_no_unit_vectors (void) {
  static const float bad[][2] = {{0, 0}, {1, 1}, {NAN, 0}, {INFINITY, 0}, {0.98f, 0}};
  char *path = place ("unit");
  ClipmoeVectors *w = open_vectors (path, 2, 0, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    GError *error = NULL;
    guint64 first;
    g_assert_false (clipmoe_vectors_append (w, bad[i], 1, &first, &error));
    check_error (&error, CLIPMOE_ERROR_ARGUMENT, "length");
    g_assert_cmpuint (clipmoe_vectors_get_rows (w), ==, 0);
  }
  clipmoe_vectors_close (w);
  g_free (path);
}

/* What is not such a file, or is another one. */
static void
test_strangers (void) {
  char *path = place ("stranger"), *folder = place ("folder"), *pipe = place ("pipe"), *none = place ("none");
  const guint embed = 4;
  ClipmoeVectors *w = open_vectors (path, embed, 0, TRUE);
  append (w, 0, 10);
  clipmoe_vectors_close (w);
  check_refused (path, "other@1\n", embed, 10, FALSE, CLIPMOE_ERROR_MISMATCH, "not of other@1");
  check_refused (path, MODEL, 5, 10, FALSE, CLIPMOE_ERROR_MISMATCH, "4 dimensions, expected 5");
  check_refused (path, MODEL, 0, 10, FALSE, CLIPMOE_ERROR_LIMIT, "0 dimensions");
  check_refused (path, MODEL, 4097, 10, FALSE, CLIPMOE_ERROR_LIMIT, "4097 dimensions");
  check_refused (path, MODEL, embed, 11, FALSE, CLIPMOE_ERROR_FORMAT, "the file has");
  check_refused (path, MODEL, embed, 11, TRUE, CLIPMOE_ERROR_FORMAT, "the file has");
  check_refused (path, MODEL, embed, G_MAXUINT64, FALSE, CLIPMOE_ERROR_LIMIT, "the limit is");
  check_refused (none, MODEL, embed, 0, FALSE, CLIPMOE_ERROR_IO, "cannot open");
  check_refused (none, MODEL, embed, 1, TRUE, CLIPMOE_ERROR_IO, "cannot open");
  g_assert_false (g_file_test (none, G_FILE_TEST_EXISTS));
  g_mkdir (folder, 0700);
  check_refused (folder, MODEL, embed, 0, FALSE, CLIPMOE_ERROR_IO, "not a regular file");
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  check_refused (pipe, MODEL, embed, 0, FALSE, CLIPMOE_ERROR_IO, "not a regular file");
  for (guint i = 0; i < 64; i++) { /* every byte of what is fixed in the header */
    flip (path, i);
    GError *error = NULL;
    g_assert_null (clipmoe_vectors_open (path, MODEL, embed, 10, FALSE, &error));
    check_error (&error, i >= 16 && i < 20 ? CLIPMOE_ERROR_UNSUPPORTED : CLIPMOE_ERROR_FORMAT,
                 i < 16   ? "not a vector file"
                 : i < 20 ? "of version"
                          : "header is damaged");
    flip (path, i);
  }
  g_assert_cmpint (truncate (path, 4095), ==, 0);
  check_refused (path, MODEL, embed, 0, FALSE, CLIPMOE_ERROR_FORMAT, "4095 bytes");
  char *longest = g_strnfill (CLIPMOE_MAX_MODEL_ID + 1, 'x');
  check_refused (none, longest, embed, 0, TRUE, CLIPMOE_ERROR_LIMIT, "1025 bytes");
  longest[CLIPMOE_MAX_MODEL_ID] = 0;
  w = clipmoe_vectors_open (none, longest, embed, 0, TRUE, NULL);
  g_assert_nonnull (w);
  clipmoe_vectors_close (w);
  clipmoe_vectors_close (NULL);
  g_free (longest);
  g_free (path);
  g_free (folder);
  g_free (pipe);
  g_free (none);
}

/* Rows behind those that count are gone after the next opening for writing, whole blocks of them and their
 * sums, too; a reader does not see them before. */
static void
test_left_behind (void) {
  static const guint kept[] = {0, 1, 500, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3000};
  for (guint i = 0; i < G_N_ELEMENTS (kept); i++)
    for (guint more = 1; more < 4000; more = more * 7 + 2) {
      char *path = place ("left");
      GError *error = NULL;
      ClipmoeVectors *w = open_vectors (path, 4, 0, TRUE);
      if (kept[i])
        append (w, 0, kept[i]);
      append (w, 10000, more);
      append (w, 20000, 1);
      clipmoe_vectors_close (w);
      ClipmoeVectors *r = open_vectors (path, 4, kept[i], FALSE);
      check_sound (r);
      w = open_vectors (path, 4, kept[i], TRUE);
      check_sound (r);
      check_sound (w);
      g_assert_cmpuint (size_of (path), ==, clipmoe_row_end (4, kept[i]));
      append (w, 30000, 1500);
      check_sound (r);
      check_sound (w);
      check_row (w, kept[i], 30000);
      check_row (w, kept[i] + 1499, 31499);
      if (kept[i])
        check_row (w, kept[i] - 1, kept[i] - 1);
      clipmoe_vectors_close (r);
      clipmoe_vectors_close (w);
      clipmoe_vectors_remove (path, &error);
      g_assert_no_error (error);
      g_free (path);
    }
}

static void
test_damage (void) {
  const guint embed = 8, n = 3 * BLOCK + 100;
  char *path = place ("damage"), *copy = place ("copy");
  GError *error = NULL;
  ClipmoeVectors *w = open_vectors (path, embed, 0, TRUE);
  append (w, 0, n);
  clipmoe_vectors_close (w);
  ClipmoeVectors *r = open_vectors (path, embed, n, FALSE);
  for (guint row = 0; row < n; row += 511) { /* one byte of one row */
    guint64 at = clipmoe_row_offset (embed, row) + row % (embed * 2), block = row / BLOCK;
    flip (path, at);
    GArray *damaged = g_array_new (FALSE, FALSE, sizeof (guint64));
    g_assert_false (clipmoe_vectors_verify (r, damaged, &error));
    char *words = g_strdup_printf ("rows %u to %u are damaged", (guint)block * BLOCK,
                                   MIN (n, (guint)(block + 1) * BLOCK) - 1);
    check_error (&error, CLIPMOE_ERROR_FORMAT, words);
    g_assert_cmpuint (damaged->len, ==, 1);
    g_assert_cmpuint (g_array_index (damaged, guint64, 0), ==, block * BLOCK);
    g_array_unref (damaged);
    /* such rows are not copied, others are */
    guint64 wanted[] = {(block + 1) % 4 * BLOCK, block * BLOCK};
    g_assert_false (clipmoe_vectors_copy (r, copy, wanted, 2, &error));
    check_error (&error, CLIPMOE_ERROR_FORMAT, words);
    g_assert_false (g_file_test (copy, G_FILE_TEST_EXISTS));
    g_assert_true (clipmoe_vectors_copy (r, copy, wanted, 1, &error));
    g_assert_cmpint (g_unlink (copy), ==, 0);
    if (block == 3) /* appends would hide it */
      check_refused (path, MODEL, embed, n, TRUE, CLIPMOE_ERROR_FORMAT, words);
    g_free (words);
    flip (path, at);
    check_sound (r);
  }
  /* a sum itself, in both slots */
  guint64 slots = clipmoe_slot_offset (embed, 1);
  flip (path, slots + 8);
  flip (path, slots + 24);
  g_assert_false (clipmoe_vectors_verify (r, NULL, &error));
  check_error (&error, CLIPMOE_ERROR_FORMAT, "rows 1024 to 2047 are damaged");
  flip (path, slots + 8);
  check_sound (r);
  /* sums that strangers wrote */
  ClipmoeBlockSlot odd[2] = {{G_MAXUINT32, 0, 0}, {BLOCK + 1, 0, 0}};
  poke (path, slots, odd, sizeof odd);
  g_assert_false (clipmoe_vectors_verify (r, NULL, &error));
  check_error (&error, CLIPMOE_ERROR_FORMAT, "rows 1024 to 2047 are damaged");
  clipmoe_vectors_close (r);
  g_unlink (path);
  g_free (copy);
  g_free (path);
}

static void
test_copy (void) {
  const guint embed = 5, n = 5000;
  char *path = place ("from"), *copy = place ("copy");
  GError *error = NULL;
  guint64 *rows = g_new (guint64, n);
  guint kept = 0;
  ClipmoeVectors *w = open_vectors (path, embed, 0, TRUE);
  append (w, 0, n);
  for (guint row = 0; row < n; row++)
    if (row % 3 && (row < 1500 || row > 4000))
      rows[kept++] = row;
  clipmoe_vectors_copy (w, copy, rows, kept, &error);
  g_assert_no_error (error);
  ClipmoeVectors *c = open_vectors (copy, embed, kept, TRUE);
  check_sound (c);
  for (guint i = 0; i < kept; i++)
    check_row (c, i, rows[i]);
  append (c, 7, 3);
  check_row (c, kept + 2, 9);
  check_sound (c);
  clipmoe_vectors_close (c);
  rows[1] = n;
  g_assert_false (clipmoe_vectors_copy (w, copy, rows, 2, &error));
  check_error (&error, CLIPMOE_ERROR_ARGUMENT, "there is no row 5000");
  c = open_vectors (copy, embed, kept + 3, FALSE); /* the one that was there is untouched */
  check_sound (c);
  clipmoe_vectors_close (c);
  g_assert_true (clipmoe_vectors_copy (w, copy, NULL, 0, &error));
  c = open_vectors (copy, embed, 0, FALSE);
  check_sound (c);
  clipmoe_vectors_close (c);
  clipmoe_vectors_close (w);
  g_free (rows);
  g_unlink (path);
  g_unlink (copy);
  g_free (path);
  g_free (copy);
}

static void
test_cut_short (void) {
  char *path = place ("short");
  GError *error = NULL;
  float out[16];
  ClipmoeVectors *w = open_vectors (path, 16, 0, TRUE);
  append (w, 0, 3000);
  ClipmoeVectors *r = open_vectors (path, 16, 3000, FALSE);
  g_assert_cmpint (truncate (path, 50000), ==, 0);
  g_assert_false (clipmoe_vectors_get (r, 2999, out, &error));
  check_error (&error, CLIPMOE_ERROR_IO, "was cut short");
  check_row (r, 0, 0);
  GArray *damaged = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_assert_false (clipmoe_vectors_verify (r, damaged, &error));
  check_error (&error, CLIPMOE_ERROR_IO, "was cut short");
  g_assert_cmpuint (damaged->len, ==, 2);
  g_array_unref (damaged);
  clipmoe_vectors_close (r);
  clipmoe_vectors_close (w);
  g_unlink (path);
  g_free (path);
}

/* No room: nothing of the append counts, and the file goes on as soon as there is some. */
static void
test_full (void) {
  char *path = place ("full");
  ClipmoeVectors *w = open_vectors (path, 8, 0, TRUE);
  struct rlimit before, small;
  append (w, 0, 700);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  signal (SIGXFSZ, SIG_IGN);
  float *some = place_vectors (100, 4000, 8);
  for (guint over = 1; over < 4000; over = over * 4 + 1) {
    small = (struct rlimit){clipmoe_row_end (8, 700 + over), before.rlim_max};
    g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
    GError *error = NULL;
    guint64 first;
    g_assert_false (clipmoe_vectors_append (w, some, 4000, &first, &error));
    check_error (&error, CLIPMOE_ERROR_IO, "cannot write");
    g_assert_cmpuint (clipmoe_vectors_get_rows (w), ==, 700);
    check_sound (w);
    g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  }
  append (w, 700, 1000);
  check_sound (w);
  for (guint row = 0; row < 1700; row++)
    check_row (w, row, row);
  clipmoe_vectors_close (w);
  w = open_vectors (path, 8, 1700, TRUE);
  check_sound (w);
  clipmoe_vectors_close (w);
  g_free (some);
  g_unlink (path);
  g_free (path);
}

#define KILLS 25

/* A writer that tells how many rows count, after each append, until it is killed. */
static void
write_until_killed (const char *path, guint64 rows, int tell) {
  ClipmoeVectors *w = open_vectors (path, 32, rows, TRUE);
  ClipmoeRandom r = clipmoe_random_for (3, 0, rows);
  for (;;) {
    append (w, rows, 1 + clipmoe_random_below (&r, clipmoe_random_below (&r, 8) ? 40 : 2500));
    rows = clipmoe_vectors_get_rows (w);
    if (write (tell, &rows, sizeof rows) != sizeof rows)
      _exit (1);
  }
}

/* At any instant: the rows of which it was told are there and sound, and so is the file for a writer. */
static void
test_killed (void) {
  char *path = place ("killed");
  guint64 rows = 0;
  ClipmoeRandom r = clipmoe_random_for (4, 0, 0);
  for (guint kill_number = 0; kill_number < KILLS; kill_number++) {
    int ends[2];
    g_assert_cmpint (pipe (ends), ==, 0);
    pid_t child = fork ();
    g_assert_cmpint (child, >=, 0);
    if (!child) {
      close (ends[0]);
      write_until_killed (path, rows, ends[1]);
    }
    close (ends[1]);
    guint appends = clipmoe_random_below (&r, 4); /* then somewhere in the one after them */
    for (guint64 n; appends && read (ends[0], &n, sizeof n) == sizeof n; appends--)
      rows = n;
    g_usleep (clipmoe_random_below (&r, 3000));
    kill (child, SIGKILL);
    waitpid (child, NULL, 0);
    for (guint64 n; read (ends[0], &n, sizeof n) == sizeof n;)
      rows = n;
    close (ends[0]);
    if (!rows)
      continue;
    ClipmoeVectors *v = open_vectors (path, 32, rows, FALSE);
    check_sound (v);
    check_row (v, rows - 1, rows - 1);
    clipmoe_vectors_close (v);
  }
  g_assert_cmpuint (rows, >, 0);
  ClipmoeVectors *w = open_vectors (path, 32, rows, TRUE);
  check_sound (w);
  for (guint64 row = 0; row < rows; row++)
    check_row (w, row, row);
  clipmoe_vectors_close (w);
  g_unlink (path);
  g_free (path);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vectors/round-trip", test_round_trip);
  g_test_add_func ("/vectors/dimensions", test_dimensions);
  g_test_add_func ("/vectors/no-unit-vectors", test_no_unit_vectors);
  g_test_add_func ("/vectors/strangers", test_strangers);
  g_test_add_func ("/vectors/left-behind", test_left_behind);
  g_test_add_func ("/vectors/damage", test_damage);
  g_test_add_func ("/vectors/copy", test_copy);
  g_test_add_func ("/vectors/cut-short", test_cut_short);
  g_test_add_func ("/vectors/full", test_full);
  g_test_add_func ("/vectors/killed", test_killed);
  int failed = g_test_run ();
  place_end ();
  return failed;
}
