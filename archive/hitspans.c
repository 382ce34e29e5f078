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

/* How long the files of the hits are, in seconds: (element-type gint64 double). NULL with @error. */
static GHashTable *
read_lengths (ClipmoeStore *store, GError **error) {
  GPtrArray *files = clipmoe_store_get_files (store, error);
  if (!files)
    return NULL;
  GHashTable *lengths = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  for (guint i = 0; i < files->len; i++) {
    const ClipmoeStoreFile *file = files->pdata[i];
    gint64 *id = g_new (gint64, 1);
    double *length = g_new (double, 1);
    *id = file->id;
    *length = (double)file->duration / SECOND;
    g_hash_table_insert (lengths, id, length);
  }
  g_ptr_array_unref (files);
  return lengths;
}

static void
add_length (ClipmoeSpan *span, const ClipmoeFound *found, GHashTable *lengths) {
  const double *length = g_hash_table_lookup (lengths, &found->file);
  if (length && span->timed)
    span->length = *length;
}

GPtrArray *
clipmoe_hit_spans (const ClipmoeAnswer *answer, ClipmoeStore *store, const char *label, gboolean thumbnails,
                   gboolean lengths, GError **error) {
  GPtrArray *spans = g_ptr_array_new_with_free_func (span_free);
  GHashTable *known = lengths ? read_lengths (store, error) : NULL;
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
    ok = !failed;
    if (failed)
      g_propagate_error (error, failed);
  }
  g_clear_pointer (&known, g_hash_table_unref);
  if (!ok)
    g_clear_pointer (&spans, g_ptr_array_unref);
  return spans;
}
