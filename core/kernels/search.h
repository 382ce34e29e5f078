/* The types of a table of kernels for searching: scalar products of one query with many rows. libc alone.
 * Every tier gives the same numbers, bit by bit. */
#ifndef CLIPMOE_KERNELS_SEARCH_H
#define CLIPMOE_KERNELS_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#define CM_SEARCH_UNIT 64    /* n of dot8 is a multiple of it */
#define CM_SEARCH_MOST 4096  /* n at most */
#define CM_SEARCH_RANGE 4095 /* of a query's values: then no sum of CM_SEARCH_MOST overflows */

/* The values of a query for dot8, -CM_SEARCH_RANGE to CM_SEARCH_RANGE, each as 64 * high + low with high in
 * -64..64 and low in -32..31: so two products of an unsigned byte with either fit into 16 bits. */
typedef struct {
  int8_t high[CM_SEARCH_MOST], low[CM_SEARCH_MOST];
  int32_t sum; /* of all values */
} ClipmoeSearchQuery;

typedef struct {
  const char *name;
  /* out[r] = sum of (codes[r * n + i] - 128) * value i of the query, i < n, r < rows. */
  void (*dot8) (size_t rows, size_t n, const uint8_t *codes, const ClipmoeSearchQuery *query, int32_t *out);
  /* out[r] = sum of halves[r * n + i] * query[i], f16 by f64, for any n. A product of an f16 with a query
   * value that was an f32 is exact; element i is added to sum i % 16; the sums are added in halves: j and
   * j + 8, j and j + 4, j and j + 2, 0 and 1. */
  void (*dot16) (size_t rows, size_t n, const uint16_t *halves, const double *query, double *out);
} ClipmoeSearchKernels;

/* Value @i of @query, from the first to the last. */
static inline void
cm_search_set (ClipmoeSearchQuery *query, size_t i, int value) {
  int high = (value + 32 + 64 * 64) / 64 - 64; /* rounds down: the sum is positive */
  query->high[i] = (int8_t)high;
  query->low[i] = (int8_t)(value - 64 * high);
  query->sum = (i ? query->sum : 0) + value;
}

#endif
