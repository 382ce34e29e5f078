/* What a look costs behind the encoder: its embedding goes through the stream (cosines, smoothing, scores,
 * which labels are open, the finished look) and becomes a line of JSON; and what it costs to see that a
 * picture needs no look. Prints the median of many in microseconds.
 *
 *   build/tests/bench/stream [LOOKS] */
#include <clipmoe/labels.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <stream/lookjson.h>
#include <stream/still.h>
#include <stream/stream.h>
#include <string.h>
#include <time.h>

#define SECOND G_GINT64_CONSTANT (1000000000)

static double
now (void) {
  struct timespec t;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t); /* what others do on this machine does not count */
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
compare (const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double
median (double *values, guint n) {
  qsort (values, n, sizeof *values, compare);
  return values[n / 2];
}

static ClipmoeLabels *
make_labels (ClipmoeEncoder *encoder, guint n) {
  GString *text = g_string_new (NULL);
  GError *error = NULL;
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "thing %u;", i);
  GPtrArray *list = clipmoe_label_list_parse (text->str, &error);
  ClipmoeLabels *labels =
      list ? clipmoe_labels_new (encoder, list, NULL, (const char *const[]){"{}", NULL}, &error) : NULL;
  if (!labels)
    g_error ("%s", error->message);
  g_ptr_array_unref (list);
  g_string_free (text, TRUE);
  return labels;
}

static void
measure (ClipmoeEncoder *encoder, guint embed, guint n_labels, guint n_looks) {
  ClipmoeLabels *labels = make_labels (encoder, n_labels);
  ClipmoeStream *stream = clipmoe_stream_new ();
  GRand *random = g_rand_new_with_seed (1);
  float *embedding = g_new (float, embed);
  double *looks = g_new (double, n_looks), *lines = g_new (double, n_looks);
  for (guint i = 0; i < n_looks; i++) {
    double length = 0;
    for (guint j = 0; j < embed; j++) {
      embedding[j] = (float)g_rand_double_range (random, -1, 1);
      length += (double)embedding[j] * embedding[j];
    }
    for (guint j = 0; j < embed; j++)
      embedding[j] = (float)(embedding[j] / sqrt (length));
    ClipmoeStreamFrame frame = {.time = i * SECOND,
                                .labels = labels,
                                .rules = {.threshold = NAN, .smoothing = 2, .hold = 1, .top_k = 5}};
    double begin = now ();
    ClipmoeStreamLook *look = clipmoe_stream_add (stream, embedding, embed, &frame);
    double middle = now ();
    char *line = clipmoe_look_to_json (&look->look);
    lines[i] = now () - middle;
    looks[i] = middle - begin;
    g_free (line);
    clipmoe_stream_look_unref (look);
  }
  printf ("%u labels of %u floats: %.1f us a look, %.1f us its line of JSON with the embedding\n", n_labels,
          embed, median (looks, n_looks), median (lines, n_looks));
  g_free (looks);
  g_free (lines);
  g_free (embedding);
  g_rand_free (random);
  clipmoe_stream_free (stream);
  clipmoe_labels_unref (labels);
}

/* What a frame costs beside its preprocessing where `still-threshold` is set. The caches hold what was just
 * preprocessed, as they do then, and not what is remembered. */
static void
measure_still (guint side, guint n) {
  const gsize floats = 3 * (gsize)side * side, more = 64 << 20;
  ClipmoeStill *still = clipmoe_still_new (side, (const float[]){0.25f, 0.25f, 0.25f});
  float *picture = g_new0 (float, floats);
  char *other = g_malloc (more);
  double *compared = g_new (double, n), *kept = g_new (double, n);
  clipmoe_still_remember (still, picture, 0);
  for (guint i = 0; i < n; i++) {
    memset (other, (int)i, more);
    memset (picture, 0, floats * sizeof *picture);
    double begin = now ();
    gboolean same = clipmoe_still_is (still, picture, 0, 1, 0);
    double middle = now ();
    clipmoe_still_remember (still, picture, 0);
    kept[i] = now () - middle;
    compared[i] = middle - begin;
    if (!same)
      g_error ("the same picture is another one");
  }
  printf ("%u x %u pixels: %.1f us to see that nothing has changed, %.1f us to remember a picture\n", side,
          side, median (compared, n), median (kept, n));
  g_free (compared);
  g_free (kept);
  g_free (other);
  g_free (picture);
  clipmoe_still_free (still);
}

int
main (int argc, char **argv) {
  guint n_looks = argc > 1 ? (guint)strtoul (argv[1], NULL, 10) : 20000;
  GError *error = NULL;
  ClipmoeModel *model = clipmoe_model_open (NULL, NULL, &error);
  ClipmoeEncoder *encoder = model ? clipmoe_encoder_new (model, NULL, &error) : NULL;
  if (!encoder || !n_looks) {
    fprintf (stderr, "stream: %s\n", error ? error->message : "expected a number of looks");
    return 1;
  }
  measure (encoder, clipmoe_model_get_info (model)->embed, 20, n_looks);
  measure (encoder, clipmoe_model_get_info (model)->embed, 200, n_looks);
  measure_still (224, 200);
  measure_still (336, 200);
  clipmoe_encoder_free (encoder);
  clipmoe_model_unref (model);
  return 0;
}
