/* Which hits stand out: one rule for words and one for pictures, chosen by tests/bench/standout. Pure. */
#ifndef CLIPMOE_STANDING_H
#define CLIPMOE_STANDING_H

#include "reach.h"

/* What the hits of a query have in common. */
typedef struct {
  ClipmoeReach words; /* how high everyday words reach among the same moments */
  double first;       /* lead of the first hit */
  double support;     /* how far the query's five best moments lie above the words' on average, in spreads of
                         the words: what is there is mostly seen more than once */
  double common;      /* how near the query is to all words (bank.h) */
} ClipmoeStanding;

/* @first: the highest cosine of the query; @five: the mean of the CLIPMOE_REACH_FIRST highest, or of all
 * where there are fewer. */
void clipmoe_standing_init (ClipmoeStanding *self, const ClipmoeReach *words, double first, double five,
                            double common);
/* How far a hit lies above what a word's best moment reaches, in spreads of the words: means the same for
 * every model and in archives of all sizes. */
double clipmoe_standing_lead (const ClipmoeStanding *self, double cosine);
/* How much a hit of words is above the rule's threshold: it stands out from 0 on. The figures of the query
 * say by how much the first hit is; another hit is by as much less as its lead is smaller. */
double clipmoe_standing_margin (const ClipmoeStanding *self, double cosine);
/* The same from the distance alone: where the query is a picture, or has one in it, and where there is no
 * bank. What a moment would take for the picture itself (a cosine of 0.95) stands out at any distance: in a
 * small archive nothing lies far from the median. */
double clipmoe_standing_distance_margin (gboolean words, double distance, double cosine);

/* The rule in words and numbers, for --explain. @compared: with a bank. (transfer full) */
char *clipmoe_standing_describe (gboolean words, gboolean compared);

#endif
