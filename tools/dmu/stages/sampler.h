/* Which pairs make up batch b of epoch e: everything follows from the seed, so that a run can begin anywhere.
 */
#ifndef DMU_SAMPLER_H
#define DMU_SAMPLER_H

#include <loader.h>

typedef struct {
  const DmuDataset *set;
  guint batch;
  guint64 seed;
  const guint *groups; /* NULL: any pairs; else [n], and a batch is drawn from one group */
  guint n_groups;
  guint keep;      /* patches that are seen, at random; 0 = all */
  guint patches;   /* of a picture */
  GArray *entries; /* guint: sample numbers, some more than once */
  guint *sizes;    /* [n_groups] entries of each */
  guint batches;   /* an epoch */
  /* the epoch that is laid out */
  guint64 epoch;
  gboolean laid_out;
  GArray *order; /* guint: samples, batch after batch */
} DmuSampler;

/* @repeat: NULL, or "SOURCE:N;…": pairs of that source come N times an epoch. What does not fill a batch is
 * refused; a group that does not is left out. */
DmuSampler *dmu_sampler_new (const DmuDataset *set, guint batch, guint64 seed, const guint *groups,
                             guint n_groups, const char *repeat, GError **error);
void dmu_sampler_free (DmuSampler *self);
/* Of every epoch. */
guint dmu_sampler_get_batches (const DmuSampler *self);
/* The @step-th batch since the beginning. Returns (transfer full). */
DmuPlan *dmu_sampler_plan (DmuSampler *self, guint64 step);

#endif
