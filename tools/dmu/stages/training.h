/* The loop of steps of one stage, with checkpoints. */
#ifndef DMU_TRAINING_H
#define DMU_TRAINING_H

#include <stdio.h>
#include <adamw.h>
#include <step.h>
#include "curves.h"
#include "sampler.h"

typedef struct {
  DmuGroup group;
  char *image_blocks, *text_blocks; /* as dmu_blocks_parse() reads them; NULL = all */
  gboolean train_scale;             /* logit scale, held below ln 100 */
  double fixed_scale;               /* 0: the model's own; else a constant exp (logit scale) */
  guint64 steps;                    /* 0 = epochs count */
  double epochs;
  guint batch, micro;
  double rate, decay, clip, ema, smoothing;
  gboolean decay_all, recompute;
  guint64 warmup;
  DmuBalance balance;
  double balance_weight;
  guint keep_patches;
  DmuAugment augment;
  char *repeat;
  guint64 save_every; /* steps */
} DmuTraining;

/* The defaults for each group; strings are NULL. */
DmuTraining dmu_training_defaults (DmuGroup group);
/* Whether @key is a setting; sets it, or *error if @value is not valid. */
gboolean dmu_training_set (DmuTraining *self, const char *key, const char *value, GError **error);
/* The @i-th setting and its help text; NULL after the last. */
const char *dmu_training_key (guint i, const char **help);
void dmu_training_clear (DmuTraining *self);
/* All settings in one line, for digests and the manifest. */
char *dmu_training_describe (const DmuTraining *self);

/* Whether such a model can be trained on @set with these settings: a check before hours of other stages. */
gboolean dmu_training_fits (const DmuTraining *self, const ClipmoeModelInfo *info, const DmuDataset *set,
                            GError **error);

/* A stage's surroundings, and its results. */
typedef struct {
  const char *name;     /* of the stage */
  const char *state;    /* the checkpoint's path, or NULL: none */
  const char *digest;   /* identifies the stage, for its checkpoint */
  DmuCurves *curves;    /* or NULL */
  FILE *timing;         /* or NULL */
  const gboolean *stop; /* set by a signal: finish the step, save, return */
  gboolean quiet;
  guint threads;
  guint64 seed;
  gboolean stopped; /* out */
  double loss;      /* out: a running mean of the last steps */
  guint64 steps;    /* out */
} DmuStage;

/* Trains @model and returns (transfer full) the new one: the weights' moving average where there is one. With
 * a checkpoint of the same digest it resumes there. NULL without an error when it was stopped. */
ClipmoeModel *dmu_training_run (const DmuTraining *self, ClipmoeModel *model, const DmuDataset *set,
                                const guint *groups, guint n_groups, DmuStage *stage, GError **error);

#endif
