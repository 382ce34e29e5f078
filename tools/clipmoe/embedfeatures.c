#include "embedfeatures.h"

#include <stdlib.h>
#include <string.h>
#include "common.h"

#define MOST_GRID 8
#define MOST_EDGE 8192 /* pixels of the square that tiles are cut from: 0.8 GB, and its tiles as much */

struct _ClipmoeFeatureMaker {
  ClipmoeEncoder *encoder;
  ClipmoeFeatureOptions options;
  guint grid, side, views, rows, width;
  ClipmoePreprocessor *whole, *large; /* large: of a square that the tiles are cut from, or NULL */
  float *pixels, *canvas, *out;
};

static int
check_grid (const char *text, guint *grid) {
  guint64 n = 0;
  char *end = (char *)text;
  *grid = 1;
  if (!text)
    return 0;
  if (g_ascii_isdigit (*text))
    n = g_ascii_strtoull (text, &end, 10);
  char *expected = g_strdup_printf ("x%" G_GUINT64_FORMAT, n);
  gboolean ok = n >= 2 && n <= MOST_GRID && g_str_equal (end, expected);
  g_free (expected);
  if (!ok)
    return clipmoe_usage ("embed", "--grid %s: expected as many columns as rows of tiles, 2x2 to %dx%d", text,
                          MOST_GRID, MOST_GRID);
  *grid = (guint)n;
  return 0;
}

int
clipmoe_features_check (const ClipmoeFeatureArguments *a, ClipmoeFeatureOptions *options, guint *grid) {
  static const char *const names[] = {[CLIPMOE_FEATURE_ROWS_PATCHES] = "patches",
                                      [CLIPMOE_FEATURE_ROWS_CLASS] = "class",
                                      [CLIPMOE_FEATURE_ROWS_ALL] = "all"};
  *options = (ClipmoeFeatureOptions){.struct_size = sizeof *options, .layer = -2, .norm = a->norm};
  *grid = 1;
  if (!a->rows)
    return a->layer || a->norm || a->grid ? clipmoe_usage ("embed", "--%s goes with --features",
                                                           a->layer  ? "layer"
                                                           : a->norm ? "norm"
                                                                     : "grid")
                                          : 0;
  guint rows = 0;
  while (rows < G_N_ELEMENTS (names) && !g_str_equal (a->rows, names[rows]))
    rows++;
  if (rows == G_N_ELEMENTS (names))
    return clipmoe_usage ("embed", "--features %s: expected patches, class or all", a->rows);
  options->rows = (ClipmoeFeatureRows)rows;
  if (a->layer) {
    gint64 layer;
    GError *error = NULL;
    if (!g_ascii_string_to_signed (a->layer, 10, -100000, 100000, &layer, &error)) {
      g_error_free (error);
      return clipmoe_usage ("embed", "--layer %s: expected a whole number", a->layer);
    }
    options->layer = (gint)layer; /* the model says whether it has it */
  }
  return check_grid (a->grid, grid);
}

void
clipmoe_feature_arguments_clear (ClipmoeFeatureArguments *a) {
  g_free (a->rows);
  g_free (a->layer);
  g_free (a->grid);
  *a = (ClipmoeFeatureArguments){0};
}

ClipmoeFeatureMaker *
clipmoe_feature_maker_new (ClipmoeEncoder *encoder, const ClipmoeFeatureOptions *options, guint grid,
                           GError **error) {
  const ClipmoeModelInfo *info = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder));
  guint rows, width;
  if (!info->image->width || !clipmoe_encoder_get_feature_shape (encoder, options, &rows, &width, error)) {
    if (!info->image->width)
      g_set_error (
          error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
          "the text tower alone, and features are of pictures: expected a model with an image tower");
    g_prefix_error (error, "%s: ", info->path ? info->path : info->name);
    return NULL;
  }
  if (grid > 1 && grid * info->image_size > MOST_EDGE) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_LIMIT,
                 "--grid %ux%u: tiles of %u pixels are cut from a square of %u, expected %d at most", grid,
                 grid, info->image_size, grid * info->image_size, MOST_EDGE);
    return NULL;
  }
  ClipmoeFeatureMaker *self = g_new0 (ClipmoeFeatureMaker, 1);
  *self = (ClipmoeFeatureMaker){.encoder = encoder,
                                .options = *options,
                                .grid = grid,
                                .side = info->image_size,
                                .views = grid > 1 ? 1 + grid * grid : 1,
                                .rows = rows,
                                .width = width};
  gsize square = 3 * (gsize)self->side * self->side, row = (gsize)rows * width;
  self->whole = clipmoe_preprocessor_new (self->side, info->mean, info->std);
  self->pixels = g_try_malloc_n (self->views, square * sizeof (float));
  self->out = g_try_malloc_n (self->views, row * sizeof (float));
  if (grid > 1) {
    self->large = clipmoe_preprocessor_new (self->side * grid, info->mean, info->std);
    self->canvas = g_try_malloc_n ((gsize)grid * grid, square * sizeof (float));
  }
  if (!self->pixels || !self->out || (grid > 1 && !self->canvas)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "no memory for the features of %u views of %u x %u", self->views, rows, width);
    g_clear_pointer (&self, clipmoe_feature_maker_free);
  }
  return self;
}

void
clipmoe_feature_maker_free (ClipmoeFeatureMaker *self) {
  if (!self)
    return;
  clipmoe_preprocessor_free (self->whole);
  clipmoe_preprocessor_free (self->large);
  g_free (self->pixels);
  g_free (self->canvas);
  g_free (self->out);
  g_free (self);
}

guint
clipmoe_feature_maker_get_shape (const ClipmoeFeatureMaker *self, guint shape[3]) {
  guint n = 0;
  if (self->grid > 1)
    shape[n++] = self->views;
  shape[n++] = self->rows;
  shape[n++] = self->width;
  return n;
}

/* Tiles of the large square, line by line. */
static void
cut (ClipmoeFeatureMaker *self) {
  gsize side = self->side, edge = side * self->grid;
  float *to = self->pixels + 3 * side * side; /* behind the whole picture */
  for (guint tile = 0; tile < self->grid * self->grid; tile++)
    for (gsize channel = 0; channel < 3; channel++)
      for (gsize y = 0; y < side; y++, to += side)
        memcpy (to,
                self->canvas + (channel * edge + tile / self->grid * side + y) * edge +
                    tile % self->grid * side,
                side * sizeof *to);
}

const float *
clipmoe_feature_maker_run (ClipmoeFeatureMaker *self, const ClipmoeImage *image, ClipmoeGeometry geometry,
                           ClipmoeOrientation orientation, GError **error) {
  if (!clipmoe_preprocessor_run (self->whole, image, geometry, orientation, self->pixels, error))
    return NULL;
  if (self->large) {
    if (!clipmoe_preprocessor_run (self->large, image, geometry, orientation, self->canvas, error))
      return NULL;
    cut (self);
  }
  return clipmoe_encoder_encode_features (self->encoder, self->pixels, self->views, &self->options, self->out,
                                          error)
             ? self->out
             : NULL;
}
