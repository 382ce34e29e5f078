/* All that a recipe says, stage after stage, into a run folder. */
#ifndef DMU_RUN_H
#define DMU_RUN_H

#include "recipe.h"

typedef struct {
  const char *folder;
  const gboolean *stop; /* set by a signal */
  gboolean quiet;
  gboolean stopped; /* out: ended because of it; the next run goes on */
} DmuRunOptions;

/* Goes on where a former run of the same recipe stopped or was killed; the folder's files end the same, byte
 * for byte, but for timing.jsonl. */
gboolean dmu_run (const DmuRecipe *recipe, DmuRunOptions *options, GError **error);

#endif
