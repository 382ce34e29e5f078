/* Protects: the store in PostgreSQL keeps what it is given, as every store must (store_suite.c); a take
 * belongs to one worker and is given to another when it shows no sign of life; what waits is handed out once;
 * a broken connection costs nothing; a reader's mirror is always that of its store, whatever happens to its
 * files; other databases are refused in a sentence without the password. postgres.py starts the server. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include "pgplace.h"
#include "place.h"
#include "store_suite.h"

#define SECRET "geheim"

/* As a program that is killed: its server process goes, and nothing is given back. */
static void
kill_connections (const char *uri) {
  change (uri,
          "SELECT pg_terminate_backend (pid) FROM pg_stat_activity WHERE datname = current_database () AND"
          " pid <> pg_backend_pid ()");
}

static void
let_leases_end (const char *uri) {
  change (uri, "UPDATE clipmoe.file SET expires = now () - interval '1 second' WHERE worker IS NOT NULL");
}

static void
assert_busy (GError **error) {
  g_assert_error (*error, CLIPMOE_ERROR, CLIPMOE_ERROR_BUSY);
  g_assert_nonnull (strstr ((*error)->message, "another worker"));
  g_clear_error (error);
}

static void
test_leases (void) {
  GError *error = NULL;
  char *where = fresh ();
  ClipmoeStore *a = suite_write (where), *b = suite_write (where);
  ClipmoeStoreFile *file = suite_file ("a", "a");
  const ClipmoeStoreFile facts = {0};
  float vector[SUITE_EMBED];
  ClipmoeMoment moment = {.why = CLIPMOE_WHY_ONLY, .looks = 1, .vector = vector};
  place_vector (0, SUITE_EMBED, vector);
  gint64 of_a = suite_claim (a, file, CLIPMOE_CLAIM_NEW);
  suite_put (a, of_a, 100, 3, 0);
  suite_claim (b, file, CLIPMOE_CLAIM_TAKEN);
  let_leases_end (where);
  g_assert_true (clipmoe_store_beat (a, of_a, &error)); /* late, but nobody had it */
  suite_claim (b, file, CLIPMOE_CLAIM_TAKEN);
  let_leases_end (where);
  g_assert_cmpuint (suite_count (b), ==, 3);
  gint64 of_b = suite_claim (b, file, CLIPMOE_CLAIM_AGAIN);
  g_assert_cmpuint (suite_count (b), ==, 0); /* what was seen before goes */
  suite_put (b, of_b, 200, 2, 0);
  g_assert_false (clipmoe_store_beat (a, of_a, &error));
  g_assert_no_error (error);
  g_assert_false (clipmoe_store_put (a, of_a, &moment, 1, &error));
  assert_busy (&error);
  g_assert_false (clipmoe_store_finish (a, of_a, &facts, &error));
  assert_busy (&error);
  g_assert_cmpuint (suite_count (b), ==, 2);
  suite_finish (b, of_b, 0);
  suite_claim (a, file, CLIPMOE_CLAIM_UNCHANGED);

  /* the same without a beat before */
  ClipmoeStoreFile *other = suite_file ("b", "b");
  of_a = suite_claim (a, other, CLIPMOE_CLAIM_NEW);
  let_leases_end (where);
  of_b = suite_claim (b, other, CLIPMOE_CLAIM_AGAIN);
  g_assert_false (clipmoe_store_put (a, of_a, &moment, 1, &error));
  assert_busy (&error);
  g_assert_false (clipmoe_store_fail (a, of_a, CLIPMOE_FILE_FAILED, "x", &error));
  assert_busy (&error);
  suite_finish (b, of_b, 0);
  of_a = suite_claim (a, other, CLIPMOE_CLAIM_UNCHANGED);
  g_assert_false (clipmoe_store_set_lease (a, 0, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  suite_verify (a);
  clipmoe_store_close (a);
  clipmoe_store_close (b);
  clipmoe_store_file_free (file);
  clipmoe_store_file_free (other);
  g_free (where);
}

static gboolean
waits (ClipmoeStore *store, const ClipmoeStoreFile *file, gboolean retry) {
  GError *error = NULL;
  ClipmoeFileState state = CLIPMOE_FILE_RUNNING;
  clipmoe_store_register (store, file, retry, &state, &error);
  g_assert_no_error (error);
  return state == CLIPMOE_FILE_WAITING;
}

/* The next file that is handed out, which is @expected (nullable). */
static gint64
next (ClipmoeStore *store, const ClipmoeStoreFile *expected, guint64 expected_elsewhere) {
  GError *error = NULL;
  ClipmoeStoreFile *file = NULL;
  guint64 elsewhere = 99;
  clipmoe_store_next (store, &file, &elsewhere, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (elsewhere, ==, expected_elsewhere);
  g_assert_cmpint (file != NULL, ==, expected != NULL);
  gint64 id = 0;
  if (file) {
    g_assert_cmpstr (file->path, ==, expected->path);
    id = file->id;
  }
  clipmoe_store_file_free (file);
  return id;
}

static void
give_back (ClipmoeStore *store, gint64 file, const char *reason) {
  GError *error = NULL;
  clipmoe_store_give_back (store, file, reason, &error);
  g_assert_no_error (error);
}

static void
test_workers (void) {
  GError *error = NULL;
  char *where = fresh ();
  ClipmoeStore *a = suite_write (where), *b = suite_write (where);
  ClipmoeStoreFile *f[] = {suite_file ("1", "one"), suite_file ("2", "two"), suite_file ("3", "three")};
  for (guint i = 0; i < 3; i++)
    g_assert_true (waits (a, f[i], FALSE));
  g_assert_true (waits (b, f[0], FALSE)); /* once is enough */
  gint64 one = next (a, f[0], 0);
  next (b, f[1], 1);
  next (a, f[2], 1);
  next (a, NULL, 1);
  give_back (a, one, NULL);
  one = next (b, f[0], 1);
  g_assert_false (clipmoe_store_give_back (a, one, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  suite_claim (a, f[0], CLIPMOE_CLAIM_TAKEN); /* it is b's */
  give_back (b, one, "cannot be read on this machine");
  g_assert_true (waits (a, f[0], FALSE)); /* the next index tries again */
  one = next (a, f[0], 1);
  suite_index (a, f[0], 0, 2);
  g_assert_false (waits (a, f[0], FALSE));
  suite_index (b, f[1], 10, 2);
  gint64 take = suite_claim (a, f[2], CLIPMOE_CLAIM_NEW);
  next (b, NULL, 1);
  clipmoe_store_fail (a, take, CLIPMOE_FILE_SKIPPED, "no video", &error);
  g_assert_no_error (error);
  g_assert_false (waits (a, f[2], FALSE));
  g_assert_true (waits (a, f[2], TRUE));
  next (b, f[2], 0);
  clipmoe_store_close (b); /* gives back what it has */
  next (a, f[2], 0);
  clipmoe_store_file_free (f[1]);
  f[1] = suite_file ("2", "another two");
  g_assert_true (waits (a, f[1], FALSE)); /* changed */
  g_assert_cmpuint (suite_count (a), ==, 4);
  next (a, f[1], 0);
  take = suite_claim (a, f[1], CLIPMOE_CLAIM_CHANGED);
  suite_put (a, take, 20, 3, 0);
  suite_finish (a, take, 0);
  g_assert_cmpuint (suite_count (a), ==, 5);

  /* a file that ends every worker does not end all of them */
  for (guint i = 0; i < 4; i++) {
    let_leases_end (where);
    next (a, f[2], 0);
  }
  let_leases_end (where);
  next (a, NULL, 0);
  GPtrArray *files = clipmoe_store_get_files (a, &error);
  g_assert_no_error (error);
  const ClipmoeStoreFile *last = files->pdata[2];
  g_assert_cmpint (last->state, ==, CLIPMOE_FILE_FAILED);
  g_assert_nonnull (strstr (last->reason, "workers were lost"));
  g_ptr_array_unref (files);
  suite_verify (a);
  clipmoe_store_close (a);
  for (guint i = 0; i < 3; i++)
    clipmoe_store_file_free (f[i]);
  g_free (where);
}

static void
test_broken (void) {
  char *where = fresh ();
  ClipmoeStore *store = suite_write (where), *reader = suite_open (where, CLIPMOE_STORE_READ);
  ClipmoeStoreFile *file = suite_file ("a", "a");
  kill_connections (where);
  gint64 take = suite_claim (store, file, CLIPMOE_CLAIM_NEW);
  for (guint i = 0; i < 5; i++) {
    kill_connections (where);
    suite_put (store, take, 100 + 3 * i, 3, 3 * i);
    kill_connections (where);
    g_assert_cmpuint (suite_count (reader), ==, 3 * (i + 1));
  }
  kill_connections (where);
  suite_finish (store, take, 0);
  suite_claim (store, file, CLIPMOE_CLAIM_UNCHANGED);
  suite_verify (reader);
  clipmoe_store_close (reader);
  clipmoe_store_close (store);
  clipmoe_store_file_free (file);
  g_free (where);
}

/* Opening fails with @code and a sentence with @word in it, and without the password. */
static void
refused (const char *where, ClipmoeStoreAccess access, int code, const char *word) {
  GError *error = NULL;
  g_assert_null (clipmoe_store_open (where, access, 0, &error));
  g_assert_error (error, CLIPMOE_ERROR, code);
  g_test_message ("%s", error->message);
  if (!strstr (error->message, word) || strstr (error->message, SECRET) || strchr (error->message, '\n'))
    g_error ("%s", error->message);
  g_clear_error (&error);
}

static void
test_strangers (void) {
  char *where = fresh (), *none = uri_of ("nosuchdatabase");
  refused (where, CLIPMOE_STORE_READ, CLIPMOE_ERROR_IO, "there is no archive");
  refused (none, CLIPMOE_STORE_WRITE, CLIPMOE_ERROR_IO, "nosuchdatabase");
  change (where, "CREATE SCHEMA clipmoe; CREATE TABLE clipmoe.things (a int)");
  refused (where, CLIPMOE_STORE_WRITE, CLIPMOE_ERROR_FORMAT, "another program");
  change (where, "DROP SCHEMA clipmoe CASCADE");
  clipmoe_store_close (suite_write (where));
  change (where, "UPDATE clipmoe.version SET version = 77");
  refused (where, CLIPMOE_STORE_READ, CLIPMOE_ERROR_UNSUPPORTED, "version 77");
  refused (where, CLIPMOE_STORE_WRITE, CLIPMOE_ERROR_UNSUPPORTED, "version 77");
  refused ("postgresql://me:" SECRET "%zz@localhost/x", CLIPMOE_STORE_READ, CLIPMOE_ERROR_ARGUMENT,
           "expected");
  refused ("postgresql://me:" SECRET "@127.0.0.1:1/x?connect_timeout=2", CLIPMOE_STORE_READ, CLIPMOE_ERROR_IO,
           "no connection");
  refused ("postgresql:///x?host=/nowhere&password=" SECRET, CLIPMOE_STORE_READ, CLIPMOE_ERROR_IO,
           "no connection");
  g_free (where);
  g_free (none);
}

/* --- the mirror --- */

/* The files of mirrors, which are those of one store. (element-type utf8) */
static GPtrArray *
mirror_files (void) {
  GPtrArray *all = g_ptr_array_new_with_free_func (g_free);
  char *folder = g_build_filename (g_get_user_cache_dir (), "clipmoe", NULL);
  GDir *dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (g_str_has_prefix (name, "mirror-"))
      g_ptr_array_add (all, g_build_filename (folder, name, NULL));
  if (dir)
    g_dir_close (dir);
  g_free (folder);
  return all;
}

static void
empty_cache (void) {
  GPtrArray *all = mirror_files ();
  for (guint i = 0; i < all->len; i++)
    g_unlink (all->pdata[i]);
  g_ptr_array_unref (all);
}

typedef enum { DELETED, CUT, EMPTY, FLIPPED, FOREIGN, N_DAMAGES } Damage;

static void
damage (const char *path, Damage how) {
  char *bytes = NULL;
  gsize length = 0;
  if (how == DELETED) {
    g_unlink (path);
    return;
  }
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  if (how == CUT || how == EMPTY)
    length = how == CUT ? length / 2 : 0;
  else if (length)
    for (gsize i = how == FLIPPED ? length - 1 : 0; i < length; i++)
      bytes[i] ^= 0x5a;
  g_assert_true (g_file_set_contents (path, bytes, (gssize)length, NULL));
  g_free (bytes);
}

static void
test_mirror (void) {
  char *where = fresh ();
  ClipmoeStore *store = suite_write (where);
  for (guint i = 0; i < 4; i++) {
    char name[] = {(char)('a' + i), 0};
    ClipmoeStoreFile *file = suite_file (name, name);
    suite_index (store, file, 1000 * i, 100);
    clipmoe_store_file_free (file);
  }
  static const char *const endings[] = {".rows", ".f16"};
  for (guint e = 0; e < G_N_ELEMENTS (endings); e++)
    for (Damage how = DELETED; how < N_DAMAGES; how++) {
      empty_cache ();
      ClipmoeStore *reader = suite_open (where, CLIPMOE_STORE_READ), *second;
      g_assert_cmpuint (suite_count (reader), ==, 400);
      GPtrArray *all = mirror_files ();
      guint n = 0;
      for (guint i = 0; i < all->len; i++)
        if (g_str_has_suffix (all->pdata[i], endings[e])) {
          damage (all->pdata[i], how);
          n++;
        }
      g_ptr_array_unref (all);
      g_assert_cmpuint (n, ==, 1);
      if (how % 2)
        suite_verify (reader);                         /* the mirror is mended by it */
      second = suite_open (where, CLIPMOE_STORE_READ); /* or by this */
      g_assert_cmpuint (suite_count (second), ==, 400);
      clipmoe_store_close (second);
      g_assert_cmpuint (suite_count (reader), ==, 400);
      clipmoe_store_close (reader);
    }
  /* while it is in use, and then grows */
  ClipmoeStore *reader = suite_open (where, CLIPMOE_STORE_READ);
  for (guint i = 0; i < 2; i++) {
    g_assert_cmpuint (suite_count (reader), ==, 400 + 3 * i);
    GPtrArray *all = mirror_files ();
    for (guint k = 0; k < all->len; k++)
      if (g_str_has_suffix (all->pdata[k], endings[i]))
        g_unlink (all->pdata[k]);
    g_ptr_array_unref (all);
    ClipmoeStoreFile *file = suite_file (i ? "g" : "f", i ? "g" : "f");
    suite_index (store, file, 8000 + 10 * i, 3);
    clipmoe_store_file_free (file);
    g_assert_cmpuint (suite_count (reader), ==, 403 + 3 * i);
  }
  clipmoe_store_close (reader);
  clipmoe_store_close (store);
  g_free (where);
}

/* A database that was copied, as by a restored backup, goes its own way under the same id. */
static void
test_copied (void) {
  char *where = fresh (), *name = fresh_name (), *copy = uri_of (name), *all = uri_of ("postgres");
  const char *from = strrchr (where, '/') + 1;
  empty_cache ();
  ClipmoeStoreFile *a = suite_file ("a", "a"), *b = suite_file ("b", "b"), *c = suite_file ("c", "c");
  ClipmoeStore *store = suite_write (where);
  suite_index (store, a, 0, 5);
  clipmoe_store_close (store);
  char *statement =
      g_strdup_printf ("CREATE DATABASE %s TEMPLATE %.*s", name, (int)strcspn (from, "?"), from);
  change (all, statement);
  store = suite_write (where);
  suite_index (store, b, 100, 5);
  g_assert_cmpuint (suite_count (store), ==, 10);
  ClipmoeStore *other = suite_write (copy);
  suite_index (other, c, 200, 7);
  for (guint i = 0; i < 3; i++) { /* each row is checked against its moment */
    ClipmoeStore *reader = suite_open (copy, CLIPMOE_STORE_READ);
    g_assert_cmpuint (suite_count (reader), ==, 12);
    clipmoe_store_close (reader);
    reader = suite_open (where, CLIPMOE_STORE_READ);
    g_assert_cmpuint (suite_count (reader), ==, 10);
    clipmoe_store_close (reader);
  }
  clipmoe_store_close (store);
  clipmoe_store_close (other);
  clipmoe_store_file_free (a);
  clipmoe_store_file_free (b);
  clipmoe_store_file_free (c);
  g_free (statement);
  g_free (where);
  g_free (name);
  g_free (copy);
  g_free (all);
}

/* --- several at once --- */

#define WRITERS 4
#define FILES 6
#define MOMENTS 12

typedef struct {
  const char *where;
  guint number;
  ClipmoeStoreFile *files[FILES];
} Writer;

static gpointer
write_files (gpointer data) {
  Writer *w = data;
  ClipmoeStore *store = suite_write (w->where);
  for (guint i = 0; i < FILES; i++) {
    gint64 take = suite_claim (store, w->files[i], CLIPMOE_CLAIM_NEW);
    for (guint k = 0; k < MOMENTS; k += 3)
      suite_put (store, take, w->number * 1000 + i * 100 + k, 3, k);
    suite_finish (store, take, 0);
  }
  clipmoe_store_close (store);
  return NULL;
}

/* A reader that follows while others add never misses what was committed later with a lower number. */
static void
test_at_once (void) {
  char *where = fresh ();
  Writer writers[WRITERS];
  GThread *threads[WRITERS];
  clipmoe_store_close (suite_write (where));
  for (guint i = 0; i < WRITERS; i++) {
    writers[i].where = where;
    writers[i].number = i + 1;
    for (guint k = 0; k < FILES; k++) {
      char *name = g_strdup_printf ("w%u-%u", i, k);
      writers[i].files[k] = suite_file (name, name);
      g_free (name);
    }
  }
  ClipmoeStore *reader = suite_open (where, CLIPMOE_STORE_READ);
  for (guint i = 0; i < WRITERS; i++)
    threads[i] = g_thread_new ("writer", write_files, writers + i);
  guint n = 0, steps = 0;
  while (n < WRITERS * FILES * MOMENTS) {
    guint now = suite_count (reader);
    g_assert_cmpuint (now, >=, n);
    steps += now > n;
    n = now;
  }
  g_assert_cmpuint (steps, >, 1);
  for (guint i = 0; i < WRITERS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (suite_count (reader), ==, WRITERS * FILES * MOMENTS);
  suite_verify (reader);
  clipmoe_store_close (reader);
  for (guint i = 0; i < WRITERS; i++)
    for (guint k = 0; k < FILES; k++)
      clipmoe_store_file_free (writers[i].files[k]);
  g_free (where);
}

/* Vectors that somebody else damaged in the database are told, and looked at again. */
static void
test_repair (void) {
  GError *error = NULL;
  char *where = fresh ();
  ClipmoeStore *store = suite_write (where);
  ClipmoeStoreFile *a = suite_file ("a", "a"), *b = suite_file ("b", "b");
  GPtrArray *said = g_ptr_array_new_with_free_func (g_free);
  suite_index (store, a, 0, 3);
  suite_index (store, b, 10, 3);
  suite_verify (store);
  change (where, "UPDATE clipmoe.vector SET f16 = substr (f16, 3) WHERE moment = 2");
  clipmoe_store_verify (store, said, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (said->len, ==, 1);
  g_ptr_array_set_size (said, 0);
  clipmoe_store_repair (store, said, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (said->len, ==, 1);
  suite_verify (store);
  g_assert_cmpuint (suite_count (store), ==, 3);
  next (store, a, 0);
  gint64 take = suite_claim (store, a, CLIPMOE_CLAIM_AGAIN);
  suite_put (store, take, 0, 3, 0);
  suite_finish (store, take, 0);
  g_assert_cmpuint (suite_count (store), ==, 6);
  suite_verify (store);
  g_ptr_array_unref (said);
  clipmoe_store_close (store);
  clipmoe_store_file_free (a);
  clipmoe_store_file_free (b);
  g_free (where);
}

/* What a live source shows a few moments at a time is one take: a filter looks at each. */
static void
test_source (void) {
  char *uri = fresh ();
  ClipmoeStore *store = suite_write (uri);
  const ClipmoeStoreFile door = {.source = (char *)"door"}, hall = {.source = (char *)"hall"};
  for (guint i = 0; i < 6; i++) {
    gint64 take = suite_claim (store, i % 3 ? &door : &hall, i < 2 ? CLIPMOE_CLAIM_NEW : CLIPMOE_CLAIM_AGAIN);
    suite_put_at (store, take, 100 * i, 2, 0, G_USEC_PER_SEC * (gint64)(1000 + i));
    if (i < 5)
      suite_finish (store, take, 0); /* the last one is cut off */
  }
  clipmoe_store_close (store);
  char *takes =
      run_sql (uri, "SELECT count(*) || ' ' || min(moments) || ' ' || max(moments) FROM clipmoe.take");
  g_assert_cmpstr (takes, ==, "2 4 8");
  store = suite_write (uri);
  gint64 take = suite_claim (store, &door, CLIPMOE_CLAIM_AGAIN);
  suite_put_at (store, take, 900, 1, 0, G_USEC_PER_SEC * G_GINT64_CONSTANT (2000));
  suite_finish (store, take, 0);
  g_assert_cmpuint (suite_count (store), ==, 13);
  suite_verify (store);
  clipmoe_store_close (store);
  g_free (takes);
  g_free (uri);
}

int
main (int argc, char **argv) {
  g_setenv ("TZ", "Europe/Berlin", TRUE); /* where an hour comes twice */
  g_test_init (&argc, &argv, NULL);
  pgplace_server = g_getenv ("CLIPMOE_TEST_POSTGRES");
  if (!pgplace_server)
    g_error ("run by postgres.py");
  store_suite ("postgres", fresh);
  g_test_add_func ("/postgres/leases", test_leases);
  g_test_add_func ("/postgres/workers", test_workers);
  g_test_add_func ("/postgres/broken", test_broken);
  g_test_add_func ("/postgres/strangers", test_strangers);
  g_test_add_func ("/postgres/mirror", test_mirror);
  g_test_add_func ("/postgres/copied", test_copied);
  g_test_add_func ("/postgres/at-once", test_at_once);
  g_test_add_func ("/postgres/repair", test_repair);
  g_test_add_func ("/postgres/source", test_source);
  int failed = g_test_run ();
  suite_end ();
  return failed;
}
