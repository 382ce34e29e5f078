/* Layer norm, fully connected layer, activation: forward and backward. Gradients of weights are accumulated,
 * where the weight is trained; gradients of inputs are accumulated only where it says so. */
#ifndef DMU_LAYERS_H
#define DMU_LAYERS_H

#include "net.h"

/* y[rows][width] = (x - mean) / sqrt (variance + eps) * weight + bias */
void dmu_norm (guint threads, gsize rows, gsize width, const Real *x, const DmuPair *pair, Real eps, Real *y);
/* dx += the gradient, unless dx is NULL. @stats: scratch of 2 a row. */
void dmu_norm_backward (guint threads, gsize rows, gsize width, const Real *x, const Real *dy,
                        const DmuPair *pair, Real eps, Real *stats, Real *dx);

/* y[rows][out] = x[rows][in] W^T + b; add: y += instead. The bias may be missing (v NULL). */
void dmu_linear (guint threads, gsize rows, gsize in, gsize out, const Real *x, gsize ldx,
                 const DmuPair *pair, gboolean add, Real *y, gsize ldy);
/* dx = beta dx + dy W, unless dx is NULL; x is read only where the weight is trained. */
void dmu_linear_backward (guint threads, gsize rows, gsize in, gsize out, const Real *x, gsize ldx,
                          const Real *dy, gsize ldy, const DmuPair *pair, Real beta, Real *dx, gsize lddx);
/* The part of a layer that computes outputs @from and up. */
DmuPair dmu_pair_from (const DmuPair *pair, gsize from, gsize in);

/* h = activation (u) */
void dmu_activate (guint threads, gsize rows, gsize width, ClipmoeActivation activation, const Real *u,
                   Real *h);
/* dh (the gradient of h) becomes the gradient of u. Each row is multiplied by @scale first (NULL: 1), and
 * @dots gets h . dh from before that (NULL: nowhere). h is written where it is not NULL. */
void dmu_activate_backward (guint threads, gsize rows, gsize width, ClipmoeActivation activation,
                            const Real *u, const Real *scale, Real *dh, Real *h, Real *dots);

/* softmax of scale * x over n entries in place */
void dmu_softmax (gsize n, Real scale, Real *x);

#endif
