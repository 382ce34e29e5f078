/* Protects: approximate search in PostgreSQL says what is missing, with the remedy: another kind of store, no
 * extension, one that is too old, no index, one that is not complete. With the extension it finds what the
 * exact search finds, with the same filters; what is put, forgotten and indexed with another model is
 * followed without any client knowing of it; figures are those of a sample that is the same each time. ann.py
 * starts the server, and says whether it has the extension. */
#include <search.h>
#include <string.h>
#include "pgplace.h"
#include "place.h"
#include "store_suite.h"

#define FILES 6
#define PER_FILE 60
#define OTHER_MODEL "other@0123456789ab"

static void
refused (const char *where, const char *says) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (where, CLIPMOE_STORE_ANN, 0, &error);
  if (store)
    g_assert_false (clipmoe_store_refresh (store, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, says));
  g_assert_null (strstr (error->message, "geheim"));
  g_clear_error (&error);
  clipmoe_store_close (store);
}

static void
make_refused (ClipmoeStore *store, ClipmoeError code, const char *says) {
  GError *error = NULL;
  g_assert_false (clipmoe_store_make_ann (store, NULL, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, (int)code);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, says));
  g_clear_error (&error);
}

static void
make (ClipmoeStore *store) {
  GError *error = NULL;
  clipmoe_store_make_ann (store, NULL, NULL, &error);
  g_assert_no_error (error);
}

/* A row that the extension would have, of a version that is no longer in use. */
static void
pretend (const char *uri, const char *version) {
  char *statement = g_strdup_printf (
      "SET allow_system_table_mods = on; DELETE FROM pg_extension WHERE extname = 'vector'; INSERT INTO "
      "pg_extension SELECT 999999, 'vector', (SELECT oid FROM pg_roles WHERE rolname = current_user), n.oid, "
      "true, "
      "'%s', NULL, NULL FROM pg_namespace n WHERE nspname = 'public'",
      version);
  change (uri, statement);
  g_free (statement);
}

static void
test_refused (void) {
  char *folder = suite_fresh_folder (), *uri = fresh ();
  refused (folder, "--store postgresql://HOST/DATABASE");
  ClipmoeStore *store = suite_write (folder);
  make_refused (store, CLIPMOE_ERROR_UNSUPPORTED, "is searched exactly");
  clipmoe_store_close (store);
  store = suite_write (uri);
  refused (uri, "CREATE EXTENSION vector SCHEMA public");
  make_refused (store, CLIPMOE_ERROR_UNSUPPORTED,
                "CREATE EXTENSION vector SCHEMA public; then clipmoe index --ann");
  pretend (uri, "0.6.2");
  refused (uri, "is version 0.6.2, expected 0.7 or newer");
  make_refused (store, CLIPMOE_ERROR_UNSUPPORTED, "ALTER EXTENSION vector UPDATE");
  pretend (uri, "new");
  refused (uri, "is version new, expected 0.7 or newer");
  clipmoe_store_close (store);
  g_free (folder);
  g_free (uri);
}

/* --- with the extension --- */

static void
fill (ClipmoeStore *store, guint files, guint first) {
  for (guint i = first; i < first + files; i++) {
    char *name = g_strdup_printf ("film %u", i);
    ClipmoeStoreFile *file = suite_file (name, name);
    gint64 take = suite_claim (store, file, CLIPMOE_CLAIM_NEW);
    suite_put (store, take, 1000 * i, PER_FILE, 0);
    suite_finish (store, take, G_USEC_PER_SEC * (G_GINT64_CONSTANT (1600000000) + i * 3600));
    clipmoe_store_file_free (file);
    g_free (name);
  }
}

static ClipmoeStore *
open_ann (const char *uri) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (uri, CLIPMOE_STORE_ANN, 0, &error);
  g_assert_no_error (error);
  clipmoe_store_refresh (store, NULL, &error);
  g_assert_no_error (error);
  return store;
}

static ClipmoeAnswer *
ask (ClipmoeStore *store, const float *query, const ClipmoeFilter *filter, const ClipmoeBank *bank) {
  GError *error = NULL;
  clipmoe_store_refresh (store, NULL, &error);
  g_assert_no_error (error);
  ClipmoeAnswer *answer = clipmoe_search (store, query, bank != NULL, filter, bank, 25, 10, 1, &error);
  g_assert_no_error (error);
  return answer;
}

/* So few moments that the index has all of them at hand: nothing is missed, and the sample is all. */
static void
same (const ClipmoeAnswer *a, const ClipmoeAnswer *exact) {
  g_assert_true (a->approximate && !exact->approximate);
  g_assert_cmpuint (a->moments, ==, exact->moments);
  g_assert_cmpuint (a->hits->len, ==, exact->hits->len);
  g_assert_cmpfloat_with_epsilon (a->median, exact->median, 0.004);
  g_assert_cmpfloat_with_epsilon (a->spread, exact->spread, 0.004);
  g_assert_cmpint (a->compared, ==, exact->compared);
  for (guint i = 0; i < a->hits->len; i++) {
    const ClipmoeHit *x = a->hits->pdata[i], *y = exact->hits->pdata[i];
    g_assert_cmpint (x->found->id, ==, y->found->id);
    g_assert_cmpint (x->start, ==, y->start);
    g_assert_cmpint (x->end, ==, y->end);
    g_assert_cmpfloat (x->cosine, ==, y->cosine);
    g_assert_true (a->compared == (isnan (x->score) == 0));
    if (a->compared) {
      g_assert_cmpfloat (x->score, ==, y->score);
      g_assert_cmpfloat_with_epsilon (x->lead, y->lead, 1e-6); /* the same moments, in another order */
    }
  }
}

static void
compare (const char *uri, const ClipmoeFilter *filter, const ClipmoeBank *bank, gboolean by_index) {
  ClipmoeStore *exact = suite_open (uri, CLIPMOE_STORE_READ), *ann = open_ann (uri);
  float query[SUITE_EMBED];
  for (guint i = 0; i < 3; i++) {
    place_vector (77777 + i, SUITE_EMBED, query);
    ClipmoeAnswer *a = ask (ann, query, filter, bank), *b = ask (exact, query, filter, bank);
    same (a, b);
    g_assert_cmpint (a->how.ef_search != 0, ==, by_index);
    g_assert_false (a->how.fewer || a->how.estimated);
    if (by_index)
      g_assert_cmpuint (a->how.sample, ==, a->moments);
    clipmoe_answer_free (a);
    clipmoe_answer_free (b);
  }
  clipmoe_store_close (exact);
  clipmoe_store_close (ann);
}

/* Candidates by the index, with a filter that the index knows nothing of. */
static void
by_index (const char *uri, const ClipmoeFilter *filter) {
  GError *error = NULL;
  ClipmoeStore *exact = suite_open (uri, CLIPMOE_STORE_READ), *ann = open_ann (uri);
  ClipmoeNear near = {.few = 1};
  float query[SUITE_EMBED];
  ClipmoeScanHit hits[10];
  ClipmoeScanSpread spread;
  place_vector (77777, SUITE_EMBED, query);
  clipmoe_store_find_near (ann, query, filter, 10, &near, &error);
  g_assert_no_error (error);
  gssize n = clipmoe_near_rank (&near, query, 10, hits, &spread, &error);
  g_assert_no_error (error);
  g_assert_true (near.ef_search && !near.listed && near.estimated);
  clipmoe_store_refresh (exact, NULL, &error);
  GArray *ranges = clipmoe_store_select (exact, filter, &error);
  g_assert_no_error (error);
  ClipmoeScanHit best[10];
  gssize m = clipmoe_scan (clipmoe_store_get_vectors (exact), query,
                           (ClipmoeRowRange *)(gpointer)ranges->data, ranges->len, 10, 1, best, NULL, &error);
  g_assert_no_error (error);
  guint64 rows[10];
  for (gssize i = 0; i < m; i++)
    rows[i] = best[i].row;
  GPtrArray *founds = clipmoe_store_find_rows (exact, rows, (guint)m, &error);
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, m);
  g_assert_cmpint (m, ==, 10);
  for (gssize i = 0; i < m; i++) {
    g_assert_cmpint ((gint64)hits[i].row, ==, ((ClipmoeFound *)founds->pdata[i])->id);
    g_assert_cmpfloat (hits[i].cosine, ==, best[i].cosine);
  }
  g_ptr_array_unref (founds);
  g_array_unref (ranges);
  clipmoe_near_clear (&near);
  clipmoe_store_close (exact);
  clipmoe_store_close (ann);
}

static void
filters (const char *uri) {
  const gint64 begin = G_USEC_PER_SEC * G_GINT64_CONSTANT (1600000000);
  ClipmoeFilter some[] = {
      {.since = begin + 3600 * (gint64)G_USEC_PER_SEC, .until = begin + 10800 * (gint64)G_USEC_PER_SEC},
      {.path = "*film [0-2]"},
      {.hours_from = 0, .hours_until = 1439},
      {.min_duration = 1}};
  GDateTime *time = g_date_time_new_from_unix_local (1600000000 + 3600);
  some[2].hours_from = g_date_time_get_hour (time) * 60;
  some[2].hours_until = some[2].hours_from + 120;
  g_date_time_unref (time);
  for (guint i = 0; i < G_N_ELEMENTS (some); i++) {
    compare (uri, some + i, NULL, FALSE);
    by_index (uri, some + i);
  }
  const ClipmoeFilter none = {.path = "nowhere"};
  compare (uri, &none, NULL, FALSE);
}

static void
test_index (void) {
  GError *error = NULL;
  char *uri = fresh ();
  change (uri, "CREATE SCHEMA \"Else Where\"; CREATE EXTENSION vector SCHEMA \"Else Where\"");
  ClipmoeStore *store = suite_write (uri);
  refused (uri, "clipmoe index --ann makes it");
  fill (store, FILES - 1, 0);
  make (store);
  make (store); /* nothing is left to do */
  fill (store, 1, FILES - 1);
  float *words = place_vectors (500000, 40, SUITE_EMBED);
  ClipmoeBank *bank = clipmoe_bank_new (words, 40, SUITE_EMBED);
  compare (uri, NULL, NULL, TRUE);
  compare (uri, NULL, bank, TRUE);
  filters (uri);

  /* a moment is found by its number, with its vector */
  ClipmoeStore *ann = open_ann (uri);
  float vector[SUITE_EMBED], want[SUITE_EMBED];
  ClipmoeFound *found = clipmoe_store_find (ann, PER_FILE + 5, &error);
  g_assert_no_error (error);
  clipmoe_store_get_vector (ann, found->row, vector, &error);
  g_assert_no_error (error);
  place_vector (1004, SUITE_EMBED, want);
  for (guint k = 0; k < SUITE_EMBED; k++)
    g_assert_cmpfloat_with_epsilon (vector[k], want[k], 5e-4);
  g_assert_null (clipmoe_store_get_vectors (ann));
  g_assert_null (clipmoe_store_select (ann, NULL, &error));
  g_clear_error (&error);
  g_assert_false (clipmoe_store_get_vector (ann, 999999, vector, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  gint64 file = found->file;
  clipmoe_found_free (found);
  clipmoe_store_close (ann);

  /* what is forgotten is not found */
  clipmoe_store_forget_file (store, file, &error);
  g_assert_no_error (error);
  compare (uri, NULL, bank, TRUE);
  suite_verify (store);
  clipmoe_store_close (store);
  clipmoe_bank_free (bank);
  g_free (words);
  g_free (uri);
}

static void
test_models (void) {
  GError *error = NULL;
  char *uri = fresh ();
  change (uri, "CREATE EXTENSION vector SCHEMA public");
  ClipmoeStore *store = suite_write (uri);
  make (store); /* of an empty archive */
  ClipmoeStore *ann = open_ann (uri);
  float query[SUITE_EMBED];
  place_vector (1, SUITE_EMBED, query);
  ClipmoeAnswer *empty = ask (ann, query, NULL, NULL);
  g_assert_cmpuint (empty->moments, ==, 0);
  clipmoe_answer_free (empty);
  clipmoe_store_close (ann);
  fill (store, 2, 0);
  compare (uri, NULL, NULL, TRUE);
  clipmoe_store_set_model (store, OTHER_MODEL, NULL, SUITE_EMBED, TRUE, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++) {
    char *name = g_strdup_printf ("film %u", i);
    ClipmoeStoreFile *file = suite_file_at (name);
    gint64 take = suite_claim (store, file, CLIPMOE_CLAIM_AGAIN);
    suite_put (store, take, 5000 + 1000 * i, PER_FILE, 0);
    compare (uri, NULL, NULL, TRUE); /* the other one answers */
    suite_finish (store, take, 0);
    clipmoe_store_file_free (file);
    g_free (name);
  }
  clipmoe_store_switch_model (store, &error);
  g_assert_no_error (error);
  compare (uri, NULL, NULL, TRUE);
  char *left =
      run_sql (uri, "SELECT string_agg (c.relname, ' ') FROM pg_index i JOIN pg_class c ON c.oid ="
                    " i.indexrelid WHERE i.indrelid = 'clipmoe.ann'::regclass AND NOT i.indisunique");
  g_assert_cmpstr (left, ==, "ann_2");
  g_free (left);

  /* one that somebody left half made is made anew */
  change (uri, "SET allow_system_table_mods = on; UPDATE pg_index SET indisvalid = false WHERE indexrelid ="
               " 'clipmoe.ann_2'::regclass");
  refused (uri, "is not complete; clipmoe index --ann");
  change (uri, "DELETE FROM clipmoe.ann WHERE moment % 3 = 0");
  make (store);
  change (uri, "DELETE FROM clipmoe.ann WHERE moment = (SELECT max (moment) FROM clipmoe.ann)");
  GPtrArray *faults = g_ptr_array_new_with_free_func (g_free);
  g_assert_true (clipmoe_store_verify (store, faults, &error));
  g_assert_cmpuint (faults->len, ==, 1);
  g_assert_nonnull (strstr (faults->pdata[0], "clipmoe index --ann adds it"));
  g_ptr_array_unref (faults);
  make (store);
  suite_verify (store);
  compare (uri, NULL, NULL, TRUE);

  /* the extension goes and comes back; who puts is not disturbed */
  change (uri, "DROP EXTENSION vector CASCADE");
  refused (uri, "CREATE EXTENSION vector SCHEMA public");
  fill (store, 1, 7);
  change (uri, "CREATE EXTENSION vector SCHEMA public");
  refused (uri, "clipmoe index --ann makes it");
  make (store);
  compare (uri, NULL, NULL, TRUE);
  clipmoe_store_drop_ann (store, &error);
  g_assert_no_error (error);
  refused (uri, "clipmoe index --ann makes it");
  fill (store, 1, 8);
  suite_verify (store);
  clipmoe_store_close (store);
  g_free (uri);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  pgplace_server = g_getenv ("CLIPMOE_TEST_POSTGRES");
  if (!pgplace_server)
    g_error ("run by ann.py");
  g_test_add_func ("/ann/refused", test_refused);
  if (g_getenv ("CLIPMOE_TEST_PGVECTOR")) {
    g_test_add_func ("/ann/index", test_index);
    g_test_add_func ("/ann/models", test_models);
  }
  int failed = g_test_run ();
  suite_end ();
  return failed;
}
