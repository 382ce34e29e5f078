/* The public encoder: patches and tokens in, unit vectors out. */
#include "../clipmoe/encoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../kernels/cpus.h"
#include "../kernels/pool.h"
#include "encoder-private.h"
#include "storage.h"

#define MAX_BATCH 1024

struct _ClipmoeEncoder {
  ClipmoeModel *model;
  guint batch; /* pictures in one run of the tower */
  const ClipmoeKernels *kernels;
  ClipmoeLinear patches;
  ClipmoePackedTower image, text;
  ClipmoePreprocessor *preprocessor;
  float *pixels, *columns, *embedded;
  float *row[2]; /* the last row and its projection: of pictures, of words */
  guint32 *ids;
};

static const ClipmoeKernels *
choose_kernels (GError **error) {
  const char *forced = g_getenv ("CLIPMOE_CPU");
  const ClipmoeKernels *kernels = cm_kernels_get (forced && *forced ? forced : NULL);
  if (!kernels)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "CLIPMOE_CPU=%s: not a tier that this processor runs, expected generic or avx2", forced);
  return kernels;
}

const char *
clipmoe_processor_get_tier (GError **error) {
  const ClipmoeKernels *kernels = choose_kernels (error);
  return kernels ? kernels->name : NULL;
}

ClipmoeEncoder *
clipmoe_encoder_new (ClipmoeModel *model, const ClipmoeEncoderOptions *options, GError **error) {
  g_return_val_if_fail (model != NULL, NULL);
  ClipmoeEncoderOptions o = options ? *options : (ClipmoeEncoderOptions){0};
  if (o.precision == CLIPMOE_PRECISION_HALF || o.precision == CLIPMOE_PRECISION_INT8) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "precision %s is not available yet, expected auto or f32",
                 o.precision == CLIPMOE_PRECISION_HALF ? "half" : "int8");
    return NULL;
  }
  const ClipmoeKernels *kernels;
  if (!clipmoe_model_check_weights (model, error) || !(kernels = choose_kernels (error)))
    return NULL;
  const ClipmoeModelInfo *info = &model->info;
  guint side = info->image_size, patch = info->patch_size, grid = side / patch, tokens = grid * grid + 1;
  if (o.batch > MAX_BATCH) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "a batch of %u pictures, expected at most %u",
                 o.batch, MAX_BATCH);
    return NULL;
  }
  guint batch = MAX (o.batch, 1), allowed = cm_cpus_allowed ();
  guint threads = cm_pool_start (o.threads && o.threads < allowed ? o.threads : allowed);

  ClipmoeEncoder *self = g_new0 (ClipmoeEncoder, 1);
  self->model = clipmoe_model_ref (model);
  self->batch = batch;
  self->kernels = kernels;
  self->preprocessor = clipmoe_preprocessor_new (side, info->mean, info->std);
  self->pixels = g_try_new (float, (gsize)batch * 3 * side * side);
  self->columns = g_try_new (float, (gsize)batch *grid *grid * 3 * patch * patch);
  self->embedded = g_try_new (float, (gsize)batch *grid *grid *clipmoe_padded (model->image.width));
  self->row[0] = g_try_new (float, model->image.width + clipmoe_padded (info->embed));
  self->row[1] = g_try_new (float, model->text.width + clipmoe_padded (info->embed));
  self->ids = g_try_new (guint32, info->context);
  if (!clipmoe_linear_init (&self->patches, model->conv1_weight, NULL, model->image.width,
                            3 * patch * patch) ||
      !clipmoe_packed_tower_init (&self->image, &model->image, kernels, threads, batch * tokens, model->top_k,
                                  model->image_projection, info->embed) ||
      !clipmoe_packed_tower_init (&self->text, &model->text, kernels, threads, info->context, model->top_k,
                                  model->text_projection, info->embed) ||
      !self->pixels || !self->columns || !self->embedded || !self->row[0] || !self->row[1] || !self->ids) {
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
  clipmoe_linear_clear (&self->patches);
  clipmoe_packed_tower_clear (&self->image);
  clipmoe_packed_tower_clear (&self->text);
  clipmoe_preprocessor_free (self->preprocessor);
  g_free (self->pixels);
  g_free (self->columns);
  g_free (self->embedded);
  g_free (self->row[0]);
  g_free (self->row[1]);
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
  return "f32";
}

guint
clipmoe_encoder_get_threads (const ClipmoeEncoder *self) {
  return self->image.threads;
}

void
clipmoe_encoder_set_trace (ClipmoeEncoder *self, ClipmoeTrace trace, gpointer data) {
  self->image.trace = self->text.trace = trace;
  self->image.trace_data = self->text.trace_data = data;
}

void
clipmoe_encoder_set_threads (ClipmoeEncoder *self, guint threads) {
  self->image.threads = self->text.threads = threads;
}

/* Last norm, projection, length one. */
static gboolean
finish (ClipmoeEncoder *self, ClipmoePackedTower *t, guint row, const float *weight, const float *bias,
        float *out, GError **error) {
  gsize d = t->tower->width;
  guint embed = self->model->info.embed;
  float *last = self->row[t == &self->text], *vector = last + d;
  self->kernels->layer_norm (d, t->z + row * d, weight, bias, t->tower->eps, last);
  clipmoe_packed_tower_trace (t, "norm", -1, last, 1, t->tower->width, d);
  clipmoe_linear_run (&t->projection, self->kernels, t->threads, 1, last, d, vector, clipmoe_padded (embed));
  clipmoe_packed_tower_trace (t, "embedding", -1, vector, 1, embed, embed);
  double sum = 0;
  for (guint i = 0; i < embed; i++)
    sum += (double)vector[i] * vector[i];
  if (!isfinite (sum) || sum <= 0) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                 "%s: the embedding has length %g, expected a finite one above 0: the weights are unusable",
                 self->model->info.path ? self->model->info.path : self->model->info.name, sqrt (sum));
    return FALSE;
  }
  for (guint i = 0; i < embed; i++)
    out[i] = (float)(vector[i] / sqrt (sum));
  return TRUE;
}

/* @pixels[count][3][side][side], at most a batch of them. */
static gboolean
encode_batch (ClipmoeEncoder *self, const float *pixels, guint count, float *out, GError **error) {
  const ClipmoeModel *m = self->model;
  guint side = m->info.image_size, patch = m->info.patch_size, grid = side / patch, n = grid * grid;
  gsize d = m->image.width, length = 3 * (gsize)patch * patch, dp = clipmoe_padded (d);
  ClipmoePackedTower *t = &self->image;
  float *to = self->columns;
  for (guint p = 0; p < count; p++, pixels += 3 * (gsize)side * side)
    for (guint r = 0; r < grid; r++)
      for (guint c = 0; c < grid; c++)
        for (guint channel = 0; channel < 3; channel++)
          for (guint y = 0; y < patch; y++, to += patch)
            memcpy (to, pixels + ((gsize)channel * side + r * patch + y) * side + c * patch,
                    patch * sizeof (float));
  clipmoe_linear_run (&self->patches, self->kernels, t->threads, count * n, self->columns, length,
                      self->embedded, dp);
  clipmoe_packed_tower_trace (t, "patches", -1, self->embedded, count * n, t->tower->width, dp);
  for (guint p = 0; p < count; p++)
    for (guint i = 0; i <= n; i++) {
      const float *from = i ? self->embedded + ((gsize)p * n + i - 1) * dp : m->class_embedding;
      float *z = t->z + ((gsize)p * (n + 1) + i) * d;
      for (gsize j = 0; j < d; j++)
        z[j] = from[j] + m->image_positions[i * d + j];
      self->kernels->layer_norm (d, z, m->ln_pre_weight, m->ln_pre_bias, m->image.eps, z);
    }
  clipmoe_packed_tower_trace (t, "ln_pre", -1, t->z, count * (n + 1), t->tower->width, d);
  clipmoe_packed_tower_run (t, count, n + 1, FALSE, 0);
  for (guint p = 0; p < count; p++)
    if (!finish (self, t, p, m->ln_post_weight, m->ln_post_bias, out + (gsize)p * m->info.embed, error))
      return FALSE;
  return TRUE;
}

gboolean
clipmoe_encoder_encode_pixels (ClipmoeEncoder *self, const float *pixels, guint n, float *out,
                               GError **error) {
  gsize side = self->model->info.image_size;
  for (guint i = 0, count; i < n; i += count) {
    count = MIN (self->batch, n - i);
    if (!encode_batch (self, pixels + i * 3 * side * side, count, out + (gsize)i * self->model->info.embed,
                       error))
      return FALSE;
  }
  return TRUE;
}

gboolean
clipmoe_encoder_encode_images (ClipmoeEncoder *self, const ClipmoeImage *images, guint n,
                               ClipmoeGeometry geometry, ClipmoeOrientation orientation, float *out,
                               GError **error) {
  gsize side = self->model->info.image_size;
  for (guint i = 0, count; i < n; i += count) {
    count = MIN (self->batch, n - i);
    for (guint p = 0; p < count; p++)
      if (!clipmoe_preprocessor_run (self->preprocessor, &images[i + p], geometry, orientation,
                                     self->pixels + p * 3 * side * side, error))
        return FALSE;
    if (!encode_batch (self, self->pixels, count, out + (gsize)i * self->model->info.embed, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
encode_ids (ClipmoeEncoder *self, const guint32 *ids, guint n, float *out, GError **error) {
  const ClipmoeModel *m = self->model;
  gsize d = m->text.width;
  guint end = 0;
  if (n < 1 || n > m->info.context) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "a text of %u tokens, expected 1 to %u", n,
                 m->info.context);
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    if (ids[i] >= m->info.vocab_size) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "token %u, expected below %u", ids[i],
                   m->info.vocab_size);
      return FALSE;
    }
    if (ids[i] > ids[end])
      end = i;
  }
  /* The mask is causal: what stands behind the end token changes nothing. */
  for (guint i = 0; i <= end; i++)
    for (gsize j = 0; j < d; j++)
      self->text.z[i * d + j] = m->token_embedding[ids[i] * d + j] + m->text_positions[i * d + j];
  clipmoe_packed_tower_trace (&self->text, "embedded", -1, self->text.z, end + 1, m->text.width, d);
  clipmoe_packed_tower_run (&self->text, 1, end + 1, TRUE, end);
  return finish (self, &self->text, 0, m->ln_final_weight, m->ln_final_bias, out, error);
}

gboolean
clipmoe_encoder_encode_tokens (ClipmoeEncoder *self, const guint32 *ids, const guint *lengths, guint n,
                               float *out, GError **error) {
  for (guint i = 0; i < n; ids += lengths[i], i++)
    if (!encode_ids (self, ids, lengths[i], out + (gsize)i * self->model->info.embed, error))
      return FALSE;
  return TRUE;
}

gboolean
clipmoe_encoder_encode_texts (ClipmoeEncoder *self, const char *const *texts, guint n, float *out,
                              guint *n_truncated, GError **error) {
  guint long_ones = 0;
  if (!self->model->tokenizer) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: opened without a vocabulary, so words cannot be encoded",
                 self->model->info.path ? self->model->info.path : self->model->info.name);
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    guint length;
    gboolean truncated;
    if (!clipmoe_tokenizer_encode (self->model->tokenizer, texts[i], -1, self->model->info.context, self->ids,
                                   &length, &truncated, error) ||
        !encode_ids (self, self->ids, length, out + (gsize)i * self->model->info.embed, error))
      return FALSE;
    long_ones += truncated;
  }
  if (n_truncated)
    *n_truncated = long_ones;
  return TRUE;
}
