/* How high everyday words reach in an archive: what a query is compared with. A word's first hit lies higher
 * the more moments there are, and the more alike they are to anything, just as a query's. Pure. */
#ifndef CLIPMOE_REACH_H
#define CLIPMOE_REACH_H

#include "bank.h"

#define CLIPMOE_REACH_FIRST 5    /* of a word's best moments: their mean */
#define CLIPMOE_REACH_SAMPLE 512 /* moments that are looked at: all, or so many, evenly spaced */

/* Over all words, cosines: mean and deviation of what a word's best moment reaches, and its best five on
 * average. */
typedef struct {
  double best, best_spread, five, five_spread;
} ClipmoeReach;

typedef struct _ClipmoeReachTops ClipmoeReachTops;

/* @bank must stay. */
ClipmoeReachTops *clipmoe_reach_tops_new (const ClipmoeBank *bank);
void clipmoe_reach_tops_free (ClipmoeReachTops *self);
/* The next moment, float32 [embed]. */
void clipmoe_reach_tops_add (ClipmoeReachTops *self, const float *picture);
/* @rows: how many moments there are, at least one, of which those that were added are an evenly spaced
 * sample. Where it is not all of them, the means are continued to @rows along the root of the logarithm, as
 * the largest of random numbers grow: by what they gain from each fourth of the sample to the whole. */
void clipmoe_reach_tops_tell (const ClipmoeReachTops *self, guint64 rows, ClipmoeReach *out);

#endif
