/* How alike unrelated looks of an archive usually are, for the rule that ends moments (moments.h). */
#ifndef CLIPMOE_INDEX_USUAL_H
#define CLIPMOE_INDEX_USUAL_H

#include "store.h"

/* What was measured last; all zero at first. */
typedef struct {
  guint64 rows;     /* moments that it was measured on */
  double unrelated; /* as clipmoe_moments_unrelated(); 0 = not known */
} ClipmoeIndexUsual;

/* Measures anew where the archive has @moments by now and that is twice as many as the last time, 64 at
 * least: on 64 of the first 2^k that count, evenly spaced, those of one file not paired. So what it says
 * follows from what is in the archive, however often a run was broken off. */
gboolean clipmoe_index_usual_update (ClipmoeIndexUsual *self, ClipmoeStore *store, guint64 moments,
                                     GError **error);

#endif
