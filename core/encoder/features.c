/* Features: rows of the image tower between its blocks, for programs that bring a projection of their own. */
#include <math.h>
#include <string.h>
#include "../base/structs.h"
#include "../kernels/pool.h"
#include "encoder-private.h"
#include "image.h"

/* What is wanted of a model that has it. */
typedef struct {
  guint blocks;      /* that run */
  guint first, rows; /* of each picture's tokens */
  gboolean norm;
} Wanted;

static gboolean
read_options (const ClipmoeArchitecture *arch, const ClipmoeFeatureOptions *given, Wanted *wanted,
              GError **error) {
  ClipmoeFeatureOptions o = {.layer = -2};
  gint layers = (gint)arch->layers;
  guint tokens = clipmoe_architecture_tokens (arch), before = tokens - clipmoe_architecture_patches (arch);
  if (given && !clipmoe_struct_read ("ClipmoeFeatureOptions", given,
                                     CLIPMOE_SIZE_UP_TO (ClipmoeFeatureOptions, norm), &o, sizeof o, error))
    return FALSE;
  if (o.layer < -(layers + 1) || o.layer > layers) {
    g_set_error (
        error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
        "layer %d of an image tower of %d blocks, expected 0 to %d, or -1 to %d counted from the end",
        o.layer, layers, layers, -(layers + 1));
    return FALSE;
  }
  if ((guint)o.rows > CLIPMOE_FEATURE_ROWS_ALL) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "rows %d, expected patches, class or all",
                 (gint)o.rows);
    return FALSE;
  }
  if (o.rows == CLIPMOE_FEATURE_ROWS_CLASS && !before) {
    g_set_error_literal (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                         "the image tower has no class token, expected patches or all");
    return FALSE;
  }
  *wanted = (Wanted){.blocks = (guint)(o.layer < 0 ? layers + 1 + o.layer : o.layer),
                     .first = o.rows == CLIPMOE_FEATURE_ROWS_PATCHES ? before : 0,
                     .norm = o.norm};
  wanted->rows = o.rows == CLIPMOE_FEATURE_ROWS_CLASS ? before : tokens - wanted->first;
  return TRUE;
}

typedef struct {
  const ClipmoePackedTower *tower;
  const Wanted *wanted;
  ClipmoeRows rows; /* of all pictures */
  float *out;
  gint *unfit; /* atomic, [pictures]: a number is not finite */
} Copy;

static void
copy_tile (void *data, unsigned thread, unsigned i, unsigned next) {
  const Copy *c = data;
  const ClipmoePackedTower *t = c->tower;
  const ClipmoeScratch *s = &t->scratch;
  gsize first = cm_tile_first (&c->rows, i), width = t->arch->width;
  gsize tokens = clipmoe_architecture_tokens (t->arch);
  unsigned rows = cm_tile_rows (&c->rows, i);
  for (unsigned r = 0; r < rows; r++) {
    gsize picture = (first + r) / tokens, token = (first + r) % tokens - c->wanted->first;
    if (token >= c->wanted->rows) /* those before the first, too */
      continue;
    const float *z = s->z + (first * s->width_lines + r) * CM_LINE;
    gsize stride = (gsize)rows * CM_LINE;
    float *to = c->out + (picture * c->wanted->rows + token) * width, *normed;
    if (c->wanted->norm) {
      normed = s->work + thread * s->work_floats;
      t->kernels->layer_norm (
          width, z, stride, clipmoe_packed_tower_vector (t, CLIPMOE_VECTOR_LN_POST_WEIGHT, 0),
          clipmoe_packed_tower_vector (t, CLIPMOE_VECTOR_LN_POST_BIAS, 0), t->arch->eps, normed, CM_LINE);
      z = normed;
      stride = CM_LINE;
    }
    double sum = 0;
    for (gsize at = 0; at < width; at += CM_LINE, z += stride)
      memcpy (to + at, z, MIN (CM_LINE, width - at) * sizeof (float));
    for (gsize at = 0; at < width; at++)
      sum += (double)to[at] * to[at];
    if (!isfinite (sum))
      g_atomic_int_set (&c->unfit[picture], TRUE);
  }
}

gboolean
clipmoe_encoder_get_feature_shape (const ClipmoeEncoder *self, const ClipmoeFeatureOptions *options,
                                   guint *n_rows, guint *width, GError **error) {
  Wanted wanted;
  if (!clipmoe_encoder_check_tower (self, CLIPMOE_TOWER_IMAGE, error) ||
      !read_options (&self->model->image, options, &wanted, error))
    return FALSE;
  if (n_rows)
    *n_rows = wanted.rows;
  if (width)
    *width = self->model->image.width;
  return TRUE;
}

/* At most recipe.batch pictures. */
static gboolean
encode_batch (ClipmoeEncoder *self, const float *pixels, guint n, const Wanted *wanted, float *out,
              GError **error) {
  const ClipmoePackedTower *t = &self->image;
  gint unfit[CLIPMOE_MAX_BATCH] = {FALSE};
  Copy copy = {.tower = t,
               .wanted = wanted,
               .rows = clipmoe_packed_tower_rows (t, n * clipmoe_architecture_tokens (t->arch)),
               .out = out,
               .unfit = unfit};
  clipmoe_image_run_blocks (&self->image, pixels, n, wanted->blocks);
  cm_pool_run (t->threads, copy.rows.tiles, copy_tile, &copy);
  for (guint i = 0; i < n; i++)
    if (unfit[i]) {
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT,
                   "%s: features of a picture are not finite: the weights are unusable",
                   self->model->info.path ? self->model->info.path : self->model->info.name);
      return FALSE;
    }
  clipmoe_encoder_answered (self);
  return TRUE;
}

gboolean
clipmoe_encoder_encode_features (ClipmoeEncoder *self, const float *pixels, guint n,
                                 const ClipmoeFeatureOptions *options, float *out, GError **error) {
  const ClipmoeArchitecture *arch = &self->model->image;
  gsize side = arch->side;
  Wanted wanted;
  if (!clipmoe_encoder_check_tower (self, CLIPMOE_TOWER_IMAGE, error) ||
      !read_options (arch, options, &wanted, error))
    return FALSE;
  gsize size = (gsize)wanted.rows * arch->width;
  for (guint i = 0; i < n; i += self->recipe.batch)
    if (!encode_batch (self, pixels + (gsize)i * 3 * side * side, MIN (self->recipe.batch, n - i), &wanted,
                       out + i * size, error))
      return FALSE;
  return TRUE;
}
