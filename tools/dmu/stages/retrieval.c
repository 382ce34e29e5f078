#include "retrieval.h"

#include <real.h>

guint
dmu_rank (const float *scores, guint n, guint right) {
  guint rank = 1;
  for (guint i = 0; i < n; i++)
    rank += scores[i] > scores[right] || (scores[i] == scores[right] && i < right);
  return rank;
}

guint
dmu_largest (const float *scores, guint n) {
  guint best = 0;
  for (guint i = 1; i < n; i++)
    best = scores[i] > scores[best] ? i : best;
  return best;
}

/* Ranks picture @i's own captions by its scores with all captions; @own gets its scores with its own. */
static void
find_captions (const DmuRetrieval *r, guint i, const float *scores, float *own, guint *best, guint *first) {
  guint m = r->begins[r->n];
  best[i] = m;
  first[i] = dmu_largest (scores, m);
  for (guint t = r->begins[i]; t < r->begins[i + 1]; t++) {
    guint rank = dmu_rank (scores, m, t);
    best[i] = MIN (best[i], rank);
    own[t] = scores[t];
  }
}

/* Counts picture @i for every caption whose own picture it outranks. */
static void
find_pictures (const DmuRetrieval *r, guint i, const float *scores, const float *own, guint *rank) {
  for (guint t = 0; t < r->begins[i]; t++) /* captions of earlier pictures: equal scores do not outrank */
    rank[t] += scores[t] > own[t];
  for (guint t = r->begins[i + 1]; t < r->begins[r->n]; t++)
    rank[t] += scores[t] >= own[t];
}

gboolean
dmu_retrieve (const DmuRetrieval *self, guint *best, guint *first, guint *rank) {
  guint m = self->begins[self->n], c = self->width,
        rows = (guint)CLAMP (self->block / (MAX (m, 1) * sizeof (float)), 1, self->n);
  float *scores = g_try_new (float, (gsize)rows *m), *own = g_try_new0 (float, m);
  gboolean ok = scores && own;
  for (guint t = 0; t < m; t++)
    rank[t] = 1;
  /* A caption's score with its own picture must be known before others are held against it: what does not fit
   * into one block is worked out twice. */
  for (guint pass = 0; pass < 2 && ok; pass++)
    for (guint at = 0; at < self->n; at += rows) {
      guint some = MIN (rows, self->n - at);
      if (pass == 0 || rows < self->n)
        dmu_gemm (self->threads, FALSE, TRUE, some, m, c, self->pictures + (gsize)at * c, c, self->captions,
                  c, 0, scores, m);
      for (guint i = at; i < at + some; i++)
        if (pass == 0)
          find_captions (self, i, scores + (gsize)(i - at) * m, own, best, first);
        else
          find_pictures (self, i, scores + (gsize)(i - at) * m, own, rank);
    }
  g_free (scores);
  g_free (own);
  return ok;
}
