/* clipmoe bench: how fast this machine looks at pictures and reads words, with a model or with an
 * architecture whose weights are made from a seed. */
#include <base/jsontext.h>
#include <clipmoe/version.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <base/random.h>
#include "../common.h"
#include "../program.h"
#include "frames.h"
#include "measure.h"
#include "products.h"
#include "seeded.h"

#define WARM_UP 0.3 /* s: caches, clock and memory come to rest */
#define PROMPT 8    /* tokens of a usual prompt, start and end among them */
#define MAX_BATCH 1024

static const char about[] =
    "Examples:\n"
    "  clipmoe bench                                     the default model\n"
    "  clipmoe bench --arch ViT-B-32 --threads 1         a published architecture, weights from a seed\n"
    "  clipmoe bench --arch ViT-B-32-moe --batch 8 --json\n"
    "  clipmoe bench --model my-clip/\n\n"
    "Measures the image tower on pictures that are ready, the products of its weights by themselves, the "
    "text tower\n"
    "on prompts of 8 tokens, and what makes frames ready, by format and size, on one thread. Times are "
    "medians of\n"
    "the calls, with the tenth and ninetieth of a hundred beside them. GFLOP/s of a picture counts its "
    "nominal work,\n"
    "as if nothing were left out. Run nothing else meanwhile.\n";

typedef struct {
  ClipmoeModelArguments model;
  char *arch, *precision;
  int batch;
  double seconds;
  gboolean json;
} Arguments;

typedef struct {
  const ClipmoeModelInfo *info;
  const char *id, *tier, *precision;
  guint threads, batch;
  double open, ready,
      first; /* ms; open is NaN where no file was read; first: all up to the first embedding */
  ClipmoeTimes image, products, text;
  double image_gflop, products_gflop; /* of a call with products */
  double limit;                       /* Gop/s of one core, in the same run; 0: not known */
  double best;                        /* ms of the products at the limit; 0: not known */
  GArray *frames;                     /* of ClipmoeFrameTimes */
  double peak_mib;
} Result;

/* Multiply-adds times two of one tower: @t rows, blocks of which some are mixtures. */
static double
tower_work (const ClipmoeTowerInfo *i, double t, guint top_k, guint embed) {
  double d = i->width, f = i->ffn_width, k = MIN (top_k, i->experts);
  double block = 8 * t * d * d + 4 * t * t * d, ffn = 4 * t * d * f;
  return i->layers * block + (i->layers - i->moe_layers) * ffn +
         i->moe_layers * (k * ffn + 2 * t * d * i->experts) + 2 * d * embed;
}

static double
image_work (const ClipmoeModelInfo *i) {
  guint grid = i->image_size / i->patch_size;
  double n = (double)grid * grid, p = i->patch_size;
  return tower_work (i->image, n + 1, i->top_k, i->embed) + 6 * n * p * p * i->image->width;
}

typedef struct {
  ClipmoeEncoder *encoder;
  guint batch;
  float *pixels, *out;
  guint32 ids[PROMPT];
  guint length;
  ClipmoeProducts *products;
} Work;

static gboolean
look (gpointer data, GError **error) {
  Work *w = data;
  return clipmoe_encoder_encode_pixels (w->encoder, w->pixels, w->batch, w->out, error);
}

static gboolean
multiply (gpointer data, GError **error) {
  clipmoe_products_run (((Work *)data)->products);
  return TRUE;
}

static gboolean
read_prompt (gpointer data, GError **error) {
  Work *w = data;
  return clipmoe_encoder_encode_tokens (w->encoder, w->ids, &w->length, 1, w->out, error);
}

/* Normalised pixels as of a picture, of no kind that a shortcut could use; the same ones every time. */
static void
fill (Work *w, const ClipmoeModelInfo *i) {
  gsize n = (gsize)w->batch * 3 * i->image_size * i->image_size;
  ClipmoeRandom random = {1};
  for (gsize j = 0; j < n; j++)
    w->pixels[j] = (float)(4 * clipmoe_random_uniform (&random) - 2);
  w->length = i->text->layers ? MIN (PROMPT, i->context) : 0;
  for (guint j = 0; j < w->length; j++) /* the largest id ends a text */
    w->ids[j] = j + 1 == w->length ? i->vocab_size - 1 : clipmoe_random_below (&random, i->vocab_size - 1);
}

static gboolean
measure_products (const Arguments *a, Result *r, Work *w, GError **error) {
  if (!(w->products = clipmoe_products_new (w->encoder, w->batch, error)))
    return FALSE;
  r->products_gflop = clipmoe_products_get_gflop (w->products);
  gboolean ok = clipmoe_measure (multiply, w, WARM_UP, MIN (a->seconds, 1), &r->products, error);
  r->best = clipmoe_products_measure_best (w->products);
  clipmoe_products_free (w->products);
  return ok;
}

static gboolean
measure (const Arguments *a, Result *r, ClipmoeEncoder *encoder, GError **error) {
  const ClipmoeModelInfo *i = r->info;
  if (!i->image->layers) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
                 "%s: the text tower alone, and the speed of pictures is measured: expected an image tower",
                 i->path);
    return FALSE;
  }
  Work w = {.encoder = encoder, .batch = r->batch};
  w.pixels = g_try_new (float, (gsize)r->batch * 3 * i->image_size * i->image_size);
  w.out = g_try_new (float, (gsize)r->batch * i->embed);
  gboolean ok = w.pixels && w.out;
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "no memory for %u pictures", r->batch);
  else
    fill (&w, i);
  double begun = clipmoe_now ();
  ok = ok && clipmoe_encoder_encode_pixels (encoder, w.pixels, 1, w.out, error);
  r->first = (isfinite (r->open) ? r->open : 0) + r->ready + clipmoe_now () - begun;
  clipmoe_cache_wait (); /* what was packed is written now, not beside what is timed */
  ok = ok && clipmoe_measure (look, &w, WARM_UP, a->seconds, &r->image, error);
  r->limit = ok ? clipmoe_encoder_measure_limit (encoder) : 0;
  ok = ok && measure_products (a, r, &w, error) &&
       (!i->text->layers || clipmoe_measure (read_prompt, &w, WARM_UP, MIN (a->seconds, 1), &r->text, error));
  g_free (w.pixels);
  g_free (w.out);
  r->image_gflop = image_work (i) / 1e9;
  struct rusage usage;
  if (getrusage (RUSAGE_SELF, &usage) == 0)
    r->peak_mib = (double)usage.ru_maxrss / 1024;
  return ok && (r->frames = clipmoe_bench_frames (i, error));
}

static void
json_number (GString *out, const char *name, double value, const char *format) {
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (out, ",\"%s\":%s", name,
                          isfinite (value) ? g_ascii_formatd (text, sizeof text, format, value) : "null");
}

static void
json_spread (GString *out, const char *name, double low, double high) {
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf (out, ",\"%s\":[%s,%s]", name, g_ascii_formatd (a, sizeof a, "%.4f", low),
                          g_ascii_formatd (b, sizeof b, "%.4f", high));
}

/* Of the limit of as many cores as threads ran. */
static double
share (const Result *r) {
  return r->image_gflop * r->batch / (r->image.median / 1e3) / (r->limit * r->threads);
}

static double
products_rate (const Result *r) {
  return 1e3 * r->products_gflop / r->products.median;
}

static void
json_frames (GString *out, const GArray *frames) {
  for (guint i = 0; i < frames->len; i++) {
    const ClipmoeFrameTimes *f = &g_array_index (frames, ClipmoeFrameTimes, i);
    g_string_append_printf (out, "%s{\"format\":\"%s\",\"width\":%u,\"height\":%u", i ? "," : "", f->format,
                            f->width, f->height);
    json_number (out, "ms", f->times.median, "%.4f");
    json_spread (out, "ms_p10_p90", f->times.low, f->times.high);
    g_string_append_c (out, '}');
  }
}

static void
print_json (GString *out, const Result *r) {
  double n = r->batch;
  g_string_append (out, "{\"schema\":\"clipmoe.bench/1\",\"version\":\"" CLIPMOE_VERSION "\",\"model\":");
  clipmoe_json_string (out, r->id);
  g_string_append_printf (out, ",\"tier\":\"%s\",\"precision\":\"%s\",\"threads\":%u,\"batch\":%u", r->tier,
                          r->precision, r->threads, r->batch);
  json_number (out, "ms_per_image", r->image.median / n, "%.4f");
  json_spread (out, "ms_per_image_p10_p90", r->image.low / n, r->image.high / n);
  g_string_append_printf (out, ",\"calls\":%u", r->image.calls);
  json_number (out, "images_per_second", 1e3 * n / r->image.median, "%.3f");
  json_number (out, "gflop_per_image", r->image_gflop, "%.4f");
  json_number (out, "gflop_per_second", 1e3 * r->image_gflop * n / r->image.median, "%.2f");
  json_number (out, "limit_gflop_per_second", r->limit > 0 ? r->limit * r->threads : NAN, "%.1f");
  json_number (out, "share_of_limit", r->limit > 0 ? share (r) : NAN, "%.4f");
  json_number (out, "products_gflop_per_second", products_rate (r), "%.2f");
  json_spread (out, "products_gflop_per_second_p10_p90", 1e3 * r->products_gflop / r->products.high,
               1e3 * r->products_gflop / r->products.low);
  json_number (out, "products_share_of_limit", r->best > 0 ? r->best / r->products.median : NAN, "%.4f");
  json_number (out, "ms_per_prompt", r->info->text->layers ? r->text.median : NAN, "%.4f");
  if (r->info->text->layers)
    json_spread (out, "ms_per_prompt_p10_p90", r->text.low, r->text.high);
  json_number (out, "open_ms", r->open, "%.1f");
  json_number (out, "ready_ms", r->ready, "%.1f");
  json_number (out, "first_embedding_ms", r->first, "%.1f");
  json_number (out, "peak_mib", r->peak_mib, "%.1f");
  g_string_append (out, ",\"preprocess\":[");
  json_frames (out, r->frames);
  g_string_append (out, "]}\n");
}

G_GNUC_PRINTF (3, 4)
static void
line (GString *out, const char *name, const char *format, ...) {
  va_list args;
  va_start (args, format);
  g_string_append_printf (out, "%-12s ", name);
  g_string_append_vprintf (out, format, args);
  g_string_append_c (out, '\n');
  va_end (args);
}

/* A line a size. */
static void
print_frames (GString *out, const GArray *frames) {
  for (guint i = 0, next; i < frames->len; i = next) {
    const ClipmoeFrameTimes *f = &g_array_index (frames, ClipmoeFrameTimes, i);
    GString *formats = g_string_new (NULL);
    for (next = i; next < frames->len; next++) {
      const ClipmoeFrameTimes *one = &g_array_index (frames, ClipmoeFrameTimes, next);
      if (one->height != f->height)
        break;
      g_string_append_printf (formats, "%s %s %.2f", next == i ? "" : ",", one->format, one->times.median);
    }
    line (out, "preprocess", "%4u x %4u, ms:%s", f->width, f->height, formats->str);
    g_string_free (formats, TRUE);
  }
}

static void
print_table (GString *out, const Result *r) {
  const ClipmoeModelInfo *i = r->info;
  double n = r->batch;
  line (out, "model", "%s, %.1f M parameters, %.1f M active a token", r->id, (double)i->parameters / 1e6,
        (double)i->active_parameters / 1e6);
  line (out, "runs as", "%s, %s, %u thread%s, batch %u", r->tier, r->precision, r->threads,
        r->threads == 1 ? "" : "s", r->batch);
  line (out, "image", "%.2f ms (%.2f to %.2f, %u calls), %.1f images/s", r->image.median / n,
        r->image.low / n, r->image.high / n, r->image.calls, 1e3 * n / r->image.median);
  line (out, "work", "%.2f GFLOP an image, %.1f GFLOP/s", r->image_gflop,
        1e3 * r->image_gflop * n / r->image.median);
  if (r->limit > 0)
    line (out, "limit", "%.0f GFLOP/s of these instructions on %u core%s now: %.0f %% of it reached",
          r->limit * r->threads, r->threads, r->threads == 1 ? "" : "s", 100 * share (r));
  if (r->best > 0)
    line (out, "products", "%.1f GFLOP/s (%.1f to %.1f) by themselves: %.0f %% of their instructions' limit",
          products_rate (r), 1e3 * r->products_gflop / r->products.high,
          1e3 * r->products_gflop / r->products.low, 100 * r->best / r->products.median);
  if (i->text->layers)
    line (out, "prompt", "%.2f ms (%.2f to %.2f), %u tokens", r->text.median, r->text.low, r->text.high,
          MIN (PROMPT, i->context));
  if (isfinite (r->open))
    line (out, "open", "%.0f ms to read and check the file", r->open);
  line (out, "ready", "%.0f ms to make it ready to run", r->ready);
  line (out, "first", "%.0f ms from %s to the first embedding", r->first,
        isfinite (r->open) ? "the file" : "weights in memory");
  line (out, "memory", "%.0f MiB at its peak", r->peak_mib);
  print_frames (out, r->frames);
}

/* What the system can give without taking it from others, in bytes; 0 = it does not say. */
static double
available (void) {
  char *text = NULL;
  double kib = 0;
  if (g_file_get_contents ("/proc/meminfo", &text, NULL, NULL)) {
    const char *at = strstr (text, "MemAvailable:");
    if (at)
      kib = g_ascii_strtod (at + strlen ("MemAvailable:"), NULL);
  }
  g_free (text);
  return kib * 1024;
}

/* Parameters in blocks, which are nearly all of a large model. */
static double
tower_size (const ClipmoeSeededTower *t) {
  double d = t->width, f = t->ffn_width;
  return t->layers * (4 * d * d + MAX (t->experts, 1) * 2 * d * f);
}

/* Said before the system would have to kill somebody: weights as they are and packed, as f32. */
static gboolean
affordable (const ClipmoeSeededShape *s, GError **error) {
  double needed =
             2 * sizeof (float) *
             (tower_size (&s->image) + tower_size (&s->text) + (double)s->vocab_size * s->text.width / 2),
         there = available ();
  if (there > 0 && needed > there)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: needs %.1f GiB of memory, %.1f are free",
                 s->name, needed / (1 << 30), there / (1 << 30));
  return there <= 0 || needed <= there;
}

static ClipmoeModel *
get_model (const Arguments *a, Result *r, GError **error) {
  double begun = clipmoe_now ();
  ClipmoeModel *m = NULL;
  r->open = NAN;
  if (a->arch) {
    ClipmoeSeededShape shape;
    if (clipmoe_seeded_shape_find (a->arch, &shape, error) && affordable (&shape, error)) {
      if (a->model.experts > 0 && shape.top_k)
        shape.top_k = (guint)a->model.experts;
      m = clipmoe_seeded_model_new (&shape, 1, error);
    }
  } else {
    m = clipmoe_open_model_anyhow (&a->model, error);
    r->open = clipmoe_now () - begun;
  }
  return m;
}

static int
bench (const Arguments *a, ClipmoePrecision precision) {
  GError *error = NULL;
  Result r = {.batch = (guint)a->batch};
  ClipmoeModel *m = get_model (a, &r, &error);
  ClipmoeEncoderOptions options = {.struct_size = sizeof options,
                                   .precision = precision,
                                   .threads = (guint)a->model.threads,
                                   .batch = (guint)a->batch};
  double begun = clipmoe_now ();
  ClipmoeEncoder *encoder = m ? clipmoe_encoder_new (m, &options, &error) : NULL;
  r.ready = clipmoe_now () - begun;
  GString *out = g_string_new (NULL);
  int status = 1;
  if (encoder) {
    r.info = clipmoe_model_get_info (m);
    /* the id of a checkpoint depends on its vocabulary: without, it would be the id of another model */
    r.id = a->arch || clipmoe_model_get_tokenizer (m) || !r.info->text->layers ? r.info->id : r.info->name;
    r.tier = clipmoe_encoder_get_tier (encoder);
    r.precision = clipmoe_encoder_get_precision (encoder);
    r.threads = clipmoe_encoder_get_threads (encoder);
    if (measure (a, &r, encoder, &error)) {
      (a->json ? print_json : print_table) (out, &r);
      status = clipmoe_print (out);
    }
  }
  if (error)
    status = clipmoe_fail (error);
  g_string_free (out, TRUE);
  g_clear_pointer (&r.frames, g_array_unref);
  clipmoe_encoder_free (encoder);
  clipmoe_model_unref (m);
  return status;
}

static int
run (int argc, char **argv) {
  Arguments a = {.batch = 1, .seconds = 3};
  const GOptionEntry entries[] = {
      {"arch", 0, 0, G_OPTION_ARG_STRING, &a.arch,
       "ViT-B-32, ViT-B-16, ViT-L-14, ViT-L-14-336, or one of these with -moe behind it (2 of 4 experts)",
       "NAME"},
      CLIPMOE_MODEL_ENTRIES (a.model),
      {"batch", 0, 0, G_OPTION_ARG_INT, &a.batch, "Pictures in a call; default 1", "N"},
      {"precision", 0, 0, G_OPTION_ARG_STRING, &a.precision, "Arithmetic: " CLIPMOE_PRECISION_NAMES, "NAME"},
      {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &a.seconds, "How long to measure pictures; default 3", "S"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &a.json, "One JSON object on a line instead of the table", NULL},
      {NULL}};
  char **rest = NULL;
  ClipmoePrecision precision = CLIPMOE_PRECISION_AUTO;
  int r = clipmoe_parse (argc, argv, "clipmoe bench", "— how fast this machine runs a model", about, entries,
                         &rest);
  gboolean help = r == 1;
  if (r) {
    r = help ? 0 : 2;
  } else if (rest[0]) {
    r = clipmoe_usage ("bench", "expected no arguments, but --model or --arch");
  } else if (a.arch && a.model.model) {
    r = clipmoe_usage ("bench", "expected one of --arch and --model");
  } else if (a.batch < 1 || a.batch > MAX_BATCH) {
    r = clipmoe_usage ("bench", "--batch: expected 1 to 1024");
  } else if (!(a.seconds > 0 && a.seconds <= 3600)) {
    r = clipmoe_usage ("bench", "--seconds: expected more than 0, up to 3600");
  } else if (!clipmoe_parse_precision (a.precision, &precision)) {
    r = clipmoe_usage ("bench", "--precision: expected " CLIPMOE_PRECISION_NAMES);
  } else if (!(r = clipmoe_check ("bench", &a.model))) {
    r = bench (&a, precision);
  }
  g_free (a.arch);
  g_free (a.precision);
  clipmoe_model_arguments_clear (&a.model);
  g_strfreev (rest);
  return r;
}

int
main (int argc, char **argv) {
  return clipmoe_program (argc, argv, run);
}
