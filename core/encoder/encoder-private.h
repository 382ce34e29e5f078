/* The encoder from inside. */
#ifndef CLIPMOE_ENCODER_PRIVATE_H
#define CLIPMOE_ENCODER_PRIVATE_H

#include "../clipmoe/encoder.h"
#include "recipe.h"
#include "tower.h"

/* Texts that are sorted together, so that those with the same beginning meet. */
#define CLIPMOE_TEXT_WINDOW 256

struct _ClipmoeEncoder {
  ClipmoeModel *model;
  ClipmoeRecipe recipe;
  ClipmoePackedTower image, text;
  gint unsaved; /* atomic: the packed weights are in no file yet */
  ClipmoePreprocessor *preprocessor;
  float *pixels; /* [batch][3][side][side] */
  guint32 *ids;  /* [CLIPMOE_TEXT_WINDOW][context] */
};

/* Follows a recipe, and takes over all that it holds, also when that fails; without packed weights in it the
 * model's must be held. Encoding pictures and tokens allocates nothing afterwards. Keeps a reference on
 * @model. NULL (MEMORY). */
ClipmoeEncoder *clipmoe_encoder_make (ClipmoeModel *model, ClipmoeRecipe *recipe, GError **error);

/* Another encoder with the weights of @of, which stay in memory once: for a thread of its own, beside @of and
 * at the same time. One picture at a time (clipmoe_encoder_grow_batch()). NULL (MEMORY). */
ClipmoeEncoder *clipmoe_encoder_share (ClipmoeEncoder *of, guint threads, GError **error);

/* After the first result: a thread writes what was packed into the cache folder. */
void clipmoe_encoder_answered (ClipmoeEncoder *self);
/* What this one packed will not be needed again: it is not written. */
void clipmoe_encoder_keep_nothing (ClipmoeEncoder *self);

/* FALSE (UNSUPPORTED): the model has no such tower. */
gboolean clipmoe_encoder_check_tower (const ClipmoeEncoder *self, ClipmoeTowerKind kind, GError **error);

/* Copies the vector in row @row of t->scratch.embedded to @out, scaled to length one. FALSE (FORMAT): it is
 * not finite, or zero. */
gboolean clipmoe_encoder_finish (ClipmoeEncoder *self, const ClipmoePackedTower *t, guint row, float *out,
                                 GError **error);

/* Makes room for runs of @n pictures, where there is less; for more than clipmoe_recipe_best_batch() there
 * never is, and without memory it stays as it is. For whoever encodes pictures, between two calls. */
void clipmoe_encoder_grow_batch (ClipmoeEncoder *self, guint n);

#endif
