/* From a query vector to hits: scan, figures, neighbours of a file made one. Pure but for the store. */
#ifndef CLIPMOE_SEARCH_H
#define CLIPMOE_SEARCH_H

#include "store.h"

/* The background bank: vectors of everyday words, for the score (bank.h makes one). */
typedef struct _ClipmoeBank ClipmoeBank;

typedef struct {
  ClipmoeFound *found; /* the moment whose frame matched best */
  gint64 start, end;   /* of all neighbouring moments that are one hit */
  guint moments;       /* how many they are */
  double cosine, score, distance;
  gboolean stands_out;
} ClipmoeHit;
void clipmoe_hit_free (ClipmoeHit *hit);

typedef struct {
  GPtrArray *hits;     /* (element-type ClipmoeHit), best first */
  guint64 moments;     /* that passed the filter */
  gboolean stands_out; /* whether any hit does */
  double seconds;
  double median, spread; /* of all cosines */
} ClipmoeAnswer;
void clipmoe_answer_free (ClipmoeAnswer *answer);

/* @query: float32 [embed], a unit vector. @bank: nullable; without one scores are NAN, and the rule does
 * without them. @scale: the model's exp (logit_scale). @words: whether the query is made of words (pictures
 * stand out by another rule). Returns NULL on error. */
ClipmoeAnswer *clipmoe_search (ClipmoeStore *store, const float *query, gboolean words,
                               const ClipmoeFilter *filter, const ClipmoeBank *bank, double scale,
                               guint limit, guint threads, GError **error);

#endif
