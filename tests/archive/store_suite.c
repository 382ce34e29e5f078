#include "store_suite.h"

#include <glib/gstdio.h>
#include <string.h>

#define SECOND G_GINT64_CONSTANT (1000000000)

static StoreFresh suite_fresh;

static ClipmoeStoreFile *
get_file (ClipmoeStore *store, const char *path) {
  GError *error = NULL;
  ClipmoeStoreFile *found = NULL;
  GPtrArray *files = clipmoe_store_get_files (store, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < files->len && !found; i++)
    if (g_strcmp0 (((ClipmoeStoreFile *)files->pdata[i])->path, path) == 0)
      found = g_ptr_array_steal_index (files, i--);
  g_ptr_array_unref (files);
  return found;
}

static guint
count_files (ClipmoeStore *store) {
  GError *error = NULL;
  GPtrArray *files = clipmoe_store_get_files (store, &error);
  g_assert_no_error (error);
  guint n = files->len;
  g_ptr_array_unref (files);
  return n;
}

static void
test_moments (void) {
  GError *error = NULL;
  char *where = suite_fresh ();
  ClipmoeStore *store = suite_write (where);
  ClipmoeStoreFile *file = suite_file ("a\nb\xff.mp4", "one");
  gint64 recorded = G_GINT64_CONSTANT (1700000000) * G_USEC_PER_SEC;
  g_assert_null (clipmoe_store_get_vectors (store));
  g_assert_cmpuint (suite_count (store), ==, 0);
  gint64 take = suite_claim (store, file, CLIPMOE_CLAIM_NEW);
  suite_put (store, take, 10, 3, 0);
  suite_put (store, take, 21, 2, 3);
  g_assert_cmpuint (suite_count (store), ==, 5); /* while it runs */
  suite_finish (store, take, recorded);
  clipmoe_store_close (store);

  store = suite_open (where, CLIPMOE_STORE_READ);
  GPtrArray *found = suite_found (store, NULL);
  g_assert_cmpuint (found->len, ==, 5);
  for (guint i = 0; i < 5; i++) {
    const ClipmoeFound *f = found->pdata[i];
    g_assert_cmpstr (f->path, ==, file->path);
    g_assert_null (f->source);
    g_assert_cmpint (f->start, ==, i * SECOND);
    g_assert_cmpint (f->end, ==, (i + 1) * SECOND);
    g_assert_cmpint (f->at, ==, recorded + i * G_USEC_PER_SEC);
    g_assert_cmpint (f->recorded_by, ==, CLIPMOE_RECORDED_CONTAINER);
    g_assert_cmpint (f->why, ==, CLIPMOE_WHY_MEDOID);
    g_assert_false (f->picture);
    g_assert_cmpint (f->has_thumbnail, ==, i < 3);
    GBytes *jpeg = clipmoe_store_get_thumbnail (store, f->id, &error);
    g_assert_no_error (error);
    g_assert_cmpint (jpeg != NULL, ==, i < 3);
    if (jpeg)
      g_assert_cmpmem (g_bytes_get_data (jpeg, NULL), g_bytes_get_size (jpeg),
                       i == 0   ? "picture 10"
                       : i == 1 ? "picture 11"
                                : "picture 12",
                       10);
    g_clear_pointer (&jpeg, g_bytes_unref);
    ClipmoeFound *same = clipmoe_store_find (store, f->id, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (same->row, ==, f->row);
    clipmoe_found_free (same);
  }
  g_assert_null (clipmoe_store_find (store, 4711, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  GPtrArray *of_file = clipmoe_store_find_file (store, ((ClipmoeFound *)found->pdata[0])->file, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (of_file->len, ==, 5);
  for (guint i = 0; i < 5; i++)
    g_assert_cmpint (((ClipmoeFound *)of_file->pdata[i])->id, ==, ((ClipmoeFound *)found->pdata[i])->id);
  g_ptr_array_unref (of_file);
  guint64 far[] = {5, G_MAXUINT64};
  GPtrArray *none = clipmoe_store_find_rows (store, far, 2, &error);
  g_assert_no_error (error);
  g_assert_true (none->len == 2 && !none->pdata[0] && !none->pdata[1]);
  g_ptr_array_unref (none);
  ClipmoeStoreFile *kept = get_file (store, file->path);
  g_assert_nonnull (kept);
  g_assert_cmpint (kept->state, ==, CLIPMOE_FILE_DONE);
  g_assert_cmpuint (kept->moments, ==, 5);
  g_assert_cmpint (kept->recorded, ==, recorded);
  g_assert_cmpint (kept->duration, ==, 60 * SECOND);
  g_assert_cmpmem (kept->digest, 16, file->digest, 16);
  gint64 ids[] = {kept->id, 4711, kept->id, G_MININT64};
  GHashTable *files = clipmoe_store_find_files (store, ids, G_N_ELEMENTS (ids), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_hash_table_size (files), ==, 1);
  const ClipmoeStoreFile *one = g_hash_table_lookup (files, &ids[0]);
  g_assert_cmpstr (one->path, ==, kept->path);
  g_assert_cmpuint (one->moments, ==, 5);
  g_assert_cmpint (one->recorded, ==, recorded);
  g_hash_table_unref (files);
  files = clipmoe_store_find_files (store, NULL, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_hash_table_size (files), ==, 0);
  g_hash_table_unref (files);
  clipmoe_store_file_free (kept);
  /* a reader does not write */
  g_assert_false (clipmoe_store_set_model (store, "b@1", NULL, 3, FALSE, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  suite_verify (store);
  clipmoe_store_close (store);
  g_ptr_array_unref (found);
  clipmoe_store_file_free (file);
  g_free (where);
}

static void
test_takes (void) {
  GError *error = NULL;
  char *where = suite_fresh ();
  ClipmoeStore *store = suite_write (where);
  ClipmoeStoreFile *file = suite_file ("t.mp4", "one");
  suite_index (store, file, 100, 4);
  g_assert_cmpuint (suite_count (store), ==, 4);
  suite_claim (store, file, CLIPMOE_CLAIM_UNCHANGED);
  clipmoe_store_file_free (file);

  /* another content: both answer until it is finished */
  file = suite_file ("t.mp4", "two");
  gint64 take = suite_claim (store, file, CLIPMOE_CLAIM_CHANGED);
  suite_claim (store, file, CLIPMOE_CLAIM_TAKEN);
  suite_put (store, take, 200, 2, 0);
  g_assert_cmpuint (suite_count (store), ==, 6);
  clipmoe_store_close (store);
  suite_verify (store = suite_write (where)); /* cut off: it answers still … */
  g_assert_cmpuint (suite_count (store), ==, 6);
  g_assert_false (clipmoe_store_put (store, take, NULL, 0, &error)); /* … but nobody can go on with it */
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  take = suite_claim (store, file, CLIPMOE_CLAIM_AGAIN);
  g_assert_cmpuint (suite_count (store), ==, 4); /* until the next begins */
  suite_put (store, take, 300, 3, 0);
  suite_finish (store, take, 0);
  g_assert_cmpuint (suite_count (store), ==, 3);
  suite_verify (store);

  /* what fails leaves what was there */
  clipmoe_store_file_free (file);
  file = suite_file ("t.mp4", "three");
  take = suite_claim (store, file, CLIPMOE_CLAIM_CHANGED);
  suite_put (store, take, 400, 9, 0);
  g_assert_cmpuint (suite_count (store), ==, 12);
  clipmoe_store_fail (store, take, CLIPMOE_FILE_FAILED, "is cut", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (suite_count (store), ==, 3);
  ClipmoeStoreFile *kept = get_file (store, file->path);
  g_assert_cmpint (kept->state, ==, CLIPMOE_FILE_FAILED);
  g_assert_cmpstr (kept->reason, ==, "is cut");
  clipmoe_store_file_free (kept);
  suite_claim (store, file, CLIPMOE_CLAIM_FAILED); /* and the same still */
  ClipmoeClaim claim;
  clipmoe_store_claim (store, file, TRUE, &claim, &take, &error);
  g_assert_no_error (error);
  g_assert_cmpint (claim, ==, CLIPMOE_CLAIM_AGAIN);
  suite_finish (store, take, 0); /* a file may have no moments */
  g_assert_cmpuint (suite_count (store), ==, 0);
  kept = get_file (store, file->path);
  g_assert_cmpint (kept->state, ==, CLIPMOE_FILE_DONE);
  clipmoe_store_forget_file (store, kept->id, &error);
  g_assert_no_error (error);
  clipmoe_store_file_free (kept);
  g_assert_cmpuint (count_files (store), ==, 0);
  suite_verify (store);
  clipmoe_store_close (store);
  clipmoe_store_file_free (file);
  g_free (where);
}

static gboolean
is_known (ClipmoeStore *store, const ClipmoeStoreFile *file) {
  GError *error = NULL;
  gboolean known = FALSE;
  clipmoe_store_is_known (store, file, &known, &error);
  g_assert_no_error (error);
  return known;
}

static void
rename_file (const char *from, const char *to) {
  char *a = suite_place (from), *b = suite_place (to);
  g_assert_cmpint (g_rename (a, b), ==, 0);
  g_free (a);
  g_free (b);
}

static void
test_claims (void) {
  char *where = suite_fresh ();
  ClipmoeStore *store = suite_write (where);
  ClipmoeStoreFile *a = suite_file ("a", "content of a"), *b = suite_file ("b", "content of another");
  g_assert_false (is_known (store, a));
  suite_index (store, a, 0, 2);
  suite_index (store, b, 10, 2);
  g_assert_true (is_known (store, a));
  ClipmoeStoreFile *other = suite_file_at ("a");
  other->mtime++;
  g_assert_false (is_known (store, other));
  suite_claim (store, other, CLIPMOE_CLAIM_UNCHANGED); /* touched */
  g_assert_true (is_known (store, other));
  clipmoe_store_file_free (other);
  suite_claim (store, a, CLIPMOE_CLAIM_UNCHANGED);

  rename_file ("a", "c");
  ClipmoeStoreFile *c = suite_file_at ("c");
  suite_claim (store, c, CLIPMOE_CLAIM_MOVED);
  g_assert_true (is_known (store, c));
  g_assert_false (is_known (store, a));
  g_assert_cmpuint (count_files (store), ==, 2);
  g_assert_cmpuint (suite_count (store), ==, 4);

  /* two names exchanged: both are known by their content */
  rename_file ("c", "x");
  rename_file ("b", "c");
  rename_file ("x", "b");
  ClipmoeStoreFile *now_b = suite_file_at ("b"), *now_c = suite_file_at ("c");
  suite_claim (store, now_b, CLIPMOE_CLAIM_MOVED);
  suite_claim (store, now_c, CLIPMOE_CLAIM_UNCHANGED);
  g_assert_true (is_known (store, now_b) && is_known (store, now_c));
  g_assert_cmpuint (count_files (store), ==, 2);
  g_assert_cmpuint (suite_count (store), ==, 4);

  /* one that was moved onto another: that one is gone */
  rename_file ("b", "c");
  ClipmoeStoreFile *over = suite_file_at ("c");
  suite_claim (store, over, CLIPMOE_CLAIM_MOVED);
  g_assert_cmpuint (count_files (store), ==, 1);
  g_assert_cmpuint (suite_count (store), ==, 2);

  /* a copy is a file of its own */
  ClipmoeStoreFile *copy = suite_file ("copy", "content of a");
  suite_index (store, copy, 20, 2);
  g_assert_cmpuint (count_files (store), ==, 2);
  suite_claim (store, over, CLIPMOE_CLAIM_UNCHANGED);
  suite_verify (store);
  clipmoe_store_close (store);
  ClipmoeStoreFile *all[] = {a, b, c, now_b, now_c, over, copy};
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    clipmoe_store_file_free (all[i]);
  g_free (where);
}

static void
test_models (void) {
  GError *error = NULL;
  char *where = suite_fresh ();
  ClipmoeStore *store = suite_write (where);
  ClipmoeStoreFile *a = suite_file ("a", "a"), *b = suite_file ("b", "b"), *c = suite_file ("c", "c");
  suite_index (store, a, 0, 2);
  suite_index (store, b, 10, 3);
  suite_index (store, c, 20, 4);
  g_assert_false (clipmoe_store_set_model (store, "new@ffff", "/m", 8, FALSE, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_assert_true (strstr (error->message, SUITE_MODEL) && strstr (error->message, "new@ffff") &&
                 strstr (error->message, "--reindex"));
  g_clear_error (&error);
  g_assert_false (clipmoe_store_set_model (store, SUITE_MODEL, NULL, 8, FALSE, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MISMATCH);
  g_clear_error (&error);
  suite_claim (store, a, CLIPMOE_CLAIM_UNCHANGED); /* the model that was set stays */
  g_assert_false (clipmoe_store_switch_model (store, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);

  clipmoe_store_set_model (store, "new@ffff", "/m", SUITE_EMBED, TRUE, &error);
  g_assert_no_error (error);
  gint64 take = suite_claim (store, a, CLIPMOE_CLAIM_AGAIN);
  suite_put (store, take, 500, 1, 0);
  suite_finish (store, take, 0);
  take = suite_claim (store, b, CLIPMOE_CLAIM_AGAIN);
  suite_put (store, take, 510, 1, 0);
  g_assert_cmpuint (suite_count (store), ==, 9); /* the old one answers */
  clipmoe_store_close (store);                   /* cut off half way */

  store = suite_open (where, CLIPMOE_STORE_READ);
  g_assert_cmpuint (suite_count (store), ==, 9);
  GPtrArray *models = clipmoe_store_get_models (store, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (models->len, ==, 2);
  ClipmoeStoreModel *first = models->pdata[0], *second = models->pdata[1];
  g_assert_cmpstr (first->id, ==, SUITE_MODEL);
  g_assert_true (first->complete && !second->complete && !first->opened_as);
  g_assert_cmpuint (first->moments, ==, 9);
  g_assert_cmpstr (second->id, ==, "new@ffff");
  g_assert_cmpstr (second->opened_as, ==, "/m");
  g_assert_cmpuint (second->moments, ==, 2);
  g_ptr_array_unref (models);
  clipmoe_store_close (store);

  store = suite_open (where, CLIPMOE_STORE_WRITE);
  ClipmoeStore *reader = suite_open (where, CLIPMOE_STORE_READ);
  g_assert_cmpuint (suite_count (reader), ==, 9);
  clipmoe_store_set_model (store, "new@ffff", "/m", SUITE_EMBED, TRUE, &error);
  g_assert_no_error (error);
  suite_claim (store, a, CLIPMOE_CLAIM_UNCHANGED);
  take = suite_claim (store, b, CLIPMOE_CLAIM_AGAIN);
  suite_put (store, take, 520, 2, 0);
  g_assert_false (clipmoe_store_switch_model (store, &error)); /* while a take runs */
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  suite_finish (store, take, 0);
  take = suite_claim (store, c, CLIPMOE_CLAIM_AGAIN);
  suite_put (store, take, 530, 2, 0);
  clipmoe_store_fail (store, take, CLIPMOE_FILE_FAILED, "cannot be decoded", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (suite_count (store), ==, 9);
  clipmoe_store_switch_model (store, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (suite_count (store), ==, 3);
  g_assert_cmpuint (suite_count (reader), ==, 3);
  models = clipmoe_store_get_models (store, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (models->len, ==, 1);
  g_assert_true (((ClipmoeStoreModel *)models->pdata[0])->complete);
  g_ptr_array_unref (models);
  ClipmoeStoreFile *kept = get_file (store, c->path);
  g_assert_cmpint (kept->state, ==, CLIPMOE_FILE_FAILED);
  g_assert_cmpstr (kept->reason, ==, "cannot be decoded");
  g_assert_cmpuint (kept->moments, ==, 0);
  clipmoe_store_file_free (kept);
  suite_verify (store);
  suite_claim (store, a, CLIPMOE_CLAIM_UNCHANGED);

  /* what was never looked at again, says so */
  clipmoe_store_set_model (store, "third@0", NULL, SUITE_EMBED, TRUE, &error);
  g_assert_no_error (error);
  take = suite_claim (store, a, CLIPMOE_CLAIM_AGAIN);
  suite_finish (store, take, 0);
  clipmoe_store_switch_model (store, &error);
  g_assert_no_error (error);
  kept = get_file (store, b->path);
  g_assert_cmpint (kept->state, ==, CLIPMOE_FILE_FAILED);
  g_assert_true (strstr (kept->reason, "third@0") != NULL);
  clipmoe_store_file_free (kept);
  g_assert_cmpuint (suite_count (store), ==, 0);
  suite_verify (store);
  clipmoe_store_close (reader);
  clipmoe_store_close (store);
  clipmoe_store_file_free (a);
  clipmoe_store_file_free (b);
  clipmoe_store_file_free (c);
  g_free (where);
}

/* Live sources: takes add up, UTC tells times, the oldest is forgotten. */
static void
test_live (void) {
  GError *error = NULL;
  char *where = suite_fresh ();
  ClipmoeStore *store = suite_write (where);
  ClipmoeStoreFile door = {.source = (char *)"door"}, *file = suite_file ("a", "a");
  const gint64 day = G_GINT64_CONSTANT (86400) * G_USEC_PER_SEC, begin = 20000 * day;
  guint64 forgotten = 0;
  suite_index (store, file, 900, 5);
  for (guint i = 0; i < 3; i++) {
    gint64 take = suite_claim (store, &door, i ? CLIPMOE_CLAIM_AGAIN : CLIPMOE_CLAIM_NEW);
    suite_put_at (store, take, 100 * i, 50, 0, begin + i * day);
    suite_put_at (store, take, 100 * i + 50, 50, 50, begin + i * day + 50 * G_USEC_PER_SEC);
    if (i < 2)
      suite_finish (store, take, 0);
  }
  g_assert_cmpuint (suite_count (store), ==, 305);
  /* one that fails leaves what was seen before */
  clipmoe_store_close (store);
  store = suite_write (where);
  gint64 failing = suite_claim (store, &door, CLIPMOE_CLAIM_AGAIN);
  suite_put_at (store, failing, 400, 2, 0, begin + 3 * day);
  g_assert_cmpuint (suite_count (store), ==, 307);
  clipmoe_store_fail (store, failing, CLIPMOE_FILE_FAILED, "it does", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (suite_count (store), ==, 305);
  suite_verify (store);
  ClipmoeFilter filter = {.source = "door", .since = begin + day, .until = begin + 2 * day + G_USEC_PER_SEC};
  GPtrArray *found = suite_found (store, &filter);
  g_assert_cmpuint (found->len, ==, 101);
  const ClipmoeFound *last = found->pdata[100];
  g_assert_cmpstr (last->source, ==, "door");
  g_assert_cmpint (last->at, ==, begin + 2 * day);
  g_assert_cmpint (last->recorded_by, ==, CLIPMOE_RECORDED_LIVE);
  g_ptr_array_unref (found);
  /* a moment's end counts, so 60 of the first day's go, and the 41st… of them stay */
  clipmoe_store_retain (store, begin + 60 * G_USEC_PER_SEC, 0, &forgotten, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (forgotten, >=, 59);
  g_assert_cmpuint (forgotten, <=, 60);
  g_assert_cmpuint (suite_count (store), ==, 305 - forgotten);
  suite_verify (store);
  guint64 more = 0;
  clipmoe_store_retain (store, 0, 1, &more, &error); /* too small for anything */
  g_assert_no_error (error);
  g_assert_cmpuint (more, ==, 300 - forgotten);
  g_assert_cmpuint (suite_count (store), ==, 5); /* files are not forgotten */
  suite_verify (store);
  clipmoe_store_close (store);
  clipmoe_store_file_free (file);
  g_free (where);
}

static void
test_compact (void) {
  GError *error = NULL;
  char *where = suite_fresh (), *name = NULL;
  ClipmoeStore *store = suite_write (where), *reader = suite_open (where, CLIPMOE_STORE_READ);
  gboolean done = TRUE;
  ClipmoeStoreFile *files[4];
  gint64 ids[4];
  for (guint i = 0; i < 4; i++) {
    name = g_strdup_printf ("file %u", i);
    files[i] = suite_file (name, name);
    suite_index (store, files[i], 1000 * i, 300);
    ClipmoeStoreFile *kept = get_file (store, files[i]->path);
    ids[i] = kept->id;
    clipmoe_store_file_free (kept);
    g_free (name);
  }
  clipmoe_store_compact (store, &done, &error);
  g_assert_no_error (error);
  g_assert_false (done);
  g_assert_cmpuint (suite_count (reader), ==, 1200);
  GPtrArray *before = suite_found (reader, NULL);
  for (guint i = 0; i < 4; i += 2) {
    clipmoe_store_forget_file (store, ids[i], &error);
    g_assert_no_error (error);
  }
  gint64 take = suite_claim (store, files[0], CLIPMOE_CLAIM_NEW); /* one is running meanwhile */
  suite_put (store, take, 5000, 10, 0);
  clipmoe_store_compact (store, &done, &error);
  g_assert_no_error (error);
  g_assert_true (done);
  suite_put (store, take, 5010, 10, 10);
  suite_finish (store, take, 0);
  suite_verify (store);
  /* a reader that has not refreshed goes on with the old rows */
  guint64 rows[] = {0, 300, 599, 600, 1199};
  GPtrArray *found = clipmoe_store_find_rows (reader, rows, 5, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 5; i++) {
    const ClipmoeFound *was = before->pdata[rows[i]], *is = found->pdata[i];
    g_assert_cmpint (is != NULL, ==, rows[i] / 300 % 2);
    if (is)
      g_assert_cmpint (was->id, ==, is->id);
  }
  g_ptr_array_unref (found);
  found = suite_found (reader, NULL);
  g_assert_cmpuint (found->len, ==, 600);
  g_ptr_array_unref (found);
  g_assert_cmpuint (suite_count (reader), ==, 620);
  /* ids stay */
  ClipmoeFound *one = clipmoe_store_find (reader, ((ClipmoeFound *)before->pdata[599])->id, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (one->row, ==, 299);
  clipmoe_found_free (one);
  clipmoe_store_compact (store, &done, &error);
  g_assert_no_error (error);
  g_assert_false (done);
  g_ptr_array_unref (before);
  clipmoe_store_close (reader);
  clipmoe_store_close (store);
  for (guint i = 0; i < 4; i++)
    clipmoe_store_file_free (files[i]);
  g_free (where);
}

static void
test_refresh (void) {
  GError *error = NULL;
  char *where = suite_fresh ();
  ClipmoeStore *store = suite_write (where), *reader = suite_open (where, CLIPMOE_STORE_READ);
  ClipmoeStoreFile *file = suite_file ("a", "a");
  gboolean changed = FALSE;
  clipmoe_store_refresh (reader, &changed, &error);
  g_assert_no_error (error);
  clipmoe_store_refresh (reader, &changed, &error);
  g_assert_no_error (error);
  g_assert_false (changed);
  gint64 take = suite_claim (store, file, CLIPMOE_CLAIM_NEW);
  suite_put (store, take, 0, 3, 0);
  GPtrArray *found = suite_found (reader, NULL); /* as of the last refresh */
  g_assert_cmpuint (found->len, ==, 0);
  g_ptr_array_unref (found);
  clipmoe_store_refresh (reader, &changed, &error);
  g_assert_no_error (error);
  g_assert_true (changed);
  suite_put (store, take, 3, 300, 3);
  found = suite_found (reader, NULL);
  g_assert_cmpuint (found->len, ==, 3);
  g_ptr_array_unref (found);
  ClipmoeFilter filter = {.path = "*"};
  found = suite_found (reader, &filter);
  g_assert_cmpuint (found->len, ==, 3);
  g_ptr_array_unref (found);
  g_assert_cmpuint (suite_count (reader), ==, 303);
  clipmoe_store_close (reader);
  clipmoe_store_close (store);
  clipmoe_store_file_free (file);
  g_free (where);
}

static void
test_beside (void) {
  char *where = suite_fresh ();
  store_beside_test (where);
  g_free (where);
}

static void
test_filters (void) {
  char *where = suite_fresh ();
  store_filters_test (where);
  g_free (where);
}

void
store_suite (const char *name, StoreFresh fresh) {
  static const struct {
    const char *name;
    GTestFunc test;
  } tests[] = {
      {"moments", test_moments}, {"takes", test_takes},     {"claims", test_claims},
      {"models", test_models},   {"live", test_live},       {"compact", test_compact},
      {"refresh", test_refresh}, {"filters", test_filters}, {"beside", test_beside},
  };
  suite_fresh = fresh;
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++) {
    char *path = g_strdup_printf ("/%s/%s", name, tests[i].name);
    g_test_add_func (path, tests[i].test);
    g_free (path);
  }
}
