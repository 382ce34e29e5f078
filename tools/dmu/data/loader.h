/* Prepares the next batch in its own threads while the trainer uses the current one. */
#ifndef DMU_LOADER_H
#define DMU_LOADER_H

#include <loss.h>
#include <step.h>
#include "augment.h"

/* The pairs of a batch. */
typedef struct {
  guint n;
  guint *samples, *texts; /* [n] indices in the data set */
  guint64 *seeds;         /* [n] for augmentation */
  guint n_kept, *kept;    /* [n][n_kept] patches that are used; 0 = all */
} DmuPlan;

DmuPlan *dmu_plan_new (guint n, guint n_kept);
void dmu_plan_free (DmuPlan *self);

typedef struct _DmuLoader DmuLoader;

/* @most: the largest batch. The data set and @info must outlive it. */
DmuLoader *dmu_loader_new (const DmuDataset *set, const ClipmoeModelInfo *info, const DmuAugment *how,
                           guint most, guint threads, GError **error);
void dmu_loader_free (DmuLoader *self);
/* Starts preparing @plan (taken over). At most two may be in progress. */
void dmu_loader_begin (DmuLoader *self, DmuPlan *plan);
/* Waits for the oldest batch in progress; borrowed, valid until the next but one dmu_loader_begin(). NULL
 * with an error when a picture cannot be decoded any more. */
const DmuBatch *dmu_loader_wait (DmuLoader *self, GError **error);

#endif
