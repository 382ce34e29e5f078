/* Ranks in retrieval between pictures and captions. */
#ifndef DMU_RETRIEVAL_H
#define DMU_RETRIEVAL_H

#include <glib.h>

/* 1 + how many of @n scores are larger than that of @right, or equal with a lower index. */
guint dmu_rank (const float *scores, guint n, guint right);
/* The index of the largest, the lowest of equals. */
guint dmu_largest (const float *scores, guint n);

typedef struct {
  guint threads, width;
  guint n;               /* pictures */
  const guint *begins;   /* [n + 1] the first caption of each picture, and how many there are */
  const float *pictures; /* [n][width] unit vectors */
  const float *captions; /* [begins[n]][width] */
  gsize block;           /* bytes of scores that are held at a time */
} DmuRetrieval;

/* @best [n]: the best rank of a picture's own captions; @first [n]: the caption that ranks first; @rank
 * [captions]: the rank of a caption's own picture. FALSE: no memory. */
gboolean dmu_retrieve (const DmuRetrieval *self, guint *best, guint *first, guint *rank);

#endif
