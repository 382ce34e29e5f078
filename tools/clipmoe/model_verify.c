/* clipmoe model verify: whether a checkpoint works on this processor as it should. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <base/plain.h>
#include "common.h"
#include "model_commands.h"

#define WIDTH 160
#define HEIGHT 120
#define MAX_DIFFERENCE 2e-5
#define MIN_COSINE 0.99999

typedef struct {
  guint passed, failed;
} Count;

G_GNUC_PRINTF (3, 4)
static void
check (Count *count, gboolean ok, const char *format, ...) {
  va_list args;
  va_start (args, format);
  printf ("%-6s  ", ok ? "ok" : "failed");
  vprintf (format, args);
  putchar ('\n');
  va_end (args);
  if (ok)
    count->passed++;
  else
    count->failed++;
}

/* A picture with edges, ramps and texture, from whole numbers alone. */
static guint8 *
picture (void) {
  guint8 *rgb = g_malloc ((gsize)WIDTH * HEIGHT * 3);
  for (guint y = 0; y < HEIGHT; y++)
    for (guint x = 0; x < WIDTH; x++)
      for (guint c = 0; c < 3; c++)
        rgb[(y * WIDTH + x) * 3 + c] =
            (guint8)(x * 7 + y * 13 + c * 61 + x * y / 3 + (x / 5 + y / 4) % 2 * 90);
  return rgb;
}

/* Vectors of the picture and of a text, one after the other; NULL with @error. Free with g_free(). */
static float *
encode (ClipmoeModel *m, const char *tier, guint threads, char **ran, Count *count, GError **error) {
  /* The tier is chosen when the encoder is made. No other thread of this command reads the environment. */
  char *before = g_strdup (g_getenv ("CLIPMOE_CPU"));
  if (tier)
    g_setenv ("CLIPMOE_CPU", tier, TRUE);
  ClipmoeEncoderOptions options = {
      .struct_size = sizeof options, .precision = CLIPMOE_PRECISION_F32, .threads = threads};
  ClipmoeEncoder *encoder = clipmoe_encoder_new (m, &options, error);
  if (before)
    g_setenv ("CLIPMOE_CPU", before, TRUE);
  else
    g_unsetenv ("CLIPMOE_CPU");
  g_free (before);
  if (!encoder)
    return NULL;
  GError *damage = NULL;
  if (!clipmoe_encoder_check_packed (encoder, &damage)) {
    check (count, FALSE, "%s", damage->message);
    g_error_free (damage);
    clipmoe_encoder_free (encoder);
    return encode (m, tier, threads, ran, count, error); /* packs them again */
  }
  if (ran)
    *ran = g_strdup (clipmoe_encoder_get_tier (encoder));
  guint embed = clipmoe_model_get_info (m)->embed;
  float *out = g_new (float, 2 * (gsize)embed);
  guint8 *rgb = picture ();
  ClipmoeImage view = {.struct_size = sizeof view,
                       .format = CLIPMOE_FORMAT_RGB,
                       .width = WIDTH,
                       .height = HEIGHT,
                       .planes = {rgb},
                       .strides = {WIDTH * 3},
                       .sizes = {(gsize)WIDTH * HEIGHT * 3}};
  const char *words = "a photo of two dogs near a red car.";
  const ClipmoeModelInfo *info = clipmoe_model_get_info (m);
  memset (out, 0, 2 * (gsize)embed * sizeof *out);
  if ((info->image->layers && !clipmoe_encoder_encode_images (encoder, &view, 1, CLIPMOE_GEOMETRY_CROP,
                                                              CLIPMOE_ORIENTATION_IDENTITY, out, error)) ||
      (info->text->layers && !clipmoe_encoder_encode_texts (encoder, &words, 1, out + embed, NULL, error)))
    g_clear_pointer (&out, g_free);
  g_free (rgb);
  clipmoe_encoder_free (encoder);
  return out;
}

static void
compare (Count *count, const char *what, const char *tier, const float *a, const float *b, guint n) {
  double worst = 0, dot = 0, aa = 0, bb = 0;
  for (guint i = 0; i < n; i++) {
    worst = fmax (worst, fabs ((double)a[i] - b[i]));
    dot += (double)a[i] * b[i];
    aa += (double)a[i] * a[i];
    bb += (double)b[i] * b[i];
  }
  double cosine = dot / sqrt (aa * bb);
  check (count, worst <= MAX_DIFFERENCE && cosine >= MIN_COSINE,
         "%s: %s against generic: largest difference %.2g, cosine %.7f", what, tier, worst, cosine);
  check (count, fabs (sqrt (aa) - 1) <= 1e-5, "%s: vector of length %.7f", what, sqrt (aa));
}

static void
verify (ClipmoeModel *m, Count *count, GError **error) {
  const ClipmoeModelInfo *i = clipmoe_model_get_info (m);
  guint n = i->embed;
  char *path = clipmoe_plain (i->path, -1);
  check (count, TRUE, "opens: %s, %s, stored as %s", path, i->layout, i->dtype);
  g_free (path);
  check (count, strlen (i->fingerprint) == 64, "fingerprint %s", i->fingerprint);
  check (count, TRUE, "all %" G_GUINT64_FORMAT " weights are finite", i->parameters);
  if (i->text->layers)
    check (count, TRUE, "vocabulary of %u tokens fits",
           clipmoe_tokenizer_get_vocab_size (clipmoe_model_get_tokenizer (m)));
  char *tier = NULL;
  float *one = encode (m, NULL, 1, &tier, count, error),
        *two = one ? encode (m, NULL, 2, NULL, count, error) : NULL,
        *plain = two ? encode (m, "generic", 2, NULL, count, error) : NULL;
  if (plain) {
    if (i->image->layers)
      compare (count, "picture", tier, one, plain, n);
    if (i->text->layers)
      compare (count, "text", tier, one + n, plain + n, n);
    check (count, memcmp (one, two, 2 * (gsize)n * sizeof *one) == 0,
           "the same bytes with 1 thread and with 2");
  }
  g_free (one);
  g_free (two);
  g_free (plain);
  g_free (tier);
}

/* Whether encoders find a verdict from now on. */
static gboolean
is_kept (ClipmoeModel *m) {
  ClipmoeEncoderOptions options = {
      .struct_size = sizeof options, .precision = CLIPMOE_PRECISION_AUTO, .threads = 1};
  ClipmoeEncoder *encoder = clipmoe_encoder_new (m, &options, NULL);
  gboolean kept = encoder && !clipmoe_encoder_lacks_verdict (encoder);
  clipmoe_encoder_free (encoder);
  return kept;
}

static void
measure (ClipmoeModel *m, Count *count, GError **error) {
  static const char *const names[] = {"auto", "f32", "half", "int8"};
  fprintf (stderr, "clipmoe: measuring f32, half and int8 on one thread\n");
  ClipmoeVerdict *verdict = clipmoe_precision_measure (m, NULL, error);
  if (!verdict)
    return;
  const char *name = names[clipmoe_verdict_get_precision (verdict)];
  printf ("\nprecision   ms a picture   cosine to f32: mean   worst\n");
  for (guint i = 0; i < clipmoe_verdict_get_n_figures (verdict); i++) {
    const ClipmoePrecisionFigures *f = clipmoe_verdict_get_figures (verdict, i);
    if (f->measured)
      printf ("%-9s   %12.2f   %19.5f   %.5f%s\n", names[f->precision], f->ms_per_image, f->mean, f->worst,
              f->faithful ? "" : "   not faithful enough");
    else
      printf ("%-9s   these kernels have none\n", names[f->precision]);
  }
  clipmoe_verdict_free (verdict);
  if (is_kept (m)) {
    printf ("verdict     precision=auto is %s from now on\n\n", name);
    return;
  }
  printf ("verdict     %s, but it could not be kept: precision=auto is f32 as before\n\n", name);
  check (count, FALSE, "the cache folder keeps the verdict");
}

int
clipmoe_cmd_model_verify (int argc, char **argv) {
  ClipmoeModelArguments a = {.read_all = TRUE};
  gboolean precision = FALSE;
  const GOptionEntry entries[] = {CLIPMOE_MODEL_ENTRIES (a),
                                  {"precision", 0, 0, G_OPTION_ARG_NONE, &precision,
                                   "Also measure f32, half and int8, and keep the verdict for precision=auto",
                                   NULL},
                                  {NULL}};
  char **rest = NULL;
  int r = clipmoe_parse (argc, argv, "clipmoe model verify",
                         "[PATH] — test a checkpoint on this processor; without PATH, the default model",
                         "Exit status 0 when every check is ok, else 1.\n\nExamples:\n"
                         "  clipmoe model verify my-clip/\n"
                         "  clipmoe model verify --precision my-clip/\n",
                         entries, &rest);
  if (r)
    return r == 2 ? 2 : 0;
  if ((r = clipmoe_take_model ("model verify", rest, &a)))
    return r;
  GError *error = NULL;
  Count count = {0};
  ClipmoeModel *m = clipmoe_open_model (&a, FALSE, &error);
  if (m)
    verify (m, &count, &error);
  if (m && precision && !error && !count.failed)
    measure (m, &count, &error);
  clipmoe_model_unref (m);
  clipmoe_model_arguments_clear (&a);
  if (error)
    return clipmoe_fail (error);
  printf ("%u ok, %u failed\n", count.passed, count.failed);
  if (count.failed)
    fprintf (stderr, "clipmoe: %u of %u checks failed\n", count.failed, count.passed + count.failed);
  return count.failed ? 1 : 0;
}
