/* A few channels of real towers are many times larger than the rest. A row has one scale in int8, so they
 * would take the bits of all others. Therefore each channel is divided by a factor and its weights are
 * multiplied by it, such that both sides carry the same part of the load; and where the product is still too
 * far from that of f32, the matrix stays in 16 bits. Both are decided from what a generated picture or text
 * does in f32. */
#include "calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "../kernels/pool.h"
#include "../encoder/memory.h"
#include "../encoder/precision.h"

/* Relative error of one product up to which it may be int8. Where weights have seven bits all of them err,
 * and so each one may err less. */
#define ERROR_MOST 0.03
#define ERROR_MOST_OF_7 0.019
#define WORTH 0.75
/* Rows on which the error is measured. */
#define SAMPLE 28
/* Rows that say something about channels. */
#define FEW 12

typedef struct {
  ClipmoeEncoder probe; /* the encoder with a tower of f32 */
  ClipmoePackedTower *f32;
  const ClipmoeTowerPlan *plan;
  GArray *from, *to; /* ClipmoePackedSource of both towers, same order */
  ClipmoeCalibration *found;
  gboolean *done;
  gpointer block; /* the f32 weights of one block */
  gsize n_block;
  gpointer trial; /* one matrix of int8 */
  gsize n_trial;
  /* a sample of rows: as floats, quantised, results of both */
  float *rows, *scales, *exact, *coarse, *factors, *largest;
  gpointer quantised;
} Calibration;

static gsize
index_of (const Calibration *c, const ClipmoePackedMatrix *matrix) {
  gsize i = 0;
  while (g_array_index (c->from, ClipmoePackedSource, i).matrix != matrix)
    i++;
  return i;
}

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
  cm_product_run (c->plan->kernels, c->plan->threads, &p);
  p.matrix = packed;
  p.a = c->quantised;
  p.a_lines = packed_lines;
  p.a_scales = c->scales;
  p.out = c->coarse;
  cm_product_run (c->plan->kernels, c->plan->threads, &p);
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
try (Calibration *c, gsize i, const ClipmoePackedMatrix *f32, const float *factors, guint n) {
  ClipmoePackedSource s = g_array_index (c->to, ClipmoePackedSource, i);
  ClipmoePackedMatrix packed;
  s.matrix = &packed;
  s.factors = factors;
  cm_matrix_map (&packed, s.format, s.out, s.in, c->trial);
  clipmoe_packed_source_pack (&s, c->plan->threads);
  return error_of (c, f32, &packed, n);
}

/* What evens out channels of which activations reach up to largest[]; powers would do, too, but need not. */
static void
even_out (Calibration *c, const ClipmoePackedSource *s) {
  for (gsize k = 0; k < s->in; k++) {
    float weight = 0;
    for (gsize o = 0; o < s->out; o++)
      weight = MAX (weight, fabsf (s->weights[o * s->row + k * s->column]));
    float factor = sqrtf (weight / c->largest[k]);
    c->factors[k] = factor > 1e-6f && factor < 1e6f ? factor : 1;
  }
}

static void
observe (gpointer data, const ClipmoePackedMatrix *matrix, const ClipmoeRows *rows, const float *a,
         gsize a_lines) {
  Calibration *c = data;
  gsize i = index_of (c, matrix), lines = cm_lines (matrix->in, CM_LINE), stride;
  const ClipmoePackedSource *s = &g_array_index (c->to, ClipmoePackedSource, i);
  guint n = (guint)MIN (rows->n, SAMPLE);
  ClipmoeRows sample = cm_rows (n, matrix->format->rows);
  if (c->done[i] || !rows->n || s->format->weights != CM_I8)
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
  even_out (c, s);
  double error = try (c, i, matrix, c->factors, n), as_it_is = try (c, i, matrix, NULL, n);
  /* what one picture shows is not the whole truth: factors must be worth it */
  if (rows->n >= FEW && error < WORTH * as_it_is)
    c->found->factors[i] = g_memdup2 (c->factors, s->in * sizeof (float));
  else
    error = as_it_is;
  if (!(error <= (s->format->weight_range < 127 ? ERROR_MOST_OF_7 : ERROR_MOST))) {
    c->found->formats[i] = CLIPMOE_ARITHMETIC_HALF;
    g_clear_pointer (&c->found->factors[i], g_free);
  }
  c->done[i] = TRUE;
}

/* Matrices of f32 for one block. */
static void
next_block (gpointer data, guint block) {
  Calibration *c = data;
  const ClipmoePackedBlock *b = &c->f32->blocks[block];
  gsize first = index_of (c, &b->in_proj), at = 0,
        n = 2 + 2 * clipmoe_architecture_ffns (c->f32->tower, block);
  for (gsize i = first; i < first + n; i++) {
    const ClipmoePackedSource *s = &g_array_index (c->from, ClipmoePackedSource, i);
    cm_matrix_map (s->matrix, s->format, s->out, s->in, (char *)c->block + at);
    clipmoe_packed_source_pack (s, c->plan->threads);
    at += cm_matrix_bytes (s->format, s->out, s->in);
  }
}

/* Waves, an edge and noise in each channel. */
static float *
picture (guint side) {
  float *pixels = g_try_new (float, 3 * (gsize)side * side);
  guint64 state = 1;
  for (guint c = 0; pixels && c < 3; c++)
    for (guint y = 0; y < side; y++)
      for (guint x = 0; x < side; x++) {
        state = state * G_GUINT64_CONSTANT (6364136223846793005) + 1442695040888963407u;
        double u = (double)x / side, v = (double)y / side, noise = (double)(state >> 33) / (1u << 30) - 1;
        pixels[((gsize)c * side + y) * side + x] =
            (float)(sin ((5 + 9 * c) * u + 3 * v) * cos ((17 - 5 * c) * v * u) + (u > 0.4 + 0.1 * c) * 0.8 -
                    0.4 + (u + v > 1 ? 0.5 : 0.1) * noise);
      }
  return pixels;
}

static gboolean
probe (Calibration *c, GError **error) {
  ClipmoeEncoder *e = &c->probe;
  const ClipmoeModelInfo *info = &e->model->info;
  float *out = g_new (float, info->embed);
  gboolean ok;
  if (c->plan->first_in) {
    float *pixels = picture (info->image_size);
    ok = pixels && clipmoe_encoder_encode_pixels (e, pixels, 1, out, error);
    g_free (pixels);
  } else {
    guint n = MIN (info->context, 48);
    guint32 ids[48];
    for (guint i = 0; i < n; i++)
      ids[i] = (guint32)(((guint64)i * 2654435761u + 7) % (info->vocab_size - 1));
    ids[n - 1] = info->vocab_size - 1;
    ok = clipmoe_encoder_encode_tokens (e, ids, &n, 1, out, error);
  }
  g_free (out);
  return ok;
}

static gboolean
allocate (Calibration *c) {
  gsize block = 0, widest_in = 0, widest_out = 0;
  for (guint i = 0; i < c->f32->tower->layers; i++) {
    const ClipmoePackedBlock *b = &c->f32->blocks[i];
    gsize first = index_of (c, &b->in_proj), n = 2 + 2 * clipmoe_architecture_ffns (c->f32->tower, i),
          bytes = 0;
    for (gsize j = first; j < first + n; j++) {
      const ClipmoePackedSource *s = &g_array_index (c->from, ClipmoePackedSource, j);
      bytes += cm_matrix_bytes (s->format, s->out, s->in);
    }
    block = MAX (block, bytes);
  }
  for (gsize i = 0; i < c->to->len; i++) {
    const ClipmoePackedSource *s = &g_array_index (c->to, ClipmoePackedSource, i);
    gsize bytes = cm_matrix_bytes (s->format, s->out, s->in);
    if (!bytes)
      return FALSE;
    c->n_trial = MAX (c->n_trial, bytes);
    widest_in = MAX (widest_in, s->in);
    widest_out = MAX (widest_out, s->out);
  }
  gsize in = (widest_in + 2 * CM_MAX_COLUMNS) * sizeof (float) / 64 * 64;
  gsize out = (widest_out + 2 * CM_MAX_COLUMNS) * sizeof (float) / 64 * 64;
  c->n_block = block;
  c->block = clipmoe_pages (block);
  c->trial = clipmoe_pages (c->n_trial);
  c->rows = aligned_alloc (64, SAMPLE * in);
  c->quantised = aligned_alloc (64, SAMPLE * in);
  c->exact = aligned_alloc (64, SAMPLE * out);
  c->coarse = aligned_alloc (64, SAMPLE * out);
  c->factors = aligned_alloc (64, in);
  c->largest = aligned_alloc (64, in);
  c->scales = aligned_alloc (64, 256);
  c->done = g_new0 (gboolean, c->to->len);
  return c->block && c->trial && c->rows && c->quantised && c->exact && c->coarse && c->factors &&
         c->largest && c->scales;
}

static void
free_all (Calibration *c) {
  clipmoe_packed_tower_clear (c->f32);
  if (c->block)
    munmap (c->block, c->n_block);
  if (c->trial)
    munmap (c->trial, c->n_trial);
  free (c->rows);
  free (c->quantised);
  free (c->exact);
  free (c->coarse);
  free (c->factors);
  free (c->largest);
  free (c->scales);
  g_free (c->done);
  g_array_unref (c->from);
  g_array_unref (c->to);
}

ClipmoeCalibration *
clipmoe_calibrate (ClipmoeEncoder *encoder, ClipmoePackedTower *tower, const ClipmoeTowerPlan *plan) {
  ClipmoeTowerPlan exact = *plan;
  exact.precision = CLIPMOE_PRECISION_F32;
  if (plan->first_in) { /* one picture */
    exact.rows /= exact.sequences;
    exact.sequences = 1;
  }
  Calibration c = {.probe = *encoder, .plan = plan, .found = g_new0 (ClipmoeCalibration, 1)};
  c.probe.batch = 1;
  c.f32 = plan->first_in ? &c.probe.image : &c.probe.text;
  ClipmoeObserver observer = {&c, next_block, observe};
  gboolean ok = clipmoe_packed_tower_init (c.f32, &exact);
  c.from = clipmoe_packed_tower_list (c.f32, &exact);
  c.to = clipmoe_packed_tower_list (tower, plan);
  clipmoe_packed_tower_borrow_vectors (c.f32, &exact);
  c.f32->observer = &observer;
  /* whatever no row comes to stays as it is */
  c.found->n = c.to->len;
  c.found->formats = g_malloc (c.found->n);
  clipmoe_packed_tower_formats (tower, plan, c.found->formats);
  c.found->factors = g_new0 (float *, c.found->n);
  ok = ok && allocate (&c);
  /* what stands outside of blocks is small */
  gpointer outside = NULL;
  gsize n_outside = 0, at = 0;
  for (gsize i = 0; i < c.from->len && ok; i += c.from->len - 1) {
    const ClipmoePackedSource *s = &g_array_index (c.from, ClipmoePackedSource, i);
    n_outside += cm_matrix_bytes (s->format, s->out, s->in);
  }
  ok = ok && (outside = clipmoe_pages (n_outside)) != NULL;
  for (gsize i = 0; i < c.from->len && ok; i++) {
    const ClipmoePackedSource *s = &g_array_index (c.from, ClipmoePackedSource, i);
    if (s->matrix != &c.f32->first && s->matrix != &c.f32->projection)
      continue;
    cm_matrix_map (s->matrix, s->format, s->out, s->in, (char *)outside + at);
    clipmoe_packed_source_pack (s, plan->threads);
    at += cm_matrix_bytes (s->format, s->out, s->in);
  }
  GError *error = NULL;
  if (ok && !probe (&c, &error))
    g_clear_error (&error); /* weights that give no vector: encoding says so */
  if (outside)
    munmap (outside, n_outside);
  free_all (&c);
  if (!ok)
    g_clear_pointer (&c.found, clipmoe_calibration_free);
  return c.found;
}

static gboolean
beyond (const ClipmoePackedSource *s) {
  float largest = 0;
  for (gsize i = 0; i < s->out * s->in; i++)
    largest = MAX (largest, fabsf (s->weights[i]));
  return largest > 65504;
}

ClipmoeCalibration *
clipmoe_calibrate_range (ClipmoePackedTower *tower, const ClipmoeTowerPlan *plan) {
  GArray *all = clipmoe_packed_tower_list (tower, plan);
  ClipmoeCalibration *found = g_new0 (ClipmoeCalibration, 1);
  guint n = 0;
  found->n = all->len;
  found->formats = g_malloc (all->len);
  found->factors = g_new0 (float *, all->len);
  clipmoe_packed_tower_formats (tower, plan, found->formats);
  for (guint i = 0; i < all->len; i++) {
    const ClipmoePackedSource *s = &g_array_index (all, ClipmoePackedSource, i);
    if (s->format->weights == CM_F16 && beyond (s)) {
      found->formats[i] = CLIPMOE_ARITHMETIC_F32;
      n++;
    }
  }
  g_array_unref (all);
  if (!n)
    g_clear_pointer (&found, clipmoe_calibration_free);
  return found;
}

void
clipmoe_calibration_free (ClipmoeCalibration *self) {
  for (guint i = 0; i < self->n; i++)
    g_free (self->factors[i]);
  g_free (self->factors);
  g_free (self->formats);
  g_free (self);
}
