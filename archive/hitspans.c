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

GPtrArray *
clipmoe_hit_spans (const ClipmoeAnswer *answer, ClipmoeStore *store, const char *label, gboolean thumbnails,
                   GError **error) {
  GPtrArray *spans = g_ptr_array_new_with_free_func (span_free);
  for (guint i = 0; i < answer->hits->len; i++) {
    const ClipmoeHit *hit = answer->hits->pdata[i];
    ClipmoeSpan *span = make_span (hit, label);
    GError *failed = NULL;
    g_ptr_array_add (spans, span);
    if (thumbnails && hit->found->has_thumbnail)
      span->thumbnail = clipmoe_store_get_thumbnail (store, hit->found->id, &failed);
    if (failed) {
      g_propagate_error (error, failed);
      g_ptr_array_unref (spans);
      return NULL;
    }
  }
  return spans;
}
