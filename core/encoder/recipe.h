/* All that decides how a model is run. tune/ fills one; clipmoe_encoder_make() follows it. */
#ifndef CLIPMOE_RECIPE_H
#define CLIPMOE_RECIPE_H

#include "schema.h"
#include "store.h"

#define CLIPMOE_MAX_BATCH 1024 /* of ClipmoeEncoderOptions */

typedef struct {
  const ClipmoeKernels *kernels;
  ClipmoePrecision precision; /* never AUTO */
  guint threads;              /* of the pool, which has them */
  guint batch;                /* the most pictures in one run */
  ClipmoeSchema *schemas[CLIPMOE_N_TOWERS];
  char *key; /* of the file that keeps the packed weights; NULL: none does */
  /* The weights as they were packed before; NULL: they are packed from the model's, which are held. */
  ClipmoePackedWeights *packed;
  /* Then by matrix: cm_matrix_pack()'s factors, or NULL; NULL: none at all. Freed once they are packed. */
  float **factors[CLIPMOE_N_TOWERS];
  char *reason;           /* why this precision */
  gboolean lacks_verdict; /* AUTO was asked for, and no verdict stands */
  char *damaged;          /* path of a file that was damaged and deleted, or NULL */
} ClipmoeRecipe;

/* The usual recipe for a precision, without weights. Starts what is missing of the pool's threads.
 * @threads, @batch: as in ClipmoeEncoderOptions. FALSE (UNSUPPORTED: @kernels lack the precision; ARGUMENT: a
 * batch too large): @self is empty. */
gboolean clipmoe_recipe_init (ClipmoeRecipe *self, const ClipmoeModel *model, const ClipmoeKernels *kernels,
                              ClipmoePrecision precision, guint threads, guint batch, GError **error);
/* The most pictures in one run that are faster together than one by one; at least 1. */
guint clipmoe_recipe_best_batch (const ClipmoeArchitecture *image);

void clipmoe_recipe_clear (ClipmoeRecipe *self);
void clipmoe_recipe_clear_factors (ClipmoeRecipe *self);

/* Takes the packed weights from the file that the key names, and the schemas' arithmetics with it, if the
 * file is what this recipe needs. FALSE: there is none; the schemas are as they were. */
gboolean clipmoe_recipe_load (ClipmoeRecipe *self);

#endif
