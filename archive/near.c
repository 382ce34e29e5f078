#include "near.h"

#include "../core/base/half.h"
#include "../core/clipmoe/error.h"
#include "../core/kernels/search-choose.h"
#include "best.h"
#include "rowfile.h"
#include "spread.h"

static void
clear_rows (ClipmoeNearRows *rows) {
  g_clear_pointer (&rows->numbers, g_array_unref);
  g_clear_pointer (&rows->rows, g_array_unref);
}

void
clipmoe_near_clear (ClipmoeNear *self) {
  clear_rows (&self->sample);
  clear_rows (&self->found);
  g_clear_pointer (&self->listed, g_array_unref);
  *self = (ClipmoeNear){0};
}

void
clipmoe_near_rows_reset (ClipmoeNearRows *self) {
  clear_rows (self);
  self->numbers = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->rows = g_array_new (FALSE, FALSE, sizeof (guint16));
}

guint16 *
clipmoe_near_rows_add (ClipmoeNearRows *self, gint64 number, guint embed) {
  guint had = self->rows->len;
  g_array_append_val (self->numbers, number);
  g_array_set_size (self->rows, had + embed);
  return &g_array_index (self->rows, guint16, had);
}

static const guint16 *
row_of (const ClipmoeNearRows *rows, guint i, guint embed) {
  return (const guint16 *)(gconstpointer)rows->rows->data + (gsize)i * embed;
}

void
clipmoe_near_rows_get (const ClipmoeNearRows *self, guint i, guint embed, float *out) {
  const guint16 *row = row_of (self, i, embed);
  for (guint k = 0; k < embed; k++)
    out[k] = clipmoe_f16_to_f32 (row[k]);
}

gboolean
clipmoe_near_get (const ClipmoeNear *self, gint64 number, float *out) {
  guint n = self->found.numbers ? self->found.numbers->len : 0;
  for (guint i = 0; i < n; i++)
    if (g_array_index (self->found.numbers, gint64, i) == number) {
      clipmoe_near_rows_get (&self->found, i, self->embed, out);
      return TRUE;
    }
  return FALSE;
}

/* (transfer full): the cosines of all @rows; as the exact search computes them. */
static double *
cosines_of (const ClipmoeSearchKernels *kernels, const ClipmoeNearRows *rows, guint embed,
            const double *query) {
  double *cosines = g_new (double, rows->numbers->len + 1);
  kernels->dot16 (rows->numbers->len, embed, row_of (rows, 0, embed), query, cosines);
  return cosines;
}

static void
measure (const double *cosines, guint n, ClipmoeScanSpread *spread) {
  ClipmoeSpreadBins *bins = g_new0 (ClipmoeSpreadBins, 1);
  for (guint i = 0; i < n; i++) {
    float cosine = (float)cosines[i];
    clipmoe_spread_add (bins, &cosine, 1);
  }
  clipmoe_spread_tell (bins, spread);
  g_free (bins);
}

gssize
clipmoe_near_rank (const ClipmoeNear *self, const float *query, gsize k, ClipmoeScanHit *hits,
                   ClipmoeScanSpread *spread, GError **error) {
  const char *forced = g_getenv ("CLIPMOE_CPU");
  const ClipmoeSearchKernels *kernels = cm_search_kernels_get (forced);
  ClipmoeBestHits best;
  double exact[CLIPMOE_MAX_EMBED];
  if (!kernels) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "CLIPMOE_CPU=%s: this processor has no such kernels for searching", forced);
    return -1;
  }
  if (!clipmoe_best_hits_init (&best, k)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT, "no memory for %" G_GSIZE_FORMAT " hits", k);
    return -1;
  }
  for (guint i = 0; i < self->embed; i++)
    exact[i] = query[i];
  double *cosines = cosines_of (kernels, &self->found, self->embed, exact);
  for (guint i = 0; i < self->found.numbers->len; i++)
    clipmoe_best_hits_add (&best, (guint64)g_array_index (self->found.numbers, gint64, i), (float)cosines[i]);
  g_free (cosines);
  clipmoe_best_hits_sort (&best);
  for (gsize i = 0; i < best.n; i++)
    hits[i] = best.hits[i];
  cosines = cosines_of (kernels, &self->sample, self->embed, exact);
  measure (cosines, self->sample.numbers->len, spread);
  g_free (cosines);
  gssize n = (gssize)best.n;
  clipmoe_best_hits_clear (&best);
  return n;
}
