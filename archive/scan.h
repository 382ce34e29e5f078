/* Exact search: the cosines of one query with all rows of a vector file that a filter lets through.
 * Guaranteed exact with respect to the f16 rows: a first pass over the 8-bit copy keeps every row whose upper
 * bound reaches the k-th best lower bound; those alone are computed from the f16 rows. */
#ifndef CLIPMOE_SCAN_H
#define CLIPMOE_SCAN_H

#include "vectors.h"

/* @query: float32 [embed], a unit vector. @ranges: which rows, ascending and disjoint. @hits gets up to @k,
 * best first; equal cosines in order of rows. @threads: 0 = all that the process may use. @spread is
 * optional. Returns how many hits there are; -1 on error. */
gssize clipmoe_scan (const ClipmoeVectors *vectors, const float *query, const ClipmoeRowRange *ranges,
                     gsize n_ranges, gsize k, guint threads, ClipmoeScanHit *hits, ClipmoeScanSpread *spread,
                     GError **error);

#endif
