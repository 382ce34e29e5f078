/* Runs a recipe, stage after stage, into a run folder. */
#ifndef DMU_RUN_H
#define DMU_RUN_H

#include "recipe.h"

typedef struct {
  const char *folder;
  const gboolean *stop; /* set by a signal */
  gboolean quiet;
  gboolean stopped; /* out: ended because of @stop; another run continues it */
} DmuRunOptions;

/* Continues where a former run of the same recipe was stopped or killed; the final files are the same, byte
 * for byte, except for timing.jsonl. */
gboolean dmu_run (const DmuRecipe *recipe, DmuRunOptions *options, GError **error);

#endif
