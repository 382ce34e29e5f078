/* Exact search: the cosines of one query with all rows of a vector file that a filter lets through.
 * Guaranteed exact with respect to the f16 rows: a first pass over the 8-bit copy keeps every row whose upper
 * bound reaches the k-th best lower bound; those alone are computed from the f16 rows. */
#ifndef CLIPMOE_SCAN_H
#define CLIPMOE_SCAN_H

#include "vectors.h"

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

/* @query: float32 [embed], a unit vector. @ranges: which rows, ascending and disjoint. @hits gets up to @k,
 * best first; equal cosines in order of rows. @threads: 0 = all that the process may use. @spread is
 * optional. Returns how many hits there are; -1 on error. */
gssize clipmoe_scan (const ClipmoeVectors *vectors, const float *query, const ClipmoeRowRange *ranges,
                     gsize n_ranges, gsize k, guint threads, ClipmoeScanHit *hits, ClipmoeScanSpread *spread,
                     GError **error);

#endif
