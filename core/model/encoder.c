/* The public encoder: made, asked, freed. pictures.c and texts.c run it. */
#include "calibrate.h"

#include <math.h>
#include "../kernels/cpus.h"
#include "../kernels/pool.h"
#include "storage.h"

#define MAX_BATCH 1024

/* Rows that short texts fill up together: enough to use each weight often, few enough for the caches. */
#define TEXT_ROWS 320

static const char *
precision_name (ClipmoePrecision precision) {
  return precision == CLIPMOE_PRECISION_HALF ? "half" : precision == CLIPMOE_PRECISION_INT8 ? "int8" : "f32";
}

static const ClipmoeKernels *
choose_kernels (GError **error) {
  const char *forced = g_getenv ("CLIPMOE_CPU"), *why = NULL;
  const ClipmoeKernels *kernels = cm_kernels_get (forced, &why);
  if (!kernels)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "CLIPMOE_CPU=%s: %s", forced, why);
  return kernels;
}

const char *
clipmoe_processor_get_tier (GError **error) {
  const ClipmoeKernels *kernels = choose_kernels (error);
  return kernels ? kernels->name : NULL;
}

static gboolean
make_tower (ClipmoeEncoder *self, ClipmoePackedTower *tower, const ClipmoeTowerPlan *plan) {
  if (plan->precision == CLIPMOE_PRECISION_INT8)
    return clipmoe_packed_tower_prepare (tower, plan) && clipmoe_calibrate (self, tower, plan);
  return clipmoe_packed_tower_init (tower, plan);
}

ClipmoeEncoder *
clipmoe_encoder_new (ClipmoeModel *model, const ClipmoeEncoderOptions *options, GError **error) {
  g_return_val_if_fail (model != NULL, NULL);
  ClipmoeEncoderOptions o = options ? *options : (ClipmoeEncoderOptions){0};
  const ClipmoeModelInfo *info = &model->info;
  const ClipmoeKernels *kernels;
  if (!clipmoe_model_check_weights (model, error) || !(kernels = choose_kernels (error)))
    return NULL;
  if (o.precision == CLIPMOE_PRECISION_AUTO)
    o.precision = CLIPMOE_PRECISION_F32;
  if ((o.precision == CLIPMOE_PRECISION_HALF && !kernels->half) ||
      (o.precision == CLIPMOE_PRECISION_INT8 && !kernels->int8)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "precision %s: the %s kernels have f32 alone", precision_name (o.precision), kernels->name);
    return NULL;
  }
  guint side = info->image_size, patch = info->patch_size, grid = side / patch;
  guint64 tokens = (guint64)grid * grid + 1, rows = tokens * MAX (o.batch, 1);
  if (o.batch > MAX_BATCH || rows > G_MAXUINT / 2) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "a batch of %u pictures, expected at most %u",
                 o.batch, MAX_BATCH);
    return NULL;
  }

  guint allowed = cm_cpus_allowed ();
  guint threads = cm_pool_start (o.threads && o.threads < allowed ? o.threads : allowed);

  ClipmoeEncoder *self = g_new0 (ClipmoeEncoder, 1);
  self->model = clipmoe_model_ref (model);
  self->kernels = kernels;
  self->precision = o.precision;
  self->batch = MAX (o.batch, 1);
  self->preprocessor = clipmoe_preprocessor_new (side, info->mean, info->std);
  self->pixels = g_try_new (float, 3 * (gsize)side * side * self->batch);
  self->ids = g_try_new (guint32, (gsize)info->context * CLIPMOE_TEXT_WINDOW);
  ClipmoeTowerPlan image = {.tower = &model->image,
                            .kernels = kernels,
                            .precision = o.precision,
                            .threads = threads,
                            .rows = (guint)rows,
                            .sequences = self->batch,
                            .top_k = model->top_k,
                            .first = model->conv1_weight,
                            .first_in = 3 * patch * patch,
                            .projection = model->image_projection,
                            .embed = info->embed};
  ClipmoeTowerPlan text = image;
  text.tower = &model->text;
  text.rows = text.sequences = MAX (info->context, TEXT_ROWS);
  text.first = NULL;
  text.first_in = 0;
  text.projection = model->text_projection;
  if (!self->pixels || !self->ids || !make_tower (self, &self->image, &image) ||
      !make_tower (self, &self->text, &text)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory to make the model ready to run",
                 info->path ? info->path : info->name);
    clipmoe_encoder_free (self);
    return NULL;
  }
  return self;
}

void
clipmoe_encoder_free (ClipmoeEncoder *self) {
  if (!self)
    return;
  clipmoe_packed_tower_clear (&self->image);
  clipmoe_packed_tower_clear (&self->text);
  clipmoe_preprocessor_free (self->preprocessor);
  g_free (self->pixels);
  g_free (self->ids);
  clipmoe_model_unref (self->model);
  g_free (self);
}

ClipmoeModel *
clipmoe_encoder_get_model (const ClipmoeEncoder *self) {
  return self->model;
}

const char *
clipmoe_encoder_get_tier (const ClipmoeEncoder *self) {
  return self->kernels->name;
}

const char *
clipmoe_encoder_get_precision (const ClipmoeEncoder *self) {
  return precision_name (self->precision);
}

guint
clipmoe_encoder_get_threads (const ClipmoeEncoder *self) {
  return self->image.threads;
}

void
clipmoe_encoder_set_threads (ClipmoeEncoder *self, guint threads) {
  clipmoe_packed_tower_set_threads (&self->image, threads);
  clipmoe_packed_tower_set_threads (&self->text, threads);
}

void
clipmoe_encoder_set_trace (ClipmoeEncoder *self, ClipmoeTrace trace, gpointer data) {
  self->image.trace = self->text.trace = trace;
  self->image.trace_data = self->text.trace_data = data;
}

gboolean
clipmoe_encoder_finish (ClipmoeEncoder *self, const ClipmoePackedTower *t, guint row, float *out,
                        GError **error) {
  guint embed = self->model->info.embed;
  ClipmoeRows rows = clipmoe_tower_rows (t, t->n_pooled);
  gsize stride;
  const float *vector = t->embedded + cm_row_at (&rows, row, t->embed_lines, &stride) * CM_LINE;
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
