/* Protects: a damaged store in a folder is told by verify, and repair keeps what can be kept, says what is
 * lost, and has it looked at again; nothing is thrown away that might be somebody's. */
#include <base/random.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "folder.h"
#include "store_suite.h"

/* Overwrites @n bytes of DIR/NAME at @offset; from its end where that is negative. */
static void
spoil (const char *where, const char *name, gint64 offset, gsize n, guint8 byte) {
  char *path = g_build_filename (where, name, NULL);
  guint8 *bytes = g_malloc (n);
  struct stat st;
  int fd = open (path, O_WRONLY);
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  memset (bytes, byte, n);
  g_assert_cmpint (pwrite (fd, bytes, n, offset < 0 ? st.st_size + offset : offset), ==, (gssize)n);
  close (fd);
  g_free (bytes);
  g_free (path);
}

static guint
count_faults (const char *where) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_READ, 0, &error);
  if (!store) {
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
    g_clear_error (&error);
    return 1;
  }
  GPtrArray *faults = g_ptr_array_new_with_free_func (g_free);
  clipmoe_store_verify (store, faults, &error);
  g_assert_no_error (error);
  guint n = faults->len;
  g_ptr_array_unref (faults);
  clipmoe_store_close (store);
  return n;
}

/* Both kinds of repair, as a command does it: verify is clean then. Returns how many moments are left. */
static guint
repair (const char *where) {
  GError *error = NULL;
  GPtrArray *losses = g_ptr_array_new_with_free_func (g_free);
  clipmoe_folder_repair (where, 0, losses, &error);
  g_assert_no_error (error);
  ClipmoeStore *store = suite_open (where, CLIPMOE_STORE_WRITE);
  clipmoe_store_repair (store, losses, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (losses->len, >, 0);
  suite_verify (store);
  guint n = suite_count (store);
  clipmoe_store_close (store);
  for (guint i = 0; i < losses->len; i++)
    g_test_message ("%s", (char *)losses->pdata[i]);
  g_ptr_array_unref (losses);
  return n;
}

/* Looks at what a repair said is to be looked at again: after it everything is there. */
static void
index_again (const char *where, guint files, guint n) {
  GError *error = NULL;
  ClipmoeStore *store = suite_write (where);
  for (guint i = 0; i < files; i++) {
    char *name = g_strdup_printf ("file %u", i);
    ClipmoeStoreFile *file = suite_file (name, name);
    ClipmoeClaim claim;
    gint64 take;
    clipmoe_store_claim (store, file, FALSE, &claim, &take, &error);
    g_assert_no_error (error);
    if (take) {
      suite_put (store, take, SUITE_PER_FILE * i, n, 0);
      suite_finish (store, take, 0);
    }
    clipmoe_store_file_free (file);
    g_free (name);
  }
  g_assert_cmpuint (suite_count (store), ==, files * n);
  suite_verify (store);
  clipmoe_store_close (store);
}

static void
test_damaged_vectors (void) {
  char *where = suite_make (4, 700), *path = g_build_filename (where, "vectors-000001.f16", NULL);
  struct stat st;
  g_assert_cmpint (stat (path, &st), ==, 0);
  /* in the middle of the second block */
  spoil (where, "vectors-000001.f16", st.st_size - (2800 - 1500) * SUITE_EMBED * 2, 5, 0xaa);
  g_assert_cmpuint (count_faults (where), ==, 1);
  g_assert_cmpuint (repair (where), ==, 2800 - CLIPMOE_VECTOR_BLOCK);
  index_again (where, 4, 700);
  g_free (path);
  g_free (where);

  where = suite_make (4, 700);
  path = g_build_filename (where, "vectors-000001.f16", NULL);
  g_assert_cmpint (truncate (path, st.st_size - 1000 * SUITE_EMBED * 2), ==, 0);
  g_assert_cmpuint (count_faults (where), >, 0);
  guint left = repair (where);
  g_assert_cmpuint (left, >, 0);
  g_assert_cmpuint (left, <=, 1800);
  index_again (where, 4, 700);
  g_free (path);
  g_free (where);

  /* no header of ours: kept under another name; and gone */
  for (guint i = 0; i < 2; i++) {
    where = suite_make (2, 30);
    path = g_build_filename (where, "vectors-000001.f16", NULL);
    if (i == 0)
      spoil (where, "vectors-000001.f16", 0, 64, 'x');
    else
      g_assert_cmpint (g_unlink (path), ==, 0);
    g_assert_cmpuint (count_faults (where), ==, 1);
    g_assert_cmpuint (repair (where), ==, 0);
    char *kept = g_build_filename (where, "damaged-vectors-000001.f16.damaged-1", NULL);
    g_assert_true (g_file_test (kept, G_FILE_TEST_EXISTS) == (i == 0));
    index_again (where, 2, 30);
    g_free (kept);
    g_free (path);
    g_free (where);
  }
}

static void
test_damaged_database (void) {
  ClipmoeRandom r = clipmoe_random_for (19, 3, 0);
  for (guint i = 0; i < 12; i++) {
    char *where = suite_make (6, 200), *path = g_build_filename (where, "archive.sqlite", NULL),
         *kept = g_strconcat (path, ".damaged-1", NULL);
    struct stat st;
    g_assert_cmpint (stat (path, &st), ==, 0);
    guint pages = (guint)(st.st_size / 4096);
    if (i == 0)
      spoil (where, "archive.sqlite", 0, 4096, 0); /* its beginning: nothing of it can be read */
    else if (i == 1)
      g_assert_cmpint (truncate (path, st.st_size / 2), ==, 0);
    else
      for (guint k = 0; k < 3; k++)
        spoil (where, "archive.sqlite", 4096 * (gint64)(1 + clipmoe_random_below (&r, pages - 1)), 4096,
               (guint8)(17 * i));
    if (count_faults (where) > 0) { /* a page that nobody needs may have been hit */
      repair (where);
      g_assert_true (g_file_test (kept, G_FILE_TEST_EXISTS));
    } else {
      g_assert_cmpuint (i, >, 1);
    }
    index_again (where, 6, 200);
    g_free (where);
    g_free (path);
    g_free (kept);
  }
}

/* The statement of one index cannot be read: every table can. */
static void
test_damaged_schema (void) {
  char *where = suite_make (6, 200), *path = g_build_filename (where, "archive.sqlite", NULL);
  suite_run_sqlite (path,
                    "pragma writable_schema=1; update sqlite_schema set sql = 'create index file_digest on'"
                    " where name = 'file_digest'");
  g_assert_cmpuint (count_faults (where), >, 0);
  g_assert_cmpuint (repair (where), ==, 1200);
  g_free (path);
  g_free (where);
}

/* Statements that an archive does not have, however they are written: refused when it is opened, and a repair
 * makes an archive of what there is. */
static void
test_other_statements (void) {
  static const char *const wrongs[] = {
      "pragma writable_schema=1; insert into sqlite_schema values ('table', 'v', 'v', 0,"
      " 'CREATE/**/VIRTUAL TABLE v USING fts5 (a)')",
      "alter table file rename column recorded to taken",
      "alter table moment add column more integer generated always as (moment + 1)",
      "create table mine (a)",
      "pragma writable_schema=1; update sqlite_schema set sql = replace (sql, ') STRICT', ')') where name = "
      "'moment'",
  };
  for (guint i = 0; i < G_N_ELEMENTS (wrongs); i++) {
    char *where = suite_make (3, 100), *path = g_build_filename (where, "archive.sqlite", NULL);
    GError *error = NULL;
    g_test_message ("%s", wrongs[i]);
    suite_run_sqlite (path, wrongs[i]);
    g_assert_null (clipmoe_store_open (where, CLIPMOE_STORE_READ, 0, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
    g_clear_error (&error);
    g_assert_cmpuint (repair (where), ==, 300);
    g_free (path);
    g_free (where);
  }
}

/* The database is lost, and the vectors of another model are left of the archive: a new one is begun there.
 */
static void
test_lost_database (void) {
  char *where = suite_make (6, 200), *path = g_build_filename (where, "archive.sqlite", NULL);
  GError *error = NULL;
  g_assert_cmpint (g_unlink (path), ==, 0);
  ClipmoeStore *store = suite_open (where, CLIPMOE_STORE_WRITE);
  clipmoe_store_set_model (store, "other@0123456789ab", NULL, SUITE_EMBED, FALSE, &error);
  g_assert_no_error (error);
  ClipmoeStoreFile *file = suite_file ("file 0", "file 0");
  ClipmoeClaim claim;
  gint64 take;
  clipmoe_store_claim (store, file, FALSE, &claim, &take, &error);
  g_assert_no_error (error);
  suite_put (store, take, 0, 100, 0);
  suite_finish (store, take, 0);
  suite_verify (store);
  g_assert_cmpuint (suite_count (store), ==, 100);
  clipmoe_store_close (store);
  clipmoe_store_file_free (file);
  g_free (path);
  g_free (where);
}

/* Tables that are sound for SQLite and contradict each other. */
static void
test_contradictions (void) {
  static const char *const wrongs[] = {
      "delete from moment where moment between 100 and 140",
      "delete from dead; insert into dead select vectors, 5, 3 from model",
      "update run set first_row = first_row + 7 where first_row = 256",
      "delete from take where take = 2",
      "delete from file where file = 3",
      "update take set moments = 3 where take = 1",
      "update vectors set rows = rows - 50",
      "delete from run where first_row < 100",
      "insert into moment select moment + 100000, begins, ends, frame, at, why, looks from moment limit 10",
      "update model set state = 2",
      "update run set take = 4 where take = 1",
      "delete from vectors",
      "delete from store",
  };
  for (guint i = 0; i < G_N_ELEMENTS (wrongs); i++) {
    char *where = suite_make (4, 300), *path = g_build_filename (where, "archive.sqlite", NULL);
    g_test_message ("%s", wrongs[i]);
    suite_run_sqlite (path, wrongs[i]);
    ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_READ, 0, NULL);
    g_assert_nonnull (store);
    clipmoe_store_close (store);
    if (!g_str_equal (wrongs[i], "delete from store"))
      g_assert_cmpuint (count_faults (where), >, 0);
    GError *error = NULL;
    GPtrArray *losses = g_ptr_array_new_with_free_func (g_free);
    store = suite_open (where, CLIPMOE_STORE_WRITE);
    clipmoe_store_repair (store, losses, &error);
    g_assert_no_error (error);
    suite_verify (store);
    suite_count (store);
    clipmoe_store_close (store);
    g_ptr_array_unref (losses);
    g_free (path);
    g_free (where);
  }
}

/* A reader that was there before follows. */
static void
test_reader_over_repair (void) {
  char *where = suite_make (6, 200), *path = g_build_filename (where, "archive.sqlite", NULL);
  struct stat st;
  ClipmoeStore *reader = suite_open (where, CLIPMOE_STORE_READ);
  g_assert_cmpuint (suite_count (reader), ==, 1200);
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_cmpint (truncate (path, st.st_size / 2), ==, 0);
  repair (where);
  index_again (where, 6, 200);
  g_assert_cmpuint (suite_count (reader), ==, 1200);
  clipmoe_store_close (reader);
  g_free (path);
  g_free (where);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/damaged vectors", test_damaged_vectors);
  g_test_add_func ("/damaged database", test_damaged_database);
  g_test_add_func ("/damaged schema", test_damaged_schema);
  g_test_add_func ("/other statements", test_other_statements);
  g_test_add_func ("/lost database", test_lost_database);
  g_test_add_func ("/reader over a repair", test_reader_over_repair);
  g_test_add_func ("/contradictions", test_contradictions);
  int failed = g_test_run ();
  suite_end ();
  return failed;
}
