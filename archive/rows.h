/* The words of vector files and of searches in them: plain data. */
#ifndef CLIPMOE_ROWS_H
#define CLIPMOE_ROWS_H

#include <glib.h>

/* The rows of one block, for the checksums and for the search. */
#define CLIPMOE_VECTOR_BLOCK 1024

#define CLIPMOE_MAX_MODEL_ID 1024 /* bytes */

/* Rows first..first+n-1. */
typedef struct {
  guint64 first, n;
} ClipmoeRowRange;

typedef struct {
  guint64 row;
  float cosine;
} ClipmoeScanHit;

/* The distribution of all cosines of the query, to within 0.002: from the first pass, whose errors are about
 * 0.0005 for some hundred dimensions and cancel each other. Of no rows: zeros. */
typedef struct {
  guint64 n;
  double median, spread; /* the spread is that of the lower half: median - quantile at 15.87 % */
} ClipmoeScanSpread;

#endif
