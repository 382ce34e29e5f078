/* Protects a model that many streams share: who names the same one gets the same engine, and one encoder a
 * stream where one thread was asked for; pictures that are encoded together have the bytes that each has
 * alone; labels are encoded beside them, and not twice; the encoder is exchanged while all of that goes on.
 */
#include "../encoder/golden.h"
#include "../slow.h"
#include "engine/engine-private.h"

#include <pthread.h>
#include <unistd.h>
#include "clipmoe/mailbox.h"
#include "encoder/encoder-private.h"

#define CASE "moe-e4k2"

typedef struct {
  char *path, *vocab;
  ClipmoeModelOptions options;
  guint n, embed;
  gsize picture;         /* floats */
  float *pixels, *units; /* of n pictures, encoded one by one */
} Work;

static ClipmoeEngine *
open_engine (const Work *w, ClipmoePrecision precision, guint threads, guint batch) {
  GError *error = NULL;
  ClipmoeEncoderOptions how = {
      .struct_size = sizeof how, .precision = precision, .threads = threads, .batch = batch};
  ClipmoeEngine *engine = clipmoe_engine_open (w->path, &w->options, &how, &error);
  g_assert_no_error (error);
  return engine;
}

static void
work_init (Work *w) {
  ClipmoeTensors *inputs = golden_read ("inputs");
  ClipmoeModel *model = golden_model (CASE);
  ClipmoeEncoder *e = golden_encoder (model, NULL, NULL);
  const ClipmoeModelInfo *info = clipmoe_model_get_info (model);
  w->path = golden_weights (CASE);
  w->vocab = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), "golden.vocab.txt", NULL);
  w->options = (ClipmoeModelOptions){.struct_size = sizeof w->options, .vocab = w->vocab};
  w->n = (guint)clipmoe_tensors_lookup (inputs, "pixels")->shape[0];
  w->embed = info->embed;
  w->picture = 3 * (gsize)info->image_size * info->image_size;
  w->pixels = golden_floats (inputs, "pixels");
  w->units = g_new (float, w->n * w->embed);
  for (guint i = 0; i < w->n; i++)
    g_assert_true (
        clipmoe_encoder_encode_pixels (e, w->pixels + i * w->picture, 1, w->units + i * w->embed, NULL));
  clipmoe_encoder_free (e);
  clipmoe_model_unref (model);
  clipmoe_tensors_free (inputs);
}

static void
work_clear (Work *w) {
  g_free (w->path);
  g_free (w->vocab);
  g_free (w->pixels);
  g_free (w->units);
}

static void
test_shared (void) {
  Work w;
  work_init (&w);
  ClipmoeEngine *a = open_engine (&w, CLIPMOE_PRECISION_F32, 2, 0),
                *b = open_engine (&w, CLIPMOE_PRECISION_F32, 2, 0),
                *other = open_engine (&w, CLIPMOE_PRECISION_F32, 3, 0),
                *alone = open_engine (&w, CLIPMOE_PRECISION_F32, 1, 0),
                *as_alone = open_engine (&w, CLIPMOE_PRECISION_F32, 1, 0);
  g_assert_true (a == b);
  g_assert_true (a != other && alone != as_alone);
  g_assert_true (clipmoe_engine_get_info (a) == clipmoe_engine_get_info (other)); /* one model */
  g_assert_true (clipmoe_engine_get_info (a) == clipmoe_engine_get_info (alone));
  ClipmoeEngine *all[] = {a, b, other, alone, as_alone};
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    clipmoe_engine_unref (all[i]);
  GError *error = NULL;
  g_assert_null (clipmoe_engine_open ("/nowhere/model.safetensors", NULL, NULL, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO);
  g_clear_error (&error);
  g_assert_null (clipmoe_engine_open (w.path, &w.options, &(ClipmoeEncoderOptions){.threads = 2}, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT); /* struct_size was forgotten */
  g_clear_error (&error);
  work_clear (&w);
}

/* One stream. */
typedef struct {
  const Work *work;
  ClipmoeEngine *engine;
  guint first, rounds;
  pthread_t id;
} Stream;

static void *
look (void *data) {
  Stream *s = data;
  const Work *w = s->work;
  ClipmoeMailbox *box = clipmoe_mailbox_new (s->engine, 0, NULL, NULL, NULL, NULL);
  float *out = g_new (float, w->embed);
  for (guint i = 0; i < s->rounds; i++) {
    guint at = (s->first + i) % w->n;
    GError *error = NULL;
    memcpy (clipmoe_mailbox_get_request (box)->pixels, w->pixels + at * w->picture, w->picture * sizeof *out);
    clipmoe_mailbox_encode (box, out, &error);
    g_assert_no_error (error);
    g_assert_cmpmem (out, w->embed * sizeof *out, w->units + at * w->embed, w->embed * sizeof *out);
  }
  g_free (out);
  clipmoe_mailbox_free (box);
  return NULL;
}

static void
begin_streams (Stream *s, guint n, const Work *w, ClipmoeEngine *engine, guint rounds) {
  for (guint i = 0; i < n; i++) {
    s[i] = (Stream){w, engine, i, rounds, 0};
    g_assert_cmpint (pthread_create (&s[i].id, NULL, look, &s[i]), ==, 0);
  }
}

static void
join_streams (Stream *s, guint n) {
  for (guint i = 0; i < n; i++)
    pthread_join (s[i].id, NULL);
}

static void
test_together (void) {
  enum { N = 6 };
  static const guint batches[] = {0, 1, 3};
  Work w;
  Stream s[N];
  work_init (&w);
  for (guint i = 0; i < G_N_ELEMENTS (batches); i++) {
    ClipmoeEngine *engine = open_engine (&w, CLIPMOE_PRECISION_F32, 2, batches[i]);
    begin_streams (s, N, &w, engine, 20);
    join_streams (s, N);
    clipmoe_engine_unref (engine);
  }
  work_clear (&w);
}

/* A picture that gives nothing finite, among others that do. */
static void
test_spoiled (void) {
  enum { N = 3 };
  Work w;
  Stream s[N];
  work_init (&w);
  ClipmoeEngine *engine = open_engine (&w, CLIPMOE_PRECISION_F32, 2, 0);
  begin_streams (s, N, &w, engine, 30);
  ClipmoeMailbox *box = clipmoe_mailbox_new (engine, 0, NULL, NULL, NULL, NULL);
  float *out = g_new (float, w.embed);
  for (guint i = 0; i < 30; i++) {
    GError *error = NULL;
    ClipmoeRequest *r = clipmoe_mailbox_get_request (box);
    for (gsize j = 0; j < w.picture; j++)
      r->pixels[j] = NAN;
    g_assert_false (clipmoe_mailbox_encode (box, out, &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
    g_clear_error (&error);
  }
  join_streams (s, N);
  g_free (out);
  clipmoe_mailbox_free (box);
  clipmoe_engine_unref (engine);
  work_clear (&w);
}

/* What an encoder refuses, an engine refuses too. */
static void
test_refused (void) {
  GError *error = NULL;
  ClipmoeEncoderOptions how = {.struct_size = sizeof how, .precision = CLIPMOE_PRECISION_F32, .batch = 1025};
  ClipmoeModel *model = golden_model (CASE);
  g_assert_null (clipmoe_engine_new (model, &how, &error));
  g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT);
  g_clear_error (&error);
  how.batch = 1024;
  ClipmoeEngine *engine = clipmoe_engine_new (model, &how, &error);
  g_assert_no_error (error);
  clipmoe_engine_unref (engine);
  clipmoe_model_unref (model);
}

static ClipmoeLabels *
make_labels_by (ClipmoeEngine *engine, const char *text, const char *const *templates) {
  GError *error = NULL;
  GPtrArray *list = clipmoe_label_list_parse (text, &error);
  g_assert_no_error (error);
  ClipmoeLabels *labels = clipmoe_engine_make_labels (engine, list, NULL, templates, &error);
  g_assert_no_error (error);
  g_ptr_array_unref (list);
  return labels;
}

static ClipmoeLabels *
make_labels (ClipmoeEngine *engine, const char *text) {
  return make_labels_by (engine, text, (const char *const[]){"a photo of a {}.", NULL});
}

/* Whatever @path is: a picture of the colour that *@which says. */
static gboolean
paint (const char *path, ClipmoeImage *image, gpointer *pixels, gpointer which, GError **error) {
  guint8 *rgb = g_new0 (guint8, 4 * 4 * 3);
  for (guint i = *(guint *)which; i < 4 * 4 * 3; i += 3)
    rgb[i] = 255;
  *image = (ClipmoeImage){.struct_size = sizeof *image,
                          .format = CLIPMOE_FORMAT_RGB,
                          .width = 4,
                          .height = 4,
                          .planes = {rgb},
                          .strides = {4 * 3}};
  *pixels = rgb;
  return TRUE;
}

static void
test_labels (void) {
  enum { N = 3 };
  Work w;
  Stream s[N];
  work_init (&w);
  ClipmoeEngine *engine = open_engine (&w, CLIPMOE_PRECISION_F32, 2, 0);
  begin_streams (s, N, &w, engine, 20);
  ClipmoeLabels *dog = make_labels (engine, "dog"), *again = make_labels (engine, "dog"),
                *cat = make_labels (engine, "cat"), *third = make_labels (engine, "dog");
  g_assert_true (dog == again);
  g_assert_true (cat != dog && third != dog);
  g_assert_cmpmem (clipmoe_labels_get_vector (dog, 0), w.embed * sizeof (float),
                   clipmoe_labels_get_vector (third, 0), w.embed * sizeof (float));
  ClipmoeLabels *one = make_labels_by (engine, "dog", (const char *const[]){"a {}\nthe {}", NULL}),
                *two = make_labels_by (engine, "dog", (const char *const[]){"a {}", "the {}", NULL});
  g_assert_true (one != two); /* a line feed in a template is no border between two */
  /* a name may hold what else stands between two labels */
  ClipmoeLabels *pair = make_labels (engine, "dog;cat"), *whole = make_labels (engine, "dog\n\n0 nan\ncat");
  g_assert_cmpuint (clipmoe_labels_get_n (pair), ==, 2);
  g_assert_cmpuint (clipmoe_labels_get_n (whole), ==, 1);
  /* the same words in a group are other labels, and so are those that other pictures show */
  GPtrArray *list = clipmoe_label_list_parse ("dog;cat", NULL);
  ClipmoeLabels *flat = make_labels (engine, "dog;cat"), *more[3];
  for (guint i = 0; i < 3; i++) {
    GError *error = NULL;
    for (guint k = 0; k < 2 && i == 0; k++)
      clipmoe_label_set_group (list->pdata[k], "pets");
    if (i)
      clipmoe_label_set_pictures (list->pdata[0], (const char *const[]){"same.jpg", NULL}, "list:1");
    g_assert_true (clipmoe_engine_encode_pictures (engine, list, CLIPMOE_GEOMETRY_CROP, paint, &i, &error));
    more[i] = clipmoe_engine_make_labels (engine, list, NULL, (const char *const[]){"{}", NULL}, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (clipmoe_labels_get_n_groups (more[i]), ==, 1);
  }
  g_assert_cmpuint (clipmoe_labels_get_n_groups (flat), ==, 0);
  g_assert_true (more[1] != more[2]);
  g_assert_cmpint (memcmp (clipmoe_labels_get_vector (more[1], 0), clipmoe_labels_get_vector (more[2], 0),
                           w.embed * sizeof (float)),
                   !=, 0);
  g_ptr_array_unref (list);
  ClipmoeLabels *all[] = {dog, again, cat, third, one, two, pair, whole, flat, more[0], more[1], more[2]};
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    clipmoe_labels_unref (all[i]);
  join_streams (s, N);
  clipmoe_engine_unref (engine);
  work_clear (&w);
}

static char *
reason_of (ClipmoeEngine *engine) {
  char *tier, *precision, *reason;
  clipmoe_engine_describe (engine, &tier, &precision, &reason);
  g_assert_cmpstr (precision, ==, "f32");
  g_free (tier);
  g_free (precision);
  return reason;
}

/* What the environment says stands for the verdict: f32, so that vectors stay the same. */
static void
test_exchanged (void) {
  enum { N = 4 };
  Work w;
  Stream s[N];
  work_init (&w);
  g_unsetenv ("CLIPMOE_PRECISION");
  ClipmoeEncoderOptions f32 = {.struct_size = sizeof f32, .precision = CLIPMOE_PRECISION_F32};
  ClipmoeModel *model = golden_model (CASE);
  ClipmoeEngine *engine = clipmoe_engine_new (model, NULL, NULL),
                *set = clipmoe_engine_new (model, &f32, NULL);
  g_setenv ("CLIPMOE_PRECISION", "f32", TRUE);
  ClipmoeLabels *before = make_labels (engine, "dog");
  char *reason = reason_of (engine), *other = reason_of (set);
  guint version = clipmoe_engine_get_version (engine), version_of_set = clipmoe_engine_get_version (set);
  begin_streams (s, N, &w, engine, 60);
  clipmoe_engines_follow (model, CLIPMOE_PRECISION_HALF);
  g_assert_cmpuint (clipmoe_engine_get_version (engine), !=, version);
  g_assert_cmpuint (clipmoe_engine_get_version (set), ==, version_of_set);
  join_streams (s, N);
  char *now = reason_of (engine), *other_now = reason_of (set);
  g_assert_cmpstr (now, !=, reason);
  g_assert_cmpstr (other_now, ==, other);
  ClipmoeLabels *after = make_labels (engine, "dog");
  g_assert_true (after != before); /* made anew: they may differ */
  version = clipmoe_engine_get_version (engine);
  clipmoe_engines_follow (model, CLIPMOE_PRECISION_HALF); /* one verdict is all that it waits for */
  g_assert_cmpuint (clipmoe_engine_get_version (engine), ==, version);
  clipmoe_labels_unref (before);
  clipmoe_labels_unref (after);
  g_free (reason);
  g_free (other);
  g_free (now);
  g_free (other_now);
  clipmoe_engine_unref (engine);
  clipmoe_engine_unref (set);
  clipmoe_model_unref (model);
  work_clear (&w);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  if (golden_missing ())
    return 77;
  alarm (slow_seconds (100));
  g_test_add_func ("/engine/shared", test_shared);
  g_test_add_func ("/engine/together", test_together);
  g_test_add_func ("/engine/spoiled", test_spoiled);
  g_test_add_func ("/engine/refused", test_refused);
  g_test_add_func ("/engine/labels", test_labels);
  g_test_add_func ("/engine/exchanged", test_exchanged);
  return g_test_run ();
}
