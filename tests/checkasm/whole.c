/* Whole products and attention, as towers run them: odd sizes, every kind of result, several threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "checkasm.h"
#include "kernels/attention.h"

static void
check_product (const ClipmoeKernels *k, const ClipmoeGemm *g, size_t n, size_t in, size_t out,
               ClipmoeResult result, unsigned threads) {
  float *weights = malloc (out * in * 4), *bias = malloc (out * 4), *x = malloc (n * in * 4),
        *powers = malloc (in * 4);
  fill_random (weights, out * in);
  fill_random (bias, out);
  fill_random (x, n * in);
  for (size_t i = 0; i < n * in && g->below; i++) /* as a GELU leaves them */
    x[i] = x[i] < 0 ? x[i] / 8 : x[i];
  ClipmoePackedMatrix m;
  void *memory = guarded (cm_matrix_bytes (g, out, in));
  cm_matrix_map (&m, g, out, in, memory);
  for (size_t i = 0; i < in; i++)
    powers[i] = ldexpf (1, (int)random_below (3) - 1);
  cm_matrix_pack (&m, weights, in, 1, bias, result % 2 ? powers : NULL, 0, m.panels);
  ClipmoeRows rows = cm_rows (n, g->rows);
  size_t a_lines = m.lines + 1, out_lines = m.panels * g->columns / CM_LINE + (result == CM_ADD ? 0 : 1),
         stride;
  size_t z_lines = cm_lines (out, CM_LINE);
  char *a = guarded (n * a_lines * CM_LINE_BYTES);
  float *scales = guarded (n * 4), *c = guarded (n * out_lines * CM_LINE_BYTES);
  float *z = guarded (n * z_lines * CM_LINE_BYTES), *row = malloc (in * 4 + 64), *factors = malloc (n * 4);
  size_t *offsets = malloc (n * sizeof *offsets), *strides = malloc (n * sizeof *strides);
  fill_random (factors, n);
  for (size_t i = 0; i < n; i++) {
    size_t at = cm_row_at (&rows, i, a_lines, &stride);
    float *line = guarded (cm_lines (in, CM_LINE) * CM_LINE_BYTES);
    memcpy (line, x + i * in, in * 4);
    g->pack (1, in, line, CM_LINE, CM_LINE, m.factors, a + at * CM_LINE_BYTES, stride * CM_LINE_BYTES,
             scales + i);
    offsets[i] = (n - 1 - i) * z_lines * CM_LINE; /* rows of z in the other order */
    strides[i] = CM_LINE;
    for (size_t j = 0; j < out; j++)
      z[offsets[i] + j] = 1;
  }
  ClipmoeProduct p = {.matrix = &m,
                      .rows = rows,
                      .a = a,
                      .a_lines = a_lines,
                      .a_scales = scales,
                      .result = result,
                      .out = result == CM_ADD ? z : c,
                      .out_lines = out_lines,
                      .offsets = offsets,
                      .strides = strides,
                      .factors = factors};
  cm_product_run (k, threads, &p);
  /* of the length of a row: what rounding of its operands may do, many times over */
  double part = g->weights == CM_F32    ? 2e-6
                : g->weights == CM_F16  ? (g->plain ? 2e-3 : 8e-3)
                : g->weights == CM_BF16 ? 8e-3
                : g->weights == CM_I16  ? 4e-4
                                        : 4e-2;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < out; j++) {
      double sum = 0;
      for (size_t l = 0; l < in; l++)
        sum += (double)x[i * in + l] * weights[j * in + l];
      sum += bias[j];
      size_t at = cm_row_at (&rows, i, out_lines, &stride) * CM_LINE;
      double got =
          result == CM_ADD ? z[offsets[i] + j] : c[at + j / CM_LINE * stride * CM_LINE + j % CM_LINE];
      double expected = result == CM_ADD          ? 1 + factors[i] * sum
                        : result == CM_QUICK_GELU ? sum / (1 + exp (-1.702 * sum))
                        : result == CM_GELU       ? 0.5 * sum * (1 + erf (sum / sqrt (2)))
                                                  : sum;
      if (!close_to (got, expected, part * (sqrt ((double)in) + 1) + 1e-6))
        fail (k->name,
              "%s product %zu x %zu x %zu, result %d, %u threads: row %zu, column %zu: %g, expected %g",
              g->name, n, out, in, result, threads, i, j, got, expected);
    }
  free (weights);
  free (bias);
  free (x);
  free (powers);
  free (row);
  free (factors);
  free (offsets);
  free (strides);
  guarded_reset ();
}

/* Results packed for the next product as soon as a tile is there are what packing them later makes of them.
 */
static void
check_packed (const ClipmoeKernels *k, const ClipmoeGemm *g, const ClipmoeGemm *as, size_t n, size_t out) {
  size_t in = 40;
  float *weights = malloc (out * in * 4), *scales = guarded (n * 4);
  ClipmoePackedMatrix m;
  cm_matrix_map (&m, g, out, in, guarded (cm_matrix_bytes (g, out, in)));
  fill_random (weights, out * in);
  cm_matrix_pack (&m, weights, in, 1, NULL, NULL, 0, m.panels);
  ClipmoeRows rows = cm_rows (n, g->rows);
  size_t columns = m.panels * g->columns, c_lines = columns / CM_LINE, lines = columns / as->line_k;
  float *x = guarded (n * cm_lines (in, CM_LINE) * CM_LINE_BYTES), *c = guarded (n * c_lines * CM_LINE_BYTES);
  char *a = guarded (n * m.lines * CM_LINE_BYTES), *packed = guarded (n * lines * CM_LINE_BYTES),
       *later = guarded (n * lines * CM_LINE_BYTES);
  fill_random (x, n * cm_lines (in, CM_LINE) * CM_LINE);
  for (unsigned t = 0; t < rows.tiles; t++) {
    size_t first = cm_tile_first (&rows, t), some = cm_tile_rows (&rows, t);
    g->pack ((unsigned)some, in, x + first * cm_lines (in, CM_LINE) * CM_LINE, CM_LINE, some * CM_LINE,
             m.factors, a + first * m.lines * CM_LINE_BYTES, some * CM_LINE_BYTES, scales + first);
  }
  ClipmoeProduct p = {.matrix = &m,
                      .rows = rows,
                      .a = a,
                      .a_lines = m.lines,
                      .a_scales = scales,
                      .result = CM_STORE,
                      .out = c,
                      .out_lines = c_lines};
  cm_product_run (k, 1, &p);
  p.packed = packed;
  p.packed_lines = lines;
  p.packed_as = as;
  cm_product_run (k, 2, &p);
  for (unsigned t = 0; t < rows.tiles; t++) {
    size_t first = cm_tile_first (&rows, t), some = cm_tile_rows (&rows, t);
    as->pack ((unsigned)some, columns, c + first * c_lines * CM_LINE, CM_LINE, some * CM_LINE, NULL,
              later + first * lines * CM_LINE_BYTES, some * CM_LINE_BYTES, NULL);
  }
  if (memcmp (packed, later, n * lines * CM_LINE_BYTES))
    fail (k->name, "%s product %zu x %zu: not packed as %s is", g->name, n, out, as->name);
  free (weights);
  guarded_reset ();
}

void
check_products (const ClipmoeKernels *k) {
  const ClipmoeGemm *all[] = {k->f32, k->half, k->int8, k->int8 ? k->int8->of_gelu : NULL};
  for (unsigned g = 0; g < 4; g++)
    if (all[g]) {
      for (unsigned i = 0; i < 24; i++)
        check_product (k, all[g], 1 + random_below (40), 1 + random_below (300), 1 + random_below (150),
                       (ClipmoeResult)(i % 4), 1 + i % 3);
      /* more than one pass */
      check_product (k, all[g], 3, (size_t)all[g]->block_lines * all[g]->line_k * 5 / 2, 40, CM_ADD, 2);
    }
  for (unsigned g = 0; g < 3; g++)
    for (unsigned as = 0; as < 3; as++)
      if (all[g] && all[as] && cm_packs_at_once (all[g], all[as]))
        check_packed (k, all[g], all[as], 1 + random_below (40), 1 + random_below (150));
}

/* Rows of @lines lines of floats as activations of @f, which have room for as many. */
static void *
pack_rows (const ClipmoeGemm *f, const ClipmoeRows *rows, size_t lines, const float *x) {
  char *to = guarded (rows->n * lines * CM_LINE_BYTES);
  for (unsigned t = 0; t < rows->tiles; t++) {
    size_t at = cm_tile_first (rows, t) * lines, stride = cm_tile_rows (rows, t);
    f->pack ((unsigned)stride, lines * CM_LINE, x + at * CM_LINE, CM_LINE, stride * CM_LINE, NULL,
             to + at * CM_LINE_BYTES, stride * CM_LINE_BYTES, NULL);
  }
  return to;
}

/* n tokens of which the first n_shared lie elsewhere among the rows, each for itself; heads of d entries,
 * this one the second. @spoiled: 1 to 3, a query, key or value that is not finite; what should not be finite
 * then must not be, or nobody would know. */
static void
check_head (const ClipmoeKernels *k, size_t n, size_t n_shared, size_t d, int causal, int last_alone,
            int fast, int spoiled) {
  size_t width = 3 * d, lines = cm_lines (3 * width, CM_LINE), first = 2 * n_shared + 3, stride;
  ClipmoeRows rows = cm_rows (first + n - n_shared + 2, k->f32->rows), one = cm_rows (1, k->f32->rows);
  size_t o_lines = cm_lines (width, CM_LINE) + CM_MAX_COLUMNS / CM_LINE;
  float *qkv = guarded (rows.n * lines * CM_LINE_BYTES), *o = guarded (rows.n * o_lines * CM_LINE_BYTES);
  float *q1 = guarded (lines * CM_LINE_BYTES), *scratch;
  fill_random (qkv, rows.n * lines * CM_LINE);
  fill_random (q1, lines * CM_LINE);
  memset (o, 0, rows.n * o_lines * CM_LINE_BYTES);
  unsigned *tokens = guarded (n * sizeof *tokens);
  for (size_t u = 0; u < n; u++)
    tokens[u] = (unsigned)(u < n_shared ? 2 * u : first + u - n_shared);
  const ClipmoeGemm *f = cm_attention_format (k, d, fast);
  scratch = guarded (cm_attention_floats (f, n, d) * 4);
#define ENTRY(r, data, lines, row, column)                                                                   \
  (data)[(cm_row_at (&(r), (row), (lines), &stride) + (column) / CM_LINE * stride) * CM_LINE +               \
         (column) % CM_LINE]
  if (spoiled)
    ENTRY (rows, qkv, lines, tokens[random_below ((unsigned)n)],
           (size_t)(spoiled - 1) * width + d + random_below ((unsigned)d)) =
        random_below (2) ? NAN : INFINITY;
  void *packed = f->round ? qkv : pack_rows (f, &rows, lines, qkv);
  void *packed_q1 = f->round ? q1 : pack_rows (f, &one, lines, q1);
  ClipmoeHeads heads = {rows, packed, lines, d};
  ClipmoeAttention a = {.format = f,
                        .d = d,
                        .k = heads,
                        .v = heads,
                        .q = heads,
                        .o = {rows, o, o_lines, d},
                        .tokens = tokens,
                        .n = n,
                        .q_first = first,
                        .n_q = n - n_shared,
                        .position = n_shared,
                        .causal = causal,
                        .scratch = scratch};
  a.k.column = width + d;
  a.v.column = 2 * width + d;
  if (last_alone) {
    a.q = (ClipmoeHeads){one, packed_q1, lines, d};
    a.o.rows = one;
    a.q_first = 0;
    a.n_q = 1;
    a.position = n - 1;
  }
  cm_attention_run (k, &a);
  for (size_t i = 0; i < a.n_q; i++) {
    size_t sees = causal ? a.position + i + 1 : n;
    double weights[300], total = 0, top = -1e300;
    for (size_t u = 0; u < sees; u++) {
      weights[u] = 0;
      for (size_t c = 0; c < d; c++)
        weights[u] += (double)ENTRY (a.q.rows, last_alone ? q1 : qkv, lines, a.q_first + i, d + c) *
                      ENTRY (rows, qkv, lines, tokens[u], width + d + c);
      weights[u] /= sqrt ((double)d);
      top = fmax (top, weights[u]);
    }
    for (size_t u = 0; u < sees; u++)
      total += weights[u] = exp (weights[u] - top);
    for (size_t c = 0; c < d; c++) {
      double expected = 0;
      for (size_t u = 0; u < sees; u++)
        expected += weights[u] / total * ENTRY (rows, qkv, lines, tokens[u], 2 * width + d + c);
      double got = ENTRY (a.o.rows, o, o_lines, a.q_first + i, d + c);
      if (spoiled && isfinite (expected)) /* perhaps it is not now, for a unit is of all tokens */
        continue;
      if (!close_to (got, expected, f->plain ? 2e-6 : f->round ? 2e-4 : 1e-2))
        fail (k->name,
              "attention: %zu tokens, %zu shared, d %zu, causal %d, spoiled %d: row %zu, entry %zu: %g, "
              "expected %g",
              n, n_shared, d, causal, spoiled, i, c, got, expected);
    }
  }
  guarded_reset ();
}

void
check_attention (const ClipmoeKernels *k) {
  static const size_t sizes[] = {1, 2, 9, 16, 31, 33, 50, 77, 197};
  static const size_t depths[] = {64, 32, 16, 80, 20, 7};
  for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (unsigned j = 0; j < sizeof depths / sizeof depths[0]; j++)
      for (int how = 0; how < 4; how++) {
        size_t shared = how == 2 && sizes[i] > 1 ? 1 + random_below ((unsigned)sizes[i] - 1) : 0;
        for (int fast = 0; fast <= (k->attention != NULL); fast++) {
          check_head (k, sizes[i], shared, depths[j], how > 0, how == 3, fast, 0);
          if (j < 2)
            check_head (k, sizes[i], shared, depths[j], how > 0, how == 3, fast, 1 + (int)random_below (3));
        }
      }
}
