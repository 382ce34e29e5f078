/* A fully connected layer over packed panels, split over threads by panels. */
#include "tower.h"

#include <stdlib.h>
#include <string.h>
#include "../kernels/pool.h"

static float *
aligned_floats (gsize n) {
  if (n > G_MAXSIZE / sizeof (float) - 64)
    return NULL;
  gsize bytes = (n * sizeof (float) + 63) / 64 * 64;
  float *p = aligned_alloc (64, bytes ? bytes : 64);
  if (p)
    memset (p, 0, bytes);
  return p;
}

static gboolean
init (ClipmoeLinear *self, const float *weights, const float *bias, guint out, guint in, gsize row,
      gsize column) {
  self->in = in;
  self->out = out;
  self->panels = (guint)(clipmoe_padded (out) / CM_PANEL);
  self->bias = NULL;
  self->weights = aligned_floats ((gsize)self->panels * in * CM_PANEL);
  if (bias)
    self->bias = aligned_floats ((gsize)self->panels * CM_PANEL);
  if (!self->weights || (bias && !self->bias))
    return FALSE;
  for (gsize o = 0; o < out; o++) {
    float *panel = self->weights + o / CM_PANEL * in * CM_PANEL + o % CM_PANEL;
    for (gsize i = 0; i < in; i++)
      panel[i * CM_PANEL] = weights[o * row + i * column];
  }
  if (bias)
    memcpy (self->bias, bias, out * sizeof (float));
  return TRUE;
}

gboolean
clipmoe_linear_init (ClipmoeLinear *self, const float *weights, const float *bias, guint out, guint in) {
  return init (self, weights, bias, out, in, in, 1);
}

gboolean
clipmoe_linear_init_transposed (ClipmoeLinear *self, const float *weights, guint in, guint out) {
  return init (self, weights, NULL, out, in, 1, out);
}

void
clipmoe_linear_clear (ClipmoeLinear *self) {
  free (self->weights);
  free (self->bias);
  self->weights = self->bias = NULL;
}

typedef struct {
  const ClipmoeLinear *linear;
  const ClipmoeKernels *kernels;
  guint rows;
  const float *a;
  float *c;
  gsize lda, ldc;
} Product;

static void
one_panel (void *data, unsigned i) {
  const Product *p = data;
  const ClipmoeLinear *l = p->linear;
  p->kernels->gemm_panel (p->rows, l->in, p->a, p->lda, l->weights + (gsize)i * l->in * CM_PANEL,
                          l->bias ? l->bias + (gsize)i * CM_PANEL : NULL, p->c + (gsize)i * CM_PANEL, p->ldc,
                          0);
}

void
clipmoe_linear_run (const ClipmoeLinear *self, const ClipmoeKernels *kernels, guint threads, guint rows,
                    const float *a, gsize lda, float *c, gsize ldc) {
  Product product = {self, kernels, rows, a, c, lda, ldc};
  cm_pool_run (threads, self->panels, one_panel, &product);
}
