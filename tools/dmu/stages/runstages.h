/* The stages of a run. Each is named in run.json once it is done; one that is there already, or that a signal
 * stopped, is TRUE without doing anything. A model is named as the stage that made it, or "base". */
#ifndef DMU_RUNSTAGES_H
#define DMU_RUNSTAGES_H

#include "runfolder.h"

/* On stderr, unless the run is quiet. */
void dmu_run_say (const DmuWork *r, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Whether a signal came; r->stopped says so from then on. */
gboolean dmu_run_stopping (DmuWork *r);

/* Trains model @from as @how says; @groups, @n_groups: dmu_training_run()'s. @more (taken over) is added to
 * the entry in run.json. */
gboolean dmu_stage_train (DmuWork *r, const char *name, const char *from, const DmuTraining *how,
                          const guint *groups, guint n_groups, json_t *more, GError **error);
/* cluster-N: the pairs clustered by model @from's vectors. */
gboolean dmu_stage_cluster (DmuWork *r, guint number, const char *from, GError **error);
/* finetune-N: model @from, on batches of pairs that all clusterings so far put into the same cluster. */
gboolean dmu_stage_finetune (DmuWork *r, guint number, const char *from, GError **error);
/* @names (NULL-terminated): models that become experts; one: copies of it. */
gboolean dmu_stage_upcycle (DmuWork *r, const char *name, char **names, ClipmoeSaveAs store, GError **error);
/* "finetuned": model @from, @steps on any pairs. */
gboolean dmu_stage_finetuned (DmuWork *r, const char *from, guint64 steps, GError **error);
/* "sparse-start" and "sparse": copies of model @from as experts, trained for @steps on any pairs. */
gboolean dmu_stage_sparse (DmuWork *r, char *from, guint64 steps, GError **error);
/* Mixture @from in the type that the recipe asks for, under the recipe's name. */
gboolean dmu_stage_deliver (DmuWork *r, const char *from, GError **error);
/* Steps that all stages of the mixture took together. */
guint64 dmu_stage_steps (const DmuWork *r);

/* evaluate-MODEL.json, where there are held-out pairs. */
gboolean dmu_stage_evaluate (DmuWork *r, const char *model, GError **error);
/* compare.json: what model @ours gains over each of @others (NULL-terminated). */
gboolean dmu_stage_compare (DmuWork *r, char **others, const char *ours, GError **error);

#endif
