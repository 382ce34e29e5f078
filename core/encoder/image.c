#include "image.h"

#include <string.h>
#include "../kernels/pool.h"
#include "block.h"
#include "encoder-private.h"

typedef struct {
  ClipmoePackedTower *tower;
  const float *pixels;
  guint patches, tokens; /* of a picture */
  ClipmoeRows rows;      /* of patches, or of tokens */
} Batch;

/* Patches to activations: a row is a patch, channel by channel, line by line. */
static void
convert_patches (void *data, unsigned thread, unsigned i, unsigned next) {
  const Batch *b = data;
  const ClipmoeScratch *s = &b->tower->scratch;
  const ClipmoePackedMatrix *matrix = clipmoe_packed_tower_matrix (b->tower, CLIPMOE_MATRIX_PATCHES, 0, 0);
  const ClipmoeArchitecture *a = b->tower->arch;
  guint side = a->side, patch = a->patch, grid = clipmoe_architecture_grid (a), n = b->patches;
  gsize first = cm_tile_first (&b->rows, i), length = clipmoe_architecture_patch_length (a);
  unsigned rows = cm_tile_rows (&b->rows, i);
  float *row = s->work + thread * s->work_floats;
  char *to = (char *)s->act + first * s->act_lines * CM_LINE_BYTES;
  for (unsigned r = 0; r < rows; r++) {
    gsize picture = (first + r) / n, y = (first + r) % n / grid * patch, x = (first + r) % grid * patch;
    float *at = row;
    for (guint channel = 0; channel < 3; channel++)
      for (guint line = 0; line < patch; line++, at += patch)
        memcpy (at, b->pixels + ((picture * 3 + channel) * side + y + line) * side + x,
                patch * sizeof (float));
    matrix->format->pack (1, length, row, CM_LINE, CM_LINE, matrix->factors, to + (gsize)r * CM_LINE_BYTES,
                          (gsize)rows * CM_LINE_BYTES, s->act_scales + first + r);
  }
}

/* What a token holds before its patch is added: its position, and the class token its embedding. */
static void
put_positions (void *data, unsigned thread, unsigned i, unsigned next) {
  const Batch *b = data;
  const ClipmoeScratch *s = &b->tower->scratch;
  const float *positions = clipmoe_packed_tower_vector (b->tower, CLIPMOE_VECTOR_POSITIONS, 0),
              *class = b->tower->arch->has_class
                           ? clipmoe_packed_tower_vector (b->tower, CLIPMOE_VECTOR_EMBEDDING, 0)
                           : NULL;
  gsize first = cm_tile_first (&b->rows, i), d = b->tower->arch->width;
  unsigned rows = cm_tile_rows (&b->rows, i);
  for (unsigned r = 0; r < rows; r++) {
    gsize token = (first + r) % b->tokens;
    float *z = s->z + (first * s->width_lines + r) * CM_LINE;
    for (gsize l = 0; l * CM_LINE < d; l++, z += (gsize)rows * CM_LINE)
      for (gsize j = 0; j < CM_LINE && l * CM_LINE + j < d; j++)
        z[j] = positions[token * d + l * CM_LINE + j] + (class && !token ? class[l * CM_LINE + j] : 0);
  }
}

static void
norm_tokens (void *data, unsigned thread, unsigned i, unsigned next) {
  const Batch *b = data;
  const ClipmoePackedTower *t = b->tower;
  const float *weight = clipmoe_packed_tower_vector (t, CLIPMOE_VECTOR_LN_PRE_WEIGHT, 0),
              *bias = clipmoe_packed_tower_vector (t, CLIPMOE_VECTOR_LN_PRE_BIAS, 0);
  gsize first = cm_tile_first (&b->rows, i);
  unsigned rows = cm_tile_rows (&b->rows, i);
  for (unsigned r = 0; r < rows; r++) {
    float *z = t->scratch.z + (first * t->scratch.width_lines + r) * CM_LINE;
    t->kernels->layer_norm (t->arch->width, z, (gsize)rows * CM_LINE, weight, bias, t->arch->eps, z,
                            (gsize)rows * CM_LINE);
  }
}

static void
trace_patches (ClipmoePackedTower *t, ClipmoeProduct product) {
  product.result = CM_STORE;
  product.out = t->scratch.mixed;
  product.out_lines = t->scratch.width_lines;
  cm_product_run (t->kernels, t->threads, &product);
  clipmoe_packed_tower_trace (t, "patches", -1, &product.rows, t->scratch.mixed, t->scratch.width_lines,
                              t->arch->width);
}

/* Patches, class token and positions to rows of scratch.z. */
static void
embed_patches (Batch *b, guint n) {
  ClipmoePackedTower *t = b->tower;
  const ClipmoeScratch *s = &t->scratch;
  guint index = clipmoe_schema_matrix (t->schema, CLIPMOE_MATRIX_PATCHES, 0, 0), tokens = b->tokens,
        before = tokens - b->patches; /* the class token */
  b->rows = clipmoe_packed_tower_rows (t, n * b->patches);
  cm_pool_run (t->threads, b->rows.tiles, convert_patches, b);
  ClipmoeProduct first = {.matrix = &t->matrices[index],
                          .rows = b->rows,
                          .a = s->act,
                          .a_lines = s->act_lines,
                          .a_scales = s->act_scales,
                          .result = CM_ADD,
                          .out = s->z,
                          .offsets = s->expert_offsets,
                          .strides = s->expert_strides,
                          .following =
                              clipmoe_packed_tower_matrix (t, CLIPMOE_MATRIX_IN_PROJ, 0, 0)->weights};
  if (t->trace)
    trace_patches (t, first);
  clipmoe_packed_tower_places (t, n * tokens, s->offsets, s->strides);
  for (guint i = 0; i < n * b->patches; i++) {
    guint token = i / b->patches * tokens + before + i % b->patches;
    s->expert_offsets[i] = s->offsets[token];
    s->expert_strides[i] = s->strides[token];
  }
  b->rows = clipmoe_packed_tower_rows (t, n * tokens);
  cm_pool_run (t->threads, b->rows.tiles, put_positions, b);
  clipmoe_packed_tower_observe (t, index, &first);
  cm_product_run (t->kernels, t->threads, &first);
  if (t->arch->pre_norm)
    cm_pool_run (t->threads, b->rows.tiles, norm_tokens, b);
  clipmoe_packed_tower_trace (t, "ln_pre", -1, &b->rows, s->z, s->width_lines, t->arch->width);
}

/* Pictures to rows of scratch.z, and which rows are whose. Returns how many there are. */
static guint
begin (ClipmoePackedTower *self, const float *pixels, guint n) {
  const ClipmoeScratch *s = &self->scratch;
  guint patches = clipmoe_architecture_patches (self->arch),
        tokens = clipmoe_architecture_tokens (self->arch);
  Batch batch = {.tower = self, .pixels = pixels, .patches = patches, .tokens = tokens};
  embed_patches (&batch, n);
  for (guint i = 0; i < n * tokens; i++)
    s->tokens[i] = i;
  for (guint i = 0; i < n; i++) /* pooled: the class token's */
    s->sequences[i] = (ClipmoeSequence){
        .first = i * tokens, .n = tokens, .tokens = s->tokens + (gsize)i * tokens, .pooled = i * tokens};
  return n * tokens;
}

void
clipmoe_image_run (ClipmoePackedTower *self, const float *pixels, guint n) {
  clipmoe_packed_tower_run (self, begin (self, pixels, n), n);
  if (!self->observer)
    clipmoe_packed_tower_project (self,
                                  clipmoe_packed_tower_matrix (self, CLIPMOE_MATRIX_PATCHES, 0, 0)->weights);
}

void
clipmoe_image_run_blocks (ClipmoePackedTower *self, const float *pixels, guint n, guint blocks) {
  clipmoe_packed_tower_run_blocks (self, begin (self, pixels, n), n, blocks);
}

/* At most recipe.batch pictures. */
static gboolean
encode_batch (ClipmoeEncoder *self, const float *pixels, guint n, float *out, GError **error) {
  clipmoe_image_run (&self->image, pixels, n);
  for (guint i = 0; i < n; i++)
    if (!clipmoe_encoder_finish (self, &self->image, i, out + (gsize)i * self->model->image.embed, error))
      return FALSE;
  clipmoe_encoder_answered (self);
  return TRUE;
}

gboolean
clipmoe_encoder_encode_pixels (ClipmoeEncoder *self, const float *pixels, guint n, float *out,
                               GError **error) {
  gsize side = self->model->image.side, embed = self->model->image.embed;
  guint batch = self->recipe.batch;
  if (!clipmoe_encoder_check_tower (self, CLIPMOE_TOWER_IMAGE, error))
    return FALSE;
  for (guint i = 0; i < n; i += batch)
    if (!encode_batch (self, pixels + (gsize)i * 3 * side * side, MIN (batch, n - i), out + i * embed, error))
      return FALSE;
  return TRUE;
}

gboolean
clipmoe_encoder_encode_images (ClipmoeEncoder *self, const ClipmoeImage *images, guint n,
                               ClipmoeGeometry geometry, ClipmoeOrientation orientation, float *out,
                               GError **error) {
  gsize side = self->model->image.side, embed = self->model->image.embed;
  const guint8 *image = (const guint8 *)images; /* of a program made with other headers, larger or smaller */
  if (geometry == CLIPMOE_GEOMETRY_AUTO)
    geometry = self->model->info.geometry;
  if (!clipmoe_encoder_check_tower (self, CLIPMOE_TOWER_IMAGE, error))
    return FALSE;
  for (guint i = 0; i < n; i += self->recipe.batch) {
    guint some = MIN (self->recipe.batch, n - i);
    for (guint j = 0; j < some; j++, image += images->struct_size)
      if (!clipmoe_preprocessor_run (self->preprocessor, (const ClipmoeImage *)image, geometry, orientation,
                                     self->pixels + (gsize)j * 3 * side * side, error))
        return FALSE;
    if (!encode_batch (self, self->pixels, some, out + i * embed, error))
      return FALSE;
  }
  return TRUE;
}
