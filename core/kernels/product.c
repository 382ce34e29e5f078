#include "product.h"

#include <string.h>
#include "int16.h"
#include "pool.h"

typedef struct {
  const ClipmoeKernels *kernels;
  const ClipmoeProduct *p;
  size_t first_line, lines, first_panel; /* the lines of k of this pass */
} Pass;

/* Finishes a tile that has just been computed; it is written to @to unless it is added. */
static void
finish (const Pass *pass, size_t panel, size_t first, unsigned rows, const float *c, size_t c_stride,
        float *to, size_t to_stride) {
  const ClipmoeKernels *k = pass->kernels;
  const ClipmoeProduct *p = pass->p;
  const ClipmoePackedMatrix *m = p->matrix;
  const ClipmoeGemm *f = m->format;
  size_t column = panel * f->columns;
  unsigned lines = f->columns / CM_LINE;
  const float *bias = m->bias + column;
  static const int32_t corrected[CM_MAX_COLUMNS] = {0};
  ClipmoeSums of_whole, *sums = NULL;
  if (cm_scaled (f)) {
    of_whole = (ClipmoeSums){NULL, p->a_scales + first, m->scales + column};
    if (f->weights == CM_I8) /* corrections are of the whole sum, so they are applied once */
      of_whole.corrections = pass->first_line ? corrected : m->corrections + column;
    sums = &of_whole;
  }
  switch (p->result) {
  case CM_STORE:
    k->bias (rows, lines, c, c_stride, sums, bias, to, to_stride);
    break;
  case CM_QUICK_GELU:
    k->quick_gelu (rows, lines, c, c_stride, sums, bias, to, to_stride);
    break;
  case CM_GELU:
    k->gelu (rows, lines, c, c_stride, sums, bias, to, to_stride);
    break;
  case CM_ADD: {
    size_t offsets[CM_MAX_ROWS];
    for (unsigned i = 0; i < rows; i++)
      offsets[i] = p->offsets[first + i] + column / CM_LINE * p->strides[first + i];
    /* columns beyond the matrix are not touched */
    size_t left = cm_lines (m->out, CM_LINE) - column / CM_LINE;
    k->add (rows, left < lines ? (unsigned)left : lines, c, c_stride, sums, pass->first_line ? NULL : bias,
            p->factors ? p->factors + first : NULL, p->out, offsets, p->strides + first);
    break;
  }
  }
}

static void
one_panel (void *data, unsigned thread, unsigned i, unsigned next) {
  const Pass *pass = data;
  const ClipmoeProduct *p = pass->p;
  const ClipmoePackedMatrix *m = p->matrix;
  const ClipmoeGemm *f = m->format;
  size_t panel = pass->first_panel + i, whole = cm_panel_bytes (f, m->lines);
  size_t line = cm_panel_bytes (f, 1), from = pass->first_line * line;
  const char *w = (const char *)m->weights + panel * whole + from;
  const char *ahead = next > i ? (const char *)m->weights + (pass->first_panel + next) * whole + from
                               : (const char *)p->following;
  size_t units = pass->lines * CM_LINE, step = 0;
  if (ahead)
    step = (pass->lines * line + units * p->rows.tiles - 1) / (units * p->rows.tiles);
  else
    ahead = w;
  unsigned lines = f->columns / CM_LINE;
  for (unsigned t = 0; t < p->rows.tiles; t++) {
    size_t first = cm_tile_first (&p->rows, t);
    unsigned rows = cm_tile_rows (&p->rows, t);
    const char *a = (const char *)p->a + (first * p->a_lines + pass->first_line * rows) * CM_LINE_BYTES;
    /* the tile stays in L1 until it is finished and is then stored once */
    _Alignas(64) float scratch[CM_MAX_ROWS * CM_MAX_COLUMNS];
    size_t c_stride = (size_t)rows * CM_LINE;
    float *to = p->packed || p->result == CM_ADD
                    ? scratch
                    : p->out + (first * p->out_lines + panel * lines * rows) * CM_LINE;
    f->tile (rows, pass->lines, a, (size_t)rows * CM_LINE_BYTES, w, ahead + t * units * step, step, scratch,
             c_stride);
    finish (pass, panel, first, rows, scratch, c_stride, to, c_stride);
    if (p->packed) {
      size_t at = panel * f->columns / p->packed_as->line_k;
      p->packed_as->pack (rows, f->columns, scratch, CM_LINE, c_stride, NULL,
                          (char *)p->packed + (first * p->packed_lines + at * rows) * CM_LINE_BYTES,
                          (size_t)rows * CM_LINE_BYTES, NULL);
    }
  }
}

/* The line at which pass @i of @passes begins. All but the last end at a multiple of CM_I16_STEP. */
static size_t
cut (const ClipmoePackedMatrix *m, size_t i, size_t passes) {
  size_t step = m->format->weights == CM_I16 ? CM_I16_STEP / m->format->line_k : 1;
  return i < passes ? m->lines * i / passes / step * step : m->lines;
}

void
cm_product_run (const ClipmoeKernels *kernels, unsigned threads, const ClipmoeProduct *product) {
  const ClipmoePackedMatrix *m = product->matrix;
  size_t last = product->last_panel ? product->last_panel : m->panels;
  /* Only sums that are accumulated in memory can be split into passes, so that the activations of one pass
   * fit the caches. */
  size_t passes = product->result == CM_ADD ? cm_lines (m->lines, m->format->block_lines) : 1;
  for (size_t i = 0; i < passes; i++) {
    size_t from = cut (m, i, passes), to = cut (m, i + 1, passes);
    ClipmoeProduct p = *product;
    if (i + 1 < passes)
      p.following = (const char *)m->weights + cm_panel_bytes (m->format, to);
    Pass pass = {kernels, &p, from, to - from, product->first_panel};
    cm_pool_run (threads, (unsigned)(last - product->first_panel), one_panel, &pass);
  }
}

static size_t
whole_lines (size_t bytes) {
  return (bytes + CM_LINE_BYTES - 1) / CM_LINE_BYTES * CM_LINE_BYTES;
}

/* Weights, then for each column: bias, scale (int8 and int16), correction (int8); then the factors (int8).
 */
size_t
cm_matrix_bytes (const ClipmoeGemm *f, size_t out, size_t in) {
  size_t panels = cm_lines (out, f->columns), lines = cm_lines (in, f->line_k), bytes, columns;
  if (__builtin_mul_overflow (lines, (size_t)f->line_k * f->columns * 4, &bytes) ||
      __builtin_mul_overflow (bytes, panels, &bytes) ||
      __builtin_mul_overflow (panels, f->columns * 12, &columns))
    return 0;
  bytes = panels * cm_panel_bytes (f, lines);
  columns = whole_lines (panels * f->columns * 4) * (f->weights == CM_I8 ? 3 : f->weights == CM_I16 ? 2 : 1);
  if (f->weights == CM_I8)
    columns += whole_lines (lines * f->line_k * 4);
  return bytes > SIZE_MAX / 2 || columns > SIZE_MAX / 2 ? 0 : bytes + columns;
}

void
cm_matrix_map (ClipmoePackedMatrix *m, const ClipmoeGemm *f, size_t out, size_t in, void *memory) {
  m->format = f;
  m->out = out;
  m->in = in;
  m->panels = cm_lines (out, f->columns);
  m->lines = cm_lines (in, f->line_k);
  char *at = memory;
  size_t columns = whole_lines (m->panels * f->columns * 4);
  m->weights = at;
  at += m->panels * cm_panel_bytes (f, m->lines);
  m->bias = (const float *)at;
  m->scales = cm_scaled (f) ? (const float *)(at + columns) : NULL;
  m->corrections = f->weights == CM_I8 ? (const int32_t *)(at + 2 * columns) : NULL;
  m->factors = f->weights == CM_I8 ? (const float *)(at + 3 * columns) : NULL;
}
