/* Prepares the next batch in its own threads while the trainer works on the current one. */
#ifndef DMU_LOADER_H
#define DMU_LOADER_H

#include <loss.h>
#include <step.h>
#include "augment.h"

/* Which pairs make up a batch. */
typedef struct {
  guint n;
  guint *samples, *texts; /* [n] numbers in the data set */
  guint64 *seeds;         /* [n] for augmentation */
  guint n_kept, *kept;    /* [n][n_kept] patches that the image tower gets; n_kept 0 = all */
} DmuPlan;

DmuPlan *dmu_plan_new (guint n, guint n_kept);
void dmu_plan_free (DmuPlan *self);

typedef struct _DmuLoader DmuLoader;

/* @most: the largest batch. The data set and @info must outlive it. */
DmuLoader *dmu_loader_new (const DmuDataset *set, const ClipmoeModelInfo *info, const DmuAugment *how,
                           guint most, guint threads, GError **error);
void dmu_loader_free (DmuLoader *self);
/* Starts preparing @plan (transfer full). At most two batches may be outstanding. */
void dmu_loader_begin (DmuLoader *self, DmuPlan *plan);
/* Waits for the oldest outstanding batch. It is valid until dmu_loader_begin() was called twice more. NULL
 * with an error if a picture cannot be decoded any more. */
const DmuBatch *dmu_loader_wait (DmuLoader *self, GError **error);

#endif
