/* A picture of any format and size into the square of floats that the model looks at. */
#include "../clipmoe/image.h"

#include <math.h>
#include <string.h>
#include "resize.h"
#include "view.h"

/* What tables and scratch depend on. */
typedef struct {
  guint width, height, component_width[3], component_height[3], format, geometry, orientation, par_n, par_d;
  double offset_x[3], offset_y[3];
} Key;

struct _ClipmoePreprocessor {
  guint side;
  float mean[3], std[3];
  Key key;
  ClipmoeAxis x[3], y[3];
  guint left, top, columns, rows; /* where the window lies in the square, in the source's orientation */
  float *planes[3];               /* [rows][columns] */
  union {                         /* [source rows that count][columns], whole numbers or not */
    gint32 *whole;
    float *real;
  } between, row; /* row: one source row's samples that count, unpacked */
  gsize between_size, row_size;
};

ClipmoePreprocessor *
clipmoe_preprocessor_new (guint side, const float mean[3], const float std[3]) {
  ClipmoePreprocessor *self = g_new0 (ClipmoePreprocessor, 1);
  self->side = side;
  memcpy (self->mean, mean, sizeof self->mean);
  memcpy (self->std, std, sizeof self->std);
  for (guint i = 0; i < 3; i++)
    self->planes[i] = g_try_new (float, (gsize)side *side);
  return self;
}

static void
clear_axes (ClipmoePreprocessor *self) {
  for (guint i = 0; i < 3; i++) {
    clipmoe_axis_clear (&self->x[i]);
    clipmoe_axis_clear (&self->y[i]);
  }
}

void
clipmoe_preprocessor_free (ClipmoePreprocessor *self) {
  if (!self)
    return;
  clear_axes (self);
  for (guint i = 0; i < 3; i++)
    g_free (self->planes[i]);
  g_free (self->between.real);
  g_free (self->row.real);
  g_free (self);
}

/* round (n / 2), ties to the even integer, as torchvision's centre crop */
static guint
half_even (guint n) {
  guint q = n / 2;
  return n % 2 ? q + (q & 1) : q;
}

/* Where the turned picture's pixel (x, y) comes from in the square before turning. */
static void
turn (ClipmoeOrientation o, guint last, guint x, guint y, guint *sx, guint *sy) {
  static const struct {
    guint8 swap, flip_x, flip_y;
  } how[] = {{0, 0, 0}, {1, 0, 1}, {0, 1, 1}, {1, 1, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {1, 1, 1}};
  guint a = how[o].swap ? y : x, b = how[o].swap ? x : y;
  *sx = how[o].flip_x ? last - a : a;
  *sy = how[o].flip_y ? last - b : b;
}

/* Room for at least @n values of four bytes. */
static gboolean
grow (float **at, gsize *size, gsize n) {
  if (n > *size) {
    g_free (*at);
    *at = g_try_new (float, n);
    *size = *at ? n : 0;
  }
  return *at != NULL;
}

/* Sizes and windows as if the picture were turned first, then brought back to the source's axes. */
static gboolean
prepare (ClipmoePreprocessor *self, const ClipmoeView *v, ClipmoeGeometry geometry, ClipmoeOrientation o,
         guint par_n, guint par_d, GError **error) {
  guint side = self->side;
  double par = par_n && par_d ? (double)par_n / par_d : 1;
  if (!(par > 0.01 && par < 100) || fabs (par - 1) <= 0.02)
    par = 1;
  guint64 w = MAX ((guint64)(v->width * par + 0.5), 1), h = v->height, longest = 1 << 24;
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
  }
  rw = MIN (rw, longest);
  rh = MIN (rh, longest);
  self->columns = (guint)MIN (rw, side);
  self->rows = (guint)MIN (rh, side);
  guint from_x = half_even ((guint)rw - self->columns), from_y = half_even ((guint)rh - self->rows);
  /* An axis that turning mirrors: the window counts from its other end. */
  guint zero_x, zero_y;
  turn (o, 1, 0, 0, &zero_x, &zero_y);
  if (zero_x)
    from_x = (guint)rw - self->columns - from_x;
  if (zero_y)
    from_y = (guint)rh - self->rows - from_y;
  guint bar_x = side - self->columns, bar_y = side - self->rows;
  self->left = zero_x ? bar_x - bar_x / 2 : bar_x / 2;
  self->top = zero_y ? bar_y - bar_y / 2 : bar_y / 2;
  clear_axes (self);
  gsize most_rows = 0, most_columns = 0;
  gboolean ok = self->planes[0] && self->planes[1] && self->planes[2];
  for (guint i = 0; i < v->components; i++) {
    const ClipmoeComponent *c = &v->component[i];
    ok = ok &&
         clipmoe_axis_init (&self->x[i], c->width, v->width / c->scale_x, c->offset_x, (guint)rw, from_x,
                            self->columns) &&
         clipmoe_axis_init (&self->y[i], c->height, v->height / c->scale_y, c->offset_y, (guint)rh, from_y,
                            self->rows);
    most_columns = MAX (most_columns, self->x[i].end - self->x[i].begin);
    most_rows = MAX (most_rows, self->y[i].end - self->y[i].begin);
  }
  if (!ok || !grow (&self->between.real, &self->between_size, most_rows * self->columns) ||
      !grow (&self->row.real, &self->row_size, MAX (most_columns, self->columns))) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "no memory to resize a picture of %u x %u pixels", v->width, v->height);
    return FALSE;
  }
  return TRUE;
}

/* Pillow's rounding from 2^22ths. A sum fits 32 bits: weights stay within 1.3 in all, samples within 255. */
static inline gint32
round8 (gint32 sum) {
  sum = (sum + (1 << 21)) >> 22;
  return CLAMP (sum, 0, 255);
}

/* Pillow's integers, rounded to 8 bits after each pass (weights of a pass that changes nothing are 0, 1, 0):
 * the horizontal pass over the rows that the vertical one needs, then the vertical pass. */
static void
resize_exact (const ClipmoePreprocessor *self, const ClipmoeComponent *c, const ClipmoeAxis *ax,
              const ClipmoeAxis *ay, float *out) {
  gint32 *row = self->row.whole;
  for (guint y = ay->begin; y < ay->end; y++) {
    const guint8 *from = c->base + (gssize)y * c->stride + (gsize)ax->begin * c->step;
    gint32 *to = self->between.whole + (gsize)(y - ay->begin) * ax->n;
    for (guint x = 0; x < ax->end - ax->begin; x++)
      row[x] = from[(gsize)x * c->step];
    for (guint i = 0; i < ax->n; i++) {
      const gint32 *k = ax->fixed + (gsize)i * ax->taps, *p = row + (ax->first[i] - ax->begin);
      gint32 sum = 0;
      for (guint t = 0; t < ax->count[i]; t++)
        sum += k[t] * p[t];
      to[i] = round8 (sum);
    }
  }
  for (guint y = 0; y < ay->n; y++) {
    const gint32 *k = ay->fixed + (gsize)y * ay->taps,
                 *from = self->between.whole + (gsize)(ay->first[y] - ay->begin) * ax->n;
    memset (row, 0, ax->n * sizeof *row);
    for (guint t = 0; t < ay->count[y]; t++, from += ax->n)
      for (guint x = 0; x < ax->n; x++)
        row[x] += k[t] * from[x];
    for (guint x = 0; x < ax->n; x++)
      out[(gsize)y * ax->n + x] = (float)round8 (row[x]);
  }
}

/* The same passes in floats, for components that are no colours yet. */
static void
resize_smooth (const ClipmoePreprocessor *self, const ClipmoeComponent *c, const ClipmoeAxis *ax,
               const ClipmoeAxis *ay, float *out) {
  float *row = self->row.real;
  for (guint y = ay->begin; y < ay->end; y++) {
    const guint8 *from = c->base + (gssize)y * c->stride + (gsize)ax->begin * c->step;
    float *to = self->between.real + (gsize)(y - ay->begin) * ax->n;
    if (c->bytes == 1)
      for (guint x = 0; x < ax->end - ax->begin; x++)
        row[x] = from[(gsize)x * c->step];
    else
      for (guint x = 0; x < ax->end - ax->begin; x++, from += c->step)
        row[x] = (float)(((from[0] | from[1] << 8) >> c->shift) & 1023);
    for (guint i = 0; i < ax->n; i++) {
      const float *w = ax->weights + (gsize)i * ax->taps, *p = row + (ax->first[i] - ax->begin);
      float sum[4] = {0}; /* four at a time: one sum would wait for itself */
      guint t = 0;
      for (; t + 4 <= ax->count[i]; t += 4)
        for (guint j = 0; j < 4; j++)
          sum[j] += w[t + j] * p[t + j];
      for (; t < ax->count[i]; t++)
        sum[0] += w[t] * p[t];
      to[i] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
  }
  for (guint y = 0; y < ay->n; y++) {
    const float *w = ay->weights + (gsize)y * ay->taps,
                *from = self->between.real + (gsize)(ay->first[y] - ay->begin) * ax->n;
    float *to = out + (gsize)y * ax->n;
    memset (to, 0, ax->n * sizeof *to);
    for (guint t = 0; t < ay->count[y]; t++, from += ax->n)
      for (guint x = 0; x < ax->n; x++)
        to[x] += w[t] * from[x];
  }
}

/* Y'CbCr of the view's depth into R'G'B' of 0..255, in place. */
static void
convert (const ClipmoePreprocessor *self, const ClipmoeView *v) {
  static const double kr[] = {0, 0.299, 0.2126, 0.2627}, kb[] = {0, 0.114, 0.0722, 0.0593};
  double r = kr[v->matrix], b = kb[v->matrix], g = 1 - r - b, unit = 1 << (v->bits - 8),
         top = (1 << v->bits) - 1;
  double black = v->full_range ? 0 : 16 * unit, luma = 255 / (v->full_range ? top : 219 * unit);
  double middle = 128 * unit, chroma = 255 / (v->full_range ? top : 224 * unit);
  for (gsize i = 0; i < (gsize)self->rows * self->columns; i++) {
    double y = (self->planes[0][i] - black) * luma, u = (self->planes[1][i] - middle) * chroma,
           w = (self->planes[2][i] - middle) * chroma;
    double red = y + 2 * (1 - r) * w, blue = y + 2 * (1 - b) * u, green = (y - r * red - b * blue) / g;
    self->planes[0][i] = (float)CLAMP (red, 0, 255);
    self->planes[1][i] = (float)CLAMP (green, 0, 255);
    self->planes[2][i] = (float)CLAMP (blue, 0, 255);
  }
}

gboolean
clipmoe_preprocessor_run (ClipmoePreprocessor *self, const ClipmoeImage *image, ClipmoeGeometry geometry,
                          ClipmoeOrientation orientation, float *out, GError **error) {
  ClipmoeView v;
  if ((guint)geometry > CLIPMOE_GEOMETRY_LETTERBOX || (guint)orientation > CLIPMOE_ORIENTATION_UR_LL) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT, "geometry %d or orientation %d is unknown",
                 geometry, orientation);
    return FALSE;
  }
  if (!self->side) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "a model that looks at 0 x 0 pixels, expected at least 1 x 1");
    return FALSE;
  }
  if (!clipmoe_view_init (&v, image, error))
    return FALSE;
  Key key;
  memset (&key, 0, sizeof key); /* padding too: keys are compared as bytes */
  key.width = v.width;
  key.height = v.height;
  key.format = image->format;
  key.geometry = geometry;
  key.orientation = orientation;
  key.par_n = image->par_n;
  key.par_d = image->par_d;
  for (guint i = 0; i < v.components; i++) {
    key.component_width[i] = v.component[i].width;
    key.component_height[i] = v.component[i].height;
    key.offset_x[i] = v.component[i].offset_x;
    key.offset_y[i] = v.component[i].offset_y;
  }
  if (memcmp (&key, &self->key, sizeof key) != 0) {
    memset (&self->key, 0, sizeof self->key);
    if (!prepare (self, &v, geometry, orientation, image->par_n, image->par_d, error))
      return FALSE;
    memcpy (&self->key, &key, sizeof key); /* an assignment need not copy the padding */
  }
  for (guint i = 0; i < v.components; i++)
    (v.yuv ? resize_smooth : resize_exact) (self, &v.component[i], &self->x[i], &self->y[i], self->planes[i]);
  if (v.yuv)
    convert (self, &v);

  guint side = self->side, last = side - 1, sx, sy;
  for (guint channel = 0; channel < 3; channel++)
    for (guint y = 0; y < side; y++)
      for (guint x = 0; x < side; x++) {
        turn (orientation, last, x, y, &sx, &sy);
        float *to = out + ((gsize)channel * side + y) * side + x;
        if (sx < self->left || sy < self->top || sx - self->left >= self->columns ||
            sy - self->top >= self->rows) {
          *to = 0; /* the mean colour */
        } else {
          float value = self->planes[v.components == 1 ? 0 : channel]
                                    [(gsize)(sy - self->top) * self->columns + sx - self->left];
          *to = (value / 255.0f - self->mean[channel]) / self->std[channel];
        }
      }
  return TRUE;
}
