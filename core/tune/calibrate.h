/* Which matrices of a tower need more than its precision says: for int8 a run in f32 tells, for 16-bit floats
 * the range of the weights. */
#ifndef CLIPMOE_CALIBRATE_H
#define CLIPMOE_CALIBRATE_H

#include "../encoder/recipe.h"

/* Of the tower @kind: sets the arithmetics in the recipe's schema, and its factors. The model's weights are
 * held. The same result on every processor of a tier, for any number of threads. FALSE: no memory. */
gboolean clipmoe_calibrate (const ClipmoeModel *model, ClipmoeRecipe *recipe, ClipmoeTowerKind kind);

#endif
