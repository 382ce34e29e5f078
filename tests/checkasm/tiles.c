/* Tiles of products, and the packing of their activations. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "checkasm.h"
#include "kernels/int16.h"

static float
of_bf16 (uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float f;
  memcpy (&f, &bits, 4);
  return f;
}

static float
of_f16 (uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  float f = exponent == 31 ? (fraction ? NAN : INFINITY)
            : exponent     ? ldexpf ((float)(fraction + 1024), exponent - 25)
                           : ldexpf ((float)fraction, -24);
  return h & 0x8000 ? -f : f;
}

double
activation_value (const ClipmoeGemm *g, const void *a, size_t a_stride, unsigned row, size_t k) {
  const char *line = (const char *)a + k / g->line_k * a_stride + row * CM_LINE_BYTES;
  size_t at = k % g->line_k;
  if (g->plain)
    return ((const float *)line)[at];
  if (g->weights == CM_BF16)
    return of_bf16 (((const uint16_t *)line)[at]);
  if (g->weights == CM_F16) /* a line of sixteen: every half twice */
    return of_f16 (((const uint16_t *)line)[g->line_k == CM_LINE ? 2 * at : at]);
  if (g->weights == CM_I16)
    return ((const int16_t *)line)[at];
  return g->zero ? ((const uint8_t *)line)[at] : ((const int8_t *)line)[at];
}

double
weight_value (const ClipmoeGemm *g, const void *w, size_t k, size_t column) {
  size_t at = (k / g->unit_k * g->columns + column) * g->unit_k + k % g->unit_k;
  switch (g->weights) {
  case CM_F32:
    return ((const float *)w)[at];
  case CM_BF16:
    return of_bf16 (((const uint16_t *)w)[at]);
  case CM_F16:
    return of_f16 (((const uint16_t *)w)[at]);
  case CM_I16:
    return ((const int16_t *)w)[at];
  default:
    return ((const int8_t *)w)[at];
  }
}

enum { ORDINARY, EXTREME, SPECIAL, N_KINDS };

/* int16's largest sums: CM_I16_STEP of these are as long as they may be. */
static int16_t
whole_16 (int kind) {
  int most = (int)((double)CM_I16_LENGTH / sqrt (CM_I16_STEP));
  return (int16_t)(kind == EXTREME ? most : (int)random_below (2 * (unsigned)most + 1) - most);
}

static int
below (const ClipmoeGemm *g) {
  return g->below ? g->below : g->range;
}

static const float specials[] = {NAN, INFINITY, -INFINITY, 1e-40f, -1e-40f, 3e38f, 0.0f, -0.0f};

/* Activations are packed by the table's own function, which check_packs() looks at. */
static void
put_activations (const ClipmoeGemm *g, unsigned rows, size_t lines, void *a, size_t a_stride, int kind) {
  for (size_t l = 0; l < lines; l++)
    for (unsigned i = 0; i < rows; i++) {
      char *line = (char *)a + l * a_stride + i * CM_LINE_BYTES;
      for (size_t j = 0; j < g->line_k; j++) {
        float x = random_float ();
        if (kind == SPECIAL && random_below (40) == 0)
          x = specials[random_below (8)];
        if (g->plain)
          ((float *)line)[j] = x;
        else if (g->weights == CM_I8)
          line[j] =
              (char)(g->zero + (kind == EXTREME
                                    ? (random_below (2) ? g->range : -below (g))
                                    : (int)random_below ((unsigned)(g->range + below (g)) + 1) - below (g)));
      }
      if (g->weights == CM_I16)
        for (size_t j = 0; j < g->line_k; j++)
          ((int16_t *)line)[j] = whole_16 (kind);
      else if (!g->plain && g->weights != CM_I8) {
        _Alignas(64) float x[64];
        fill_random (x, 64);
        if (kind == SPECIAL && random_below (3) == 0)
          x[random_below (16)] = specials[random_below (3)];
        g->pack (1, g->line_k, x, CM_LINE, CM_LINE, NULL, line, CM_LINE_BYTES, NULL);
      }
    }
}

static void
put_weights (const ClipmoeGemm *g, size_t lines, void *w, int kind) {
  size_t n = lines * g->line_k * g->columns;
  float *rows = malloc (n * sizeof (float));
  fill_random (rows, n);
  if (g->weights == CM_I8) {
    for (size_t i = 0; i < n; i++)
      ((int8_t *)w)[i] =
          (int8_t)(kind == EXTREME ? (random_below (2) ? g->weight_range : -g->weight_range)
                                   : (int)random_below (2 * (unsigned)g->weight_range + 1) - g->weight_range);
  } else if (g->weights == CM_I16) {
    for (size_t i = 0; i < n; i++)
      ((int16_t *)w)[i] = whole_16 (kind);
  } else {
    size_t bytes = cm_matrix_bytes (g, g->columns, lines * g->line_k);
    void *memory = aligned_alloc (64, bytes);
    ClipmoePackedMatrix m;
    cm_matrix_map (&m, g, g->columns, lines * g->line_k, memory);
    cm_matrix_pack (&m, rows, lines * g->line_k, 1, NULL, NULL, 0, 1);
    memcpy (w, memory, cm_panel_bytes (g, lines));
    free (memory);
  }
  free (rows);
}

typedef struct {
  const ClipmoeGemm *g;
  unsigned rows;
  size_t lines, a_stride, c_stride;
  void *a, *w;
  float *c;
} Call;

static void
call (void *data) {
  Call *t = data;
  t->g->tile (t->rows, t->lines, t->a, t->a_stride, t->w, t->w, 0, t->c, t->c_stride);
}

static void
check_tile (const ClipmoeKernels *k, const ClipmoeGemm *g, unsigned rows, size_t lines, unsigned spare,
            int kind) {
  size_t a_stride = (rows + spare) * CM_LINE_BYTES, c_stride = (rows + spare) * CM_LINE;
  unsigned c_lines = g->columns / CM_LINE;
  void *a = guarded ((lines - 1) * a_stride + rows * CM_LINE_BYTES), *w = guarded (cm_panel_bytes (g, lines));
  size_t c_floats = (c_lines - 1) * c_stride + rows * CM_LINE;
  float *c = guarded (c_floats * sizeof (float)), *alone = guarded (c_lines * CM_LINE_BYTES);
  put_activations (g, rows, lines, a, a_stride, kind);
  put_weights (g, lines, w, kind);
  Call t = {g, rows, lines, a_stride, c_stride, a, w, c};
  call (&t);
  for (unsigned i = 0; i < rows; i++) {
    g->tile (1, lines, (char *)a + i * CM_LINE_BYTES, a_stride, w, w, 0, alone, CM_LINE);
    for (size_t j = 0; j < g->columns; j++) {
      const float *got = c + j / CM_LINE * c_stride + i * CM_LINE + j % CM_LINE;
      double sum = 0, size = 0;
      for (size_t p = 0; p < lines * g->line_k; p++) {
        double v = activation_value (g, a, a_stride, i, p) * weight_value (g, w, p, j);
        sum += v;
        size += fabs (v);
      }
      if (memcmp (got, &alone[j], 4) && !(isnan (*got) && isnan (alone[j])))
        fail (k->name, "%s tile: row %u of %u, column %zu depends on the other rows", g->name, i, rows, j);
      int32_t whole;
      memcpy (&whole, got, 4);
      double value = g->weights == CM_I8 ? whole : *got;
      /* fp16 sums in 11 bits until it flushes */
      double part = g->weights == CM_I8 ? 0 : g->weights == CM_F16 && !g->plain ? 4e-3 : 3e-6;
      if (kind == SPECIAL && fabs (sum) > 1e37)
        continue; /* whether such a sum overflows depends on its order */
      if (!close_to (value, sum, part * size + (kind == SPECIAL && g->weights != CM_I8 ? 1e-36 : 0)))
        fail (k->name, "%s tile: row %u of %u, %zu lines, column %zu, kind %d: %g, expected %g", g->name, i,
              rows, lines, j, kind, value, sum);
    }
  }
  for (unsigned l = 0; l + 1 < c_lines; l++)
    for (size_t j = rows * CM_LINE; j < c_stride; j++)
      if (memcmp (&c[l * c_stride + j], "\x88\x88\x88\x88", 4))
        fail (k->name, "%s tile: wrote between its lines", g->name);
  guarded_reset ();
}

static const ClipmoeGemm *
gemm (const ClipmoeKernels *k, unsigned which) {
  return which == 0   ? k->f32
         : which == 1 ? k->half
         : which == 2 ? k->int8
         : k->int8    ? k->int8->of_gelu
                      : NULL;
}

void
check_tiles (const ClipmoeKernels *k) {
  static const size_t lengths[] = {1, 2, 3, 7, 12, 37};
  for (unsigned which = 0; which < 4; which++) {
    const ClipmoeGemm *g = gemm (k, which);
    if (!g)
      continue;
    if (g->rows != k->f32->rows || g->columns % CM_LINE || g->columns > CM_MAX_COLUMNS ||
        g->rows > CM_MAX_ROWS)
      fail (k->name, "%s: tiles of %u x %u", g->name, g->rows, g->columns);
    for (unsigned rows = 1; rows <= g->rows; rows++)
      for (unsigned l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
        for (int kind = 0; kind < N_KINDS; kind++)
          check_tile (k, g, rows, lengths[l], (rows + l) % 3, kind);
    size_t lines = 768 / g->line_k;
    Call t = {g,
              g->rows,
              lines,
              (size_t)g->rows * CM_LINE_BYTES,
              (size_t)g->rows * CM_LINE,
              guarded (lines * g->rows * CM_LINE_BYTES),
              guarded (cm_panel_bytes (g, lines)),
              guarded (g->rows * g->columns * sizeof (float))};
    put_activations (g, g->rows, lines, t.a, t.a_stride, ORDINARY);
    put_weights (g, lines, t.w, ORDINARY);
    char what[64];
    snprintf (what, sizeof what, "%s tile %ux%u, k 768", g->name, g->rows, g->columns);
    bench (k->name, what, 2.0 * g->rows * g->columns * 768, call, &t);
    guarded_reset ();
  }
}

/* The smallest unit with which entries fit 16 bits and sums of products 32. */
static void
check_scale (const ClipmoeKernels *k, const ClipmoeGemm *g, const float *x, size_t x_stride, size_t n,
             double scale) {
  double largest = 0, longest = 0;
  for (size_t j = 0; j < n; j += CM_I16_STEP) {
    double square = 0;
    for (size_t l = j; l < n && l < j + CM_I16_STEP; l++) {
      double v = x[l / CM_LINE * x_stride + l % CM_LINE];
      square += v * v;
      largest = fmax (largest, fabs (v));
    }
    longest = fmax (longest, sqrt (square));
  }
  if (largest < 1e-15 || largest > 1e15) /* squares beyond floats: a unit on the safe side */
    longest = largest * sqrt (CM_I16_STEP);
  double expected = fmax (largest / g->range, longest / (double)CM_I16_LENGTH);
  if (!close_to (scale, expected, 1e-5 * expected + 1e-33))
    fail (k->name, "%s pack: scale %g of %zu entries, expected %g", g->name, scale, n, expected);
}

static void
check_pack (const ClipmoeKernels *k, const ClipmoeGemm *g, unsigned rows, size_t n, int kind) {
  size_t x_row = CM_LINE, x_lines = cm_lines (n, CM_LINE), x_stride = (rows + 1) * CM_LINE;
  size_t lines = cm_lines (n, g->line_k), stride = (rows + 2) * CM_LINE_BYTES;
  float *x = guarded (((x_lines - 1) * x_stride + rows * x_row) * sizeof (float));
  char *to = guarded ((lines - 1) * stride + rows * CM_LINE_BYTES);
  float *scales = guarded (rows * sizeof (float)), *factors = guarded (lines * g->line_k * sizeof (float));
  for (size_t j = 0; j < lines * g->line_k; j++) /* powers of two: products are exact */
    factors[j] = g->weights == CM_I8 ? ldexpf (1, (int)random_below (5) - 2) : NAN;
  for (unsigned i = 0; i < rows; i++)
    for (size_t j = 0; j < x_lines * CM_LINE; j++)
      x[j / CM_LINE * x_stride + i * x_row + j % CM_LINE] =
          j >= n                                      ? NAN /* beyond the row: not to be seen */
          : kind == SPECIAL && random_below (20) == 0 ? specials[random_below (8)]
                                                      : random_float () * (kind == EXTREME ? 1e30f : 1);
  g->pack (rows, n, x, x_row, x_stride, factors, to, stride, scales);
  for (unsigned i = 0; i < rows; i++) {
    float largest = 0, lowest = 0;
    int finite = 1;
    for (size_t j = 0; j < n; j++) {
      float v = x[j / CM_LINE * x_stride + i * x_row + j % CM_LINE];
      if (g->weights == CM_I8)
        v *= factors[j];
      largest = fmaxf (largest, g->below ? v : fabsf (v));
      lowest = fminf (lowest, v);
      finite &= isfinite (v) != 0;
    }
    if (cm_scaled (g) && !finite) {
      if (isfinite (scales[i]))
        fail (k->name, "%s pack: a row with NaN or infinity got scale %g", g->name, (double)scales[i]);
      continue;
    }
    double scale = fmax (largest / (double)g->range, g->below ? -lowest / (double)g->below : 0);
    if (g->weights == CM_I8 && !close_to (scales[i], scale, 1e-6 * scale + 1e-40))
      fail (k->name, "%s pack: scale %g, expected %g", g->name, (double)scales[i], scale);
    if (g->weights == CM_I16)
      check_scale (k, g, x + i * x_row, x_stride, n, (double)scales[i]);
    for (size_t j = 0; j < lines * g->line_k; j++) {
      float v = j < n ? x[j / CM_LINE * x_stride + i * x_row + j % CM_LINE] : 0;
      double got = activation_value (g, to, stride, i, j), expected = v, tolerance = 0;
      if (g->weights == CM_I8) {
        if (j < n)
          expected = v * factors[j];
        got = (g->zero ? got - g->zero : got) * (double)scales[i];
        tolerance = 0.5001 * (double)scales[i] + 1e-28; /* rows as small as that become 0 */
        if (j >= n)
          continue; /* multiplied by zero, whatever it is */
      } else if (g->weights == CM_I16) {
        got *= (double)scales[i];
        tolerance = 0.502 * (double)scales[i] + 1e-29; /* entries have 24 bits before they have 16 */
      } else if (g->weights == CM_BF16) {
        tolerance = fabs (expected) * 0.00391 + 1.2e-38; /* denormals may become 0 */
      } else if (!g->plain) {
        tolerance = fabs (expected) * 0.000489 + 6e-8;
        if (fabs (expected) > 65504)
          continue;
      }
      if (!close_to (got, expected, tolerance))
        fail (k->name, "%s pack: row %u of %u, entry %zu of %zu: %g, expected %g", g->name, i, rows, j, n,
              got, expected);
    }
  }
  for (size_t l = 0; l + 1 < lines; l++)
    for (size_t j = rows * CM_LINE_BYTES; j < stride; j++)
      if ((unsigned char)to[l * stride + j] != 0x88)
        fail (k->name, "%s pack: wrote between its lines", g->name);
  guarded_reset ();
}

typedef struct {
  const ClipmoeGemm *g;
  float *x, *scales;
  void *to;
} PackCall;

static void
call_pack (void *data) {
  PackCall *p = data;
  p->g->pack (p->g->rows, 768, p->x, CM_LINE, (size_t)p->g->rows * CM_LINE, p->x, p->to,
              (size_t)p->g->rows * CM_LINE_BYTES, p->scales);
}

void
check_packs (const ClipmoeKernels *k) {
  for (unsigned which = 0; which < 4; which++) {
    const ClipmoeGemm *g = gemm (k, which);
    if (!g)
      continue;
    for (size_t n = 1; n <= 200; n += n < 70 ? 1 : 13)
      for (int kind = 0; kind < N_KINDS; kind++)
        check_pack (k, g, 1 + (unsigned)n % g->rows, n, kind);
    PackCall p = {g, guarded (g->rows * 768 * sizeof (float)), guarded (64), guarded (g->rows * 768 * 4)};
    fill_random (p.x, g->rows * 768);
    char what[64];
    snprintf (what, sizeof what, "%s pack %ux768", g->name, g->rows);
    bench (k->name, what, 0, call_pack, &p);
    guarded_reset ();
  }
}
