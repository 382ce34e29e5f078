/* A few channels of real towers are many times larger than the others. A row has one scale in int8, so they
 * would take the bits of all others. Therefore each channel is divided by a factor and its weights are
 * multiplied by it, so that both sides share the range evenly; and where the product is still too far from
 * that of f32, the matrix stays in 16 bits. Both are decided from a run in f32 on a generated picture or
 * text. */
#include "calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "../encoder/memory.h"
#include "../encoder/pack.h"
#include "../encoder/probe.h"
#include "samples.h"

/* Relative error of one product up to which it may be int8. Where weights have seven bits all of them err,
 * and so each one may err less. */
#define ERROR_MOST 0.03
#define ERROR_MOST_OF_7 0.019
/* Factors must bring the error below this part of what it is without them. */
#define WORTH 0.75
/* Rows on which the error is measured. */
#define SAMPLE 28
/* Fewer rows say nothing about channels. */
#define FEW 12
/* The largest number of a 16-bit float with 5 bits of exponent. */
#define F16_MOST 65504

typedef struct {
  const ClipmoeModel *model;
  const ClipmoeSchema *schema;
  guint threads;
  guint8 *arithmetics; /* by matrix: what was found */
  float **factors;
  gboolean *done;
  gpointer trial; /* one matrix of int8 */
  gsize n_trial;
  /* a sample of rows: as floats, quantised, results of both */
  float *rows, *scales, *exact, *coarse, *channel_factors, *largest;
  gpointer quantised;
} Calibration;

/* Of the sampled rows, f32 against the matrix just packed. */
static double
error_of (Calibration *c, const ClipmoePackedMatrix *f32, const ClipmoePackedMatrix *packed, guint n) {
  ClipmoeRows rows = cm_rows (n, packed->format->rows);
  gsize lines = cm_lines (packed->in, CM_LINE), packed_lines = packed->lines;
  for (guint t = 0; t < rows.tiles; t++) {
    gsize first = cm_tile_first (&rows, t), tile = cm_tile_rows (&rows, t);
    packed->format->pack ((unsigned)tile, packed->in, c->rows + first * lines * CM_LINE, CM_LINE,
                          tile * CM_LINE, packed->factors,
                          (char *)c->quantised + first * packed_lines * CM_LINE_BYTES, tile * CM_LINE_BYTES,
                          c->scales + first);
  }
  gsize out_lines =
      MAX (f32->panels * f32->format->columns, packed->panels * packed->format->columns) / CM_LINE;
  ClipmoeProduct p = {.matrix = f32,
                      .rows = rows,
                      .a = c->rows,
                      .a_lines = lines,
                      .result = CM_STORE,
                      .out = c->exact,
                      .out_lines = out_lines};
  cm_product_run (c->schema->kernels, c->threads, &p);
  p.matrix = packed;
  p.a = c->quantised;
  p.a_lines = packed_lines;
  p.a_scales = c->scales;
  p.out = c->coarse;
  cm_product_run (c->schema->kernels, c->threads, &p);
  double wrong = 0, all = 0;
  for (gsize i = 0; i < n; i++)
    for (gsize o = 0, stride; o < packed->out; o++) {
      gsize at = cm_row_at (&rows, i, out_lines, &stride);
      at = (at + o / CM_LINE * stride) * CM_LINE + o % CM_LINE;
      double exact = c->exact[at] - f32->bias[o], d = (double)c->coarse[at] - c->exact[at];
      wrong += d * d;
      all += exact * exact;
    }
  return all > 0 ? sqrt (wrong / all) : 0;
}

/* The error of int8 weights of matrix @i with these factors on @n sampled rows. */
static double
try (Calibration *c, guint i, const ClipmoePackedMatrix *f32, const float *factors, guint n) {
  const ClipmoeMatrixEntry *e = &c->schema->matrices[i];
  ClipmoeMatrixSource from = clipmoe_matrix_source (c->model, c->schema, i);
  ClipmoePackedMatrix packed;
  cm_matrix_map (&packed, e->gemm, e->out, e->in, c->trial);
  clipmoe_pack_matrix (&packed, &from, factors, c->threads);
  return error_of (c, f32, &packed, n);
}

/* Factors that even out channels whose activations reach up to largest[]. */
static void
even_out (Calibration *c, guint i) {
  const ClipmoeMatrixEntry *e = &c->schema->matrices[i];
  ClipmoeMatrixSource from = clipmoe_matrix_source (c->model, c->schema, i);
  for (gsize k = 0; k < e->in; k++) {
    float weight = 0;
    for (gsize o = 0; o < e->out; o++)
      weight = MAX (weight, fabsf (from.weights[o * from.row + k * from.column]));
    float factor = sqrtf (weight / c->largest[k]);
    c->channel_factors[k] = factor > 1e-6f && factor < 1e6f ? factor : 1;
  }
}

/* A ClipmoeProbeFunc. */
static void
observe (gpointer data, guint i, const ClipmoePackedMatrix *matrix, const ClipmoeRows *rows, const float *a,
         gsize a_lines) {
  Calibration *c = data;
  const ClipmoeMatrixEntry *e = &c->schema->matrices[i];
  gsize lines = cm_lines (matrix->in, CM_LINE), stride;
  guint n = (guint)MIN (rows->n, SAMPLE);
  ClipmoeRows sample = cm_rows (n, matrix->format->rows);
  if (c->done[i] || !rows->n || e->gemm->weights != CM_I8)
    return;
  memset (c->largest, 0, matrix->in * sizeof (float));
  for (gsize r = 0; r < rows->n; r++) {
    const float *row = a + cm_row_at (rows, r, a_lines, &stride) * CM_LINE;
    for (gsize k = 0; k < matrix->in; k++)
      c->largest[k] = MAX (c->largest[k], fabsf (row[k / CM_LINE * stride * CM_LINE + k % CM_LINE]));
  }
  for (guint r = 0; r < n; r++) { /* spread over all rows */
    gsize to_stride, to = cm_row_at (&sample, r, lines, &to_stride);
    const float *row = a + cm_row_at (rows, r * rows->n / n, a_lines, &stride) * CM_LINE;
    for (gsize l = 0; l < lines; l++)
      memcpy (c->rows + (to + l * to_stride) * CM_LINE, row + l * stride * CM_LINE, CM_LINE_BYTES);
  }
  even_out (c, i);
  double error = try (c, i, matrix, c->channel_factors, n), as_it_is = try (c, i, matrix, NULL, n);
  /* one picture does not show everything: factors must be worth it */
  if (rows->n >= FEW && error < WORTH * as_it_is)
    c->factors[i] = g_memdup2 (c->channel_factors, e->in * sizeof (float));
  else
    error = as_it_is;
  if (!(error <= (e->gemm->weight_range < 127 ? ERROR_MOST_OF_7 : ERROR_MOST))) {
    c->arithmetics[i] = CLIPMOE_ARITHMETIC_HALF;
    g_clear_pointer (&c->factors[i], g_free);
  }
  c->done[i] = TRUE;
}

static gboolean
allocate (Calibration *c) {
  gsize widest_in = 0, widest_out = 0;
  for (guint i = 0; i < c->schema->n_matrices; i++) {
    const ClipmoeMatrixEntry *e = &c->schema->matrices[i];
    if (!e->bytes)
      return FALSE;
    c->n_trial = MAX (c->n_trial, e->bytes);
    widest_in = MAX (widest_in, e->in);
    widest_out = MAX (widest_out, e->out);
  }
  gsize in = (widest_in + 2 * (gsize)CM_MAX_COLUMNS) * sizeof (float) / 64 * 64;
  gsize out = (widest_out + 2 * (gsize)CM_MAX_COLUMNS) * sizeof (float) / 64 * 64;
  c->trial = clipmoe_pages (c->n_trial);
  c->rows = aligned_alloc (64, SAMPLE * in);
  c->quantised = aligned_alloc (64, SAMPLE * in);
  c->exact = aligned_alloc (64, SAMPLE * out);
  c->coarse = aligned_alloc (64, SAMPLE * out);
  c->channel_factors = aligned_alloc (64, in);
  c->largest = aligned_alloc (64, in);
  c->scales = aligned_alloc (64, 256);
  c->done = g_new0 (gboolean, c->schema->n_matrices);
  return c->trial && c->rows && c->quantised && c->exact && c->coarse && c->channel_factors && c->largest &&
         c->scales;
}

static void
free_all (Calibration *c) {
  if (c->trial)
    munmap (c->trial, c->n_trial);
  free (c->rows);
  free (c->quantised);
  free (c->exact);
  free (c->coarse);
  free (c->channel_factors);
  free (c->largest);
  free (c->scales);
  g_free (c->done);
}

/* Runs the probe. FALSE: no memory. */
static gboolean
probe (Calibration *c, const ClipmoeKernels *kernels) {
  if (c->schema->kind == CLIPMOE_TOWER_TEXT) {
    guint32 ids[CLIPMOE_SAMPLE_TOKENS];
    guint n = clipmoe_sample_words (&c->model->info, ids);
    return clipmoe_probe_text (c->model, kernels, c->threads, ids, n, observe, c);
  }
  gsize side = c->model->image.side;
  float *pixels = g_try_new (float, 3 * side * side);
  if (!pixels)
    return FALSE;
  clipmoe_sample_waves ((guint)side, pixels);
  gboolean ok = clipmoe_probe_image (c->model, kernels, c->threads, pixels, observe, c);
  g_free (pixels);
  return ok;
}

/* 16-bit floats: matrices with numbers that these do not hold stay in f32. */
static void
check_range (Calibration *c) {
  for (guint i = 0; i < c->schema->n_matrices; i++) {
    const ClipmoeMatrixEntry *e = &c->schema->matrices[i];
    const float *weights = clipmoe_matrix_source (c->model, c->schema, i).weights;
    float largest = 0;
    if (e->gemm->weights != CM_F16)
      continue;
    for (gsize k = 0; k < e->out * e->in; k++)
      largest = MAX (largest, fabsf (weights[k]));
    if (largest > F16_MOST)
      c->arithmetics[i] = CLIPMOE_ARITHMETIC_F32;
  }
}

gboolean
clipmoe_calibrate (const ClipmoeModel *model, ClipmoeRecipe *recipe, ClipmoeTowerKind kind) {
  ClipmoeSchema *schema = recipe->schemas[kind];
  gboolean ok = TRUE;
  if (!schema->n_matrices) /* no such tower */
    return TRUE;
  /* what no row comes to stays as it is */
  Calibration c = {.model = model,
                   .schema = schema,
                   .threads = recipe->threads,
                   .arithmetics = g_new (guint8, schema->n_matrices),
                   .factors = g_new0 (float *, schema->n_matrices)};
  recipe->factors[kind] = c.factors;
  clipmoe_schema_get_arithmetics (schema, c.arithmetics);
  if (schema->precision == CLIPMOE_PRECISION_INT8)
    ok = allocate (&c) && probe (&c, recipe->kernels);
  else
    check_range (&c);
  clipmoe_schema_set_arithmetics (schema, c.arithmetics);
  free_all (&c);
  g_free (c.arithmetics);
  return ok;
}
