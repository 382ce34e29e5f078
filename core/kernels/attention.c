#include "attention.h"

#include <math.h>
#include <string.h>
#include "int16.h"

/* Parts of the scratch: keys as panels [columns of tokens][d], values as panels [columns of d][n], one tile
 * of queries, scores and results. int16 is made of floats here, a head at a time: `rounded` has rows of
 * keys, then of values, before they become panels, and `units` the scales of columns. */
typedef struct {
  size_t d_lines, n_padded; /* tokens padded to panels */
  size_t key_panels, value_panels;
  size_t keys, values, queries, scores, results, rounded, units, all; /* offsets in floats */
} Plan;

static Plan
plan (const ClipmoeGemm *f, size_t n, size_t d) {
  Plan p;
  p.d_lines = cm_lines (d, CM_LINE);
  p.key_panels = cm_lines (n, f->columns);
  p.value_panels = cm_lines (d, f->columns);
  p.n_padded = p.key_panels * f->columns;
  p.keys = 0;
  p.values = p.keys + p.n_padded * p.d_lines * CM_LINE / f->unit_k;
  p.queries = p.values + p.value_panels * f->columns * p.n_padded / f->unit_k;
  p.scores = p.queries + f->rows * p.d_lines * CM_LINE;
  p.results = p.scores + f->rows * p.n_padded;
  p.rounded = p.results + f->rows * p.value_panels * f->columns;
  p.units = p.rounded + (f->round ? n * d / f->unit_k : 0);
  p.all = p.units + (f->round ? 2 * d : 0);
  return p;
}

/* Other formats than f32 need heads of whole lines and panels. */
const ClipmoeGemm *
cm_attention_format (const ClipmoeKernels *k, size_t d, int fast) {
  const ClipmoeGemm *f = k->attention;
  return fast && f && d % f->line_k == 0 && d % f->columns == 0 ? f : k->f32;
}

size_t
cm_attention_floats (const ClipmoeGemm *f, size_t n, size_t d) {
  return plan (f, n, d).all;
}

/* The address of an entry of the head in a row; @line_k entries make a line; *stride: floats from line to
 * line. Only floats are addressed within a line. */
static float *
entry (const ClipmoeHeads *h, size_t line_k, size_t row, size_t column, size_t *stride) {
  size_t at = cm_row_at (&h->rows, row, h->lines, stride);
  column += h->column;
  at += column / line_k * *stride;
  *stride *= CM_LINE;
  return (float *)h->data + at * CM_LINE + column % line_k;
}

/* Whether the columns of all heads are whole lines. */
static int
whole_lines (const ClipmoeAttention *a) {
  if (!a->format->plain)
    return 1;
  return a->d % CM_LINE == 0 && a->q.column % CM_LINE == 0 && a->k.column % CM_LINE == 0 &&
         a->v.column % CM_LINE == 0 && a->o.column % CM_LINE == 0;
}

/* Returns the end of the run of tokens from i on whose rows are consecutive and in one tile. */
static size_t
run_end (const ClipmoeAttention *a, const ClipmoeRows *r, size_t i) {
  size_t row = a->tokens[i], end = i + 1;
  unsigned tile = cm_tile_of (r, row);
  size_t most = i + cm_tile_first (r, tile) + cm_tile_rows (r, tile) - row;
  if (most > a->n)
    most = a->n;
  while (end < most && a->tokens[end] == row + end - i)
    end++;
  return end;
}

/* The scale of n numbers of magnitude up to @largest with the sum of squares @square. NaN when one of them
 * is not finite, so that the result is NaN too. */
static float
unit_of (float largest, float square, size_t n) {
  if (!(largest < INFINITY))
    return NAN;
  /* outside this range squares overflow or vanish: assume that all are the largest */
  int fits = largest > 1e-15f && largest < 1e15f;
  return cm_i16_scale (largest, fits ? sqrtf (square) / largest : sqrtf ((float)n));
}

static float
inverse (float unit) {
  return unit > 1e-34f ? 1 / unit : 0;
}

static void
measure_head (const ClipmoeAttention *a, const ClipmoeHeads *h, float *largest, float *squares) {
  size_t stride;
  memset (largest, 0, a->d * sizeof *largest);
  memset (squares, 0, a->d * sizeof *squares);
  for (size_t i = 0, end; i < a->n; i = end) {
    end = run_end (a, &h->rows, i);
    const float *from = entry (h, CM_LINE, a->tokens[i], 0, &stride);
    a->format->extent (end - i, a->d, from, CM_LINE, stride, largest, squares);
  }
}

static void
round_head (const ClipmoeAttention *a, const ClipmoeHeads *h, const float *by, float *to) {
  size_t stride;
  for (size_t i = 0, end; i < a->n; i = end) {
    end = run_end (a, &h->rows, i);
    const float *from = entry (h, CM_LINE, a->tokens[i], 0, &stride);
    a->format->round (end - i, a->d, from, CM_LINE, stride, by, to + i * a->d / a->format->unit_k);
  }
}

/* Keys have one scale, which is returned; it is made of the largest entry of each column, so that it is
 * large enough for every row. Values have a scale for each column, in @units. */
static float
put_rounded (const ClipmoeAttention *a, const Plan *p, float *units) {
  const ClipmoeGemm *f = a->format;
  size_t columns = f->columns, row = a->d / f->unit_k, depth = p->d_lines * CM_LINE / f->unit_k;
  float *rounded = a->scratch + p->rounded, *by = units + a->d, top = 0, square = 0;
  measure_head (a, &a->k, units, by);
  for (size_t c = 0; c < a->d; c++) {
    if (!(units[c] <= top)) /* NaN stays */
      top = isnan (top) ? top : units[c];
    square += units[c] * units[c];
  }
  float unit = unit_of (top, square, a->d);
  for (size_t c = 0; c < a->d; c++)
    by[c] = inverse (unit);
  round_head (a, &a->k, by, rounded);
  float *keys = a->scratch + p->keys;
  if (p->n_padded != a->n) /* entries beyond the last token are zero */
    memset (keys + (p->key_panels - 1) * columns * depth, 0, columns * depth * sizeof (float));
  for (size_t i = 0; i < a->n; i += columns)
    f->keys (a->n - i < columns ? a->n - i : columns, a->d, rounded + i * row, row, CM_LINE, keys + i * depth,
             columns);
  measure_head (a, &a->v, units, by);
  for (size_t c = 0; c < a->d; c++) {
    units[c] = unit_of (units[c], by[c], a->n);
    by[c] = inverse (units[c]);
  }
  round_head (a, &a->v, by, rounded);
  size_t panel_floats = p->n_padded / f->unit_k * columns;
  for (size_t panel = 0; panel < p->value_panels; panel++) {
    float *to = a->scratch + p->values + panel * panel_floats;
    const float *from = rounded + panel * columns / f->unit_k;
    for (size_t u = 0; u < a->n; u += f->unit_k, to += columns)
      f->values ((unsigned)(columns / f->line_k), from + u * row, CM_LINE,
                 u + 1 < a->n ? from + (u + 1) * row : NULL, CM_LINE, to);
    memset (to, 0, (size_t)(a->scratch + p->values + (panel + 1) * panel_floats - to) * sizeof (float));
  }
  return unit;
}

static void
put_keys (const ClipmoeAttention *a, const Plan *p, float *keys) {
  const ClipmoeGemm *f = a->format;
  size_t columns = f->columns, depth = p->d_lines * CM_LINE / f->unit_k, stride;
  int whole = whole_lines (a);
  /* entries beyond the last token or the end of the head are zero */
  size_t clear = !whole ? 0 : p->n_padded != a->n ? p->key_panels - 1 : p->key_panels;
  memset (keys + clear * columns * depth, 0, (p->key_panels - clear) * columns * depth * sizeof (float));
  for (size_t i = 0, end; i < a->n; i = end) {
    size_t row = a->tokens[i], panel_end = (i / columns + 1) * columns;
    end = run_end (a, &a->k.rows, i);
    if (end > panel_end)
      end = panel_end;
    float *to = keys + i / columns * columns * depth + i % columns;
    if (whole) {
      const float *from = entry (&a->k, f->line_k, row, 0, &stride);
      f->keys (end - i, a->d, from, CM_LINE, stride, to, columns);
    } else {
      for (size_t u = i; u < end; u++)
        for (size_t c = 0; c < a->d; c++)
          to[c * columns + u - i] = *entry (&a->k, CM_LINE, a->tokens[u], c, &stride);
    }
  }
}

static void
put_values (const ClipmoeAttention *a, const Plan *p, float *values) {
  const ClipmoeGemm *f = a->format;
  size_t columns = f->columns, panel_floats = p->n_padded / f->unit_k * columns, stride, stride_2;
  for (size_t u = 0; u < a->n; u += f->unit_k)
    for (size_t panel = 0; panel < p->value_panels; panel++) {
      float *to = values + panel * panel_floats + u / f->unit_k * columns;
      if (whole_lines (a) && (panel + 1) * columns <= a->d) {
        const float *first = entry (&a->v, f->line_k, a->tokens[u], panel * columns, &stride), *second = NULL;
        if (f->unit_k > 1 && u + 1 < a->n)
          second = entry (&a->v, f->line_k, a->tokens[u + 1], panel * columns, &stride_2);
        f->values ((unsigned)(columns / f->line_k), first, stride, second, second ? stride_2 : 0, to);
      } else {
        for (size_t c = 0; c < columns; c++)
          to[c] = panel * columns + c < a->d
                      ? *entry (&a->v, CM_LINE, a->tokens[u], panel * columns + c, &stride)
                      : 0.0f;
      }
    }
  size_t used = (a->n + f->unit_k - 1) / f->unit_k * columns;
  for (size_t panel = 0; panel < p->value_panels; panel++)
    memset (values + panel * panel_floats + used, 0, (panel_floats - used) * sizeof (float));
}

void
cm_attention_run (const ClipmoeKernels *k, const ClipmoeAttention *a) {
  const ClipmoeGemm *f = a->format;
  Plan p = plan (f, a->n, a->d);
  size_t columns = f->columns, panel_lines = columns / CM_LINE, stride, unit = f->unit_k;
  float *scores = a->scratch + p.scores, *queries = a->scratch + p.queries;
  float *units = a->scratch + p.units, scale = (float)(1.0 / sqrt ((double)a->d));
  if (f->round) {
    scale *= put_rounded (a, &p, units);
  } else {
    put_keys (a, &p, a->scratch + p.keys);
    put_values (a, &p, a->scratch + p.values);
  }
  for (size_t i = 0; i < a->n_q;) {
    const ClipmoeRows *r = &a->q.rows;
    unsigned tile = cm_tile_of (r, a->q_first + i);
    size_t end = cm_tile_first (r, tile) + cm_tile_rows (r, tile) - a->q_first;
    if (end > a->n_q)
      end = a->n_q;
    unsigned rows = (unsigned)(end - i);
    size_t sees = a->causal ? a->position + end : a->n, s_stride = (size_t)rows * CM_LINE;
    const float *q = entry (&a->q, f->round ? CM_LINE : f->line_k, a->q_first + i, 0, &stride);
    size_t q_stride = stride;
    float scales[CM_MAX_ROWS], factors[CM_MAX_ROWS];
    if (f->round) {
      f->pack (rows, a->d, q, CM_LINE, stride, NULL, queries, rows * CM_LINE_BYTES, scales);
      q = queries;
      q_stride = s_stride;
    } else if (!whole_lines (a)) { /* otherwise used in place */
      memset (queries, 0, rows * p.d_lines * CM_LINE_BYTES);
      for (unsigned row = 0; row < rows; row++)
        for (size_t c = 0; c < a->d; c++)
          queries[c / CM_LINE * s_stride + row * CM_LINE + c % CM_LINE] =
              *entry (&a->q, CM_LINE, a->q_first + i + row, c, &stride);
      q = queries;
      q_stride = s_stride;
    }
    for (size_t panel = 0; panel * columns < sees; panel++) {
      const float *w = a->scratch + p.keys + panel * columns * (p.d_lines * CM_LINE / unit);
      f->tile (rows, p.d_lines / unit, q, q_stride * sizeof (float), w, w, 0,
               scores + panel * panel_lines * s_stride, s_stride);
    }
    size_t lines = cm_lines (sees, f->line_k);
    for (unsigned row = 0; row < rows; row++)
      factors[row] = f->softmax (a->causal ? a->position + i + row + 1 : a->n, lines * f->line_k,
                                 f->round ? scale * scales[row] : scale, scores + row * CM_LINE, s_stride);
    float *o = entry (&a->o, CM_LINE, a->q_first + i, 0, &stride);
    int direct = a->d % columns == 0 && a->o.column % CM_LINE == 0;
    float *to = direct ? o : a->scratch + p.results;
    size_t o_stride = direct ? stride : s_stride;
    for (size_t panel = 0; panel < p.value_panels; panel++) {
      const float *w = a->scratch + p.values + panel * (p.n_padded / unit * columns);
      f->tile (rows, lines, scores, s_stride * sizeof (float), w, w, 0, to + panel * panel_lines * o_stride,
               o_stride);
    }
    if (f->round) {
      static const float nothing[CM_MAX_COLUMNS] = {0};
      for (size_t panel = 0; panel < p.value_panels; panel++) {
        ClipmoeSums sums = {NULL, factors, units + panel * columns};
        float *c = to + panel * panel_lines * o_stride;
        k->bias (rows, (unsigned)panel_lines, c, o_stride, &sums, nothing, c, o_stride);
      }
    } else {
      k->scale (rows, (unsigned)(p.value_panels * panel_lines), to, o_stride, factors);
    }
    if (!direct)
      for (unsigned row = 0; row < rows; row++)
        for (size_t c = 0; c < a->d; c++)
          *entry (&a->o, CM_LINE, a->q_first + i + row, c, &stride) =
              to[c / CM_LINE * o_stride + row * CM_LINE + c % CM_LINE];
    i = end;
  }
}
