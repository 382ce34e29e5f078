/* What lies beside a moment, and pictures that are too large. */
#include <base/limits.h>
#include "store_suite.h"

#define SECOND G_GINT64_CONSTANT (1000000000)

/* The moments beside @found, in time order and each once. */
static void
check_beside (ClipmoeStore *store, const ClipmoeFound *found, guint most, guint n, guint here) {
  GError *error = NULL;
  GPtrArray *all = clipmoe_store_find_beside (store, found, most, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (all->len, ==, n);
  for (guint i = 0; i < n; i++) {
    const ClipmoeFound *f = all->pdata[i];
    g_assert_cmpint (f->file, ==, found->file);
    g_assert_cmpint (f->time / SECOND, ==, found->time / SECOND + i - here);
    if (found->at)
      g_assert_cmpint (f->at, ==, found->at + ((gint64)i - here) * G_USEC_PER_SEC);
  }
  g_assert_cmpint (((ClipmoeFound *)all->pdata[here])->id, ==, found->id);
  g_ptr_array_unref (all);
}

void
store_beside_test (const char *where) {
  GError *error = NULL;
  ClipmoeStore *store = suite_write (where);
  ClipmoeStoreFile live = {.source = (char *)"door"}, *file = suite_file ("a", "a");
  gint64 begin = G_GINT64_CONSTANT (1700000000) * G_USEC_PER_SEC, day = 86400 * (gint64)G_USEC_PER_SEC;
  gint64 other = suite_claim (store, file, CLIPMOE_CLAIM_NEW);
  /* three runs of a source, the third later in its stream than the second ends, with a file in between */
  for (guint run = 0; run < 3; run++) {
    gint64 take = suite_claim (store, &live, run ? CLIPMOE_CLAIM_AGAIN : CLIPMOE_CLAIM_NEW);
    for (guint part = 0; part < 30; part++) {
      gint64 second = part * 10 + (run == 2 ? 400 : 0);
      suite_put_at (store, take, run * 300 + part * 10, 10, second,
                    begin + run * day + second * G_USEC_PER_SEC);
      suite_put (store, other, 1000 + run * 60 + part * 2, 2, run * 60 + part * 2);
    }
    suite_finish (store, take, 0);
  }
  suite_finish (store, other, 0);
  GPtrArray *found = suite_found (store, &(ClipmoeFilter){.source = "door"});
  g_assert_cmpuint (found->len, ==, 900);
  check_beside (store, found->pdata[450], 1000, 300, 150);
  check_beside (store, found->pdata[450], 20, 41, 20);
  check_beside (store, found->pdata[300], 20, 21, 0);
  check_beside (store, found->pdata[299], 20, 21, 20);
  check_beside (store, found->pdata[599], 1000, 300, 299);
  check_beside (store, found->pdata[600], 1000, 300, 0);
  check_beside (store, found->pdata[0], 0, 1, 0);
  g_ptr_array_unref (found);
  found = suite_found (store, &(ClipmoeFilter){.path = "*"});
  g_assert_cmpuint (found->len, ==, 180);
  check_beside (store, found->pdata[90], 1000, 180, 90);
  g_ptr_array_unref (found);
  /* a picture of a moment is never larger than what is read of one */
  float vector[SUITE_EMBED] = {1};
  guint8 *large = g_malloc0 (CLIPMOE_MAX_THUMBNAIL + 1);
  ClipmoeMoment moment = {
      .end = SECOND, .vector = vector, .thumbnail = g_bytes_new_take (large, CLIPMOE_MAX_THUMBNAIL + 1)};
  ClipmoeStoreFile *second = suite_file ("b", "b");
  gint64 take = suite_claim (store, second, CLIPMOE_CLAIM_NEW);
  clipmoe_store_put (store, take, &moment, 1, &error);
  g_assert_no_error (error);
  suite_finish (store, take, 0);
  g_assert_true (clipmoe_store_refresh (store, NULL, &error));
  GArray *ranges = clipmoe_store_select (store, &(ClipmoeFilter){.path = "*/b"}, &error);
  g_assert_no_error (error);
  found = clipmoe_store_find_rows (store, &g_array_index (ranges, ClipmoeRowRange, 0).first, 1, &error);
  g_assert_no_error (error);
  g_assert_null (clipmoe_store_get_thumbnail (store, ((ClipmoeFound *)found->pdata[0])->id, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
  g_clear_error (&error);
  g_ptr_array_unref (found);
  g_array_unref (ranges);
  g_bytes_unref (moment.thumbnail);
  suite_verify (store);
  clipmoe_store_close (store);
  clipmoe_store_file_free (file);
  clipmoe_store_file_free (second);
}
