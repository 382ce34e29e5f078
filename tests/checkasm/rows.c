/* Norms, softmax, activations: kernels that work on rows. */
#include <math.h>
#include <string.h>
#include "checkasm.h"
#include "kernels/int16.h"

#define AT(x, stride, i) (x)[(i) / CM_LINE * (stride) + (i) % CM_LINE]

static void
check_layer_norm (const ClipmoeKernels *k, size_t n, int kind) {
  size_t lines = cm_lines (n, CM_LINE), x_stride = CM_LINE * (1 + random_below (4)),
         o_stride = x_stride + CM_LINE;
  size_t x_floats = (lines - 1) * x_stride + CM_LINE, o_floats = (lines - 1) * o_stride + CM_LINE;
  size_t bad = random_below ((unsigned)n);
  float *x = guarded (x_floats * 4), *out = guarded (o_floats * 4);
  float weight[2048], bias[2048];
  for (size_t i = 0; i < lines * CM_LINE; i++)
    AT (x, x_stride, i) = i < n ? random_float () * (i % 17 == 3 ? 30 : 1) + 5 : NAN;
  if (kind == 1)
    AT (x, x_stride, bad) = random_below (2) ? NAN : INFINITY;
  fill_random (weight, n);
  fill_random (bias, n);
  k->layer_norm (n, x, x_stride, weight, bias, 1e-5f, out, o_stride);
  double mean = 0, variance = 0;
  for (size_t i = 0; i < n; i++)
    mean += AT (x, x_stride, i);
  mean /= (double)n;
  for (size_t i = 0; i < n; i++)
    variance += (AT (x, x_stride, i) - mean) * (AT (x, x_stride, i) - mean);
  double scale = 1 / sqrt (variance / (double)n + 1e-5);
  for (size_t i = 0; i < lines * CM_LINE; i++) {
    double expected = i < n ? (AT (x, x_stride, i) - mean) * scale * weight[i] + bias[i] : 0;
    /* a mean of 5 has lost its last bits when it is taken away */
    if (!close_to (AT (out, o_stride, i), expected, i < n ? 1e-5 * (1 + scale) : 0))
      fail (k->name, "layer_norm: entry %zu of %zu: %g, expected %g", i, n, (double)AT (out, o_stride, i),
            expected);
  }
  for (size_t l = 0; l + 1 < lines; l++)
    for (size_t j = CM_LINE; j < o_stride; j++)
      if (memcmp (&out[l * o_stride + j], "\x88\x88\x88\x88", 4))
        fail (k->name, "layer_norm: wrote between its lines");
  guarded_reset ();
}

/* What a row of activations says of entry i. */
static double
entry (const ClipmoeGemm *g, const float *x, size_t stride, size_t i) {
  return activation_value (g, x, stride * 4, 0, i);
}

static void
check_softmax (const ClipmoeKernels *k, const ClipmoeGemm *g, size_t n, int kind) {
  size_t padded = (cm_lines (n, g->line_k) + random_below (3)) * g->line_k;
  size_t stride = CM_LINE * (1 + random_below (3)), floats = (padded / CM_LINE - 1) * stride + CM_LINE;
  size_t bad = random_below ((unsigned)n);
  float *x = guarded (floats * 4), before[2048];
  for (size_t i = 0; i < padded; i++)
    AT (x, stride, i) = before[i] = i < n ? random_float () * 30 : 1e9f;
  if (kind == 1)
    AT (x, stride, bad) = random_below (2) ? NAN : INFINITY;
  float factor = g->softmax (n, padded, 0.125f, x, stride);
  if (kind == 1) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
      sum += entry (g, x, stride, i) * factor;
    if (isfinite (sum))
      fail (k->name, "%s softmax: %zu entries, one not finite, become finite", g->name, n);
    guarded_reset ();
    return;
  }
  double top = -INFINITY, sum = 0, square = 0, half_unit = 0;
  for (size_t i = 0; i < n; i++)
    top = fmax (top, before[i]);
  for (size_t i = 0; i < n; i++) {
    sum += exp (0.125 * (before[i] - top));
    square += exp (0.25 * (before[i] - top));
  }
  if (g->weights == CM_I16) {
    half_unit = 0.5 * fmax (1.0 / g->range, sqrt (square) / CM_I16_LENGTH) / sum;
    if (!close_to (factor, 2 * half_unit, 4e-4 * half_unit))
      fail (k->name, "%s softmax of %zu: a unit is %g, expected %g", g->name, n, factor, 2 * half_unit);
  }
  for (size_t i = 0; i < padded; i++) {
    double expected = i < n ? exp (0.125 * (before[i] - top)) / sum : 0;
    double got = entry (g, x, stride, i) * factor;
    if (!close_to (got, expected,
                   (g->plain        ? 1e-6
                    : half_unit > 0 ? 2e-4
                                    : 0.0042) *
                           expected +
                       half_unit + 1e-12))
      fail (k->name, "%s softmax: entry %zu of %zu: %g, expected %g", g->name, i, n, got, expected);
  }
  guarded_reset ();
}

/* bias, activations, add, scale on one tile: of floats (kind 0), with some that are not finite (1), without
 * bias and factors where these may be left out (2), of sums of int8 (3), of sums of int16 (4) */
static void
check_tile_ops (const ClipmoeKernels *k, unsigned rows, unsigned lines, int kind) {
  size_t stride = (rows + random_below (2)) * CM_LINE, floats = (lines - 1) * stride + rows * CM_LINE;
  float *c = guarded (floats * 4), *bias = guarded (lines * CM_LINE_BYTES),
        *z = guarded (rows * lines * 3 * 64);
  float *before = guarded (floats * 4), *z_before = guarded (rows * lines * 3 * 64), factors[CM_MAX_ROWS];
  float *column_scales = guarded (lines * CM_LINE_BYTES), row_scales[CM_MAX_ROWS];
  int32_t *corrections = guarded (lines * CM_LINE_BYTES);
  size_t offsets[CM_MAX_ROWS], strides[CM_MAX_ROWS];
  ClipmoeSums whole_sums = {kind == 3 ? corrections : NULL, row_scales, column_scales};
  const ClipmoeSums *sums = kind >= 3 ? &whole_sums : NULL;
  static const char *const names[] = {"bias", "quick_gelu", "gelu", "add", "scale"};
  for (unsigned what = 0; what < (sums ? 4 : 5); what++) {
    int in_place = random_below (2) || what == 4;
    float *to = in_place ? c : guarded (floats * 4);
    memset (c, 0x88, floats * 4);
    memset (z, 0x88, rows * lines * 3 * 64);
    fill_random (bias, lines * CM_LINE);
    fill_random (factors, CM_MAX_ROWS);
    fill_random (row_scales, CM_MAX_ROWS);
    fill_random (column_scales, lines * CM_LINE);
    for (unsigned i = 0; i < CM_MAX_ROWS; i++)
      row_scales[i] *= 1e-6f;
    for (unsigned i = 0; i < rows; i++) { /* rows of z: every third line of theirs, last row first */
      strides[i] = 3 * CM_LINE;
      offsets[i] = (rows - 1 - i) * lines * 3 * CM_LINE;
    }
    for (unsigned l = 0; l < lines; l++)
      for (unsigned j = 0; j < CM_LINE; j++) {
        corrections[l * CM_LINE + j] = (int32_t)random_below (1000000) - 500000;
        for (unsigned i = 0; i < rows; i++) {
          float v = random_float () * (random_below (4) ? 4 : 90);
          if (kind == 1 && random_below (9) == 0)
            v = random_below (2) ? NAN : INFINITY;
          int32_t whole = (int32_t)random_below (200000000) - 100000000;
          if (kind == 3)
            memcpy (&v, &whole, 4);
          else if (kind == 4)
            v = (float)whole;
          c[l * stride + i * CM_LINE + j] = v;
          z[offsets[i] + l * strides[i] + j] = random_float ();
        }
      }
    memcpy (before, c, floats * 4);
    memcpy (z_before, z, rows * lines * 3 * 64);
    if (what == 0)
      k->bias (rows, lines, c, stride, sums, bias, to, stride);
    else if (what == 1)
      k->quick_gelu (rows, lines, c, stride, sums, bias, to, stride);
    else if (what == 2)
      k->gelu (rows, lines, c, stride, sums, bias, to, stride);
    else if (what == 3)
      k->add (rows, lines, c, stride, sums, kind == 2 ? NULL : bias, kind == 2 ? NULL : factors, z, offsets,
              strides);
    else
      k->scale (rows, lines, c, stride, factors);
    for (unsigned l = 0; l < lines; l++)
      for (unsigned i = 0; i < CM_MAX_ROWS && i * CM_LINE < stride; i++)
        for (unsigned j = 0; j < CM_LINE; j++) {
          size_t at = l * stride + i * CM_LINE + j, column = l * CM_LINE + j;
          if (at >= floats)
            continue;
          if (i >= rows) {
            if (memcmp (&to[at], "\x88\x88\x88\x88", 4))
              fail (k->name, "%s: wrote between its lines", names[what]);
            continue;
          }
          double value = before[at], got = to[at], expected = 0, size = 1;
          if (sums) {
            int32_t whole;
            memcpy (&whole, &before[at], 4);
            if (kind == 3)
              value = (double)whole - corrections[column];
            value *= (double)row_scales[i] * column_scales[column];
          }
          double x = value + (double)bias[column];
          /* what is added may take away most of it */
          double exact = 6e-7, roughly = kind == 3 ? 2e-4 : 6e-7;
          if (what == 0) {
            expected = x;
            size = fabs (value) + 1;
          } else if (what == 1) {
            expected = x / (1 + exp (-1.702 * x));
            size = (fabs (x) + 1) * (roughly / exact);
          } else if (what == 2) {
            expected = 0.5 * x * (1 + erf (x / sqrt (2)));
            size = (fabs (x) + 1) * (roughly / exact);
          } else if (what == 3) {
            size_t place = offsets[i] + l * strides[i] + j;
            got = z[place];
            expected = z_before[place] + (kind == 2 ? value : factors[i] * x);
            size = 100;
          } else {
            expected = value * factors[i];
            size = fabs (expected);
          }
          if (!close_to (got, expected, exact * size + 1e-12))
            fail (k->name, "%s, kind %d: row %u of %u, line %u of %u, column %u: %g, expected %g",
                  names[what], kind, i, rows, l, lines, j, got, expected);
        }
    if (what == 3)
      for (size_t i = 0; i < rows * lines * 3 * CM_LINE; i++)
        if (i / CM_LINE % 3 && memcmp (&z[i], &z_before[i], 4))
          fail (k->name, "add: wrote between its lines");
  }
  guarded_reset ();
}

/* Keys and values: rows of activations become what weights of a panel are, bit for bit. */
static void
check_panels (const ClipmoeKernels *k, const ClipmoeGemm *g, unsigned n, size_t d) {
  size_t columns = g->columns, stride = (n + 1) * CM_LINE, units = d / g->unit_k, lines = d / g->line_k;
  float *x = guarded ((lines - 1) * stride * 4 + n * CM_LINE * 4), *to = guarded (units * columns * 4);
  float *plain = guarded (((d / CM_LINE - 1) * stride + n * CM_LINE) * 4);
  unsigned at = random_below ((unsigned)columns - n + 1);
  float scales[CM_MAX_ROWS];
  fill_random (plain, (d / CM_LINE - 1) * stride + n * CM_LINE);
  g->pack (n, d, plain, CM_LINE, stride, NULL, x, stride * 4, scales);
  g->keys (n, d, x, CM_LINE, stride, to + at, columns);
  for (size_t p = 0; p < d; p++)
    for (size_t j = 0; j < columns; j++)
      if (j >= at && j < at + n
              ? weight_value (g, to, p, j) != activation_value (g, x, stride * 4, (unsigned)(j - at), p)
              : memcmp (&to[p / g->unit_k * columns + j], "\x88\x88\x88\x88", 4) != 0)
        fail (k->name, "%s keys: %u rows of %zu: k %zu, column %zu", g->name, n, d, p, j);
  unsigned own = g->columns / g->line_k;
  float *rows[2] = {guarded ((own * 2 - 1) * CM_LINE_BYTES), guarded ((own * 3 - 2) * CM_LINE_BYTES)};
  float *v = guarded (columns * 4);
  plain = guarded (columns * 4);
  fill_random (plain, columns);
  g->pack (1, columns, plain, CM_LINE, CM_LINE, NULL, rows[0], 2 * CM_LINE_BYTES, scales);
  fill_random (plain, columns);
  g->pack (1, columns, plain, CM_LINE, CM_LINE, NULL, rows[1], 3 * CM_LINE_BYTES, scales);
  const float *second = n % 2 ? rows[1] : NULL;
  g->values (own, rows[0], 2 * CM_LINE, second, 3 * CM_LINE, v);
  for (unsigned u = 0; u < g->unit_k; u++)
    for (size_t j = 0; j < columns; j++) {
      double expected = u == 0   ? activation_value (g, rows[0], 2 * CM_LINE_BYTES, 0, j)
                        : second ? activation_value (g, second, 3 * CM_LINE_BYTES, 0, j)
                                 : 0;
      if (weight_value (g, v, u, j) != expected)
        fail (k->name, "%s values: row %u, column %zu", g->name, u, j);
    }
  guarded_reset ();
}

/* Columns of rows of floats: what is largest and how long they are, beside what was seen before; and rows in
 * units of a column. */
static void
check_round (const ClipmoeKernels *k, const ClipmoeGemm *g, unsigned rows, size_t n, int kind) {
  size_t stride = (rows + random_below (3)) * CM_LINE, floats = (n / CM_LINE - 1) * stride + rows * CM_LINE;
  float *x = guarded (floats * 4), *largest = guarded (n * 4), *squares = guarded (n * 4);
  float *by = guarded (n * 4);
  void *to = guarded (rows * n * 2);
  float seen[2][300];
  fill_random (x, floats);
  fill_random (seen[0], n);
  fill_random (seen[1], n);
  if (kind)
    x[random_below ((unsigned)floats)] = kind == 1 ? NAN : INFINITY;
  for (size_t c = 0; c < n; c++) {
    largest[c] = seen[0][c] = fabsf (seen[0][c]);
    squares[c] = seen[1][c] = fabsf (seen[1][c]);
    by[c] = random_float () * 30000;
  }
  g->extent (rows, n, x, CM_LINE, stride, largest, squares);
  g->round (rows, n, x, CM_LINE, stride, by, to);
  for (size_t c = 0; c < n; c++) {
    double top = seen[0][c], square = seen[1][c];
    int finite = 1;
    for (unsigned i = 0; i < rows; i++) {
      float v = AT (x + i * CM_LINE, stride, c);
      finite = finite && isfinite (v);
      top = fmax (top, fabs ((double)v));
      square += (double)v * v;
      double whole = fmin (fmax (rint (v * by[c]), -32768), 32767);
      double got = activation_value (g, (char *)to + i * n * 2, CM_LINE_BYTES, 0, c);
      if (isfinite (v) && got != whole)
        fail (k->name, "%s round: row %u of %u, column %zu: %g, expected %g", g->name, i, rows, c, got,
              whole);
    }
    if (finite ? (largest[c] != (float)top || !close_to (squares[c], square, 1e-6 * square))
               : isfinite (largest[c]))
      fail (k->name, "%s extent: %u rows, column %zu: %g and %g, expected %g and %g", g->name, rows, c,
            (double)largest[c], (double)squares[c], finite ? top : INFINITY, square);
  }
  guarded_reset ();
}

static void
check_dot (const ClipmoeKernels *k, unsigned n) {
  float a[300], b[300];
  double sum = 0;
  fill_random (a, 300);
  fill_random (b, 300);
  for (unsigned i = 0; i < n; i++)
    sum += (double)a[i] * b[i];
  if (!close_to (k->dot (n, a, b), sum, 1e-4))
    fail (k->name, "dot of %u", n);
}

typedef struct {
  const ClipmoeKernels *k;
  float *x, *weight, *out;
  unsigned rows, lines;
  const ClipmoeSums *sums;
  const ClipmoeGemm *g;
} Call;

static void
call_norm (void *data) {
  Call *c = data;
  c->k->layer_norm (768, c->x, CM_LINE, c->weight, c->weight, 1e-5f, c->out, CM_LINE);
}

static void
call_softmax (void *data) {
  Call *c = data;
  memcpy (c->out, c->x, 256 * 4);
  c->g->softmax (250, 256, 0.125f, c->out, CM_LINE);
}

static void
call_quick_gelu (void *data) {
  Call *c = data;
  c->k->quick_gelu (c->rows, c->lines, c->x, (size_t)c->rows * CM_LINE, c->sums, c->weight, c->out,
                    (size_t)c->rows * CM_LINE);
}

static void
call_gelu (void *data) {
  Call *c = data;
  c->k->gelu (c->rows, c->lines, c->x, (size_t)c->rows * CM_LINE, c->sums, c->weight, c->out,
              (size_t)c->rows * CM_LINE);
}

static void
call_keys (void *data) {
  Call *c = data;
  c->k->f32->keys (c->k->f32->columns < 16 ? c->k->f32->columns : 16, 64, c->x, CM_LINE, 256, c->out,
                   c->k->f32->columns);
}

void
check_rows (const ClipmoeKernels *k) {
  for (size_t n = 1; n <= 1030; n += n < 70 ? 1 : 97)
    for (int kind = 0; kind < 2; kind++) {
      check_layer_norm (k, n, kind);
      check_softmax (k, k->f32, n, kind);
      if (k->attention)
        check_softmax (k, k->attention, n, kind);
    }
  for (unsigned rows = 1; rows <= k->f32->rows; rows++)
    for (unsigned lines = 1; lines <= 4; lines++)
      for (int kind = 0; kind < 5; kind++)
        check_tile_ops (k, rows, lines, kind);
  for (unsigned n = 1; n <= k->f32->rows; n++)
    for (size_t d = 16; d <= 80; d += 16)
      check_panels (k, k->f32, n, d);
  for (unsigned n = 1; n < 300; n++)
    check_dot (k, n);
  if (k->attention)
    for (unsigned n = 1; n <= k->f32->rows; n++)
      for (size_t d = 64; d <= 128; d += 64)
        check_panels (k, k->attention, n, d);
  if (k->attention && k->attention->round)
    for (unsigned n = 1; n <= k->f32->rows; n++)
      for (size_t d = 32; d <= 288; d += 64)
        for (int kind = 0; kind < 3; kind++)
          check_round (k, k->attention, n, d, kind);
  unsigned lines = k->f32->columns / CM_LINE;
  Call c = {k, guarded (4096 * 4), guarded (4096 * 4), guarded (4096 * 4), k->f32->rows, lines, NULL, k->f32};
  ClipmoeSums sums = {guarded (4096), c.weight, c.weight};
  fill_random (c.x, 4096);
  fill_random (c.weight, 4096);
  bench (k->name, "layer_norm 768", 0, call_norm, &c);
  bench (k->name, "softmax 250", 0, call_softmax, &c);
  if (k->attention && k->attention != k->f32) {
    c.g = k->attention;
    bench (k->name, "softmax 250, of half and int8", 0, call_softmax, &c);
  }
  bench (k->name, "quick_gelu, a tile", 0, call_quick_gelu, &c);
  bench (k->name, "gelu, a tile", 0, call_gelu, &c);
  c.sums = &sums;
  bench (k->name, "quick_gelu, a tile of int8", 0, call_quick_gelu, &c);
  bench (k->name, "gelu, a tile of int8", 0, call_gelu, &c);
  bench (k->name, "keys, 16 of 64", 0, call_keys, &c);
  guarded_reset ();
}
