/* Which pairs form a batch. All follows from the seed and the step, so that a run can continue anywhere. */
#ifndef DMU_SAMPLER_H
#define DMU_SAMPLER_H

#include <loader.h>

typedef struct {
  const DmuDataset *set;
  guint batch;
  guint64 seed;
  const guint *groups; /* NULL: any pairs; else [n], and a batch is drawn from one group */
  guint n_groups;
  guint keep;      /* patches that are used, at random; 0 = all */
  guint patches;   /* of a picture */
  GArray *entries; /* guint: sample numbers, some more than once */
  guint *sizes;    /* [n_groups] entries of each */
  guint batches;   /* an epoch */
  /* the current epoch */
  guint64 epoch;
  gboolean laid_out;
  GArray *order; /* guint: samples, batch after batch */
} DmuSampler;

/* @repeat: NULL, or "SOURCE:N;…": pairs of that source occur N times an epoch. Fewer pairs than a batch are
 * an error; a group smaller than a batch is left out. */
DmuSampler *dmu_sampler_new (const DmuDataset *set, guint batch, guint64 seed, const guint *groups,
                             guint n_groups, const char *repeat, GError **error);
void dmu_sampler_free (DmuSampler *self);
/* Of every epoch. */
guint dmu_sampler_get_batches (const DmuSampler *self);
/* The @step-th batch since the beginning. Returns (transfer full). */
DmuPlan *dmu_sampler_plan (DmuSampler *self, guint64 step);

#endif
