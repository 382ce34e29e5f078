/* AdamW with weight decay by group, gradient clipping by norm, a moving average of the weights, and the
 * learning rate schedule. */
#ifndef DMU_ADAMW_H
#define DMU_ADAMW_H

#include "net.h"

typedef struct {
  double beta1, beta2, eps, decay;
  gboolean decay_all; /* decay biases, gains and embeddings too, as the published scripts do */
  double clip;        /* largest norm of the gradient; 0 = any */
  double ema;         /* decay of the moving average, e.g. 0.999; 0 = none */
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
/* The gradient's norm before clipping; the same for any number of threads. */
double dmu_adamw_length (DmuAdamw *self);
/* One step with the net's gradients, which are multiplied by min (1, clip / length) first. */
void dmu_adamw_step (DmuAdamw *self, double rate, double length);

/* Warm-up over @warmup steps, then half a cosine down to 0 after @steps: step i from 0 gives base (i + 1) /
 * warmup, then base / 2 (1 + cos (pi (i - warmup) / (steps - warmup))). */
double dmu_rate (double base, guint64 step, guint64 warmup, guint64 steps);

#endif
