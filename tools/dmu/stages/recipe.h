/* A recipe for `clipmoe-dmu run`, a key file. Unknown keys are errors. */
#ifndef DMU_RECIPE_H
#define DMU_RECIPE_H

#include "training.h"

typedef struct {
  char *path, *text; /* the file */
  char *base;        /* a model: path or name */
  guint64 seed;
  guint threads;       /* 0 = all that this process may use */
  gboolean stretch;    /* 77 positions become 248 first */
  ClipmoeSaveAs store; /* of the final model */
  char *name;          /* of the final model */
  char **train, **heldout, **templates;
  DmuMemberKeys keys; /* of pictures and captions */
  guint64 limit;      /* bytes of pictures in memory; 0 = the data set's default */
  guint context;      /* tokens that longer captions are cut to; 0 = the model's */
  gboolean dense;     /* train the dense base on first */
  gboolean tune;      /* train experts and routers together at last */
  DmuTraining dense_how, finetune_how, route_how, tune_how;
  DmuTraining finetuned_how, sparse_how; /* of the baselines */
  guint experts;                         /* one of the base, one a stage of finetune */
  guint text_clusters, image_clusters, passes;
  guint top_k;
  char *image_blocks, *text_blocks; /* that become mixtures */
  gboolean baseline_finetuned, baseline_sparse;
} DmuRecipe;

/* @data: NULL, or folders in which train and heldout are looked for; then beside the recipe. */
DmuRecipe *dmu_recipe_open (const char *path, const char *const *data, GError **error);
void dmu_recipe_free (DmuRecipe *self);

#endif
