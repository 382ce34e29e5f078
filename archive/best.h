/* The best k of what a search has seen: their cosines alone, or with their rows. */
#ifndef CLIPMOE_BEST_H
#define CLIPMOE_BEST_H

#include "scan.h"

/* The k largest values. */
typedef struct {
  float *values; /* [k], a heap: the smallest first */
  gsize n, k;
} ClipmoeBestValues;

/* The k best hits: larger cosines first, of equal ones earlier rows. */
typedef struct {
  ClipmoeScanHit *hits; /* [k], a heap: the worst first */
  gsize n, k;
} ClipmoeBestHits;

/* FALSE: no memory. */
gboolean clipmoe_best_values_init (ClipmoeBestValues *self, gsize k);
void clipmoe_best_values_clear (ClipmoeBestValues *self);
void clipmoe_best_values_add (ClipmoeBestValues *self, float value);
/* The k-th best value so far; -INFINITY as long as there are fewer. */
float clipmoe_best_values_get_last (const ClipmoeBestValues *self);

gboolean clipmoe_best_hits_init (ClipmoeBestHits *self, gsize k);
void clipmoe_best_hits_clear (ClipmoeBestHits *self);
void clipmoe_best_hits_add (ClipmoeBestHits *self, guint64 row, float cosine);
float clipmoe_best_hits_get_last (const ClipmoeBestHits *self);
/* Best first. It is no heap any more. */
void clipmoe_best_hits_sort (ClipmoeBestHits *self);

#endif
