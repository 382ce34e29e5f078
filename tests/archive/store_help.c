/* What tests of stores have in common. */
#include "store_suite.h"

#include <base/half.h>
#include <string.h>
#include <sys/stat.h>
#include "place.h"

#define SECOND G_GINT64_CONSTANT (1000000000)

ClipmoeStore *
suite_open (const char *where, ClipmoeStoreAccess access) {
  GError *error = NULL;
  ClipmoeStore *store = clipmoe_store_open (where, access, 0, &error);
  g_assert_no_error (error);
  g_assert_nonnull (store);
  return store;
}

ClipmoeStore *
suite_write (const char *where) {
  GError *error = NULL;
  ClipmoeStore *store = suite_open (where, CLIPMOE_STORE_WRITE);
  clipmoe_store_set_model (store, SUITE_MODEL, NULL, SUITE_EMBED, FALSE, &error);
  g_assert_no_error (error);
  return store;
}

static ClipmoeStoreFile *
look_at (const char *path, const char *content, gsize length) {
  struct stat st;
  gsize size = 32;
  guint8 sum[32];
  GChecksum *checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (checksum, (const guchar *)content, (gssize)length);
  g_checksum_get_digest (checksum, sum, &size);
  g_checksum_free (checksum);
  g_assert_cmpint (stat (path, &st), ==, 0);
  ClipmoeStoreFile *file = g_new0 (ClipmoeStoreFile, 1);
  file->path = g_strdup (path);
  file->device = st.st_dev;
  file->inode = st.st_ino;
  file->size = (guint64)st.st_size;
  file->mtime = (gint64)st.st_mtim.tv_sec * SECOND + st.st_mtim.tv_nsec;
  memcpy (file->digest, sum, sizeof file->digest);
  return file;
}

ClipmoeStoreFile *
suite_file_at (const char *name) {
  char *path = place (name), *content = NULL;
  gsize length = 0;
  g_assert_true (g_file_get_contents (path, &content, &length, NULL));
  ClipmoeStoreFile *file = look_at (path, content, length);
  g_free (content);
  g_free (path);
  return file;
}

ClipmoeStoreFile *
suite_file (const char *name, const char *content) {
  GError *error = NULL;
  char *path = place (name);
  g_file_set_contents_full (path, content, -1, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
  g_free (path);
  return suite_file_at (name);
}

gint64
suite_claim (ClipmoeStore *store, const ClipmoeStoreFile *file, ClipmoeClaim expected) {
  GError *error = NULL;
  ClipmoeClaim claim;
  gint64 take = 0;
  clipmoe_store_claim (store, file, FALSE, &claim, &take, &error);
  g_assert_no_error (error);
  g_assert_cmpint (claim, ==, expected);
  g_assert_true ((take != 0) == (expected <= CLIPMOE_CLAIM_AGAIN));
  return take;
}

void
suite_put_at (ClipmoeStore *store, gint64 take, guint64 number, guint n, gint64 second, gint64 at) {
  GError *error = NULL;
  float *vectors = place_vectors (number, n, SUITE_EMBED);
  ClipmoeMoment *moments = g_new0 (ClipmoeMoment, n);
  for (guint i = 0; i < n; i++) {
    gint64 start = (second + i) * SECOND;
    char *text = g_strdup_printf ("picture %u", (guint)number + i);
    moments[i] = (ClipmoeMoment){.start = start,
                                 .end = start + SECOND,
                                 .time = start + (gint64)number + i,
                                 .at = at ? at + (gint64)i * G_USEC_PER_SEC : 0,
                                 .why = CLIPMOE_WHY_MEDOID,
                                 .looks = 2,
                                 .vector = vectors + (gsize)i * SUITE_EMBED,
                                 .thumbnail = number % 2 ? NULL : g_bytes_new (text, strlen (text))};
    g_free (text);
  }
  clipmoe_store_put (store, take, moments, n, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    g_clear_pointer (&moments[i].thumbnail, g_bytes_unref);
  g_free (moments);
  g_free (vectors);
}

void
suite_put (ClipmoeStore *store, gint64 take, guint64 number, guint n, gint64 second) {
  suite_put_at (store, take, number, n, second, 0);
}

void
suite_finish (ClipmoeStore *store, gint64 take, gint64 recorded) {
  GError *error = NULL;
  ClipmoeStoreFile facts = {.recorded = recorded,
                            .recorded_by = recorded ? CLIPMOE_RECORDED_CONTAINER : CLIPMOE_RECORDED_UNKNOWN,
                            .duration = 60 * SECOND};
  clipmoe_store_finish (store, take, &facts, &error);
  g_assert_no_error (error);
}

void
suite_index (ClipmoeStore *store, const ClipmoeStoreFile *file, guint64 number, guint n) {
  gint64 take = suite_claim (store, file, CLIPMOE_CLAIM_NEW);
  suite_put (store, take, number, n, 0);
  suite_finish (store, take, 0);
}

GPtrArray *
suite_found (ClipmoeStore *store, const ClipmoeFilter *filter) {
  GError *error = NULL;
  GArray *ranges = clipmoe_store_select (store, filter, &error), *rows = g_array_new (FALSE, FALSE, 8);
  guint64 next = 0;
  g_assert_no_error (error);
  for (guint i = 0; i < ranges->len; i++) {
    ClipmoeRowRange r = g_array_index (ranges, ClipmoeRowRange, i);
    g_assert_true (r.n > 0 && (i == 0 || r.first > next)); /* neighbours are one */
    next = r.first + r.n;
    for (guint64 row = r.first; row < next; row++)
      g_array_append_val (rows, row);
  }
  GPtrArray *found = clipmoe_store_find_rows (store, (guint64 *)(gpointer)rows->data, rows->len, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (found->len, ==, rows->len);
  for (guint i = 0; i < found->len; i++) {
    const ClipmoeFound *f = found->pdata[i];
    float vector[SUITE_EMBED], want[SUITE_EMBED];
    g_assert_nonnull (f);
    g_assert_cmpuint (f->row, ==, g_array_index (rows, guint64, i));
    clipmoe_vectors_get (clipmoe_store_get_vectors (store), f->row, vector, &error);
    g_assert_no_error (error);
    place_vector ((guint64)(f->time % SECOND), SUITE_EMBED, want);
    for (guint k = 0; k < SUITE_EMBED; k++)
      g_assert_cmpfloat (vector[k], ==, clipmoe_f16_to_f32 (clipmoe_f32_to_f16 (want[k])));
  }
  g_array_unref (rows);
  g_array_unref (ranges);
  return found;
}

/* After a refresh: how many moments are found. */
guint
suite_count (ClipmoeStore *store) {
  GError *error = NULL;
  clipmoe_store_refresh (store, NULL, &error);
  g_assert_no_error (error);
  GPtrArray *found = suite_found (store, NULL);
  guint n = found->len;
  g_ptr_array_unref (found);
  return n;
}

void
suite_verify (ClipmoeStore *store) {
  GError *error = NULL;
  GPtrArray *faults = g_ptr_array_new_with_free_func (g_free);
  clipmoe_store_verify (store, faults, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < faults->len; i++)
    g_test_message ("%s", (char *)faults->pdata[i]);
  g_assert_cmpuint (faults->len, ==, 0);
  g_ptr_array_unref (faults);
}

/* Stores have files alone in them. */
void
suite_end (void) {
  GDir *dir = place_folder ? g_dir_open (place_folder, 0, NULL) : NULL;
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    char *where = g_build_filename (place_folder, name, NULL);
    GDir *inner = g_dir_open (where, 0, NULL);
    for (const char *file; inner && (file = g_dir_read_name (inner));) {
      char *path = g_build_filename (where, file, NULL);
      g_unlink (path);
      g_free (path);
    }
    if (inner)
      g_dir_close (inner);
    g_free (where);
  }
  if (dir)
    g_dir_close (dir);
  place_end ();
}

char *
suite_fresh_folder (void) {
  static guint number;
  char *name = g_strdup_printf ("store-%u", number++), *where = place (name);
  g_free (name);
  return where;
}

char *
suite_make (guint files, guint n) {
  char *where = suite_fresh_folder ();
  ClipmoeStore *store = suite_write (where);
  for (guint i = 0; i < files; i++) {
    char *name = g_strdup_printf ("file %u", i);
    ClipmoeStoreFile *file = suite_file (name, name);
    suite_index (store, file, SUITE_PER_FILE * i, n);
    clipmoe_store_file_free (file);
    g_free (name);
  }
  clipmoe_store_close (store);
  return where;
}

char *
suite_place (const char *name) {
  return place (name);
}

void
suite_run_sqlite (const char *path, const char *statements) {
  char *words[] = {(char *)"/usr/bin/python3",
                   (char *)"-c",
                   (char *)"import sqlite3, sys; c = sqlite3.connect (sys.argv[1]);"
                           "c.executescript (sys.argv[2]); c.close ()",
                   (char *)path,
                   (char *)statements,
                   NULL};
  GError *error = NULL;
  int status;
  g_spawn_sync (NULL, words, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
}
