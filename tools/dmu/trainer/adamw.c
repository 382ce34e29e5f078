#include "adamw.h"

#include <string.h>

#define PIECE 65536 /* values per partial sum, independent of the number of threads */

DmuAdamwOptions
dmu_adamw_defaults (void) {
  return (DmuAdamwOptions){.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
}

DmuAdamw *
dmu_adamw_new (DmuNet *net, const DmuAdamwOptions *options, guint threads, GError **error) {
  DmuAdamw *self = g_new0 (DmuAdamw, 1);
  gsize n = net->n_trained;
  self->net = net;
  self->options = *options;
  self->threads = threads;
  self->m = g_try_new0 (Real, n);
  self->v = g_try_new0 (Real, n);
  if (options->ema > 0)
    self->average = g_try_new (Real, n);
  if (!self->m || !self->v || (options->ema > 0 && !self->average)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "no memory for the optimiser's state of %" G_GSIZE_FORMAT " numbers", n);
    dmu_adamw_free (self);
    return NULL;
  }
  if (self->average)
    memcpy (self->average, net->theta, n * sizeof (Real));
  return self;
}

void
dmu_adamw_free (DmuAdamw *self) {
  if (!self)
    return;
  g_free (self->m);
  g_free (self->v);
  g_free (self->average);
  g_free (self);
}

typedef struct {
  const DmuNet *net;
  double *sums;
} Length;

static void
square_pieces (void *data, gsize first, gsize last, guint part) {
  const Length *l = data;
  for (gsize i = first; i < last; i++) {
    gsize from = i * PIECE, to = MIN (from + PIECE, l->net->n_trained);
    double lanes[8] = {0}, sum = 0;
    for (gsize j = from; j < to; j++)
      lanes[j % 8] += (double)l->net->grad[j] * (double)l->net->grad[j];
    for (guint k = 0; k < 8; k++)
      sum += lanes[k];
    l->sums[i] = sum;
  }
}

double
dmu_adamw_length (DmuAdamw *self) {
  gsize n = (self->net->n_trained + PIECE - 1) / PIECE;
  Length l = {self->net, g_new (double, n)};
  double sum = 0;
  dmu_parallel (self->threads, n, 1, square_pieces, &l);
  for (gsize i = 0; i < n; i++)
    sum += l.sums[i];
  g_free (l.sums);
  return sqrt (sum);
}

typedef struct {
  Real *theta, *m, *v, *average;
  const Real *grad;
  Real scale, beta1, beta2, eps, rate, shrink, root, ema; /* root: 1 / sqrt (1 - beta2^t) */
} Update;

DMU_WIDE static void
update (void *data, gsize first, gsize last, guint part) {
  const Update *u = data;
  Real *theta = u->theta, *m = u->m, *v = u->v, *average = u->average;
  for (gsize i = first; i < last; i++) {
    Real g = u->grad[i] * u->scale;
    m[i] = u->beta1 * m[i] + (1 - u->beta1) * g;
    v[i] = u->beta2 * v[i] + (1 - u->beta2) * g * g;
    theta[i] = theta[i] * u->shrink - u->rate * m[i] / (dmu_sqrt (v[i]) * u->root + u->eps);
  }
  for (gsize i = first; average && i < last; i++)
    average[i] += (1 - u->ema) * (theta[i] - average[i]);
}

void
dmu_adamw_step (DmuAdamw *self, double rate, double length) {
  const DmuAdamwOptions *o = &self->options;
  const DmuNet *net = self->net;
  double t = (double)++self->step;
  Update base = {.scale = (Real)(o->clip > 0 && length > o->clip ? o->clip / length : 1),
                 .beta1 = (Real)o->beta1,
                 .beta2 = (Real)o->beta2,
                 .eps = (Real)o->eps,
                 .rate = (Real)(rate / (1 - pow (o->beta1, t))),
                 .root = (Real)(1 / sqrt (1 - pow (o->beta2, t))),
                 /* early on the average follows closely, so that initial weights do not dominate it */
                 .ema = (Real)MIN (o->ema, t / (t + 9))};
  for (guint i = 0; i < net->n_parameters; i++) {
    const DmuParameter *p = &net->parameters[i];
    if (!p->trained)
      continue;
    Update u = base;
    u.shrink = (Real)(1 - (p->decay || o->decay_all ? rate * o->decay : 0));
    u.theta = net->theta + p->offset;
    u.grad = net->grad + p->offset;
    u.m = self->m + p->offset;
    u.v = self->v + p->offset;
    u.average = self->average ? self->average + p->offset : NULL;
    dmu_parallel (self->threads, p->n, 4096, update, &u);
  }
}

double
dmu_rate (double base, guint64 step, guint64 warmup, guint64 steps) {
  if (step < warmup)
    return base * (double)(step + 1) / (double)warmup;
  if (step >= steps)
    return 0;
  return base / 2 * (1 + cos (G_PI * (double)(step - warmup) / (double)(steps - warmup)));
}
