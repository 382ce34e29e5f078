/* What many streams cost on one engine. Prints a line a figure, with what it should be:
 *
 *   streams [--model NAME] [--precision f32|half|int8] [--seconds N]
 * [together|fair|flush|beside|regions|batch]...
 *
 * Weights are made up, and f32 without --precision. The figures:
 *
 * together   looks a second of 16 streams on one engine against 16 engines of one thread; and the same by the
 *            processor's time, which other programs on the machine change less
 * fair       looks of the slowest of 24 streams against its share, with the default model
 * flush      how long a stream that waits for a look takes to come out, and to let go of its mailbox, while
 *            ViT-L-14 encodes
 * regions    eight regions of a 1080p frame, cut out and encoded, against eight whole frames; median
 * batch      how long as many pictures as `together` has streams take, handed over at once; median
 * beside     what a look of one stream costs beside the encoder: handing over, coming back, scoring;
 *            median
 */
#include <bench/seeded.h>
#include <clipmoe/clipmoe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "engine/mailbox-private.h"
#include "stream/stream.h"

#define FEW 16
#define MANY 24

static void
must (gboolean ok, const GError *error) {
  if (ok)
    return;
  fprintf (stderr, "streams: %s\n", error ? error->message : "failed");
  exit (1);
}

static double
now (void) {
  return (double)g_get_monotonic_time () / 1e6;
}

static double
processor (void) {
  struct rusage u;
  getrusage (RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static ClipmoeModel *
make_model (const char *name) {
  ClipmoeSeededShape shape;
  GError *error = NULL;
  must (clipmoe_seeded_shape_find (name, &shape, &error), error);
  ClipmoeModel *model = clipmoe_seeded_model_new (&shape, 1, &error);
  must (model != NULL, error);
  return model;
}

static ClipmoePrecision precision = CLIPMOE_PRECISION_F32;

static ClipmoeEngine *
make_engine (ClipmoeModel *model, guint threads) {
  GError *error = NULL;
  ClipmoeEncoderOptions how = {.struct_size = sizeof how, .precision = precision, .threads = threads};
  ClipmoeEngine *engine = clipmoe_engine_new (model, &how, &error);
  must (engine != NULL, error);
  return engine;
}

static void
paint (ClipmoeEngine *engine, ClipmoeMailbox *box) {
  gsize side = clipmoe_engine_get_info (engine)->image_size;
  float *pixels = clipmoe_mailbox_get_request (box)->pixels;
  for (gsize i = 0; i < 3 * side * side; i++)
    pixels[i] = (float)(i % 255) / 128 - 1;
}

/* A stream that looks at one picture after the other. */
typedef struct {
  ClipmoeEngine *engine;
  gint *over; /* atomic */
  guint looks;
  pthread_t id;
} Stream;

static void *
look (void *data) {
  Stream *s = data;
  ClipmoeMailbox *box = clipmoe_mailbox_new (s->engine, 0, NULL, NULL, NULL, NULL);
  float *out = g_new (float, clipmoe_engine_get_info (s->engine)->embed);
  GError *error = NULL;
  paint (s->engine, box);
  must (clipmoe_mailbox_encode (box, out, &error), error); /* finds cold caches */
  while (!g_atomic_int_get (s->over)) {
    paint (s->engine, box);
    must (clipmoe_mailbox_encode (box, out, &error), error);
    s->looks++;
  }
  g_free (out);
  clipmoe_mailbox_free (box);
  return NULL;
}

/* All of @streams for so long; *per_look: processor time. Returns looks a second. */
static double
run (Stream *streams, guint n, double seconds, double *per_look) {
  gint over = 0;
  guint looks = 0;
  double begin = now (), used = processor ();
  for (guint i = 0; i < n; i++) {
    streams[i].over = &over;
    streams[i].looks = 0;
    must (pthread_create (&streams[i].id, NULL, look, &streams[i]) == 0, NULL);
  }
  g_usleep ((gulong)(seconds * 1e6));
  g_atomic_int_set (&over, TRUE);
  for (guint i = 0; i < n; i++) {
    pthread_join (streams[i].id, NULL);
    looks += streams[i].looks;
  }
  *per_look = (processor () - used) / (looks + n);
  return (looks + n) / (now () - begin);
}

static void
together (ClipmoeModel *model, double seconds) {
  Stream streams[FEW];
  double apart, one, apart_time, one_time;
  for (guint i = 0; i < FEW; i++)
    streams[i].engine = make_engine (model, 1);
  apart = run (streams, FEW, seconds, &apart_time);
  for (guint i = 0; i < FEW; i++)
    clipmoe_engine_unref (streams[i].engine);
  ClipmoeEngine *engine = make_engine (model, 0);
  for (guint i = 0; i < FEW; i++)
    streams[i].engine = engine;
  one = run (streams, FEW, seconds, &one_time);
  clipmoe_engine_unref (engine);
  printf ("together  %.1f looks/s on one engine, %.1f on %d: %.2f times as many (at least 1.25); processor "
          "time a "
          "look %.1f ms and %.1f: %.2f\n",
          one, apart, FEW, one / apart, one_time * 1e3, apart_time * 1e3, apart_time / one_time);
}

static void
fair (double seconds) {
  Stream streams[MANY];
  GError *error = NULL;
  ClipmoeModel *model = clipmoe_model_open (NULL, NULL, &error);
  must (model != NULL, error);
  ClipmoeEngine *engine = make_engine (model, 0);
  guint looks = 0, least = G_MAXUINT;
  double time;
  for (guint i = 0; i < MANY; i++)
    streams[i].engine = engine;
  run (streams, MANY, seconds * 2, &time);
  for (guint i = 0; i < MANY; i++) {
    looks += streams[i].looks;
    least = MIN (least, streams[i].looks);
  }
  clipmoe_engine_unref (engine);
  clipmoe_model_unref (model);
  printf ("fair      %u looks of %d streams, the slowest has %u: %.3f of its share (at least 0.9)\n", looks,
          MANY, least, (double)least * MANY / looks);
}

static double came_out;

static void *
wait_long (void *data) {
  ClipmoeMailbox *box = data;
  float out[4096];
  if (!clipmoe_mailbox_encode (box, out, NULL))
    came_out = now ();
  return NULL;
}

static void
flush (void) {
  ClipmoeModel *model = make_model ("ViT-L-14");
  ClipmoeEngine *engine = make_engine (model, 0);
  double worst = 0, worst_free = 0, look_takes;
  for (guint i = 0; i < 8; i++) {
    ClipmoeMailbox *box = clipmoe_mailbox_new (engine, 0, NULL, NULL, NULL, NULL);
    pthread_t id;
    paint (engine, box);
    must (pthread_create (&id, NULL, wait_long, box) == 0, NULL);
    g_usleep (100000); /* it is being encoded */
    double begin = now ();
    clipmoe_mailbox_set_flushing (box, TRUE);
    pthread_join (id, NULL);
    worst = MAX (worst, came_out - begin);
    begin = now ();
    clipmoe_mailbox_free (box);
    worst_free = MAX (worst_free, now () - begin);
  }
  ClipmoeMailbox *box = clipmoe_mailbox_new (engine, 0, NULL, NULL, NULL, NULL);
  float out[4096];
  paint (engine, box);
  clipmoe_mailbox_encode (box, out, NULL);
  look_takes = now ();
  clipmoe_mailbox_encode (box, out, NULL);
  look_takes = now () - look_takes;
  clipmoe_mailbox_free (box);
  clipmoe_engine_unref (engine);
  clipmoe_model_unref (model);
  printf ("flush     %.2f ms at worst, %.2f to let go, while a look of %.0f ms runs (at most 50)\n",
          worst * 1e3, worst_free * 1e3, look_takes * 1e3);
}

static int
compare (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* Cuts eight pictures out of @image, or takes all of it eight times, and encodes them together. */
static double
look_at_eight (ClipmoeMailbox *box, ClipmoePreprocessor *p, const ClipmoeImage *image, gsize picture,
               gboolean parts, guint round, float *out) {
  GError *error = NULL;
  double begin = now ();
  ClipmoeRequest *request = clipmoe_mailbox_get_requests (box, 8, &error);
  must (request != NULL, error);
  for (guint i = 0; i < 8; i++) {
    ClipmoeImage one = *image;
    if (parts) { /* persons and cars near and far, never the same size again */
      one.crop_width = 80 + 60 * i + round % 7;
      one.crop_height = 160 + 90 * i + round % 11;
      one.crop_x = 180 * i + round;
      one.crop_y = 8 * i + round;
    }
    must (clipmoe_preprocessor_run (p, &one, CLIPMOE_GEOMETRY_CROP, CLIPMOE_ORIENTATION_IDENTITY,
                                    request->pixels + i * picture, &error),
          error);
  }
  must (clipmoe_mailbox_encode (box, out, &error), error);
  return now () - begin;
}

static void
regions (ClipmoeModel *model) {
  enum { N = 21, WIDTH = 1920, HEIGHT = 1080 };
  ClipmoeEngine *engine = make_engine (model, 0);
  const ClipmoeModelInfo *info = clipmoe_engine_get_info (engine);
  ClipmoeMailbox *box = clipmoe_mailbox_new (engine, 0, NULL, NULL, NULL, NULL);
  ClipmoePreprocessor *p = clipmoe_preprocessor_new (info->image_size, info->mean, info->std);
  guint8 *planes = g_malloc (WIDTH * HEIGHT * 3 / 2);
  for (gsize i = 0; i < WIDTH * HEIGHT * 3 / 2; i++)
    planes[i] = (guint8)(16 + i * i % 219);
  ClipmoeImage image = {.struct_size = sizeof image,
                        .format = CLIPMOE_FORMAT_NV12,
                        .width = WIDTH,
                        .height = HEIGHT,
                        .planes = {planes, planes + WIDTH * HEIGHT},
                        .strides = {WIDTH, WIDTH}};
  float *out = g_new (float, 8 * info->embed);
  double took[2][N];
  for (guint i = 0; i < N; i++)
    for (guint parts = 0; parts < 2; parts++)
      took[parts][i] =
          look_at_eight (box, p, &image, 3 * (gsize)info->image_size * info->image_size, parts != 0, i, out);
  for (guint parts = 0; parts < 2; parts++)
    qsort (took[parts], N, sizeof **took, compare);
  printf ("regions   eight regions %.1f ms, eight whole frames %.1f: %.3f (at most 1.15)\n",
          took[1][N / 2] * 1e3, took[0][N / 2] * 1e3, took[1][N / 2] / took[0][N / 2]);
  g_free (out);
  g_free (planes);
  clipmoe_preprocessor_free (p);
  clipmoe_mailbox_free (box);
  clipmoe_engine_unref (engine);
}

/* As many pictures as there are streams, of one request. */
static void
batch (ClipmoeModel *model) {
  enum { N = 21 };
  ClipmoeEngine *engine = make_engine (model, 0);
  const ClipmoeModelInfo *info = clipmoe_engine_get_info (engine);
  ClipmoeMailbox *box = clipmoe_mailbox_new (engine, 0, NULL, NULL, NULL, NULL);
  gsize picture = 3 * (gsize)info->image_size * info->image_size;
  float *out = g_new (float, FEW * info->embed);
  double took[N];
  GError *error = NULL;
  for (guint i = 0; i < N; i++) {
    ClipmoeRequest *request = clipmoe_mailbox_get_requests (box, FEW, &error);
    must (request != NULL, error);
    for (gsize j = 0; j < FEW * picture; j++)
      request->pixels[j] = (float)(j % 255) / 128 - 1;
    double begin = now ();
    must (clipmoe_mailbox_encode (box, out, &error), error);
    took[i] = now () - begin;
  }
  qsort (took, N, sizeof *took, compare);
  printf ("batch     %.1f ms for %d pictures\n", took[N / 2] * 1e3, FEW);
  g_free (out);
  clipmoe_mailbox_free (box);
  clipmoe_engine_unref (engine);
}

/* In the encoder's place: it takes no time. */
static void
encode_nothing (gpointer data, guint lane, const float *const *pixels, guint n, float *out, GError **errors) {
  memcpy (out, data, n * sizeof (float));
}

static void
beside (void) {
  enum { N = 20001 };
  static double took[N];
  static const char *const templates[] = {"a photo of a {}.", NULL};
  GError *error = NULL;
  ClipmoeEngine *engine = clipmoe_engine_open (NULL, NULL, NULL, &error);
  must (engine != NULL, error);
  GPtrArray *names =
      clipmoe_label_list_parse ("a dog,a cat,a bus,a street,a person,a tree,a boat,a horse", &error);
  ClipmoeLabels *labels = clipmoe_engine_make_labels (engine, names, NULL, templates, &error);
  must (labels != NULL, error);
  guint embed = clipmoe_engine_get_info (engine)->embed;
  float *out = g_new0 (float, embed), one = 1;
  ClipmoeScheduler *scheduler = clipmoe_scheduler_new (1, 1, embed, encode_nothing, &one, NULL);
  ClipmoeMailbox *box = clipmoe_mailbox_new_at (scheduler, 16, 0, NULL, NULL, NULL, NULL);
  ClipmoeStream *stream = clipmoe_stream_new ();
  for (guint i = 0; i < N; i++) {
    ClipmoeStreamFrame frame = {.time = i * G_GUINT64_CONSTANT (1000000000),
                                .labels = labels,
                                .rules = {.threshold = 0.1, .top_k = 5}};
    if (i % 16 == 0)
      g_usleep (1000); /* the scheduler's thread sleeps, as it does between frames */
    double begin = now ();
    must (clipmoe_mailbox_encode (box, out, &error), error);
    ClipmoeStreamLook *found = clipmoe_stream_add (stream, out, embed, &frame);
    took[i] = now () - begin;
    clipmoe_stream_look_unref (found);
  }
  qsort (took, N, sizeof *took, compare);
  printf ("beside    %.1f µs at the median, %.1f of the quickest tenth (at most 20)\n", took[N / 2] * 1e6,
          took[N / 10] * 1e6);
  g_free (out);
  clipmoe_stream_free (stream);
  clipmoe_mailbox_free (box);
  clipmoe_scheduler_end (scheduler);
  clipmoe_labels_unref (labels);
  g_ptr_array_unref (names);
  clipmoe_engine_unref (engine);
}

int
main (int argc, char **argv) {
  char *model_name = NULL, *precision_name = NULL, **figures = NULL;
  double seconds = 10;
  GError *error = NULL;
  GOptionEntry entries[] = {
      {"model", 0, 0, G_OPTION_ARG_STRING, &model_name,
       "An architecture as `clipmoe bench` names it (ViT-B-32)", "NAME"},
      {"precision", 0, 0, G_OPTION_ARG_STRING, &precision_name, "What the engines encode with (f32)",
       "f32|half|int8"},
      {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &seconds, "How long each figure is measured (10)", "N"},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &figures, NULL, NULL},
      {NULL}};
  GOptionContext *context = g_option_context_new ("[together|fair|flush|beside|regions|batch]...");
  g_option_context_add_main_entries (context, entries, NULL);
  must (g_option_context_parse (context, &argc, &argv, &error), error);
  if (g_strcmp0 (precision_name, "half") == 0) {
    precision = CLIPMOE_PRECISION_HALF;
  } else if (g_strcmp0 (precision_name, "int8") == 0) {
    precision = CLIPMOE_PRECISION_INT8;
  } else if (precision_name && strcmp (precision_name, "f32") != 0) {
    fprintf (stderr, "streams: --precision=%s: expected f32, half or int8\n", precision_name);
    return 2;
  }
  setvbuf (stdout, NULL, _IOLBF, 0);
#define ASKED(NAME) (!figures || g_strv_contains ((const char *const *)figures, NAME))
  if (ASKED ("beside"))
    beside ();
  if (ASKED ("together")) {
    ClipmoeModel *model = make_model (model_name ? model_name : "ViT-B-32");
    together (model, seconds);
    clipmoe_model_unref (model);
  }
  if (ASKED ("regions")) {
    ClipmoeModel *model = make_model (model_name ? model_name : "ViT-B-32");
    regions (model);
    clipmoe_model_unref (model);
  }
  if (ASKED ("batch")) {
    ClipmoeModel *model = make_model (model_name ? model_name : "ViT-B-32");
    batch (model);
    clipmoe_model_unref (model);
  }
  if (ASKED ("fair"))
    fair (seconds);
  if (ASKED ("flush"))
    flush ();
  g_option_context_free (context);
  g_strfreev (figures);
  g_free (model_name);
  return 0;
}
