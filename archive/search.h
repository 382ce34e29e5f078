/* From a query vector to hits: scan, figures, neighbours of a file made one. Pure but for the store. */
#ifndef CLIPMOE_SEARCH_H
#define CLIPMOE_SEARCH_H

#include "standing.h"
#include "store.h"

typedef struct {
  ClipmoeFound *found; /* the moment whose frame matched best */
  gint64 start, end;   /* of all neighbouring moments that are one hit */
  guint moments;       /* how many they are */
  double cosine, score, distance;
  double lead, margin; /* what `stands_out` is made of (standing.h); NAN without a bank or for a picture; the
                          margin is always there */
  gboolean stands_out;
} ClipmoeHit;
void clipmoe_hit_free (ClipmoeHit *hit);

typedef struct {
  GPtrArray *hits;     /* (element-type ClipmoeHit), best first */
  guint64 moments;     /* that passed the filter */
  gboolean stands_out; /* whether any hit does */
  double seconds;
  double median, spread;    /* of all cosines */
  gboolean compared;        /* whether the bank took part, */
  ClipmoeStanding standing; /* and what the rule knows of the query then */
} ClipmoeAnswer;
void clipmoe_answer_free (ClipmoeAnswer *answer);

#define CLIPMOE_MAX_HITS 1000

/* Searches what the store shows at this instant (clipmoe_store_refresh()). @query: float32 [embed], a unit
 * vector of the answering model. @bank: nullable, of the same model; without one scores are NAN, and the rule
 * is that of distance alone, which is wrong more often. @scale: the model's exp (logit_scale). @words:
 * whether the query is made of words; a picture's hits have no score and stand out by another rule. @limit: 1
 * to CLIPMOE_MAX_HITS. @threads: 0 = all. Neighbours of a file are one hit where their cosines stay within a
 * fifth of the best one's height above the median. Returns NULL on error. */
ClipmoeAnswer *clipmoe_search (ClipmoeStore *store, const float *query, gboolean words,
                               const ClipmoeFilter *filter, const ClipmoeBank *bank, double scale,
                               guint limit, guint threads, GError **error);

#endif
