/* Measures the verdict of precision AUTO: every precision runs on generated pictures and texts. */
#include <clipmoe/precision.h>
#include <stdlib.h>
#include <time.h>
#include "../encoder/encoder-private.h"
#include "samples.h"
#include "verdict.h"

#define PICTURES 24
#define TEXTS 16
#define TEXT_LENGTH 20
/* A precision must take at most this part of the time of f32. */
#define WORTH 0.9

/* The thread's own seconds: other work on the machine does not count. */
static double
seconds (void) {
  struct timespec now;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
compare (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* Vectors of all pictures and texts, [PICTURES + TEXTS][embed]. FALSE: stopped, for which the caller has an
 * error, or @error. */
static gboolean
run (ClipmoeModel *model, ClipmoePrecision precision, const gint *stop, float *out, double *ms,
     GError **error) {
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  ClipmoeEncoderOptions options = {.struct_size = sizeof options, .precision = precision, .threads = 1};
  ClipmoeEncoder *encoder = clipmoe_encoder_new (model, &options, error);
  if (!encoder)
    return FALSE;
  clipmoe_encoder_keep_nothing (encoder); /* two of three will never be used */
  gsize embed = info->embed;
  double times[PICTURES], begun = 0;
  gboolean with_image = clipmoe_architecture_is_there (&model->image),
           with_text = clipmoe_architecture_is_there (&model->text);
  float *pixels = g_try_new (float, MAX (3 * (gsize)info->image_size * info->image_size, 1));
  guint32 ids[TEXTS * TEXT_LENGTH];
  guint lengths[TEXTS];
  gboolean ok = pixels != NULL;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for a picture", info->name);
  for (guint i = 0; with_image && i < PICTURES && ok && !g_atomic_int_get (stop); i++) {
    clipmoe_sample_scene (info, i, pixels);
    if (i == 0) /* finds cold caches */
      ok = clipmoe_encoder_encode_pixels (encoder, pixels, 1, out, error);
    double begin = seconds ();
    ok = ok && clipmoe_encoder_encode_pixels (encoder, pixels, 1, out + i * embed, error);
    times[i] = (seconds () - begin) * 1000;
  }
  if (with_text) {
    clipmoe_sample_texts (info, TEXTS, TEXT_LENGTH, ids, lengths);
    begun = seconds ();
    ok = ok && !g_atomic_int_get (stop) &&
         clipmoe_encoder_encode_tokens (encoder, ids, lengths, TEXTS, out + PICTURES * embed, error);
  }
  if (ok && !with_image) {
    *ms = (seconds () - begun) * 1000 / TEXTS; /* of texts, there are no pictures */
  } else if (ok) {
    qsort (times, PICTURES, sizeof *times, compare);
    *ms = times[PICTURES / 2];
  }
  g_free (pixels);
  clipmoe_encoder_free (encoder);
  return ok;
}

static void
judge (ClipmoePrecisionFigures *f, const float *exact, const float *found, gsize embed, double mean,
       double worst, gboolean with_image, gboolean with_text) {
  f->mean = f->worst = 1;
  for (guint tower = 0; tower < 2; tower++) {
    if (!(tower ? with_text : with_image))
      continue;
    guint first = tower ? PICTURES : 0, n = tower ? TEXTS : PICTURES;
    double sum = 0;
    for (guint i = first; i < first + n; i++) {
      double dot = 0;
      for (gsize j = 0; j < embed; j++)
        dot += (double)exact[i * embed + j] * found[i * embed + j];
      sum += dot;
      f->worst = MIN (f->worst, dot);
    }
    f->mean = MIN (f->mean, sum / n);
  }
  f->faithful = f->mean >= mean && f->worst >= worst;
}

struct _ClipmoeVerdict {
  ClipmoePrecision precision;
  ClipmoePrecisionFigures figures[3]; /* f32, half, int8 */
};

void
clipmoe_verdict_free (ClipmoeVerdict *self) {
  g_free (self);
}

ClipmoePrecision
clipmoe_verdict_get_precision (const ClipmoeVerdict *self) {
  return self->precision;
}

guint
clipmoe_verdict_get_n_figures (const ClipmoeVerdict *self) {
  return G_N_ELEMENTS (self->figures);
}

const ClipmoePrecisionFigures *
clipmoe_verdict_get_figures (const ClipmoeVerdict *self, guint i) {
  return i < G_N_ELEMENTS (self->figures) ? &self->figures[i] : NULL;
}

ClipmoeVerdict *
clipmoe_precision_measure (ClipmoeModel *model, const gint *stop, GError **error) {
  static const struct {
    ClipmoePrecision precision;
    double mean, worst; /* cosine to f32 */
  } bounds[] = {{CLIPMOE_PRECISION_HALF, 0.9995, 0.998}, {CLIPMOE_PRECISION_INT8, 0.995, 0.985}};
  static const gint never;
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  gsize embed = info->embed, all = (PICTURES + TEXTS) * embed;
  float *exact = g_new (float, all), *found = g_new (float, all);
  const ClipmoeKernels *kernels = clipmoe_kernels_choose (error);
  if (!stop)
    stop = &never;
  ClipmoeVerdict *self = g_new0 (ClipmoeVerdict, 1);
  ClipmoePrecisionFigures *figures = self->figures;
  figures[0] = (ClipmoePrecisionFigures){CLIPMOE_PRECISION_F32, TRUE, TRUE, 0, 1, 1};
  gboolean ok = kernels && run (model, CLIPMOE_PRECISION_F32, stop, exact, &figures[0].ms_per_image, error);
  const ClipmoePrecisionFigures *best = &figures[0];
  for (guint i = 0; i < G_N_ELEMENTS (bounds) && ok; i++) {
    ClipmoePrecisionFigures *f = &figures[i + 1];
    GError *why = NULL;
    f->precision = bounds[i].precision;
    ok = run (model, f->precision, stop, found, &f->ms_per_image, &why);
    f->measured = ok;
    if (ok) {
      judge (f, exact, found, embed, bounds[i].mean, bounds[i].worst,
             clipmoe_architecture_is_there (&model->image), clipmoe_architecture_is_there (&model->text));
      if (f->faithful && f->ms_per_image < WORTH * figures[0].ms_per_image &&
          f->ms_per_image < best->ms_per_image)
        best = f;
    } else if (g_error_matches (why, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED)) {
      g_clear_error (&why); /* these kernels have none: it is out */
      ok = TRUE;
    } else if (why) {
      g_propagate_error (error, why);
    }
  }
  if (ok) {
    self->precision = best->precision;
    char *sentence =
        best == figures
            ? g_strdup_printf (
                  "neither half nor int8 is both faster than f32 (%.1f ms) and as faithful as it "
                  "has to be",
                  figures[0].ms_per_image)
            : g_strdup_printf ("%.1f ms instead of %.1f, cosine to f32 %.5f on average and %.5f at worst",
                               best->ms_per_image, figures[0].ms_per_image, best->mean, best->worst);
    if (info->fingerprint && info->path)
      clipmoe_verdict_keep (model, kernels, self->precision, sentence);
    g_free (sentence);
  }
  if (!ok && g_atomic_int_get (stop) && error && !*error)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_STOPPED, "%s: measuring its precisions was stopped",
                 info->name);
  g_free (exact);
  g_free (found);
  if (!ok)
    g_clear_pointer (&self, clipmoe_verdict_free);
  return self;
}
