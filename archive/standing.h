/* Which hits stand out: one rule for words and one for pictures, chosen by tests/bench/standout. Pure. */
#ifndef CLIPMOE_STANDING_H
#define CLIPMOE_STANDING_H

#include "bank.h"

/* Of a hit, made from its cosine and the bank. */
typedef struct {
  double cosine;
  ClipmoeBankFigures bank;
} ClipmoeStandingHit;

/* What the hits of a query have in common. All are in spreads: of the bank's cosines with the first hits, but
 * for `common` (bank.h). So they mean the same for every model. */
typedef struct {
  double base, unit; /* what the bank's best words reach at the first hits, and one spread: cosines */
  double support; /* how far the first hits lie above that, on average: what is there is mostly seen twice */
  double common;  /* how near the query is to all words */
  double level;   /* how far the median of all moments lies above the bank's words */
} ClipmoeStanding;

#define CLIPMOE_STANDING_HITS 20   /* describe the base, */
#define CLIPMOE_STANDING_SUPPORT 5 /* and these many of them the support */

/* @hits: [n], best first, n >= 1; no more than CLIPMOE_STANDING_HITS are looked at. @median: of all cosines
 * of the query. */
void clipmoe_standing_init (ClipmoeStanding *self, const ClipmoeStandingHit *hits, guint n, double median,
                            double common);
/* How far a hit lies above the base, in spreads. */
double clipmoe_standing_lead (const ClipmoeStanding *self, double cosine);
/* How much a hit of words is above the rule's threshold: it stands out from 0 on. */
double clipmoe_standing_margin (const ClipmoeStanding *self, double cosine);
/* The same from the distance alone: where the query is a picture, or has one in it, and where there is no
 * bank. What a moment would take for the picture itself (a cosine of 0.95) stands out at any distance: in a
 * small archive nothing lies far from the median. */
double clipmoe_standing_distance_margin (gboolean words, double distance, double cosine);

/* The rule in words and numbers, for --explain. @compared: with a bank. (transfer full) */
char *clipmoe_standing_describe (gboolean words, gboolean compared);

#endif
