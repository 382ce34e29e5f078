/* The public encoder but for encoding, which image.c and text.c do, and clipmoe_encoder_new(), which tunes
 * it. */
#include "encoder-private.h"

#include <math.h>
#include "pack.h"

/* Rows that short texts fill up together: enough to use each weight often, few enough for the caches. */
#define TEXT_ROWS 320

/* Packs the model's weights, which are held. FALSE: no memory. */
static gboolean
pack (const ClipmoeModel *model, ClipmoeRecipe *recipe) {
  const ClipmoeSchema *image = recipe->schemas[CLIPMOE_TOWER_IMAGE],
                      *text = recipe->schemas[CLIPMOE_TOWER_TEXT];
  guint n = image->n_matrices + text->n_matrices;
  guint8 *arithmetics = g_new (guint8, n);
  clipmoe_schema_get_arithmetics (image, arithmetics);
  clipmoe_schema_get_arithmetics (text, arithmetics + image->n_matrices);
  if (image->bytes && text->bytes)
    recipe->packed = clipmoe_packed_weights_new (recipe->key, image->bytes, text->bytes, arithmetics, n);
  g_free (arithmetics);
  if (!recipe->packed)
    return FALSE;
  if (image->n_matrices)
    clipmoe_pack_tower (model, image, recipe->factors[CLIPMOE_TOWER_IMAGE],
                        clipmoe_packed_weights_get_image (recipe->packed), recipe->threads);
  if (text->n_matrices)
    clipmoe_pack_tower (model, text, recipe->factors[CLIPMOE_TOWER_TEXT],
                        clipmoe_packed_weights_get_text (recipe->packed), recipe->threads);
  clipmoe_recipe_clear_factors (recipe);
  return TRUE;
}

static gboolean
set_up (ClipmoeEncoder *self) {
  const ClipmoeModelInfo *info = &self->model->info;
  ClipmoeRecipe *r = &self->recipe;
  const ClipmoeSchema *image = r->schemas[CLIPMOE_TOWER_IMAGE], *text = r->schemas[CLIPMOE_TOWER_TEXT];
  guint side = self->model->image.side, context = self->model->text.context;
  guint image_rows = clipmoe_architecture_tokens (&self->model->image) * r->batch;
  guint text_rows = MAX (context, TEXT_ROWS);
  gboolean with_image = clipmoe_architecture_is_there (&self->model->image),
           with_text = clipmoe_architecture_is_there (&self->model->text);
  if (with_image)
    self->preprocessor = clipmoe_preprocessor_new (side, info->mean, info->std);
  self->pixels = g_try_new (float, MAX (3 * (gsize)side * side * r->batch, 1));
  self->ids = g_try_new (guint32, MAX ((gsize)context * CLIPMOE_TEXT_WINDOW, 1));
  if (!self->pixels || !self->ids ||
      (with_image && !clipmoe_packed_tower_init (&self->image, image, r->threads, image_rows, r->batch)) ||
      (with_text && !clipmoe_packed_tower_init (&self->text, text, r->threads, text_rows, text_rows)))
    return FALSE;
  gboolean packed = r->packed != NULL;
  if (!packed && !pack (self->model, r))
    return FALSE;
  if (with_image)
    clipmoe_packed_tower_set_weights (&self->image, clipmoe_packed_weights_get_image (r->packed));
  if (with_text)
    clipmoe_packed_tower_set_weights (&self->text, clipmoe_packed_weights_get_text (r->packed));
  self->unsaved = !packed && r->key;
  return TRUE;
}

ClipmoeEncoder *
clipmoe_encoder_make (ClipmoeModel *model, ClipmoeRecipe *recipe, GError **error) {
  ClipmoeEncoder *self = g_new0 (ClipmoeEncoder, 1);
  self->model = clipmoe_model_ref (model);
  self->recipe = *recipe;
  *recipe = (ClipmoeRecipe){0};
  if (!set_up (self)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory to make the model ready to run",
                 model->info.path ? model->info.path : model->info.name);
    g_clear_pointer (&self, clipmoe_encoder_free);
  }
  return self;
}

ClipmoeEncoder *
clipmoe_encoder_share (ClipmoeEncoder *of, guint threads, GError **error) {
  ClipmoeRecipe recipe = {.kernels = of->recipe.kernels,
                          .precision = of->recipe.precision,
                          .threads = threads,
                          .batch = 1,
                          .packed = clipmoe_packed_weights_ref (of->recipe.packed),
                          .reason = g_strdup (of->recipe.reason)};
  for (guint t = 0; t < CLIPMOE_N_TOWERS; t++)
    recipe.schemas[t] = clipmoe_schema_copy (of->recipe.schemas[t]);
  return clipmoe_encoder_make (of->model, &recipe, error);
}

void
clipmoe_encoder_free (ClipmoeEncoder *self) {
  if (!self)
    return;
  clipmoe_packed_tower_clear (&self->image);
  clipmoe_packed_tower_clear (&self->text);
  clipmoe_recipe_clear (&self->recipe);
  clipmoe_preprocessor_free (self->preprocessor);
  g_free (self->pixels);
  g_free (self->ids);
  clipmoe_model_unref (self->model);
  g_free (self);
}

void
clipmoe_encoder_answered (ClipmoeEncoder *self) {
  if (g_atomic_int_compare_and_exchange (&self->unsaved, TRUE, FALSE))
    clipmoe_packed_weights_write (self->recipe.packed);
}

void
clipmoe_encoder_keep_nothing (ClipmoeEncoder *self) {
  g_atomic_int_set (&self->unsaved, FALSE);
}

void
clipmoe_cache_wait (void) {
  clipmoe_packed_weights_wait ();
}

char *
clipmoe_cache_why_not (void) {
  return clipmoe_packed_weights_why_not ();
}

gboolean
clipmoe_encoder_check_packed (ClipmoeEncoder *self, GError **error) {
  if (self->recipe.damaged)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: packed weights that were damaged; it was deleted, and they are packed again",
                 self->recipe.damaged);
  return self->recipe.damaged == NULL;
}

ClipmoeModel *
clipmoe_encoder_get_model (const ClipmoeEncoder *self) {
  return self->model;
}

const char *
clipmoe_encoder_get_tier (const ClipmoeEncoder *self) {
  return self->recipe.kernels->name;
}

const char *
clipmoe_encoder_get_precision (const ClipmoeEncoder *self) {
  return clipmoe_precision_name (self->recipe.precision);
}

double
clipmoe_encoder_measure_limit (const ClipmoeEncoder *self) {
  const ClipmoePackedTower *tower = self->image.kernels ? &self->image : &self->text;
  const ClipmoeGemm *f =
      clipmoe_arithmetic_gemm (tower->kernels, clipmoe_precision_arithmetic (self->recipe.precision));
  return f && f->peak < CM_N_PEAKS ? cm_peak (f->peak, 2000) : 0;
}

const char *
clipmoe_encoder_get_precision_reason (const ClipmoeEncoder *self) {
  return self->recipe.reason;
}

gboolean
clipmoe_encoder_lacks_verdict (const ClipmoeEncoder *self) {
  return self->recipe.lacks_verdict;
}

guint
clipmoe_encoder_get_threads (const ClipmoeEncoder *self) {
  return MAX (self->image.threads, self->text.threads);
}

void
clipmoe_encoder_grow_batch (ClipmoeEncoder *self, guint n) {
  const ClipmoeArchitecture *arch = &self->model->image;
  if (!clipmoe_architecture_is_there (arch))
    return;
  n = MIN (n, clipmoe_recipe_best_batch (arch));
  if (n <= self->recipe.batch)
    return;
  ClipmoeScratchSizes sizes = self->image.scratch.sizes;
  sizes.rows = clipmoe_architecture_tokens (arch) * n;
  sizes.sequences = n;
  ClipmoeScratch scratch;
  float *pixels = g_try_new (float, 3 * (gsize)arch->side * arch->side * n);
  if (!pixels || !clipmoe_scratch_init (&scratch, &sizes)) {
    g_free (pixels);
    return;
  }
  ClipmoeScratch before = self->image.scratch;
  float *pixels_before = self->pixels;
  self->image.scratch = scratch;
  self->pixels = pixels;
  self->recipe.batch = n;
  clipmoe_scratch_clear (&before); /* last, so that a child that is forked meanwhile has what it uses */
  g_free (pixels_before);
}

gboolean
clipmoe_encoder_check_tower (const ClipmoeEncoder *self, ClipmoeTowerKind kind, GError **error) {
  const ClipmoeModel *m = self->model;
  gboolean image = kind == CLIPMOE_TOWER_IMAGE;
  if (clipmoe_architecture_is_there (image ? &m->image : &m->text))
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
               "%s: the %s tower alone, so it has vectors of %s only: expected a model with both towers",
               m->info.path ? m->info.path : m->info.name, image ? "text" : "image",
               image ? "texts" : "pictures");
  return FALSE;
}

gboolean
clipmoe_encoder_finish (ClipmoeEncoder *self, const ClipmoePackedTower *t, guint row, float *out,
                        GError **error) {
  guint embed = t->arch->embed;
  ClipmoeRows rows = clipmoe_packed_tower_rows (t, t->n_pooled);
  gsize stride;
  const float *vector =
      t->scratch.embedded + cm_row_at (&rows, row, t->scratch.embed_lines, &stride) * CM_LINE;
  double sum = 0;
  for (guint i = 0; i < embed; i++)
    out[i] = vector[i / CM_LINE * stride * CM_LINE + i % CM_LINE];
  for (guint i = 0; i < embed; i++)
    sum += (double)out[i] * out[i];
  if (!isfinite (sum) || sum <= 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: the embedding has length %g, expected a finite one above 0: the weights are unusable",
                 self->model->info.path ? self->model->info.path : self->model->info.name, sqrt (sum));
    return FALSE;
  }
  for (guint i = 0; i < embed; i++)
    out[i] = (float)(out[i] / sqrt (sum));
  return TRUE;
}
