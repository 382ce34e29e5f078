#include "recipe.h"

#include "../kernels/cpus.h"
#include "../kernels/pool.h"
#include "cachekey.h"

#define ROWS_AT_ONCE 256

/* As many as fill the tiles of every matrix well. Activations of more would leave the caches before the next
 * product reads them, and save nothing. An expert sees its part of the rows alone. */
guint
clipmoe_recipe_best_batch (const ClipmoeArchitecture *image) {
  guint64 rows = ROWS_AT_ONCE;
  for (guint i = 0; i < image->layers; i++)
    if (image->experts[i] > image->top_k && image->top_k)
      rows = MAX (rows, (guint64)ROWS_AT_ONCE * image->experts[i] / image->top_k);
  return clipmoe_architecture_is_there (image) ? MAX ((guint)(rows / clipmoe_architecture_tokens (image)), 1)
                                               : 1;
}

gboolean
clipmoe_recipe_init (ClipmoeRecipe *self, const ClipmoeModel *model, const ClipmoeKernels *kernels,
                     ClipmoePrecision precision, guint threads, guint batch, GError **error) {
  *self = (ClipmoeRecipe){.kernels = kernels, .precision = precision};
  if ((precision == CLIPMOE_PRECISION_HALF && !kernels->half) ||
      (precision == CLIPMOE_PRECISION_INT8 && !kernels->int8)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "precision %s: the %s kernels have f32 alone", clipmoe_precision_name (precision),
                 kernels->name);
    return FALSE;
  }
  guint64 tokens = clipmoe_architecture_tokens (&model->image);
  self->batch = CLAMP (batch, 1, clipmoe_recipe_best_batch (&model->image));
  if (batch > CLIPMOE_MAX_BATCH || tokens * self->batch > G_MAXUINT / 2) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "a batch of %u pictures, expected at most %u",
                 batch, CLIPMOE_MAX_BATCH);
    return FALSE;
  }
  ClipmoeSchema *image = clipmoe_schema_new (model, CLIPMOE_TOWER_IMAGE, kernels, precision);
  ClipmoeSchema *text = clipmoe_schema_new (model, CLIPMOE_TOWER_TEXT, kernels, precision);
  self->schemas[CLIPMOE_TOWER_IMAGE] = image;
  self->schemas[CLIPMOE_TOWER_TEXT] = text;
  guint allowed = cm_cpus_allowed ();
  self->threads = cm_pool_start (threads && threads < allowed ? threads : allowed);
  if (model->info.fingerprint && model->info.path) /* a model made in memory is nobody else's */
    self->key =
        clipmoe_cache_key (model, kernels, precision, image->abi * 31 + text->abi, CLIPMOE_PACKED_ENTRY);
  return TRUE;
}

void
clipmoe_recipe_clear_factors (ClipmoeRecipe *self) {
  for (guint t = 0; t < CLIPMOE_N_TOWERS; t++) {
    for (guint i = 0; self->factors[t] && i < self->schemas[t]->n_matrices; i++)
      g_free (self->factors[t][i]);
    g_clear_pointer (&self->factors[t], g_free);
  }
}

void
clipmoe_recipe_clear (ClipmoeRecipe *self) {
  clipmoe_recipe_clear_factors (self);
  for (guint t = 0; t < CLIPMOE_N_TOWERS; t++)
    clipmoe_schema_free (self->schemas[t]);
  clipmoe_packed_weights_unref (self->packed);
  g_free (self->key);
  g_free (self->reason);
  g_free (self->damaged);
  *self = (ClipmoeRecipe){0};
}

gboolean
clipmoe_recipe_load (ClipmoeRecipe *self) {
  ClipmoeSchema *image = self->schemas[CLIPMOE_TOWER_IMAGE], *text = self->schemas[CLIPMOE_TOWER_TEXT];
  ClipmoePackedWeights *packed = self->key ? clipmoe_packed_weights_find (self->key, &self->damaged) : NULL;
  if (!packed)
    return FALSE;
  guint8 *before = g_new (guint8, image->n_matrices + text->n_matrices);
  clipmoe_schema_get_arithmetics (image, before);
  clipmoe_schema_get_arithmetics (text, before + image->n_matrices);
  guint n;
  const guint8 *arithmetics = clipmoe_packed_weights_get_arithmetics (packed, &n);
  gboolean fits = n == image->n_matrices + text->n_matrices &&
                  clipmoe_schema_set_arithmetics (image, arithmetics) &&
                  clipmoe_schema_set_arithmetics (text, arithmetics + image->n_matrices) && image->bytes &&
                  text->bytes && clipmoe_packed_weights_fits (packed, image->bytes, text->bytes) &&
                  clipmoe_packed_weights_load (packed, self->threads, &self->damaged);
  if (fits) {
    self->packed = packed;
  } else {
    clipmoe_packed_weights_unref (packed);
    clipmoe_schema_set_arithmetics (image, before);
    clipmoe_schema_set_arithmetics (text, before + image->n_matrices);
  }
  g_free (before);
  return fits;
}
