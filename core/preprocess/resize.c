#include "resize.h"

/* Components that share the rows of a plane, and so the vertical sums: the used samples, from the first to
 * the last of all these components, are handled as one row. */
typedef struct {
  const guint8 *from; /* the first row that is used */
  gssize stride;
  gsize n;     /* samples of a row */
  gsize at[3]; /* of component first + i: its first sample that is used */
  guint first, components;
} Group;

static Group
group (const ClipmoeResizer *self, const ClipmoeView *v, guint first) {
  Group g = {.first = first, .stride = v->component[first].stride};
  const guint8 *begin = NULL, *end = NULL;
  for (guint i = first; i < v->components && v->component[i].plane == v->component[first].plane; i++) {
    const ClipmoeComponent *c = &v->component[i];
    const guint8 *from =
                     c->base + (gssize)self->y[first].begin * c->stride + (gsize)self->x[i].begin * c->step,
                 *to = from + (gsize)(self->x[i].end - self->x[i].begin - 1) * c->step + c->bytes;
    begin = begin && begin < from ? begin : from;
    end = end && end > to ? end : to;
    g.components++;
  }
  for (guint i = 0; i < g.components; i++) {
    const ClipmoeComponent *c = &v->component[first + i];
    const guint8 *from =
        c->base + (gssize)self->y[first].begin * c->stride + (gsize)self->x[first + i].begin * c->step;
    g.at[i] = (gsize)(from - begin) / c->bytes;
  }
  g.from = begin;
  g.n = (gsize)(end - begin) / v->component[first].bytes;
  return g;
}

gboolean
clipmoe_resizer_prepare (ClipmoeResizer *self, const ClipmoeView *v) {
  gsize columns = self->x[0].n, most = 0, behind = 0;
  for (guint i = 0; i < v->components; i += group (self, v, i).components)
    most = MAX (most, group (self, v, i).n);
  for (guint i = 0; i < v->components; i++) /* a weight of zero may refer to samples beyond the last */
    behind = MAX (behind, (gsize)self->x[i].taps * v->component[i].step);
  gsize turned = (most + behind) * CM_LANES * sizeof (gint16),
        block = columns * v->components * CM_LANES * sizeof (gint16),
        between = v->yuv ? most * CM_LANES * sizeof (gint16)
                         : clipmoe_whole_blocks (self->y[0].end - self->y[0].begin) * v->components * columns;
  gsize size = turned + block + between;
  if (size > self->scratch_size) {
    g_free (self->scratch);
    self->scratch = g_try_malloc0 (size);
    self->scratch_size = self->scratch ? size : 0;
  }
  self->turned = self->scratch;
  self->block = self->scratch + turned;
  self->between = self->scratch + turned + block;
  return self->scratch != NULL;
}

void
clipmoe_resizer_clear (ClipmoeResizer *self) {
  for (guint i = 0; i < 3; i++) {
    clipmoe_axis_clear (&self->x[i]);
    clipmoe_axis_clear (&self->y[i]);
  }
  g_free (self->scratch);
  self->scratch = NULL;
  self->scratch_size = 0;
}

/* The horizontal pass over the rows that the vertical one needs, then the vertical pass, each rounded to 8
 * bits (a pass that changes nothing has the weights 0, 1, 0). */
void
clipmoe_resizer_exact (ClipmoeResizer *self, const ClipmoeView *v, guint8 *out) {
  const ClipmoeResizeKernels *k = self->kernels;
  const ClipmoeAxis *ax = &self->x[0], *ay = &self->y[0];
  const Group g = group (self, v, 0);
  gsize columns = ax->n, row = columns * v->components, rows = ay->end - ay->begin;
  guint8 *block = self->block, *between = self->between;
  for (gsize y = 0; y < rows; y += CM_LANES) {
    k->turn8 (g.n, MIN (rows - y, CM_LANES), g.from + (gssize)y * g.stride, g.stride, self->turned);
    for (guint i = 0; i < v->components; i++)
      k->columns_exact (columns, ax->taps, (guint8 *)self->turned + g.at[i] * CM_LANES, v->component[i].step,
                        ax->first, ax->low, ax->high, block + i * columns * CM_LANES);
    k->back8 (row, block, between + y * row, row);
  }
  for (gsize y = 0; y < ay->n; y++)
    k->rows_exact (row, ay->count[y], between + ay->first[y] * row, (ptrdiff_t)row, ay->low + y * ay->taps,
                   ay->high + y * ay->taps, out + y * row);
}

/* Prefetches the rows that output row @y + 1 needs and @y does not: the sums read many rows in parallel,
 * which hardware prefetchers do not predict, and a frame that has just been decoded is not in the cache. */
static void
ask_ahead (const Group *g, const ClipmoeAxis *ay, gsize y, gsize bytes) {
  if (y + 2 >= ay->n)
    return;
  for (gsize row = ay->first[y + 1] + ay->count[y + 1]; row < ay->first[y + 2] + ay->count[y + 2]; row++)
    for (gsize i = 0; i < bytes; i += 64)
      __builtin_prefetch (g->from + (gssize)row * g->stride + i, 0, 3);
}

/* The vertical pass first, on the rows in memory order. */
void
clipmoe_resizer_smooth (ClipmoeResizer *self, const ClipmoeView *v, gint16 *out) {
  const ClipmoeResizeKernels *k = self->kernels;
  gsize columns = self->x[0].n, rows = self->y[0].n;
  gint16 *between = self->between, *turned = self->turned;
  for (guint first = 0; first < v->components;) {
    const Group g = group (self, v, first);
    const ClipmoeAxis *ay = &self->y[first];
    const ClipmoeComponent *c = &v->component[first];
    for (gsize y = 0; y < rows; y += CM_LANES) {
      for (gsize r = 0; r < MIN (rows - y, CM_LANES); r++) {
        const guint8 *from = g.from + (gssize)ay->first[y + r] * g.stride;
        const gint16 *w = ay->smooth + (y + r) * ay->taps;
        ask_ahead (&g, ay, y + r, g.n * c->bytes);
        if (c->bytes == 1)
          k->rows8 (g.n, ay->count[y + r], from, g.stride, w, between + r * g.n);
        else
          k->rows10 (g.n, ay->count[y + r], from, g.stride, c->shift, w, between + r * g.n);
      }
      k->turn16 (g.n, between, g.n, turned);
      for (guint i = 0; i < g.components; i++) {
        const ClipmoeAxis *ax = &self->x[first + i];
        k->columns16 (columns, ax->taps, turned + g.at[i] * CM_LANES,
                      v->component[first + i].step / v->component[first + i].bytes, ax->first, ax->smooth,
                      self->block);
        k->back16 (columns, self->block, out + ((first + i) * clipmoe_whole_blocks (rows) + y) * columns,
                   columns);
      }
    }
    first += g.components;
  }
}
