/* Pixels to unit vectors. */
#include "encoder-private.h"

#include <string.h>
#include "../kernels/pool.h"

typedef struct {
  ClipmoeEncoder *encoder;
  const float *pixels;
  ClipmoeRows rows; /* of patches, or of tokens */
} Batch;

/* Patches to activations: a row is a patch, channel by channel, line by line. */
static void
pack_patches (void *data, unsigned thread, unsigned i, unsigned next) {
  const Batch *b = data;
  ClipmoePackedTower *t = &b->encoder->image;
  const ClipmoeArchitecture *a = t->tower;
  guint side = a->side, patch = a->patch, grid = clipmoe_architecture_grid (a),
        n = clipmoe_architecture_patches (a);
  gsize first = cm_tile_first (&b->rows, i), length = clipmoe_architecture_patch_length (a);
  unsigned rows = cm_tile_rows (&b->rows, i);
  float *row = t->work + thread * t->work_floats;
  char *to = (char *)t->act + first * t->act_lines * CM_LINE_BYTES;
  for (unsigned r = 0; r < rows; r++) {
    gsize picture = (first + r) / n, y = (first + r) % n / grid * patch, x = (first + r) % grid * patch;
    float *at = row;
    for (guint channel = 0; channel < 3; channel++)
      for (guint line = 0; line < patch; line++, at += patch)
        memcpy (at, b->pixels + ((picture * 3 + channel) * side + y + line) * side + x,
                patch * sizeof (float));
    t->first.format->pack (1, length, row, CM_LINE, CM_LINE, t->first.factors, to + r * CM_LINE_BYTES,
                           (gsize)rows * CM_LINE_BYTES, t->act_scales + first + r);
  }
}

/* What a token holds before its patch is added: its position; the class token, its embedding too. */
static void
put_positions (void *data, unsigned thread, unsigned i, unsigned next) {
  const Batch *b = data;
  ClipmoePackedTower *t = &b->encoder->image;
  const ClipmoeArchitecture *a = t->tower;
  guint n = clipmoe_architecture_tokens (a);
  gsize first = cm_tile_first (&b->rows, i), d = a->width;
  unsigned rows = cm_tile_rows (&b->rows, i);
  for (unsigned r = 0; r < rows; r++) {
    gsize token = (first + r) % n;
    float *z = t->z + (first * t->width_lines + r) * CM_LINE;
    for (gsize l = 0; l * CM_LINE < d; l++, z += (gsize)rows * CM_LINE)
      for (gsize j = 0; j < CM_LINE && l * CM_LINE + j < d; j++)
        z[j] = t->positions[token * d + l * CM_LINE + j] +
               (a->has_class && !token ? t->embedding[l * CM_LINE + j] : 0);
  }
}

static void
norm_tokens (void *data, unsigned thread, unsigned i, unsigned next) {
  const Batch *b = data;
  ClipmoePackedTower *t = &b->encoder->image;
  gsize first = cm_tile_first (&b->rows, i);
  unsigned rows = cm_tile_rows (&b->rows, i);
  for (unsigned r = 0; r < rows; r++) {
    float *z = t->z + (first * t->width_lines + r) * CM_LINE;
    t->kernels->layer_norm (t->tower->width, z, (gsize)rows * CM_LINE, t->ln_pre_weight, t->ln_pre_bias,
                            t->tower->eps, z, (gsize)rows * CM_LINE);
  }
}

static void
trace_patches (ClipmoePackedTower *t, ClipmoeProduct product) {
  product.result = CM_STORE;
  product.out = t->mixed;
  product.out_lines = t->width_lines;
  cm_product_run (t->kernels, t->threads, &product);
  clipmoe_tower_trace (t, "patches", -1, &product.rows, t->mixed, t->width_lines, t->tower->width);
}

/* At most self->batch pictures. */
static gboolean
encode_batch (ClipmoeEncoder *self, const float *pixels, guint n, float *out, GError **error) {
  ClipmoePackedTower *t = &self->image;
  const ClipmoeArchitecture *a = t->tower;
  guint patches = clipmoe_architecture_patches (a), tokens = clipmoe_architecture_tokens (a),
        before = tokens - patches;
  Batch batch = {self, pixels, clipmoe_tower_rows (t, n * patches)};
  cm_pool_run (t->threads, batch.rows.tiles, pack_patches, &batch);
  ClipmoeProduct first = {.matrix = &t->first,
                          .rows = batch.rows,
                          .a = t->act,
                          .a_lines = t->act_lines,
                          .a_scales = t->act_scales,
                          .result = CM_ADD,
                          .out = t->z,
                          .offsets = t->expert_offsets,
                          .strides = t->expert_strides,
                          .following = t->blocks[0].in_proj.weights};
  if (t->trace)
    trace_patches (t, first);
  clipmoe_tower_places (t, n * tokens, t->offsets, t->strides);
  for (guint i = 0; i < n * patches; i++) {
    guint token = i / patches * tokens + before + i % patches;
    t->expert_offsets[i] = t->offsets[token];
    t->expert_strides[i] = t->strides[token];
  }
  batch.rows = clipmoe_tower_rows (t, n * tokens);
  cm_pool_run (t->threads, batch.rows.tiles, put_positions, &batch);
  clipmoe_tower_observe (t, &first);
  cm_product_run (self->kernels, t->threads, &first);
  cm_pool_run (t->threads, batch.rows.tiles, norm_tokens, &batch);
  clipmoe_tower_trace (t, "ln_pre", -1, &batch.rows, t->z, t->width_lines, t->tower->width);
  for (guint i = 0; i < n * tokens; i++)
    t->tokens[i] = i;
  for (guint i = 0; i < n; i++)
    t->plan[i] = (ClipmoeSequence){
        .first = i * tokens, .n = tokens, .tokens = t->tokens + i * tokens, .pooled = i * tokens};
  clipmoe_packed_tower_run (t, n * tokens, n);
  if (t->observer)
    return TRUE;
  clipmoe_packed_tower_project (t, t->ln_post_weight, t->ln_post_bias, t->first.weights);
  for (guint i = 0; i < n; i++)
    if (!clipmoe_encoder_finish (self, t, i, out + (gsize)i * a->embed, error))
      return FALSE;
  clipmoe_encoder_answered (self);
  return TRUE;
}

gboolean
clipmoe_encoder_encode_pixels (ClipmoeEncoder *self, const float *pixels, guint n, float *out,
                               GError **error) {
  gsize side = self->model->image.side, embed = self->model->image.embed;
  for (guint i = 0; i < n; i += self->batch)
    if (!encode_batch (self, pixels + i * 3 * side * side, MIN (self->batch, n - i), out + i * embed, error))
      return FALSE;
  return TRUE;
}

gboolean
clipmoe_encoder_encode_images (ClipmoeEncoder *self, const ClipmoeImage *images, guint n,
                               ClipmoeGeometry geometry, ClipmoeOrientation orientation, float *out,
                               GError **error) {
  gsize side = self->model->image.side, embed = self->model->image.embed;
  for (guint i = 0; i < n; i += self->batch) {
    guint some = MIN (self->batch, n - i);
    for (guint j = 0; j < some; j++)
      if (!clipmoe_preprocessor_run (self->preprocessor, &images[i + j], geometry, orientation,
                                     self->pixels + j * 3 * side * side, error))
        return FALSE;
    if (!encode_batch (self, self->pixels, some, out + i * embed, error))
      return FALSE;
  }
  return TRUE;
}
