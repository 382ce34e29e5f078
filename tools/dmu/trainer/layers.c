#include "layers.h"

#include <string.h>

#define GRAIN 16 /* least rows of a part */

typedef struct {
  gsize width;
  const Real *x, *dy;
  const DmuPair *pair;
  Real eps, *y, *stats;
  gsize rows;
} Norm;

static inline void
statistics (gsize n, const Real *x, Real eps, Real *mean, Real *r) {
  Real lanes[16] = {0}, sum = 0;
  gsize i = 0;
  for (; i + 16 <= n; i += 16)
    for (guint l = 0; l < 16; l++)
      lanes[l] += x[i + l];
  for (; i < n; i++)
    lanes[i % 16] += x[i];
  for (guint l = 0; l < 16; l++)
    sum += lanes[l];
  Real m = sum / (Real)n, square = 0;
  memset (lanes, 0, sizeof lanes);
  for (i = 0; i + 16 <= n; i += 16)
    for (guint l = 0; l < 16; l++)
      lanes[l] += (x[i + l] - m) * (x[i + l] - m);
  for (; i < n; i++)
    lanes[i % 16] += (x[i] - m) * (x[i] - m);
  for (guint l = 0; l < 16; l++)
    square += lanes[l];
  *mean = m;
  *r = 1 / dmu_sqrt (square / (Real)n + eps);
}

DMU_WIDE static void
norm_rows (void *data, gsize first, gsize last, guint part) {
  const Norm *n = data;
  const Real *w = n->pair->weight.v, *b = n->pair->bias.v;
  for (gsize row = first; row < last; row++) {
    const Real *x = n->x + row * n->width;
    Real *y = n->y + row * n->width, mean, r;
    statistics (n->width, x, n->eps, &mean, &r);
    for (gsize i = 0; i < n->width; i++)
      y[i] = (x[i] - mean) * r * w[i] + b[i];
  }
}

void
dmu_norm (guint threads, gsize rows, gsize width, const Real *x, const DmuPair *pair, Real eps, Real *y) {
  Norm n = {.width = width, .x = x, .pair = pair, .eps = eps, .y = y};
  dmu_parallel (threads, rows, GRAIN, norm_rows, &n);
}

/* dx = r (a - mean (a) - xh mean (a xh)) with a = dy weight, xh = (x - mean) r */
DMU_WIDE static void
norm_rows_backward (void *data, gsize first, gsize last, guint part) {
  const Norm *n = data;
  const Real *w = n->pair->weight.v;
  for (gsize row = first; row < last; row++) {
    const Real *x = n->x + row * n->width, *dy = n->dy + row * n->width;
    Real mean, r, lanes[16] = {0}, dots[16] = {0}, a_mean = 0, a_dot = 0;
    statistics (n->width, x, n->eps, &mean, &r);
    n->stats[2 * row] = mean;
    n->stats[2 * row + 1] = r;
    if (!n->y)
      continue;
    Real *dx = n->y + row * n->width;
    gsize i = 0;
    for (; i + 16 <= n->width; i += 16)
      for (guint l = 0; l < 16; l++) {
        Real a = dy[i + l] * w[i + l];
        lanes[l] += a;
        dots[l] += a * ((x[i + l] - mean) * r);
      }
    for (; i < n->width; i++) {
      Real a = dy[i] * w[i];
      lanes[i % 16] += a;
      dots[i % 16] += a * ((x[i] - mean) * r);
    }
    for (guint l = 0; l < 16; l++) {
      a_mean += lanes[l];
      a_dot += dots[l];
    }
    a_mean /= (Real)n->width;
    a_dot /= (Real)n->width;
    for (i = 0; i < n->width; i++)
      dx[i] += r * (dy[i] * w[i] - a_mean - (x[i] - mean) * r * a_dot);
  }
}

DMU_WIDE static void
norm_columns_backward (void *data, gsize first, gsize last, guint part) {
  const Norm *n = data;
  Real *dw = n->pair->weight.g, *db = n->pair->bias.g;
  for (gsize row = 0; row < n->rows; row++) {
    const Real *x = n->x + row * n->width, *dy = n->dy + row * n->width;
    Real mean = n->stats[2 * row], r = n->stats[2 * row + 1];
    for (gsize i = first; i < last; i++) {
      dw[i] += dy[i] * ((x[i] - mean) * r);
      db[i] += dy[i];
    }
  }
}

void
dmu_norm_backward (guint threads, gsize rows, gsize width, const Real *x, const Real *dy, const DmuPair *pair,
                   Real eps, Real *stats, Real *dx) {
  Norm n = {width, x, dy, pair, eps, dx, stats, rows};
  dmu_parallel (threads, rows, GRAIN, norm_rows_backward, &n);
  if (pair->weight.g)
    dmu_parallel (threads, width, 64, norm_columns_backward, &n);
}

typedef struct {
  gsize width, ldy;
  const Real *bias;
  gboolean add;
  Real *y;
} Bias;

DMU_WIDE static void
bias_rows (void *data, gsize first, gsize last, guint part) {
  const Bias *b = data;
  for (gsize row = first; row < last; row++) {
    Real *y = b->y + row * b->ldy;
    if (!b->add)
      memcpy (y, b->bias, b->width * sizeof *y);
    else
      for (gsize i = 0; i < b->width; i++)
        y[i] += b->bias[i];
  }
}

void
dmu_linear (guint threads, gsize rows, gsize in, gsize out, const Real *x, gsize ldx, const DmuPair *pair,
            gboolean add, Real *y, gsize ldy) {
  Bias b = {out, ldy, pair->bias.v, add, y};
  if (b.bias)
    dmu_parallel (threads, rows, GRAIN, bias_rows, &b);
  dmu_gemm (threads, FALSE, TRUE, rows, out, in, x, ldx, pair->weight.v, in, b.bias || add ? 1 : 0, y, ldy);
}

void
dmu_linear_backward (guint threads, gsize rows, gsize in, gsize out, const Real *x, gsize ldx, const Real *dy,
                     gsize ldy, const DmuPair *pair, Real beta, Real *dx, gsize lddx) {
  if (pair->weight.g && rows)
    dmu_gemm (threads, TRUE, FALSE, out, in, rows, dy, ldy, x, ldx, 1, pair->weight.g, in);
  if (pair->bias.g)
    dmu_column_sums (threads, rows, out, dy, ldy, pair->bias.g);
  if (dx)
    dmu_gemm (threads, FALSE, FALSE, rows, in, out, dy, ldy, pair->weight.v, in, beta, dx, lddx);
}

DmuPair
dmu_pair_from (const DmuPair *pair, gsize from, gsize in) {
  DmuPair p = *pair;
  p.weight.v += from * in;
  p.bias.v += from;
  if (p.weight.g)
    p.weight.g += from * in;
  if (p.bias.g)
    p.bias.g += from;
  return p;
}

typedef struct {
  gsize width;
  ClipmoeActivation activation;
  const Real *u, *scale;
  Real *h, *dh, *dots;
} Activation;

/* h and its derivative at u */
static inline Real
quick_gelu (Real u, Real *slope) {
  Real g = 1 / (1 + dmu_exp ((Real)-1.702 * u)), h = u * g;
  *slope = g + (Real)1.702 * h * (1 - g);
  return h;
}

static inline Real
gelu (Real u, Real *slope) {
  Real phi = (Real)0.3989422804014327 * dmu_exp (u * u / -2);
#ifdef DMU_DOUBLE
  Real cdf = (1 + erf (u * 0.7071067811865476)) / 2;
#else
  Real cdf = (1 + erff (u * 0.70710678f)) / 2;
#endif
  *slope = cdf + u * phi;
  return u * cdf;
}

DMU_WIDE static void
activate_rows (void *data, gsize first, gsize last, guint part) {
  const Activation *a = data;
  const Real *u = a->u;
  Real *h = a->h, slope;
  if (a->activation == CLIPMOE_ACTIVATION_GELU)
    for (gsize i = first * a->width; i < last * a->width; i++)
      h[i] = gelu (u[i], &slope);
  else
    for (gsize i = first * a->width; i < last * a->width; i++)
      h[i] = quick_gelu (u[i], &slope);
}

void
dmu_activate (guint threads, gsize rows, gsize width, ClipmoeActivation activation, const Real *u, Real *h) {
  Activation a = {.width = width, .activation = activation, .u = u, .h = h};
  dmu_parallel (threads, rows, GRAIN, activate_rows, &a);
}

#define PIECE 256

DMU_WIDE static void
activate_rows_backward (void *data, gsize first, gsize last, guint part) {
  const Activation *a = data;
  for (gsize row = first; row < last; row++) {
    Real scale = a->scale ? a->scale[row] : 1, dot = 0, h[PIECE], slope[PIECE];
    for (gsize at = 0; at < a->width; at += PIECE) {
      gsize n = MIN (a->width - at, PIECE);
      const Real *u = a->u + row * a->width + at;
      Real *dh = a->dh + row * a->width + at;
      if (a->activation == CLIPMOE_ACTIVATION_GELU)
        for (gsize i = 0; i < n; i++)
          h[i] = gelu (u[i], &slope[i]);
      else
        for (gsize i = 0; i < n; i++)
          h[i] = quick_gelu (u[i], &slope[i]);
      if (a->dots)
        dot += dmu_dot (n, h, dh);
      for (gsize i = 0; i < n; i++)
        dh[i] *= scale * slope[i];
      if (a->h)
        memcpy (a->h + row * a->width + at, h, n * sizeof *h);
    }
    if (a->dots)
      a->dots[row] = dot;
  }
}

void
dmu_activate_backward (guint threads, gsize rows, gsize width, ClipmoeActivation activation, const Real *u,
                       const Real *scale, Real *dh, Real *h, Real *dots) {
  Activation a = {width, activation, u, scale, h, dh, dots};
  dmu_parallel (threads, rows, GRAIN, activate_rows_backward, &a);
}

DMU_WIDE void
dmu_softmax (gsize n, Real scale, Real *x) {
  Real top = x[0], lanes[16] = {0}, sum = 0;
  for (gsize i = 1; i < n; i++)
    top = x[i] > top ? x[i] : top;
  for (gsize i = 0; i < n; i++)
    x[i] = dmu_exp ((x[i] - top) * scale);
  gsize i = 0;
  for (; i + 16 <= n; i += 16)
    for (guint l = 0; l < 16; l++)
      lanes[l] += x[i + l];
  for (; i < n; i++)
    lanes[i % 16] += x[i];
  for (guint l = 0; l < 16; l++)
    sum += lanes[l];
  Real factor = 1 / sum;
  for (i = 0; i < n; i++)
    x[i] *= factor;
}
