/* Addresses in matrices of lines (see kernels.h). */
#ifndef CLIPMOE_ROWS_H
#define CLIPMOE_ROWS_H

#include "kernels.h"

/* n rows cut into the fewest tiles of at most @most rows, as evenly as possible: the first tiles are one
 * row larger. */
typedef struct {
  size_t n;
  unsigned tiles, least, larger; /* rows of the smaller tiles; how many tiles have one more */
} ClipmoeRows;

static inline ClipmoeRows
cm_rows (size_t n, unsigned most) {
  ClipmoeRows r = {n, (unsigned)((n + most - 1) / most), 1, 0};
  if (r.tiles) {
    unsigned least = (unsigned)(n / r.tiles);
    r.least = least ? least : 1; /* which it always is: no tile is empty */
    r.larger = (unsigned)(n % r.tiles);
  }
  return r;
}

static inline size_t
cm_tile_first (const ClipmoeRows *r, unsigned tile) {
  return (size_t)tile * r->least + (tile < r->larger ? tile : r->larger);
}

static inline unsigned
cm_tile_rows (const ClipmoeRows *r, unsigned tile) {
  return r->least + (tile < r->larger);
}

static inline unsigned
cm_tile_of (const ClipmoeRows *r, size_t row) {
  size_t split = (size_t)r->larger * (r->least + 1);
  return row < split ? (unsigned)(row / (r->least + 1)) : r->larger + (unsigned)((row - split) / r->least);
}

/* The position of a row's first line, in lines, when rows are @lines lines long; *stride: lines from one of
 * its lines to the next. */
static inline size_t
cm_row_at (const ClipmoeRows *r, size_t row, size_t lines, size_t *stride) {
  unsigned tile = cm_tile_of (r, row);
  size_t first = cm_tile_first (r, tile);
  *stride = cm_tile_rows (r, tile);
  return first * lines + (row - first);
}

static inline size_t
cm_lines (size_t n, size_t per_line) {
  return (n + per_line - 1) / per_line;
}

#endif
