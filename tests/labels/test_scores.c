/* Checks label vectors (means of unit vectors, own prompts, negatives, the background row), the three scores
 * against plain formulas, the choice of the best, thresholds, smoothing; and all of it against the
 * reference. */
#include <math.h>
#include <string.h>
#include <glib/gstdio.h>
#include <clipmoe/labels.h>
#include "groups.h"
#include "checkpoint/checkpoint.h"

static ClipmoeEncoder *encoder; /* the default model's */
static guint embed;

static ClipmoeEncoder *
encoder_of (const char *model_path, const char *vocab) {
  GError *error = NULL;
  ClipmoeModelOptions options = {.struct_size = sizeof options, .vocab = vocab};
  ClipmoeModel *model = clipmoe_model_open (model_path, &options, &error);
  g_assert_no_error (error);
  ClipmoeEncoderOptions how = {.struct_size = sizeof how, .threads = 2};
  ClipmoeEncoder *made = clipmoe_encoder_new (model, &how, &error);
  g_assert_no_error (error);
  clipmoe_model_unref (model);
  return made;
}

static ClipmoeLabels *
labels_of (ClipmoeEncoder *e, GPtrArray *list, const char *negatives, const char *const *templates) {
  GError *error = NULL;
  GPtrArray *none = negatives ? clipmoe_label_list_parse (negatives, NULL) : NULL;
  ClipmoeLabels *labels = clipmoe_labels_new (e, list, none, templates, &error);
  g_assert_no_error (error);
  g_clear_pointer (&list, g_ptr_array_unref);
  g_clear_pointer (&none, g_ptr_array_unref);
  return labels;
}

static ClipmoeLabels *
simple (const char *words, const char *negatives) {
  static const char *const templates[] = {"a photo of a {}.", NULL};
  return labels_of (encoder, clipmoe_label_list_parse (words, NULL), negatives, templates);
}

/* Row @row is what the formula makes of @texts. */
static void
row_is (const ClipmoeLabels *labels, guint row, const char *const *texts) {
  double sum[1024] = {0}, length = 0;
  float one[1024];
  for (guint i = 0; texts[i]; i++) {
    double own = 0;
    g_assert_true (clipmoe_encoder_encode_texts (encoder, texts + i, 1, one, NULL, NULL));
    for (guint j = 0; j < embed; j++)
      own += (double)one[j] * one[j];
    g_assert_cmpfloat (fabs (own - 1), <, 1e-5);
    for (guint j = 0; j < embed; j++)
      sum[j] += one[j];
  }
  for (guint j = 0; j < embed; j++)
    length += sum[j] * sum[j];
  for (guint j = 0; j < embed; j++)
    g_assert_cmpfloat (fabs (clipmoe_labels_get_vector (labels, row)[j] - sum[j] / sqrt (length)), <, 1e-6);
}

static GPtrArray *
from_lines (const char *text) {
  char *path;
  int fd = g_file_open_tmp ("clipmoe-XXXXXX.txt", &path, NULL);
  g_assert_cmpint (fd, >=, 0);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  GPtrArray *list = clipmoe_label_list_load (path, NULL);
  g_assert_nonnull (list);
  g_remove (path);
  g_free (path);
  return list;
}

static void
vectors (void) {
  static const char *const templates[] = {"a photo of a {}.", "{} and {}", "{}", NULL};
  ClipmoeLabels *l =
      labels_of (encoder, from_lines ("dog\nmine = my own words\n{} @ 0.2\n"), "cat,bird", templates);
  g_assert_cmpuint (clipmoe_labels_get_n (l), ==, 3);
  g_assert_cmpuint (clipmoe_labels_get_n_negatives (l), ==, 2);
  g_assert_cmpuint (clipmoe_labels_get_n_rows (l), ==, 6);
  g_assert_cmpuint (clipmoe_labels_get_n_truncated (l), ==, 0);
  g_assert_cmpstr (clipmoe_labels_get (l, 1)->name, ==, "mine");
  g_assert_cmpstr (clipmoe_labels_get (l, 1)->prompt, ==, "my own words");
  g_assert_cmpfloat (clipmoe_labels_get (l, 2)->threshold, ==, 0.2);
  row_is (l, 0, (const char *const[]){"a photo of a dog.", "dog and dog", "dog", NULL});
  row_is (l, 1, (const char *const[]){"my own words", NULL}); /* no template */
  row_is (l, 2, (const char *const[]){"a photo of a {}.", "{} and {}", "{}", NULL});
  row_is (l, 3, (const char *const[]){"a photo of a cat.", "cat and cat", "cat", NULL});
  row_is (l, 4, (const char *const[]){"a photo of a bird.", "bird and bird", "bird", NULL});
  row_is (l, 5, (const char *const[]){"a photo.", "and", "", NULL}); /* templates filled with nothing */
  ClipmoeLabels *again = clipmoe_labels_ref (l);
  clipmoe_labels_unref (l);
  clipmoe_labels_unref (again);
  clipmoe_labels_unref (NULL);

  GString *many = g_string_new ("own = a dog\n"); /* more than are encoded at once */
  for (guint i = 0; i < 300; i++)
    g_string_append_printf (many, "dog %u\n", i);
  l = labels_of (encoder, from_lines (many->str), NULL, templates);
  g_string_free (many, TRUE);
  row_is (l, 0, (const char *const[]){"a dog", NULL});
  row_is (l, 1, (const char *const[]){"a photo of a dog 0.", "dog 0 and dog 0", "dog 0", NULL});
  row_is (l, 200, (const char *const[]){"a photo of a dog 199.", "dog 199 and dog 199", "dog 199", NULL});
  row_is (l, 300, (const char *const[]){"a photo of a dog 299.", "dog 299 and dog 299", "dog 299", NULL});
  row_is (l, 301, (const char *const[]){"a photo.", "and", "", NULL});
  clipmoe_labels_unref (l);

  static const char *const imagenet[] = {"a bad photo of the {}.", "itap of my {}.", NULL};
  l = labels_of (encoder, NULL, NULL, imagenet); /* no label: the background alone */
  g_assert_cmpuint (clipmoe_labels_get_n_rows (l), ==, 1);
  row_is (l, 0, (const char *const[]){"a bad photo.", "itap of my.", NULL});
  clipmoe_labels_unref (l);

  char *longer = g_strnfill (2000, 'z');
  l = simple (longer, NULL);
  g_assert_cmpuint (clipmoe_labels_get_n_truncated (l), ==, 1);
  clipmoe_labels_unref (l);
  g_free (longer);
}

/* A picture of one colour, which its name begins with; "bad..." is none. */
static gboolean
painted (const char *path, ClipmoeImage *image, gpointer *pixels, gpointer count, GError **error) {
  char *name = g_path_get_basename (path);
  gboolean ok = *name != 'b';
  guint8 *rgb = g_new0 (guint8, 8 * 6 * 3);
  for (guint i = *name == 'r' ? 0 : 1; i < 8 * 6 * 3; i += 3)
    rgb[i] = 255;
  *image = (ClipmoeImage){.struct_size = sizeof *image,
                          .format = CLIPMOE_FORMAT_RGB,
                          .width = 8,
                          .height = 6,
                          .planes = {rgb},
                          .strides = {8 * 3}};
  *pixels = ok ? rgb : NULL;
  if (!ok) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: gone", name);
    g_free (rgb);
  }
  ++*(guint *)count;
  g_free (name);
  return ok;
}

static void
add_unit (double *sum, const float *vector) {
  for (guint j = 0; j < embed; j++)
    sum[j] += vector[j];
}

static void
scale_to_one (double *sum) {
  double length = 0;
  for (guint j = 0; j < embed; j++)
    length += sum[j] * sum[j];
  for (guint j = 0; j < embed; j++)
    sum[j] /= sqrt (length);
}

/* Labels that pictures show: the mean of unit vectors, with words as much as all of them. */
static void
shown (void) {
  static const char *const templates[] = {"a photo of a {}.", NULL};
  GError *error = NULL;
  guint count = 0;
  GPtrArray *list =
      from_lines ("o = @r.x;g.x;r.y @ 0.3\ndog\nb = @r.x + some words\n[group g]\nx = @g.x\ny = @r.x\n");
  g_assert_null (clipmoe_labels_new (encoder, list, NULL, templates, &error)); /* not encoded yet */
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_assert_true (
      clipmoe_label_list_encode_pictures (list, encoder, CLIPMOE_GEOMETRY_CROP, painted, &count, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (count, ==, 6);
  ClipmoeLabels *l = clipmoe_labels_new (encoder, list, NULL, templates, &error);
  g_assert_no_error (error);
  g_ptr_array_unref (list);
  g_assert_cmpuint (clipmoe_labels_get_n_groups (l), ==, 1);
  g_assert_nonnull (clipmoe_labels_get (l, 0)->pictures);
  row_is (l, 1, (const char *const[]){"a photo of a dog.", NULL});
  float one[2][1024], words[1024];
  for (guint i = 0; i < 2; i++) {
    ClipmoeImage image;
    gpointer pixels;
    g_assert_true (painted (i ? "g" : "r", &image, &pixels, &count, NULL));
    g_assert_true (clipmoe_encoder_encode_images (encoder, &image, 1, CLIPMOE_GEOMETRY_CROP,
                                                  CLIPMOE_ORIENTATION_IDENTITY, one[i], NULL));
    g_free (pixels);
  }
  const char *text = "some words";
  g_assert_true (clipmoe_encoder_encode_texts (encoder, &text, 1, words, NULL, NULL));
  double mean[1024] = {0}, both[1024] = {0};
  add_unit (mean, one[0]);
  add_unit (mean, one[1]);
  add_unit (mean, one[0]);
  add_unit (both, one[0]);
  add_unit (both, words);
  scale_to_one (mean);
  scale_to_one (both);
  for (guint j = 0; j < embed; j++) {
    g_assert_cmpfloat (fabs (clipmoe_labels_get_vector (l, 0)[j] - mean[j]), <, 1e-6);
    g_assert_cmpfloat (fabs (clipmoe_labels_get_vector (l, 2)[j] - both[j]), <, 1e-6);
    g_assert_cmpfloat (fabs (clipmoe_labels_get_vector (l, 3)[j] - one[1][j]), <, 1e-6);
  }
  clipmoe_labels_unref (l);

  list = from_lines ("dog\nx = @r.x;b.x\n");
  g_assert_false (
      clipmoe_label_list_encode_pictures (list, encoder, CLIPMOE_GEOMETRY_CROP, painted, &count, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  g_assert_nonnull (strstr (error->message, ".txt:2: label \"x\": b.x: gone"));
  g_clear_error (&error);
  g_ptr_array_unref (list);
}

/* The formulas, as they stand in DESIGN, in the order that loses least. */
static double
plain (ClipmoeScore kind, double s, const float *c, guint n, guint n_negatives, guint which) {
  long double sum = 0, negative = 0;
  for (guint i = 0; i < n + n_negatives; i++)
    sum += expl ((long double)s * c[i]);
  for (guint i = 0; i < n_negatives; i++)
    negative += expl ((long double)s * c[n + i]) / n_negatives;
  if (!n_negatives)
    negative = expl ((long double)s * c[n]);
  long double own = expl ((long double)s * c[which]);
  return kind == CLIPMOE_SCORE_COSINE    ? c[which]
         : kind == CLIPMOE_SCORE_SOFTMAX ? (double)(own / sum)
                                         : (double)(own / (own + negative));
}

static void
formulas (void) {
  double s = exp (clipmoe_model_get_info (clipmoe_encoder_get_model (encoder))->logit_scale);
  GRand *random = g_rand_new_with_seed (3);
  for (guint negatives = 0; negatives < 3; negatives++) {
    ClipmoeLabels *l = simple ("dog,cat,bird,car", negatives == 0   ? NULL
                                                   : negatives == 1 ? "sky"
                                                                    : "sky,sea,grass");
    guint n = 4, rows = clipmoe_labels_get_n_rows (l);
    for (guint k = 0; k < 200; k++) {
      float c[8];
      double got[4], sum = 0;
      for (guint i = 0; i < rows; i++) /* up to the ends of the range, where a careless exp overflows */
        c[i] = k == 0   ? 1
               : k == 1 ? -1
               : k == 2 ? (i % 2 ? 1 : -1)
                        : (float)g_rand_double_range (random, -1, 1);
      for (int kind = CLIPMOE_SCORE_SOFTMAX; kind <= CLIPMOE_SCORE_COSINE; kind++) {
        clipmoe_scorer_scores (l, kind, c, got);
        for (guint i = 0; i < n; i++)
          g_assert_cmpfloat (fabs (got[i] - plain (kind, s, c, n, rows - n - 1, i)), <, 1e-12);
      }
      clipmoe_scorer_scores (l, CLIPMOE_SCORE_SOFTMAX, c, got);
      for (guint i = 0; i < n; i++)
        sum += got[i];
      g_assert_true (negatives ? sum < 1 + 1e-12 : fabs (sum - 1) < 1e-12);
    }
    clipmoe_labels_unref (l);
  }
  g_rand_free (random);

  ClipmoeLabels *l = simple ("dog,cat", "sky");
  float c[4], e[1024];
  const char *text = "a photo of a cat.";
  g_assert_true (clipmoe_encoder_encode_texts (encoder, &text, 1, e, NULL, NULL));
  clipmoe_scorer_cosines (l, e, c);
  for (guint i = 0; i < 4; i++) {
    double dot = 0;
    for (guint j = 0; j < embed; j++)
      dot += (double)e[j] * clipmoe_labels_get_vector (l, i)[j];
    g_assert_cmpfloat (fabs (c[i] - dot), <, 1e-6);
  }
  g_assert_cmpfloat (c[1], >, 0.99999);
  clipmoe_labels_unref (l);
}

/* A group's labels have a softmax of their own, and no other label's score depends on them. */
static void
grouped (void) {
  static const char *const none[] = {"{}", NULL};
  static const guint inside[] = {1, 2, 5}, outside[] = {0, 3, 4};
  const char *text = "dog\n[group g]\nred\nblue\n[]\ncat\nsky\n[group h]\nday\nnight\n";
  double s = exp (clipmoe_model_get_info (clipmoe_encoder_get_model (encoder))->logit_scale);
  GRand *random = g_rand_new_with_seed (5);
  for (guint negatives = 0; negatives < 3; negatives++) {
    GPtrArray *list = from_lines (text);
    g_ptr_array_insert (list, 5,
                        clipmoe_label_new ("green", NULL, NAN)); /* not beside the others of its group */
    clipmoe_label_set_group (list->pdata[5], "h");
    clipmoe_label_set_group (list->pdata[5], "g");
    ClipmoeLabels *l = labels_of (encoder, list, negatives == 0 ? NULL : negatives == 1 ? "x" : "x,y", none);
    g_assert_cmpuint (clipmoe_labels_get_n_groups (l), ==, 2);
    g_assert_cmpint (clipmoe_labels_get_group (l, 5), ==, 0);
    g_assert_cmpint (clipmoe_labels_get_group (l, 7), ==, 1);
    g_assert_cmpint (clipmoe_labels_get_group (l, 4), ==, -1);
    g_assert_cmpstr (clipmoe_labels_get (l, 5)->group, ==, "g");
    for (guint k = 0; k < 100; k++) {
      float c[16], in[8], out[8];
      double got[8];
      guint best[2], rest = negatives + 1;
      for (guint i = 0; i < 8 + rest; i++)
        c[i] = k == 0   ? 1
               : k == 1 ? -1
               : k == 2 ? (i % 2 ? 1 : -1)
                        : (float)g_rand_double_range (random, -1, 1);
      for (guint i = 0; i < 3; i++) {
        in[i] = c[inside[i]];
        out[i] = c[outside[i]];
      }
      memcpy (in + 3, c + 8, rest * sizeof *c);
      memcpy (out + 3, c + 8, rest * sizeof *c);
      for (int kind = CLIPMOE_SCORE_SOFTMAX; kind <= CLIPMOE_SCORE_COSINE; kind++) {
        clipmoe_scorer_scores (l, kind, c, got);
        int own = kind == CLIPMOE_SCORE_COSINE ? kind : CLIPMOE_SCORE_SOFTMAX;
        for (guint i = 0; i < 3; i++) {
          g_assert_cmpfloat (fabs (got[inside[i]] - plain (own, s, in, 3, negatives, i)), <, 1e-12);
          g_assert_cmpfloat (fabs (got[outside[i]] - plain (kind, s, out, 3, negatives, i)), <, 1e-12);
        }
        clipmoe_scorer_best (l, got, best);
        for (guint i = 0; i < 3; i++)
          g_assert_cmpfloat (got[inside[i]], <=, got[best[0]]);
        g_assert_cmpuint (best[1], ==, got[7] > got[6] ? 7 : 6);
      }
    }
    clipmoe_labels_unref (l);
  }
  g_rand_free (random);
  ClipmoeLabels *l = labels_of (encoder, from_lines (text), NULL, none);
  const double scores[] = {0.1, 0.49, 0.2, 0.09, 0.3, 0.5, 0.5};
  guint at[7];
  g_assert_cmpuint (clipmoe_scorer_top (l, CLIPMOE_SCORE_SOFTMAX, scores, NAN, 7, at), ==, 3);
  g_assert_cmpmem (at, 12, ((guint[]){5, 4, 0}), 12); /* 0.5 in a group, and of equal ones the first */
  g_assert_cmpuint (clipmoe_scorer_top (l, CLIPMOE_SCORE_SOFTMAX, scores, 0.15, 7, at), ==, 3);
  g_assert_cmpmem (at, 12, ((guint[]){5, 1, 4}), 12);
  clipmoe_labels_unref (l);
}

static void
best (void) {
  static const char *const none[] = {"{}", NULL};
  ClipmoeLabels *l = labels_of (encoder, from_lines ("a\nb @ 0.6\nc\nd @ 0.05\ne\n"), "f", none);
  const double scores[] = {0.3, 0.59, 0.5, 0.05, 0.3}, ties[] = {0.3, 0.6, 0.6, 0.6, 0.6};
  guint at[5];
  const ClipmoeScore soft = CLIPMOE_SCORE_SOFTMAX;
  /* b misses its own threshold, d meets its own and not the common one */
  g_assert_cmpuint (clipmoe_scorer_top (l, soft, scores, 0.3, 5, at), ==, 4);
  g_assert_cmpmem (at, 16, ((guint[]){2, 0, 4, 3}), 16);
  g_assert_cmpuint (clipmoe_scorer_top (l, soft, scores, 0.3, 2, at), ==, 2);
  g_assert_cmpmem (at, 8, ((guint[]){2, 0}), 8);
  for (guint k = 1; k <= 4; k++) { /* equal ones in the order of the list, whatever k is */
    g_assert_cmpuint (clipmoe_scorer_top (l, soft, ties, 0.1, k, at), ==, k);
    g_assert_cmpmem (at, 4 * k, ((guint[]){1, 2, 3, 4}), 4 * k);
  }
  g_assert_cmpuint (clipmoe_scorer_top (l, soft, scores, 0.3, 0, at), ==, 0);
  g_assert_cmpuint (clipmoe_scorer_top (l, soft, scores, 2, 5, at), ==, 1);
  /* NAN = the kind's default: 0.1, 0.5, none */
  const double low[] = {0.1, 1, 0.0999, 0, 0.5};
  g_assert_cmpuint (clipmoe_scorer_top (l, soft, low, NAN, 5, at), ==, 3);
  g_assert_cmpmem (at, 12, ((guint[]){1, 4, 0}), 12);
  g_assert_cmpuint (clipmoe_scorer_top (l, CLIPMOE_SCORE_SIGMOID, low, NAN, 5, at), ==, 2);
  const double below[] = {-1, 1, -0.5, -1, -1};
  g_assert_cmpuint (clipmoe_scorer_top (l, CLIPMOE_SCORE_COSINE, below, NAN, 5, at), ==, 4);
  g_assert_cmpmem (at, 16, ((guint[]){1, 2, 0, 4}), 16);
  const double nothing[] = {NAN, NAN, NAN, NAN, NAN};
  g_assert_cmpuint (clipmoe_scorer_top (l, CLIPMOE_SCORE_COSINE, nothing, NAN, 5, at), ==, 0);
  clipmoe_labels_unref (l);
}

static void
smoothing (void) {
  /* a step from 0 to 1 after time t: 1 - exp (-t / tau), however the time is cut */
  static const double steps[] = {0.1, 1, 0.04, 2.5, 0, 0.3};
  for (double tau = 0.5; tau < 5; tau += 0.5) {
    float state[2] = {0, 1}, now[2] = {1, 1};
    double t = 0;
    for (guint k = 0; k < 60; k++) {
      t += steps[k % G_N_ELEMENTS (steps)];
      clipmoe_scorer_smooth (state, now, 2, steps[k % G_N_ELEMENTS (steps)], tau);
      g_assert_cmpfloat (fabs (state[0] - (1 - exp (-t / tau))), <, 1e-6);
      g_assert_cmpfloat (state[1], ==, 1);
    }
  }
  float state[2] = {NAN, 7}, now[2] = {0.25f, -1};
  clipmoe_scorer_smooth (state, now, 2, 1, 0); /* off: whatever stood there */
  g_assert_cmpmem (state, 8, now, 8);
  float other[2] = {1, 1};
  clipmoe_scorer_smooth (state, other, 2, -3, 1); /* time that falls changes nothing */
  g_assert_cmpmem (state, 8, now, 8);
}

static float *
floats (ClipmoeTensors *t, const char *name) {
  const ClipmoeTensor *x = clipmoe_tensors_lookup (t, name);
  g_assert_nonnull (x);
  float *out = g_new (float, x->n_elements);
  g_assert_true (clipmoe_tensor_to_f32 (x, out));
  return out;
}

static void
close_to (const float *got, const float *expected, guint n, double bound) {
  for (guint i = 0; i < n; i++)
    g_assert_cmpfloat (fabs (got[i] - expected[i]), <=, bound);
}

static void
reference (void) {
  static const char *const captions[] = {"a photo of a cat.", "two dogs play on the grass near a red car",
                                         "It's an empty street at night, isn't it?",
                                         "caf\303\251 \346\235\261\344\272\254 \360\237\230\200 &amp; co"};
  static const char *const models[] = {"dense77",        "long248",  "moe-e4k2",
                                       "moe-last2-e3k1", "moe-e3k3", "moe-gelu-e3k2"},
                           *const none[] = {"{}", NULL};
  const char *made = g_getenv ("CLIPMOE_TEST_MODELS");
  char *vocab = g_build_filename (made, "golden.vocab.txt", NULL);
  if (!g_file_test (vocab, G_FILE_TEST_EXISTS)) {
    skip ("the build found no /usr/bin/python3 to make the tiny models");
    g_free (vocab);
    return;
  }
  for (guint m = 0; m < G_N_ELEMENTS (models); m++) {
    char *name = g_strconcat (models[m], ".weights.safetensors", NULL);
    char *path = g_build_filename (made, name, NULL),
         *file = g_strconcat (models[m], ".golden.safetensors", NULL);
    char *golden = g_build_filename (g_getenv ("CLIPMOE_TEST_SOURCES"), "golden", file, NULL);
    GError *error = NULL;
    ClipmoeTensors *t = clipmoe_tensors_read (golden, &error);
    g_assert_no_error (error);
    ClipmoeEncoder *e = encoder_of (path, vocab);
    guint n = clipmoe_model_get_info (clipmoe_encoder_get_model (e))->embed;
    GString *lines = g_string_new (NULL);
    for (guint i = 0; i < 4; i++)
      g_string_append_printf (lines, "%s\n", captions[i]);
    for (guint i = 0; i < 300; i++)
      g_string_append (lines, "long ");
    ClipmoeLabels *l = labels_of (e, from_lines (lines->str), NULL, none);
    g_assert_cmpuint (clipmoe_labels_get_n (l), ==, 5);
    g_assert_cmpuint (clipmoe_labels_get_n_truncated (l), ==, 1);
    float *text = floats (t, "text.unit"), *image = floats (t, "image.unit");
    float *probs = floats (t, "probs"), *label = floats (t, "label.unit"), *logits = floats (t, "logits");
    for (guint i = 0; i < 5; i++)
      close_to (clipmoe_labels_get_vector (l, i), text + i * n, n, 2e-5);
    for (guint i = 0; i < 3; i++) {
      float cosines[6];
      double scores[5];
      clipmoe_scorer_cosines (l, image + i * n, cosines);
      float scale = expf (clipmoe_model_get_info (clipmoe_encoder_get_model (e))->logit_scale);
      for (guint k = 0; k < 5; k++)
        g_assert_cmpfloat (fabs (scale * cosines[k] - logits[i * 5 + k]), <=, 1e-3); /* of up to 100 */
      clipmoe_scorer_scores (l, CLIPMOE_SCORE_SOFTMAX, cosines, scores);
      for (guint k = 0; k < 5; k++)
        g_assert_cmpfloat (fabs (scores[k] - probs[i * 5 + k]), <=, 1e-4);
    }
    clipmoe_labels_unref (l);
    const char *const three[] = {captions[0], captions[1], captions[2],
                                 NULL}; /* three templates of one label */
    l = labels_of (e, clipmoe_label_list_parse ("x", NULL), NULL, three);
    close_to (clipmoe_labels_get_vector (l, 0), label, n, 2e-5);
    clipmoe_labels_unref (l);
    g_string_free (lines, TRUE);
    g_free (text);
    g_free (image);
    g_free (probs);
    g_free (label);
    g_free (logits);
    g_free (name);
    g_free (path);
    g_free (file);
    g_free (golden);
    clipmoe_tensors_free (t);
    clipmoe_encoder_free (e);
  }
  g_free (vocab);
}

/* However many rows there are, each cosine is one sum in double from the first float to the last: its digits
 * do not depend on how many are computed side by side. */
static void
order (void) {
  GString *words = g_string_new ("0");
  GRand *random = g_rand_new_with_seed (2);
  float *e = g_new (float, embed);
  for (guint n = 1; n < 20; n++) {
    ClipmoeLabels *labels = simple (words->str, "x,y");
    guint rows = clipmoe_labels_get_n_rows (labels);
    float *cosines = g_new (float, rows);
    g_assert_cmpuint (rows, ==, n + 3);
    for (guint j = 0; j < embed; j++)
      e[j] = (float)g_rand_double_range (random, -1, 1);
    clipmoe_scorer_cosines (labels, e, cosines);
    for (guint i = 0; i < rows; i++) {
      double sum = 0;
      for (guint j = 0; j < embed; j++)
        sum += (double)clipmoe_labels_get_vector (labels, i)[j] * e[j];
      g_assert_true (cosines[i] == (float)sum);
    }
    g_string_append_printf (words, ",%u", n);
    g_free (cosines);
    clipmoe_labels_unref (labels);
  }
  g_free (e);
  g_rand_free (random);
  g_string_free (words, TRUE);
}

int
main (int argc, char **argv) {
  static const Group groups[] = {{"/scores/vectors", vectors},     {"/scores/shown", shown},
                                 {"/scores/order", order},         {"/scores/formulas", formulas},
                                 {"/scores/best", best},           {"/scores/grouped", grouped},
                                 {"/scores/smoothing", smoothing}, {"/scores/reference", reference}};
  encoder = encoder_of (NULL, NULL);
  embed = clipmoe_model_get_info (clipmoe_encoder_get_model (encoder))->embed;
  g_assert_cmpuint (embed, <=, 1024);
  int r = run_groups (argc, argv, groups, G_N_ELEMENTS (groups));
  clipmoe_encoder_free (encoder);
  return r;
}
