#include "best.h"

#include <math.h>
#include <stdlib.h>

gboolean
clipmoe_best_values_init (ClipmoeBestValues *self, gsize k) {
  *self = (ClipmoeBestValues){g_try_new (float, MAX (k, 1)), 0, k};
  return self->values != NULL;
}

void
clipmoe_best_values_clear (ClipmoeBestValues *self) {
  g_clear_pointer (&self->values, g_free);
}

float
clipmoe_best_values_get_last (const ClipmoeBestValues *self) {
  return self->n < self->k || !self->n ? -INFINITY : self->values[0];
}

void
clipmoe_best_values_add (ClipmoeBestValues *self, float value) {
  float *v = self->values;
  gsize i;
  if (self->n < self->k) { /* up from the end */
    for (i = self->n++; i && v[(i - 1) / 2] > value; i = (i - 1) / 2)
      v[i] = v[(i - 1) / 2];
  } else { /* down from the place of the smallest */
    if (!self->k || !(value > v[0]))
      return;
    i = 0;
    for (gsize child; (child = 2 * i + 1) < self->n; i = child) {
      if (child + 1 < self->n && v[child + 1] < v[child])
        child++;
      if (v[child] >= value)
        break;
      v[i] = v[child];
    }
  }
  v[i] = value;
}

gboolean
clipmoe_best_hits_init (ClipmoeBestHits *self, gsize k) {
  *self = (ClipmoeBestHits){g_try_new (ClipmoeScanHit, MAX (k, 1)), 0, k};
  return self->hits != NULL;
}

void
clipmoe_best_hits_clear (ClipmoeBestHits *self) {
  g_clear_pointer (&self->hits, g_free);
}

static inline gboolean
is_better (const ClipmoeScanHit *a, const ClipmoeScanHit *b) {
  return a->cosine > b->cosine || (a->cosine == b->cosine && a->row < b->row);
}

float
clipmoe_best_hits_get_last (const ClipmoeBestHits *self) {
  return self->n < self->k || !self->n ? -INFINITY : self->hits[0].cosine;
}

void
clipmoe_best_hits_add (ClipmoeBestHits *self, guint64 row, float cosine) {
  ClipmoeScanHit *h = self->hits, new = {row, isnan (cosine) ? -INFINITY : cosine};
  gsize i;
  if (self->n < self->k) {
    for (i = self->n++; i && is_better (&h[(i - 1) / 2], &new); i = (i - 1) / 2)
      h[i] = h[(i - 1) / 2];
  } else {
    if (!self->k || !is_better (&new, &h[0]))
      return;
    i = 0;
    for (gsize child; (child = 2 * i + 1) < self->n; i = child) {
      if (child + 1 < self->n && is_better (&h[child], &h[child + 1]))
        child++;
      if (!is_better (&new, &h[child]))
        break;
      h[i] = h[child];
    }
  }
  h[i] = new;
}

static int
compare (const void *one, const void *other) {
  return is_better (one, other) ? -1 : is_better (other, one);
}

void
clipmoe_best_hits_sort (ClipmoeBestHits *self) {
  qsort (self->hits, self->n, sizeof *self->hits, compare);
}
