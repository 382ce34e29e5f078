/* Turns a picture of any format and size into the square of floats that is the model's input. */
#include "../clipmoe/image.h"

#include <math.h>
#include <string.h>
#include "../base/structs.h"
#include "../kernels/resize-choose.h"
#include "resize.h"

/* Tables and scratch are made anew when one of these changes. */
typedef struct {
  guint width, height, component_width[3], component_height[3], format, geometry, orientation, par_n, par_d;
  double offset_x[3], offset_y[3];
} Key;

static gboolean
keys_equal (const Key *a, const Key *b) {
  for (guint i = 0; i < 3; i++)
    if (a->component_width[i] != b->component_width[i] || a->component_height[i] != b->component_height[i] ||
        a->offset_x[i] != b->offset_x[i] || a->offset_y[i] != b->offset_y[i])
      return FALSE;
  return a->width == b->width && a->height == b->height && a->format == b->format &&
         a->geometry == b->geometry && a->orientation == b->orientation && a->par_n == b->par_n &&
         a->par_d == b->par_d;
}

struct _ClipmoePreprocessor {
  guint side;
  float mean[3], std[3];
  float level[3][256]; /* normalised values of all bytes */
  Key key;
  ClipmoeResizer resizer;
  guint left, top, columns, rows; /* the window within the square, in the source's orientation */
  gpointer small;                 /* the window's components, 6 bytes a pixel */
  float *row;                     /* [3][columns] of a row of the square */
};

ClipmoePreprocessor *
clipmoe_preprocessor_new (guint side, const float mean[3], const float std[3]) {
  ClipmoePreprocessor *self = g_new0 (ClipmoePreprocessor, 1);
  const char *forced = g_getenv ("CLIPMOE_CPU");
  self->side = side;
  memcpy (self->mean, mean, sizeof self->mean);
  memcpy (self->std, std, sizeof self->std);
  for (guint c = 0; c < 3; c++)
    for (guint i = 0; i < 256; i++)
      self->level[c][i] = ((float)i / 255.0f - mean[c]) / std[c];
  /* the encoder refuses a tier that this processor lacks; results are the same on every tier */
  self->resizer.kernels = cm_resize_kernels_get (forced && *forced ? forced : NULL);
  if (!self->resizer.kernels)
    self->resizer.kernels = cm_resize_kernels_get (NULL);
  self->small = g_try_malloc0_n (3 * clipmoe_whole_blocks (side), side * sizeof (gint16));
  self->row = g_try_new (float, 3 * (gsize)side);
  return self;
}

void
clipmoe_preprocessor_free (ClipmoePreprocessor *self) {
  if (!self)
    return;
  clipmoe_resizer_clear (&self->resizer);
  g_free (self->small);
  g_free (self->row);
  g_free (self);
}

/* round (n / 2), ties to the even integer, as torchvision's centre crop */
static guint
half_even (guint n) {
  guint q = n / 2;
  return n % 2 ? q + (q & 1) : q;
}

/* How pixel (x, y) of each orientation is found in the square before rotation: axes swapped, then counted
 * from the other end. */
static const struct {
  guint8 swap, flip_x, flip_y;
} turns[] = {{0, 0, 0}, {1, 0, 1}, {0, 1, 1}, {1, 1, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {1, 1, 1}};

/* Computes sizes and windows of the rotated picture, then maps them to the axes of the source. */
static gboolean
prepare (ClipmoePreprocessor *self, const ClipmoeView *v, ClipmoeGeometry geometry, ClipmoeOrientation o,
         guint par_n, guint par_d, GError **error) {
  guint side = self->side;
  double par = par_n && par_d ? (double)par_n / par_d : 1;
  if (!(par > 0.01 && par < 100) || fabs (par - 1) <= 0.02)
    par = 1;
  guint64 w = MAX ((guint64)(v->width * par + 0.5), 1), h = MAX (v->height, 1), longest = 1 << 24;
  guint64 rw = side, rh = side;
  if (geometry == CLIPMOE_GEOMETRY_CROP) {
    if (w <= h)
      rh = side * h / w;
    else
      rw = side * w / h;
  } else if (geometry == CLIPMOE_GEOMETRY_LETTERBOX) {
    if (w <= h)
      rw = MAX ((side * w + h / 2) / h, 1);
    else
      rh = MAX ((side * h + w / 2) / w, 1);
  } else if (geometry == CLIPMOE_GEOMETRY_PAD) { /* OpenCLIP divides by the ratio, ties to the even integer */
    double ratio = MAX ((double)w / side, (double)h / side);
    rw = CLAMP ((guint64)rint ((double)w / ratio), 1, side);
    rh = CLAMP ((guint64)rint ((double)h / ratio), 1, side);
  }
  rw = MIN (rw, longest);
  rh = MIN (rh, longest);
  self->columns = (guint)MIN (rw, side);
  self->rows = (guint)MIN (rh, side);
  guint from_x = half_even ((guint)rw - self->columns), from_y = half_even ((guint)rh - self->rows);
  /* On an axis that the rotation mirrors, the window is counted from the other end. */
  guint zero_x = turns[o].flip_x, zero_y = turns[o].flip_y;
  if (zero_x)
    from_x = (guint)rw - self->columns - from_x;
  if (zero_y)
    from_y = (guint)rh - self->rows - from_y;
  guint bar_x = side - self->columns, bar_y = side - self->rows;
  self->left = zero_x ? bar_x - bar_x / 2 : bar_x / 2;
  self->top = zero_y ? bar_y - bar_y / 2 : bar_y / 2;
  ClipmoeResizer *r = &self->resizer;
  gboolean ok = self->small && self->row;
  for (guint i = 0; i < 3; i++) {
    clipmoe_axis_clear (&r->x[i]);
    clipmoe_axis_clear (&r->y[i]);
  }
  for (guint i = 0; i < v->components; i++) {
    const ClipmoeComponent *c = &v->component[i];
    ok = ok &&
         clipmoe_axis_init (&r->x[i], c->width, v->width / c->scale_x, c->offset_x, (guint)rw, from_x,
                            self->columns) &&
         clipmoe_axis_init (&r->y[i], c->height, v->height / c->scale_y, c->offset_y, (guint)rh, from_y,
                            self->rows);
  }
  if (!ok || !clipmoe_resizer_prepare (r, v)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "no memory to resize a picture of %u x %u pixels", v->width, v->height);
    return FALSE;
  }
  return TRUE;
}

/* The matrix for colour () in kernels/resize.h: Y'CbCr in 64ths of a level to R'G'B' of 0..255, then
 * normalisation. */
static void
colour_matrix (const ClipmoePreprocessor *self, const ClipmoeView *v, float m[3][6]) {
  static const double kr[] = {0, 0.299, 0.2126, 0.2627}, kb[] = {0, 0.114, 0.0722, 0.0593};
  double r = kr[v->matrix], b = kb[v->matrix], g = 1 - r - b, unit = 1 << (v->bits - 8),
         top = (1 << v->bits) - 1, code = unit / 64; /* of the view's depth */
  double black = v->full_range ? 0 : 16 * unit, luma = 255 / (v->full_range ? top : 219 * unit);
  double middle = 128 * unit, chroma = 255 / (v->full_range ? top : 224 * unit);
  const double from_u[] = {0, -2 * (1 - b) * b / g, 2 * (1 - b)},
               from_v[] = {2 * (1 - r), -2 * (1 - r) * r / g, 0};
  for (guint c = 0; c < 3; c++) {
    m[c][0] = (float)(luma * code);
    m[c][1] = (float)(from_u[c] * chroma * code);
    m[c][2] = (float)(from_v[c] * chroma * code);
    m[c][3] = (float)(-black * luma - middle * chroma * (from_u[c] + from_v[c]));
    m[c][4] = (float)(1 / (255 * (double)self->std[c]));
    m[c][5] = (float)(-(double)self->mean[c] / (double)self->std[c]);
  }
}

/* Converts row @y of the window to three rows of normalised floats. */
static void
finish (const ClipmoePreprocessor *self, const ClipmoeView *v, float m[3][6], guint y, float *const to[3]) {
  gsize columns = self->columns, plane = clipmoe_whole_blocks (self->rows) * columns;
  if (v->yuv) {
    const gint16 *from = (const gint16 *)self->small + y * columns;
    self->resizer.kernels->colour (columns, from, from + plane, from + 2 * plane, m, to);
    return;
  }
  for (guint c = 0; c < 3; c++) {
    const guint8 *from =
        (const guint8 *)self->small + (y * v->components + (v->components == 1 ? 0 : c)) * columns;
    for (gsize x = 0; x < columns; x++)
      to[c][x] = self->level[c][from[x]];
  }
}

gboolean
clipmoe_preprocessor_run (ClipmoePreprocessor *self, const ClipmoeImage *given, ClipmoeGeometry geometry,
                          ClipmoeOrientation orientation, float *out, GError **error) {
  ClipmoeImage own, *image = &own;
  ClipmoeView v;
  if ((guint)geometry > CLIPMOE_GEOMETRY_PAD || (guint)orientation > CLIPMOE_ORIENTATION_UR_LL) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "geometry %d or orientation %d is unknown",
                 geometry, orientation);
    return FALSE;
  }
  if (!self->side) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "a model that looks at 0 x 0 pixels, expected at least 1 x 1");
    return FALSE;
  }
  if (!clipmoe_struct_read ("ClipmoeImage", given, CLIPMOE_SIZE_UP_TO (ClipmoeImage, par_d), image,
                            sizeof *image, error) ||
      !clipmoe_view_init (&v, image, error))
    return FALSE;
  Key key = {.width = v.width,
             .height = v.height,
             .format = image->format,
             .geometry = geometry,
             .orientation = orientation,
             .par_n = image->par_n,
             .par_d = image->par_d};
  for (guint i = 0; i < v.components; i++) {
    key.component_width[i] = v.component[i].width;
    key.component_height[i] = v.component[i].height;
    key.offset_x[i] = v.component[i].offset_x;
    key.offset_y[i] = v.component[i].offset_y;
  }
  if (!keys_equal (&key, &self->key)) {
    memset (&self->key, 0, sizeof self->key);
    if (!prepare (self, &v, geometry, orientation, image->par_n, image->par_d, error))
      return FALSE;
    self->key = key;
  }
  float m[3][6];
  if (v.yuv) {
    colour_matrix (self, &v, m);
    clipmoe_resizer_smooth (&self->resizer, &v, self->small);
  } else {
    clipmoe_resizer_exact (&self->resizer, &v, self->small);
  }

  gsize side = self->side, square = side * side;
  if (self->rows < side || self->columns < side)
    for (gsize c = 0; c < 3; c++) /* bars: black, or the mean colour */
      for (gsize i = 0; i < square; i++)
        out[c * square + i] = geometry == CLIPMOE_GEOMETRY_PAD ? self->level[c][0] : 0;
  for (guint y = 0; y < self->rows; y++) {
    /* the first pixel of the row in the rotated square, and the step to the next */
    gsize sx = self->left, sy = self->top + y, a = turns[orientation].flip_x ? side - 1 - sx : sx,
          b = turns[orientation].flip_y ? side - 1 - sy : sy;
    gssize next = (turns[orientation].swap ? (gssize)side : 1) * (turns[orientation].flip_x ? -1 : 1);
    float *to = out + (turns[orientation].swap ? a * side + b : b * side + a);
    if (next == 1) {
      finish (self, &v, m, y, (float *const[3]){to, to + square, to + 2 * square});
      continue;
    }
    float *row[3] = {self->row, self->row + side, self->row + 2 * side};
    finish (self, &v, m, y, row);
    for (guint c = 0; c < 3; c++, to += square)
      for (guint x = 0; x < self->columns; x++)
        to[(gssize)x * next] = row[c][x];
  }
  return TRUE;
}
