/* AdamW with decay by group, clipping of the gradient's length, the moving average of weights, and the
 * learning rate's course. */
#ifndef DMU_ADAMW_H
#define DMU_ADAMW_H

#include "net.h"

typedef struct {
  double beta1, beta2, eps, decay;
  gboolean decay_all; /* biases, gains and tables too, as the published scripts do */
  double clip;        /* the gradient's greatest length; 0 = any */
  double ema;         /* 0 = no average, else how much of it stays a step, e.g. 0.999 */
} DmuAdamwOptions;

typedef struct {
  DmuNet *net;
  DmuAdamwOptions options;
  guint threads;
  guint64 step;          /* done so far */
  Real *m, *v, *average; /* [n_trained]; average NULL without ema */
} DmuAdamw;

/* beta 0.9 and 0.999, eps 1e-8, no decay, clip or average. */
DmuAdamwOptions dmu_adamw_defaults (void);
DmuAdamw *dmu_adamw_new (DmuNet *net, const DmuAdamwOptions *options, guint threads, GError **error);
void dmu_adamw_free (DmuAdamw *self);
/* The gradient's length before clipping; it does not depend on the number of threads. */
double dmu_adamw_length (DmuAdamw *self);
/* One step with the net's gradients, which are multiplied by min (1, clip / length) first. */
void dmu_adamw_step (DmuAdamw *self, double rate, double length);

/* Warm-up over @warmup steps, then half a cosine down to 0 after @steps: step i from 0 gives base (i + 1) /
 * warmup, then base / 2 (1 + cos (pi (i - warmup) / (steps - warmup))). */
double dmu_rate (double base, guint64 step, guint64 warmup, guint64 steps);

#endif
