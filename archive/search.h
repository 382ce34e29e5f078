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

/* Of a store that was opened with CLIPMOE_STORE_ANN. */
typedef struct {
  guint candidates;   /* that the index gave, or that were compared; ranked exactly */
  guint ef_search;    /* how many the index had at hand; 0: all moments that passed were compared */
  guint sample;       /* moments, drawn at random, that stand for all */
  gboolean estimated; /* how many passed: by the sample */
  gboolean fewer;     /* there are fewer hits than were asked for since the index gave no more that pass */
} ClipmoeApproximation;

typedef struct {
  GPtrArray *hits;     /* (element-type ClipmoeHit), best first */
  guint64 moments;     /* that passed the filter */
  gboolean stands_out; /* whether any hit does */
  double seconds;
  double median, spread; /* of all cosines */
  gboolean approximate;  /* hits may be missed, and median and spread are a sample's: what follows is set */
  ClipmoeApproximation how;
  gboolean compared;        /* whether the bank took part, */
  ClipmoeStanding standing; /* and what the rule knows of the query then */
} ClipmoeAnswer;
void clipmoe_answer_free (ClipmoeAnswer *answer);

/* Appends ,"approximate":{…} as docs/search.schema.json has it; nothing where the answer is exact. */
void clipmoe_answer_append_approximation (const ClipmoeAnswer *answer, GString *out);

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
