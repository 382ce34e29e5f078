/* The contrastive loss with its gradient, and the balance loss of routers. */
#ifndef DMU_LOSS_H
#define DMU_LOSS_H

#include "mixture.h"

/* What makes two pairs positives of each other: an equal picture, caption or class. 0 = unknown, which
 * matches nothing. */
typedef struct {
  guint64 picture, caption, label;
} DmuKeys;

gboolean dmu_keys_match (const DmuKeys *a, const DmuKeys *b);

/* Normalises each row of f in place; @norm [n] gets the lengths. FALSE: one is 0 or not finite. */
gboolean dmu_unit (guint n, guint width, Real *f, Real *norm);
/* Turns du, the gradient of the unit vectors, into that of f, in place. */
void dmu_unit_backward (guint n, guint width, const Real *unit, const Real *norm, Real *du);

/* Mean of the cross entropies of rows and columns of scale * images texts^T. A row's target is spread evenly
 * over its positives (itself always), then smoothed: (1 - eps) target + eps / n. @keys: [n], or NULL: the
 * diagonal alone. @work: 3 n n. di, dt [n][width] are written; dscale, the gradient of the logit scale (the
 * logarithm of @scale), is accumulated. */
double dmu_contrastive (guint threads, guint n, guint width, const Real *images, const Real *texts,
                        const DmuKeys *keys, double scale, double smoothing, Real *work, Real *di, Real *dt,
                        double *dscale);

typedef enum {
  DMU_BALANCE_PAPER,     /* Switch Transformer's: blocks pooled, share by first choice; least value 1 */
  DMU_BALANCE_CODE,      /* as published: blocks pooled, every slot counts, padding too; least value k */
  DMU_BALANCE_PER_LAYER, /* the mean over blocks, every slot; least value k */
} DmuBalance;

/* E sum_e P_e f_e of one tower from the usage of its mixtures. Blocks that are pooled must have the same
 * number of experts. */
double dmu_balance (const DmuTower *t, DmuBalance kind, const DmuUsage *usage);
/* For each mixture the factors c_e of dmu_mixture_backward(), times @weight. @out [layers] of [experts]. */
void dmu_balance_factors (const DmuTower *t, DmuBalance kind, const DmuUsage *usage, double weight,
                          Real *const *out);

#endif
