#include "indexusual.h"

#include "moments.h"

#define SAMPLE 64

/* The row that is number @at of those that count; they are at least so many. */
static guint64
row_at (const GArray *ranges, guint64 at) {
  for (guint i = 0; i < ranges->len; i++) {
    const ClipmoeRowRange *range = &g_array_index (ranges, ClipmoeRowRange, i);
    if (at < range->n)
      return range->first + at;
    at -= range->n;
  }
  return 0;
}

static gboolean
measure (ClipmoeIndexUsual *self, ClipmoeStore *store, const GArray *ranges, GError **error) {
  const ClipmoeVectors *vectors = clipmoe_store_get_vectors (store);
  guint embed = vectors ? clipmoe_vectors_get_embed (vectors) : 0;
  guint64 rows[SAMPLE];
  gint64 files[SAMPLE];
  for (guint i = 0; i < SAMPLE; i++)
    rows[i] = row_at (ranges, i * (self->rows / SAMPLE));
  GPtrArray *found = vectors ? clipmoe_store_find_rows (store, rows, SAMPLE, error) : NULL;
  if (!found)
    return !vectors;
  float *all = g_new (float, (gsize)SAMPLE *embed);
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < SAMPLE; i++) {
    const ClipmoeFound *one = found->pdata[i];
    files[i] = one ? one->file : 0;
    ok = clipmoe_vectors_get (vectors, rows[i], all + (gsize)i * embed, error);
  }
  if (ok)
    self->unrelated = clipmoe_moments_unrelated (all, files, SAMPLE, embed);
  g_free (all);
  g_ptr_array_unref (found);
  return ok;
}

gboolean
clipmoe_index_usual_update (ClipmoeIndexUsual *self, ClipmoeStore *store, guint64 moments, GError **error) {
  guint64 rows = SAMPLE;
  if (moments < SAMPLE)
    return TRUE;
  while (rows <= moments / 2)
    rows *= 2;
  if (rows == self->rows)
    return TRUE;
  GArray *ranges =
      clipmoe_store_refresh (store, NULL, error) ? clipmoe_store_select (store, NULL, error) : NULL;
  if (!ranges)
    return FALSE;
  guint64 there = 0;
  for (guint i = 0; i < ranges->len; i++)
    there += g_array_index (ranges, ClipmoeRowRange, i).n;
  gboolean ok = TRUE;
  if (there >= rows) {
    self->rows = rows;
    ok = measure (self, store, ranges, error);
  }
  g_array_unref (ranges);
  return ok;
}
