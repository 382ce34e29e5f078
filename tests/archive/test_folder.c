/* Protects: what the folder store promises beside what every store does: one writer, readers beside it and
 * from read-only places, strange folders, network file systems, a full disk. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <base/random.h>
#include "filesystem.h"
#include "folder.h"
#include "glob.h"
#include "store_suite.h"

#define NOBODY 65534

/* The store does not open: the code and something of the message. */
static void
refused (const char *where, ClipmoeStoreAccess access, ClipmoeError code, const char *said) {
  GError *error = NULL;
  g_assert_null (clipmoe_store_open (where, access, 0, &error));
  g_assert_error (error, CLIPMOE_ERROR, (int)code);
  if (!strstr (error->message, said) || !strstr (error->message, where))
    g_error ("%s", error->message);
  g_clear_error (&error);
}

static void
test_one_writer (void) {
  char *where = suite_make (1, 3), *us = g_strdup_printf ("process %d (", (int)getpid ());
  GError *error = NULL;
  int pair[2], status;
  ClipmoeStore *store = suite_write (where);
  refused (where, CLIPMOE_STORE_WRITE, CLIPMOE_ERROR_BUSY, us);
  refused (where, CLIPMOE_STORE_WRITE, CLIPMOE_ERROR_BUSY, ") since 2");
  clipmoe_store_close (suite_open (where, CLIPMOE_STORE_READ));
  clipmoe_store_close (store);
  /* another process writes, and dies; who waits comes next */
  g_assert_cmpint (pipe (pair), ==, 0);
  pid_t child = fork ();
  if (child == 0) {
    store = suite_write (where);
    if (write (pair[1], "", 1) != 1)
      _exit (1);
    g_usleep (300000);
    kill (getpid (), SIGKILL);
  }
  char byte;
  g_assert_cmpint (read (pair[0], &byte, 1), ==, 1);
  g_free (us);
  us = g_strdup_printf ("process %d (", (int)child);
  refused (where, CLIPMOE_STORE_WRITE, CLIPMOE_ERROR_BUSY, us);
  store = clipmoe_store_open (where, CLIPMOE_STORE_WRITE, 60, &error);
  g_assert_no_error (error);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpuint (suite_count (store), ==, 3);
  clipmoe_store_close (store);
  close (pair[0]);
  close (pair[1]);
  g_free (us);
  g_free (where);
}

static void
test_readers_beside (void) {
  char *where = suite_make (1, 3);
  int pair[2], status;
  guint last = 0, rounds = 0;
  g_assert_cmpint (pipe2 (pair, O_NONBLOCK), ==, 0);
  pid_t child = fork ();
  if (child == 0) { /* puts, forgets and compacts */
    ClipmoeStore *store = suite_write (where);
    for (guint i = 0; i < 25; i++) {
      GError *error = NULL;
      char *name = g_strdup_printf ("more %u", i);
      ClipmoeStoreFile *file = suite_file (name, name);
      gint64 take = suite_claim (store, file, CLIPMOE_CLAIM_NEW);
      for (guint k = 0; k < 10; k++)
        suite_put (store, take, 100000 + 100 * i + 10 * k, 10, 10 * k);
      suite_finish (store, take, 0);
      if (i % 2) {
        GPtrArray *all = clipmoe_store_get_files (store, &error);
        clipmoe_store_forget_file (store, ((ClipmoeStoreFile *)all->pdata[1])->id, &error);
        clipmoe_store_compact (store, NULL, &error);
        g_assert_no_error (error);
        g_ptr_array_unref (all);
      }
      clipmoe_store_file_free (file);
      g_free (name);
    }
    clipmoe_store_close (store);
    _exit (write (pair[1], "", 1) != 1);
  }
  ClipmoeStore *reader = suite_open (where, CLIPMOE_STORE_READ);
  for (char byte; read (pair[0], &byte, 1) != 1; rounds++) {
    GError *error = NULL;
    clipmoe_store_refresh (reader, NULL, &error);
    g_assert_no_error (error);
    GArray *ranges = clipmoe_store_select (reader, NULL, &error);
    g_assert_no_error (error);
    for (guint i = 0; i < ranges->len; i++) {
      ClipmoeRowRange r = g_array_index (ranges, ClipmoeRowRange, i);
      guint64 rows[2] = {r.first, r.first + r.n - 1};
      float vector[SUITE_EMBED];
      GPtrArray *found = clipmoe_store_find_rows (reader, rows, 2, &error); /* some may be gone by now */
      g_assert_no_error (error);
      g_assert_true (clipmoe_vectors_get (clipmoe_store_get_vectors (reader), rows[1], vector, &error));
      g_ptr_array_unref (found);
    }
    g_array_unref (ranges);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  g_assert_cmpuint (rounds, >, 3);
  last = suite_count (reader);
  g_assert_cmpuint (last, ==, 3 + 13 * 100);
  suite_verify (reader);
  clipmoe_store_close (reader);
  close (pair[0]);
  close (pair[1]);
  g_free (where);
}

/* Closing a descriptor of a file takes away all locks that a process has on it, so a second object of this
 * process must not cost the first one its own: another process that closes last would delete the log. */
static void
test_two_objects (void) {
  char *where = suite_make (1, 3), *log = g_build_filename (where, "archive.sqlite-wal", NULL);
  int status;
  ClipmoeStore *store = suite_write (where);
  ClipmoeStoreFile *file = suite_file ("beside", "beside");
  gint64 take = suite_claim (store, file, CLIPMOE_CLAIM_NEW);
  clipmoe_store_close (suite_open (where, CLIPMOE_STORE_READ));
  char *database = g_build_filename (where, "archive.sqlite", NULL);
  suite_run_sqlite (database, "select count (*) from file"); /* opens for writing, and closes */
  g_assert_true (g_file_test (log, G_FILE_TEST_EXISTS));
  suite_put (store, take, 100, 4, 0);
  suite_finish (store, take, 0);
  pid_t child = fork ();
  if (child == 0) {
    ClipmoeStore *reader = suite_open (where, CLIPMOE_STORE_READ);
    _exit (suite_count (reader) != 7);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  clipmoe_store_close (store);
  clipmoe_store_file_free (file);
  g_free (database);
  g_free (log);
  g_free (where);
}

static void
test_strangers (void) {
  GError *error = NULL;
  char *where = suite_fresh_folder (), *database = g_build_filename (where, "archive.sqlite", NULL),
       *other = g_build_filename (where, "letter.txt", NULL);
  GPtrArray *losses = g_ptr_array_new_with_free_func (g_free);
  refused (where, CLIPMOE_STORE_READ, CLIPMOE_ERROR_IO, "there is no archive here");
  g_assert_cmpint (g_mkdir (where, 0700), ==, 0);
  refused (where, CLIPMOE_STORE_READ, CLIPMOE_ERROR_IO, "there is no archive here");
  g_assert_true (g_file_set_contents (other, "dear", -1, NULL));
  refused (where, CLIPMOE_STORE_WRITE, CLIPMOE_ERROR_ARGUMENT, "other files");
  g_assert_cmpint (g_unlink (other), ==, 0);
  refused ("mailto://nobody", CLIPMOE_STORE_WRITE, CLIPMOE_ERROR_ARGUMENT, "unknown");

  /* a database of somebody else's, and no database: neither is touched */
  const char *says[] = {"another program", "not a database"};
  for (guint i = 0; i < 2; i++) {
    char *before, *after;
    gsize length, now;
    g_unlink (database);
    if (i == 0)
      suite_run_sqlite (database, "create table t (a); insert into t values (1)");
    else
      g_assert_true (g_file_set_contents (database, "not a database at all", -1, NULL));
    g_assert_true (g_file_get_contents (database, &before, &length, NULL));
    refused (where, CLIPMOE_STORE_READ, CLIPMOE_ERROR_FORMAT, says[i]);
    refused (where, CLIPMOE_STORE_WRITE, CLIPMOE_ERROR_FORMAT, says[i]);
    g_assert_false (clipmoe_folder_repair (where, 0, losses, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
    g_clear_error (&error);
    g_assert_true (g_file_get_contents (database, &after, &now, NULL));
    g_assert_cmpmem (before, length, after, now);
    g_free (before);
    g_free (after);
  }
  g_free (where);
  g_free (database);
  g_free (other);

  where = suite_make (1, 3);
  database = g_build_filename (where, "archive.sqlite", NULL);
  suite_run_sqlite (database, "create view v as select 1");
  refused (where, CLIPMOE_STORE_READ, CLIPMOE_ERROR_FORMAT, "\"v\" is not as in an archive");
  suite_run_sqlite (database, "drop view v; pragma user_version = 7");
  refused (where, CLIPMOE_STORE_READ, CLIPMOE_ERROR_UNSUPPORTED,
           "version 7, which a newer clipmoe has written");
  refused (where, CLIPMOE_STORE_WRITE, CLIPMOE_ERROR_UNSUPPORTED, "version 7");
  g_assert_false (clipmoe_folder_repair (where, 0, losses, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  suite_run_sqlite (database, "pragma user_version = 1");
  ClipmoeStore *store = suite_open (where, CLIPMOE_STORE_READ);
  g_assert_cmpuint (suite_count (store), ==, 3);
  clipmoe_store_close (store);
  g_assert_cmpuint (losses->len, ==, 0);
  g_ptr_array_unref (losses);
  g_free (where);
  g_free (database);
}

/* In a child without rights: 0 where @n moments are found, 2 where it was refused with @said. */
static int
read_as_nobody (const char *where, guint n, const char *said) {
  int status;
  pid_t child = fork ();
  if (child == 0) {
    GError *error = NULL;
    if (geteuid () == 0 && (setgid (NOBODY) != 0 || setuid (NOBODY) != 0))
      _exit (9);
    ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_READ, 0, &error);
    if (!store) {
      if (!said || !strstr (error->message, said))
        g_printerr ("%s\n", error->message);
      _exit (said && strstr (error->message, said) ? 2 : 3);
    }
    _exit (suite_count (store) == n ? 0 : 4);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static void
set_modes (const char *where, int folder, int file) {
  GDir *dir = g_dir_open (where, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir));) {
    char *path = g_build_filename (where, name, NULL);
    g_assert_cmpint (g_chmod (path, file), ==, 0);
    g_free (path);
  }
  g_dir_close (dir);
  g_assert_cmpint (g_chmod (where, folder), ==, 0);
}

static void
test_read_only (void) {
  char *where = suite_make (2, 30), *above = g_path_get_dirname (where),
       *log = g_build_filename (where, "archive.sqlite-wal", NULL),
       *shared = g_build_filename (where, "archive.sqlite-shm", NULL);
  g_assert_cmpint (g_chmod (above, 0755), ==, 0);
  set_modes (where, 0555, 0444);
  g_assert_cmpint (read_as_nobody (where, 60, NULL), ==, 0);
  /* a writer was killed: its last changes are in the log */
  set_modes (where, 0755, 0644);
  pid_t child = fork ();
  int status;
  if (child == 0) {
    ClipmoeStore *store = suite_write (where);
    ClipmoeStoreFile *file = suite_file ("late", "late");
    suite_index (store, file, 7000, 5);
    kill (getpid (), SIGKILL);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (g_file_test (log, G_FILE_TEST_EXISTS));
  set_modes (where, 0555, 0444);
  g_assert_cmpint (read_as_nobody (where, 65, NULL), ==, 0);
  g_assert_cmpint (g_chmod (where, 0755), ==, 0);
  g_assert_cmpint (g_unlink (shared), ==, 0); /* as in a copy of the folder */
  g_assert_cmpint (g_chmod (where, 0555), ==, 0);
  g_assert_cmpint (read_as_nobody (where, 65, "archive.sqlite-wal"), ==, 2);
  set_modes (where, 0755, 0644);
  ClipmoeStore *store = suite_write (where);
  g_assert_cmpuint (suite_count (store), ==, 65);
  suite_verify (store);
  clipmoe_store_close (store);
  set_modes (where, 0555, 0444);
  g_assert_cmpint (read_as_nobody (where, 65, NULL), ==, 0);
  set_modes (where, 0755, 0644);
  g_free (where);
  g_free (above);
  g_free (log);
  g_free (shared);
}

/* On a small file system of the test's own. */
static void
fill_disk (const char *where) {
  GError *error = NULL;
  ClipmoeStore *store = suite_write (where);
  ClipmoeStoreFile *first = suite_file ("first", "first"), *second = suite_file ("second", "second");
  char *ballast = g_build_filename (where, "..", "ballast", NULL);
  suite_index (store, first, 0, 50);
  gint64 take = suite_claim (store, second, CLIPMOE_CLAIM_NEW);
  int fd = open (ballast, O_CREAT | O_WRONLY, 0600);
  char block[4096] = "x";
  while (write (fd, block, sizeof block) > 0)
    ;
  close (fd);
  guint put = 0;
  float vector[SUITE_EMBED] = {1};
  char *jpeg = g_malloc0 (9000);
  ClipmoeMoment moment = {
      .vector = vector, .why = CLIPMOE_WHY_ONLY, .looks = 1, .thumbnail = g_bytes_new_take (jpeg, 9000)};
  while (put < 100000 && clipmoe_store_put (store, take, &moment, 1, &error))
    put++;
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  if (!strstr (error->message, g_strerror (ENOSPC)))
    g_error ("%s", error->message);
  g_clear_error (&error);
  /* nothing is lost, and reading works */
  ClipmoeStore *reader = suite_open (where, CLIPMOE_STORE_READ);
  clipmoe_store_refresh (reader, NULL, &error);
  g_assert_no_error (error);
  GArray *ranges = clipmoe_store_select (reader, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ranges->len, ==, 1);
  g_assert_cmpuint (g_array_index (ranges, ClipmoeRowRange, 0).n, ==, 50 + put);
  suite_verify (reader);
  clipmoe_store_close (reader);
  /* with space again, it goes on */
  g_assert_cmpint (g_unlink (ballast), ==, 0);
  for (guint i = 0; i < 5; i++) {
    clipmoe_store_put (store, take, &moment, 1, &error);
    g_assert_no_error (error);
  }
  suite_finish (store, take, 0);
  suite_verify (store);
  clipmoe_store_refresh (store, NULL, &error);
  g_assert_no_error (error);
  g_array_unref (ranges);
  ranges = clipmoe_store_select (store, NULL, &error);
  g_assert_cmpuint (g_array_index (ranges, ClipmoeRowRange, 0).n, ==, 55 + put);
  clipmoe_store_close (store);
}

static void
test_full_disk (void) {
  char *where = suite_place ("small");
  int status;
  g_assert_cmpint (g_mkdir (where, 0700), ==, 0);
  pid_t child = fork ();
  if (child == 0) {
    if (unshare (CLONE_NEWNS | (geteuid () ? CLONE_NEWUSER : 0)) != 0 ||
        (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) ||
        mount ("tmpfs", where, "tmpfs", 0, "size=3m") != 0)
      _exit (77);
    char *inner = g_build_filename (where, "store", NULL);
    fill_disk (inner);
    _exit (0);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFEXITED (status) && WEXITSTATUS (status) == 77)
    g_test_skip ("may not mount here");
  else
    g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  g_free (where);
}

static void
test_network (void) {
  const char *mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                       "30 22 0:45 / /mnt/nas rw - nfs4 nas:/video rw,vers=4.2\n"
                       "31 22 0:46 / /mnt/a\\040-\\040b rw shared:2 master:1 - fuse.sshfs me@host: rw\n"
                       "32 22 0:47 / /mnt/local rw - fuse.mergerfs a:b rw\n"
                       "33 22 0:48 / /mnt/win rw - cifs //win/share rw\n"
                       "garbage\n\n";
  static const struct {
    guint minor;
    const char *type;
  } wanted[] = {{45, "nfs4"}, {46, "fuse.sshfs"}, {47, NULL}, {48, "cifs"}, {49, NULL}};
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    char *type = clipmoe_filesystem_network_by (mounts, 0, wanted[i].minor);
    g_assert_cmpstr (type, ==, wanted[i].type);
    g_free (type);
  }
  g_assert_null (clipmoe_filesystem_network_by (mounts, 8, 1));
  g_assert_null (clipmoe_filesystem_network ("/proc"));
}

static void
test_glob (void) {
  static const struct {
    const char *pattern, *text;
    gboolean like;
  } cases[] = {
      {"", "", TRUE},
      {"", "a", FALSE},
      {"*", "", TRUE},
      {"*", "/a/b", TRUE},
      {"a*c", "abcc", TRUE},
      {"a*c", "abcd", FALSE},
      {"/v/*.mp4", "/v/x/y.mp4", TRUE},
      {"?", "\xc3\xa4", TRUE},
      {"?", "\xff", TRUE},
      {"?", "ab", FALSE},
      {"??", "a\xc3\xa4", TRUE},
      {"[a-c]x", "bx", TRUE},
      {"[!a-c]x", "bx", FALSE},
      {"[^a-c]x", "dx", TRUE},
      {"[]a]", "]", TRUE},
      {"[a", "[a", TRUE},
      {"\\*", "*", TRUE},
      {"\\*", "a", FALSE},
      {"a\\", "a\\", TRUE},
      {"*a*b*", "xxaxxbxx", TRUE},
      {"*a*b*", "xxbxxaxx", FALSE},
      {"a\nb*", "a\nbc", TRUE},
      {"[a-]", "-", TRUE},
      {"*[0-9]", "file 7", TRUE},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (clipmoe_glob (cases[i].pattern, cases[i].text) != cases[i].like)
      g_error ("\"%s\" and \"%s\"", cases[i].pattern, cases[i].text);
  /* takes no more than the product of the lengths */
  GString *pattern = g_string_new (NULL), *text = g_string_new (NULL);
  for (guint i = 0; i < 2000; i++) {
    g_string_append (pattern, "*a");
    g_string_append (text, "aa");
  }
  g_string_append (pattern, "b");
  g_assert_false (clipmoe_glob (pattern->str, text->str));
  g_string_free (pattern, TRUE);
  g_string_free (text, TRUE);
}

/* A camera's moments come one by one, each in a take of its own. Filters look at each take and at each run of
 * rows, so there must not be as many of either as there are moments. */
static void
test_together (void) {
  const gint64 begin = G_GINT64_CONSTANT (1700000000) * G_USEC_PER_SEC;
  char *where = suite_fresh_folder (), *path = g_build_filename (where, "archive.sqlite", NULL);
  ClipmoeStore *store = suite_write (where);
  const ClipmoeStoreFile door = {.source = (char *)"door"}, hall = {.source = (char *)"hall"};
  for (guint i = 0; i < 300; i++) {
    gboolean other = i % 100 == 99; /* in between, another one */
    gint64 take =
        suite_claim (store, other ? &hall : &door, i && i != 99 ? CLIPMOE_CLAIM_AGAIN : CLIPMOE_CLAIM_NEW);
    suite_put_at (store, take, i, 1, i, begin + i * G_USEC_PER_SEC);
    if (i != 150) /* one was cut off */
      suite_finish (store, take, 0);
    else {
      clipmoe_store_close (store);
      store = suite_write (where);
    }
  }
  const struct {
    ClipmoeFilter filter;
    guint n;
  } filters[] = {{{0}, 300},
                 {{.source = "door"}, 297},
                 {{.source = "hall"}, 3},
                 {{.since = begin + 120 * G_USEC_PER_SEC, .until = begin + 200 * G_USEC_PER_SEC}, 80},
                 {{.source = "door", .since = begin + 250 * G_USEC_PER_SEC}, 49}};
  for (guint i = 0; i < G_N_ELEMENTS (filters); i++) {
    GPtrArray *found = suite_found (store, &filters[i].filter);
    g_assert_cmpuint (found->len, ==, filters[i].n);
    g_ptr_array_unref (found);
  }
  suite_verify (store);
  clipmoe_store_close (store);
  suite_run_sqlite (path, "CREATE TEMP TABLE few (takes CHECK (takes <= 4), runs CHECK (runs <= 12));"
                          "INSERT INTO few SELECT (SELECT count (*) FROM take), (SELECT count (*) FROM run)");
  g_free (path);
  g_free (where);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/one writer", test_one_writer);
  g_test_add_func ("/readers beside", test_readers_beside);
  g_test_add_func ("/two objects", test_two_objects);
  g_test_add_func ("/a camera lies together", test_together);
  g_test_add_func ("/strangers", test_strangers);
  g_test_add_func ("/read-only", test_read_only);
  g_test_add_func ("/full disk", test_full_disk);
  g_test_add_func ("/network", test_network);
  g_test_add_func ("/glob", test_glob);
  int failed = g_test_run ();
  suite_end ();
  return failed;
}
