#include "verdict.h"

#include <clipmoe/precision.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../base/cache.h"
#include "../encoder/cachekey.h"
#include "../encoder/encoder-private.h"
#include "../kernels/choose.h"

#define FIRST_LINE "clipmoe-verdict 2"
#define PICTURES 24
#define TEXTS 16
#define TEXT_LENGTH 20
/* A precision is worth it from there on. */
#define WORTH 0.9

static const char *const names[] = {
    [CLIPMOE_PRECISION_F32] = "f32", [CLIPMOE_PRECISION_HALF] = "half", [CLIPMOE_PRECISION_INT8] = "int8"};

/* What the system says of the first processor that tells it from other kinds. */
static char *
processor (void) {
  static const char *const kept[] = {
      "vendor_id",        "cpu family",  "model",    "model name",   "stepping", "CPU implementer",
      "CPU architecture", "CPU variant", "CPU part", "CPU revision", NULL};
  char *text = NULL, *end;
  GString *name = g_string_new (NULL);
  if (g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL)) {
    if ((end = strstr (text, "\n\n")))
      *end = 0;
    char **lines = g_strsplit (text, "\n", -1);
    for (char **line = lines; *line; line++) {
      char **parts = g_strsplit (*line, ":", 2);
      if (parts[0] && parts[1] && g_strv_contains (kept, g_strstrip (parts[0])))
        g_string_append_printf (name, "%s=%s\n", parts[0], g_strstrip (parts[1]));
      g_strfreev (parts);
    }
    g_strfreev (lines);
  }
  g_free (text);
  return g_string_free (name, FALSE);
}

/* Other kernels and processors may share the folder. */
static char *
key_of (const ClipmoeModel *model, const ClipmoeKernels *kernels) {
  char *cpu = processor (), *more = g_strdup_printf (FIRST_LINE "\n%s", cpu);
  char *key = clipmoe_cache_key (model, kernels, more);
  g_free (more);
  g_free (cpu);
  return key;
}

gboolean
clipmoe_verdict_find (const ClipmoeModel *model, const ClipmoeKernels *kernels, ClipmoePrecision *precision,
                      char **why) {
  char *key = key_of (model, kernels), *name = clipmoe_cache_name (CLIPMOE_CACHE_VERDICT, key);
  char *text = clipmoe_cache_read (name), **lines = text ? g_strsplit (text, "\n", -1) : NULL;
  gboolean ok = FALSE;
  /* the whole key, for the name holds a part of it */
  if (lines && g_strv_length (lines) == 5 && g_str_equal (lines[0], FIRST_LINE) &&
      g_str_equal (lines[1], key))
    for (guint i = CLIPMOE_PRECISION_F32; i <= CLIPMOE_PRECISION_INT8 && !ok; i++)
      if (g_str_equal (lines[2], names[i])) {
        *precision = (ClipmoePrecision)i;
        *why = g_strdup (lines[3]);
        ok = TRUE;
      }
  g_strfreev (lines);
  g_free (text);
  g_free (name);
  g_free (key);
  return ok;
}

static void
keep (const ClipmoeModel *model, const ClipmoeKernels *kernels, ClipmoePrecision precision, const char *why) {
  char *key = key_of (model, kernels), *name = clipmoe_cache_name (CLIPMOE_CACHE_VERDICT, key);
  char *text = g_strdup_printf (FIRST_LINE "\n%s\n%s\n%s\n", key, names[precision], why);
  clipmoe_cache_write (CLIPMOE_CACHE_VERDICT, name, text);
  g_free (text);
  g_free (name);
  g_free (key);
}

static double
uniform (guint64 *state) {
  *state = *state * G_GUINT64_CONSTANT (6364136223846793005) + 1442695040888963407u;
  return (double)(*state >> 33) / (double)(G_GUINT64_CONSTANT (1) << 31);
}

/* A picture as a camera might give one: a background that changes slowly, discs and bars with edges, texture,
 * noise. */
static void
paint (const ClipmoeModelInfo *info, guint which, float *pixels) {
  guint64 state = which * 7919 + 11;
  guint side = info->image_size;
  double colour[3][4], wave[4], disc[4][4], noise = 0.15 * uniform (&state);
  for (guint c = 0; c < 3; c++)
    for (guint i = 0; i < 4; i++)
      colour[c][i] = uniform (&state);
  for (guint i = 0; i < 4; i++)
    wave[i] = 40 * uniform (&state) * uniform (&state);
  for (guint i = 0; i < 4; i++)
    for (guint k = 0; k < 4; k++)
      disc[i][k] = uniform (&state);
  for (guint c = 0; c < 3; c++)
    for (guint y = 0; y < side; y++)
      for (guint x = 0; x < side; x++) {
        double u = (double)x / side, v = (double)y / side, value = colour[c][0] * (1 - v) + colour[c][1] * v;
        value +=
            0.2 * (colour[c][2] - 0.5) * sin (wave[0] * u + wave[1] * v) * cos (wave[2] * u - wave[3] * v);
        for (guint i = 0; i < 4; i++) {
          double dx = u - disc[i][0], dy = v - disc[i][1], r = 0.05 + 0.3 * disc[i][2];
          gboolean inside = i % 2 ? fabs (dx) < r && fabs (dy) < r / 2 : dx * dx + dy * dy < r * r;
          if (inside)
            value = 0.3 * value + 0.7 * fmod (colour[c][3] + disc[i][3] * (c + 1), 1);
        }
        value += noise * (uniform (&state) - 0.5);
        value = CLAMP (value, 0, 1);
        pixels[((gsize)c * side + y) * side + x] = ((float)value - info->mean[c]) / info->std[c];
      }
}

/* Texts of any words, each ended as texts are. */
static void
write_texts (const ClipmoeModelInfo *info, guint32 *ids, guint *lengths) {
  guint64 state = 5;
  for (guint t = 0; t < TEXTS; t++) {
    guint n = MIN (4 + t, MIN (TEXT_LENGTH, info->context));
    for (guint i = 0; i < n; i++)
      *ids++ = (guint32)(uniform (&state) * (info->vocab_size - 2));
    ids[-1] = info->vocab_size - 1; /* the largest one ends a text */
    lengths[t] = n;
  }
}

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
  double times[PICTURES];
  float *pixels = g_try_new (float, 3 * (gsize)info->image_size * info->image_size);
  guint32 ids[TEXTS * TEXT_LENGTH];
  guint lengths[TEXTS];
  gboolean ok = pixels != NULL;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: no memory for a picture", info->name);
  for (guint i = 0; i < PICTURES && ok && !g_atomic_int_get (stop); i++) {
    paint (info, i, pixels);
    if (i == 0) /* finds cold caches */
      ok = clipmoe_encoder_encode_pixels (encoder, pixels, 1, out, error);
    double begin = seconds ();
    ok = ok && clipmoe_encoder_encode_pixels (encoder, pixels, 1, out + i * embed, error);
    times[i] = (seconds () - begin) * 1000;
  }
  write_texts (info, ids, lengths);
  ok = ok && !g_atomic_int_get (stop) &&
       clipmoe_encoder_encode_tokens (encoder, ids, lengths, TEXTS, out + PICTURES * embed, error);
  if (ok) {
    qsort (times, PICTURES, sizeof *times, compare);
    *ms = times[PICTURES / 2];
  }
  g_free (pixels);
  clipmoe_encoder_free (encoder);
  return ok;
}

static void
judge (ClipmoePrecisionFigures *f, const float *exact, const float *found, gsize embed, double mean,
       double worst) {
  f->mean = f->worst = 1;
  for (guint tower = 0; tower < 2; tower++) {
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
  const ClipmoeKernels *kernels =
      clipmoe_processor_get_tier (error) ? cm_kernels_get (g_getenv ("CLIPMOE_CPU"), NULL) : NULL;
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
      judge (f, exact, found, embed, bounds[i].mean, bounds[i].worst);
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
      keep (model, kernels, self->precision, sentence);
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
