/* The public encoder: made, asked, freed. pictures.c and texts.c run it. */
#include "../tune/calibrate.h"

#include <math.h>
#include "../kernels/cpus.h"
#include "../kernels/pool.h"
#include "precision.h"
#include "../model/residence.h"
#include "../tune/verdict.h"

#define ROWS_AT_ONCE 256
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

static void
no_memory (const ClipmoeModel *model, GError **error) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory to make the model ready to run",
               model->info.path ? model->info.path : model->info.name);
}

/* The plans' weights, which the model holds by now. */
static void
name_weights (const ClipmoeModel *m, ClipmoeTowerPlan *image, ClipmoeTowerPlan *text) {
  image->held = text->held = TRUE;
  image->first = m->conv1_weight;
  image->projection = m->image_projection;
  image->embedding = m->class_embedding;
  image->positions = m->image_positions;
  image->ln_pre_weight = m->ln_pre_weight;
  image->ln_pre_bias = m->ln_pre_bias;
  image->ln_post_weight = m->ln_post_weight;
  image->ln_post_bias = m->ln_post_bias;
  text->projection = m->text_projection;
  text->embedding = m->token_embedding;
  text->positions = m->text_positions;
  text->ln_post_weight = m->ln_final_weight;
  text->ln_post_bias = m->ln_final_bias;
}

/* What the file of the cache folder holds, if that is what these plans need; they get its formats. */
static ClipmoePackedForm *
find_packed (ClipmoeEncoder *self, const ClipmoePackedHow *how, ClipmoeTowerPlan *image,
             ClipmoeTowerPlan *text) {
  ClipmoePackedForm *form = clipmoe_packed_form_find (self->model, how, &self->damaged);
  if (!form)
    return NULL;
  guint n, n_image = clipmoe_packed_tower_count (&self->image, image);
  const guint8 *formats = clipmoe_packed_form_get_formats (form, &n);
  gboolean fits = n == n_image + clipmoe_packed_tower_count (&self->text, text);
  for (guint i = 0; i < n && fits; i++)
    fits = clipmoe_arithmetic_gemm (self->kernels, formats[i]) != NULL;
  if (fits) {
    image->formats = formats;
    text->formats = formats + n_image;
    fits = clipmoe_packed_form_fits (form, clipmoe_packed_tower_bytes (&self->image, image),
                                     clipmoe_packed_tower_bytes (&self->text, text)) &&
           clipmoe_packed_form_load (form, image->threads, &self->damaged);
  }
  if (!fits) {
    image->formats = text->formats = NULL;
    g_clear_pointer (&form, clipmoe_packed_form_unref);
  }
  return form;
}

/* Memory to pack into; the plans' formats are settled. */
static ClipmoePackedForm *
new_packed (ClipmoeEncoder *self, const ClipmoePackedHow *how, ClipmoeTowerPlan *image,
            ClipmoeTowerPlan *text) {
  gsize image_bytes = clipmoe_packed_tower_bytes (&self->image, image),
        text_bytes = clipmoe_packed_tower_bytes (&self->text, text);
  guint n_image = clipmoe_packed_tower_count (&self->image, image),
        n_text = clipmoe_packed_tower_count (&self->text, text);
  guint8 *formats = g_malloc (n_image + n_text);
  clipmoe_packed_tower_formats (&self->image, image, formats);
  clipmoe_packed_tower_formats (&self->text, text, formats + n_image);
  ClipmoePackedForm *form =
      image_bytes && text_bytes
          ? clipmoe_packed_form_new (self->model, how, image_bytes, text_bytes, formats, n_image + n_text)
          : NULL;
  g_free (formats);
  return form;
}

/* The plan borrows what was found. FALSE: no memory. */
static gboolean
calibrate (ClipmoeEncoder *self, ClipmoePackedTower *tower, ClipmoeTowerPlan *plan,
           ClipmoeCalibration **found) {
  if (plan->precision == CLIPMOE_PRECISION_INT8)
    *found = clipmoe_calibrate (self, tower, plan);
  else
    *found = clipmoe_calibrate_range (tower, plan);
  if (!*found)
    return plan->precision != CLIPMOE_PRECISION_INT8;
  plan->formats = (*found)->formats;
  plan->factors = (*found)->factors;
  return TRUE;
}

static gboolean
pack_weights (ClipmoeEncoder *self, const ClipmoePackedHow *how, ClipmoeTowerPlan *image,
              ClipmoeTowerPlan *text) {
  ClipmoeCalibration *of_image = NULL, *of_text = NULL;
  gboolean ok = TRUE;
  ok = calibrate (self, &self->image, image, &of_image) && calibrate (self, &self->text, text, &of_text);
  ok = ok && (self->form = new_packed (self, how, image, text));
  if (ok) {
    clipmoe_packed_tower_set_weights (&self->image, image, clipmoe_packed_form_get_image (self->form), TRUE);
    clipmoe_packed_tower_set_weights (&self->text, text, clipmoe_packed_form_get_text (self->form), TRUE);
  }
  g_clear_pointer (&of_image, clipmoe_calibration_free);
  g_clear_pointer (&of_text, clipmoe_calibration_free);
  return ok;
}

/* Weights as they were packed before, or packed now. */
static gboolean
set_weights (ClipmoeEncoder *self, ClipmoeTowerPlan *image, ClipmoeTowerPlan *text, GError **error) {
  ClipmoeModel *model = self->model;
  ClipmoePackedHow how = {.kernels = self->kernels, .precision = precision_name (self->precision)};
  how.layout = clipmoe_packed_tower_layout (&self->image, image) * 31 +
               clipmoe_packed_tower_layout (&self->text, text);
  gboolean shared = model->info.fingerprint && model->info.path; /* a model made in memory is nobody else's */
  if (shared && (self->form = find_packed (self, &how, image, text))) {
    clipmoe_packed_tower_set_weights (&self->image, image, clipmoe_packed_form_get_image (self->form), FALSE);
    clipmoe_packed_tower_set_weights (&self->text, text, clipmoe_packed_form_get_text (self->form), FALSE);
    return TRUE;
  }
  if (!clipmoe_model_hold_weights (model, error))
    return FALSE;
  name_weights (model, image, text);
  gboolean ok = pack_weights (self, &how, image, text);
  clipmoe_model_drop_weights (model);
  if (!ok)
    no_memory (model, error);
  self->unsaved = ok && shared;
  return ok;
}

void
clipmoe_encoder_answered (ClipmoeEncoder *self) {
  if (g_atomic_int_compare_and_exchange (&self->unsaved, TRUE, FALSE))
    clipmoe_packed_form_write (self->form);
}

void
clipmoe_encoder_keep_nothing (ClipmoeEncoder *self) {
  g_atomic_int_set (&self->unsaved, FALSE);
}

void
clipmoe_cache_wait (void) {
  clipmoe_packed_forms_wait ();
}

char *
clipmoe_cache_why_not (void) {
  return clipmoe_packed_forms_why_not ();
}

gboolean
clipmoe_encoder_check_packed (ClipmoeEncoder *self, GError **error) {
  if (self->damaged)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: packed weights that were damaged; it was deleted, and they are packed again",
                 self->damaged);
  return self->damaged == NULL;
}

/* What AUTO is: as the environment says, else as a verdict says, else f32. FALSE: the environment says
 * nonsense. */
static gboolean
find_precision (const ClipmoeModel *model, const ClipmoeKernels *kernels, ClipmoePrecision *precision,
                gboolean *found, char **why, GError **error) {
  const char *forced = g_getenv ("CLIPMOE_PRECISION");
  *precision = CLIPMOE_PRECISION_F32;
  if (!forced || !*forced) {
    *found = model->info.fingerprint && clipmoe_verdict_find (model, kernels, precision, why);
    return TRUE;
  }
  for (guint i = CLIPMOE_PRECISION_F32; i <= CLIPMOE_PRECISION_INT8; i++)
    if (g_str_equal (forced, precision_name ((ClipmoePrecision)i))) {
      *precision = (ClipmoePrecision)i;
      *why = g_strdup ("CLIPMOE_PRECISION says so");
      *found = TRUE;
      return TRUE;
    }
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
               "CLIPMOE_PRECISION=%.40s: expected f32, half or int8", forced);
  return FALSE;
}

/* Those that suit what the tower is. */
static const ClipmoeKernels *
kernels_of (const ClipmoeArchitecture *tower, const ClipmoeKernels *kernels) {
  return clipmoe_architecture_is_mixture (tower) ? kernels->exact : kernels;
}

static ClipmoePrecision
text_precision (ClipmoePrecision precision, const ClipmoeKernels *kernels) {
  return precision == CLIPMOE_PRECISION_INT8 && kernels->half ? CLIPMOE_PRECISION_HALF : precision;
}

/* As many as fill the tiles of every matrix well; activations of more would leave the caches before the next
 * product reads them, and save nothing. An expert sees its part of the rows alone. */
static guint
pictures_at_once (const ClipmoeArchitecture *t) {
  guint64 rows = ROWS_AT_ONCE;
  for (guint i = 0; i < t->layers; i++)
    if (t->experts[i] > t->top_k && t->top_k)
      rows = MAX (rows, (guint64)ROWS_AT_ONCE * t->experts[i] / t->top_k);
  return (guint)(rows / clipmoe_architecture_tokens (t));
}

ClipmoeEncoder *
clipmoe_encoder_new (ClipmoeModel *model, const ClipmoeEncoderOptions *options, GError **error) {
  g_return_val_if_fail (model != NULL, NULL);
  ClipmoeEncoderOptions o = options ? *options : (ClipmoeEncoderOptions){0};
  const ClipmoeModelInfo *info = &model->info;
  const ClipmoeKernels *kernels;
  if ((guint)o.precision > CLIPMOE_PRECISION_INT8) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "precision %d is unknown", (int)o.precision);
    return NULL;
  }
  if (!(kernels = choose_kernels (error)))
    return NULL;
  gboolean automatic = o.precision == CLIPMOE_PRECISION_AUTO, found = FALSE;
  char *why = NULL;
  if (automatic && !find_precision (model, kernels, &o.precision, &found, &why, error))
    return NULL;
  if ((o.precision == CLIPMOE_PRECISION_HALF && !kernels->half) ||
      (o.precision == CLIPMOE_PRECISION_INT8 && !kernels->int8)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "precision %s: the %s kernels have f32 alone", precision_name (o.precision), kernels->name);
    g_free (why);
    return NULL;
  }
  guint side = model->image.side, tokens = clipmoe_architecture_tokens (&model->image),
        batch = MAX (MIN (o.batch, pictures_at_once (&model->image)), 1);
  guint64 rows = (guint64)tokens * batch;
  if (o.batch > MAX_BATCH || rows > G_MAXUINT / 2) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "a batch of %u pictures, expected at most %u",
                 o.batch, MAX_BATCH);
    g_free (why);
    return NULL;
  }

  guint allowed = cm_cpus_allowed ();
  guint threads = cm_pool_start (o.threads && o.threads < allowed ? o.threads : allowed);

  ClipmoeEncoder *self = g_new0 (ClipmoeEncoder, 1);
  self->model = clipmoe_model_ref (model);
  self->kernels = kernels;
  self->precision = o.precision;
  self->lacks_verdict = automatic && !found;
  self->reason =
      why ? why
          : g_strdup (automatic ? "no verdict for this model and processor stands yet" : "it was asked for");
  self->batch = batch;
  self->preprocessor = clipmoe_preprocessor_new (side, info->mean, info->std);
  self->pixels = g_try_new (float, 3 * (gsize)side * side * self->batch);
  self->ids = g_try_new (guint32, (gsize)model->text.context * CLIPMOE_TEXT_WINDOW);
  ClipmoeTowerPlan image = {.tower = &model->image,
                            .blocks = model->image_blocks,
                            .kernels = kernels_of (&model->image, kernels),
                            .precision = o.precision,
                            .threads = threads,
                            .rows = (guint)rows,
                            .sequences = self->batch,
                            .first_in = clipmoe_architecture_patch_length (&model->image),
                            .embed = model->image.embed,
                            .n_embeddings = model->image.has_class ? 1 : 0,
                            .n_positions = tokens};
  ClipmoeTowerPlan text = {.tower = &model->text,
                           .blocks = model->text_blocks,
                           .kernels = kernels_of (&model->text, kernels),
                           /* a word is embedded once and compared with for ever: 8 bits would save little */
                           .precision = text_precision (o.precision, kernels),
                           .threads = threads,
                           .rows = MAX (model->text.context, TEXT_ROWS),
                           .sequences = MAX (model->text.context, TEXT_ROWS),
                           .embed = model->image.embed,
                           .n_embeddings = model->text.vocab,
                           .n_positions = model->text.context};
  if (!self->pixels || !self->ids || !clipmoe_packed_tower_init (&self->image, &image) ||
      !clipmoe_packed_tower_init (&self->text, &text)) {
    no_memory (model, error);
    clipmoe_encoder_free (self);
    return NULL;
  }
  if (!set_weights (self, &image, &text, error))
    g_clear_pointer (&self, clipmoe_encoder_free);
  return self;
}

void
clipmoe_encoder_free (ClipmoeEncoder *self) {
  if (!self)
    return;
  clipmoe_packed_tower_clear (&self->image);
  clipmoe_packed_tower_clear (&self->text);
  clipmoe_packed_form_unref (self->form);
  clipmoe_preprocessor_free (self->preprocessor);
  g_free (self->pixels);
  g_free (self->ids);
  g_free (self->reason);
  g_free (self->damaged);
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

double
clipmoe_encoder_measure_limit (const ClipmoeEncoder *self) {
  const ClipmoeGemm *f =
      clipmoe_arithmetic_gemm (self->image.kernels, clipmoe_precision_arithmetic (self->precision));
  return f && f->limit < CM_N_LIMITS ? cm_limit (f->limit, 2000) : 0;
}

const char *
clipmoe_encoder_get_precision_reason (const ClipmoeEncoder *self) {
  return self->reason;
}

gboolean
clipmoe_encoder_lacks_verdict (const ClipmoeEncoder *self) {
  return self->lacks_verdict;
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
  guint embed = t->tower->embed;
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
