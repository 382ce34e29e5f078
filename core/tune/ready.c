/* The public way to an encoder: chooses the precision, takes what was packed before or calibrates, and has
 * the encoder made by that recipe. */
#include "../base/structs.h"
#include "../encoder/encoder-private.h"
#include "../model/residence.h"
#include "calibrate.h"
#include "verdict.h"

/* What AUTO is: as the environment says, else as a verdict says, else f32. FALSE: the environment names no
 * precision. */
static gboolean
find_precision (const ClipmoeModel *model, const ClipmoeKernels *kernels, ClipmoePrecision *precision,
                gboolean *found, char **why, GError **error) {
  const char *forced = g_getenv ("CLIPMOE_PRECISION");
  *precision = CLIPMOE_PRECISION_F32;
  *found = FALSE;
  if (!forced || !*forced) {
    *found = model->info.fingerprint && clipmoe_verdict_find (model, kernels, precision, why);
    if (!*found)
      *why = g_strdup ("no verdict for this model and processor stands yet");
    return TRUE;
  }
  if (!clipmoe_precision_parse (forced, precision)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "CLIPMOE_PRECISION=%.40s: expected f32, half or int8", forced);
    return FALSE;
  }
  *found = TRUE;
  *why = g_strdup ("CLIPMOE_PRECISION says so");
  return TRUE;
}

/* No packed weights were found: the recipe is tuned to the model's weights. */
static ClipmoeEncoder *
tune_and_make (ClipmoeModel *model, ClipmoeRecipe *recipe, GError **error) {
  ClipmoeEncoder *self = NULL;
  if (!clipmoe_model_hold_weights (model, error))
    return NULL;
  gboolean ok = clipmoe_calibrate (model, recipe, CLIPMOE_TOWER_IMAGE) &&
                clipmoe_calibrate (model, recipe, CLIPMOE_TOWER_TEXT);
  if (ok)
    self = clipmoe_encoder_make (model, recipe, error);
  else
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory to make the model ready to run",
                 model->info.path ? model->info.path : model->info.name);
  clipmoe_model_drop_weights (model);
  return self;
}

ClipmoeEncoder *
clipmoe_encoder_new (ClipmoeModel *model, const ClipmoeEncoderOptions *options, GError **error) {
  g_return_val_if_fail (model != NULL, NULL);
  ClipmoeEncoderOptions o;
  const ClipmoeKernels *kernels;
  ClipmoeRecipe recipe;
  char *why = NULL;
  if (!clipmoe_struct_read ("ClipmoeEncoderOptions", options,
                            CLIPMOE_SIZE_UP_TO (ClipmoeEncoderOptions, batch), &o, sizeof o, error))
    return NULL;
  if ((guint)o.precision > CLIPMOE_PRECISION_INT8) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "precision %d is unknown", (int)o.precision);
    return NULL;
  }
  if (!(kernels = clipmoe_kernels_choose (error)))
    return NULL;
  gboolean automatic = o.precision == CLIPMOE_PRECISION_AUTO, found = TRUE;
  if (automatic && !find_precision (model, kernels, &o.precision, &found, &why, error))
    return NULL;
  if (!clipmoe_recipe_init (&recipe, model, kernels, o.precision, o.threads, o.batch, error)) {
    g_free (why);
    return NULL;
  }
  recipe.reason = why ? why : g_strdup ("it was asked for");
  recipe.lacks_verdict = !found;
  ClipmoeEncoder *self = clipmoe_recipe_load (&recipe) ? clipmoe_encoder_make (model, &recipe, error)
                                                       : tune_and_make (model, &recipe, error);
  clipmoe_recipe_clear (&recipe);
  return self;
}
