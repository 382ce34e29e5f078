#include "hitspans.h"

#include "when.h"

#define SECOND 1e9

static void
span_free (gpointer data) {
  ClipmoeSpan *span = data;
  g_free ((char *)span->at);
  g_clear_pointer (&span->thumbnail, g_bytes_unref);
  g_free (span);
}

static ClipmoeSpan *
make_span (const ClipmoeHit *hit, const char *label) {
  ClipmoeSpan *span = g_new0 (ClipmoeSpan, 1);
  const ClipmoeFound *found = hit->found;
  span->file = found->path ? found->path : found->source;
  span->path = found->path;
  span->label = label;
  span->timed = !found->picture;
  if (span->timed) {
    span->start = (double)hit->start / SECOND;
    span->end = (double)hit->end / SECOND;
    span->time = (double)found->time / SECOND;
  }
  span->score = hit->score;
  span->cosine = hit->cosine;
  span->distance = hit->distance;
  span->stands_out = hit->stands_out;
  span->at = found->at ? clipmoe_when_utc (found->at) : NULL;
  return span;
}

GHashTable *
clipmoe_hit_files (const ClipmoeAnswer *answer, ClipmoeStore *store, GError **error) {
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  for (guint i = 0; i < answer->hits->len; i++)
    g_array_append_val (ids, ((const ClipmoeHit *)answer->hits->pdata[i])->found->file);
  GHashTable *files = clipmoe_store_find_files (store, (const gint64 *)(gpointer)ids->data, ids->len, error);
  g_array_unref (ids);
  return files;
}

static void
add_length (ClipmoeSpan *span, const ClipmoeFound *found, GHashTable *files) {
  const ClipmoeStoreFile *file = g_hash_table_lookup (files, &found->file);
  if (file && span->timed)
    span->length = (double)file->duration / SECOND;
}

GPtrArray *
clipmoe_hit_spans (const ClipmoeAnswer *answer, ClipmoeStore *store, const char *label, gboolean thumbnails,
                   gboolean lengths, guint *damaged, GError **error) {
  *damaged = 0;
  GPtrArray *spans = g_ptr_array_new_with_free_func (span_free);
  GHashTable *known = lengths ? clipmoe_hit_files (answer, store, error) : NULL;
  gboolean ok = known || !lengths;
  for (guint i = 0; ok && i < answer->hits->len; i++) {
    const ClipmoeHit *hit = answer->hits->pdata[i];
    ClipmoeSpan *span = make_span (hit, label);
    GError *failed = NULL;
    g_ptr_array_add (spans, span);
    if (known)
      add_length (span, hit->found, known);
    if (thumbnails && hit->found->has_thumbnail)
      span->thumbnail = clipmoe_store_get_thumbnail (store, hit->found->id, &failed);
    if (g_error_matches (failed, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT)) { /* one picture, and not the answer */
      g_clear_error (&failed);
      ++*damaged;
    }
    ok = !failed;
    if (failed)
      g_propagate_error (error, failed);
  }
  g_clear_pointer (&known, g_hash_table_unref);
  if (!ok)
    g_clear_pointer (&spans, g_ptr_array_unref);
  return spans;
}
