/* The distribution of cosines, counted in bins. */
#ifndef CLIPMOE_SPREAD_H
#define CLIPMOE_SPREAD_H

#include "scan.h"

#define CLIPMOE_SPREAD_BINS 4096 /* of -1 to 1 */

typedef struct {
  guint64 bins[CLIPMOE_SPREAD_BINS];
} ClipmoeSpreadBins;

void clipmoe_spread_add (ClipmoeSpreadBins *self, const float *cosines, gsize n);
void clipmoe_spread_merge (ClipmoeSpreadBins *self, const ClipmoeSpreadBins *other);
void clipmoe_spread_tell (const ClipmoeSpreadBins *self, ClipmoeScanSpread *out);

#endif
