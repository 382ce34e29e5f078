/* Checks what the headers promise about threads: one encoder takes texts and pictures from two threads at
 * once; encoders of one model and of several run side by side and share the pool; a model may be referenced
 * and dropped from any thread. All give the bytes that one thread gives. */
#include <pthread.h>
#include "../encoder/golden.h"
#include "encoder/testing.h"

#define ROUNDS 6

typedef struct {
  ClipmoeModel *model;
  guint embed, context, n, m, lengths[16];
  guint32 *ids;
  float *pixels, *image, *text; /* the vectors that one thread gives */
} Work;

typedef struct {
  const Work *work;
  ClipmoeEncoder *encoder;
  gboolean words;
} Job;

static void
encode (ClipmoeEncoder *e, const Work *w, gboolean words, float *out) {
  GError *error = NULL;
  gboolean ok = words ? clipmoe_encoder_encode_tokens (e, w->ids, w->lengths, w->m, out, &error)
                      : clipmoe_encoder_encode_pixels (e, w->pixels, w->n, out, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
}

static void
work_init (Work *w, const char *name) {
  ClipmoeTensors *inputs = golden_read ("inputs");
  w->model = golden_model (name);
  const ClipmoeModelInfo *info = clipmoe_model_get_info (w->model);
  w->embed = info->embed;
  w->context = info->context;
  w->ids = golden_tokens (inputs, info->context, w->lengths, &w->m);
  w->pixels = golden_floats (inputs, "pixels");
  w->n = (guint)clipmoe_tensors_lookup (inputs, "pixels")->shape[0];
  w->image = g_new (float, w->n * w->embed);
  w->text = g_new (float, w->m * w->embed);
  ClipmoeEncoder *e = golden_encoder (w->model, NULL, NULL);
  clipmoe_encoder_set_threads (e, 1);
  encode (e, w, FALSE, w->image);
  encode (e, w, TRUE, w->text);
  clipmoe_encoder_free (e);
  clipmoe_tensors_free (inputs);
}

static void
work_clear (Work *w) {
  clipmoe_model_unref (w->model);
  g_free (w->ids);
  g_free (w->pixels);
  g_free (w->image);
  g_free (w->text);
}

static void *
run (void *data) {
  const Job *j = data;
  const Work *w = j->work;
  guint n = (j->words ? w->m : w->n) * w->embed;
  float *out = g_new (float, n);
  for (guint i = 0; i < ROUNDS; i++) {
    memset (out, 0, n * sizeof *out);
    encode (j->encoder, w, j->words, out);
    g_assert_cmpmem (out, n * sizeof *out, j->words ? w->text : w->image, n * sizeof *out);
  }
  g_free (out);
  return NULL;
}

static void
run_all (Job *jobs, guint n) {
  pthread_t id[16];
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (pthread_create (&id[i], NULL, run, &jobs[i]), ==, 0);
  for (guint i = 0; i < n; i++)
    pthread_join (id[i], NULL);
}

static void
test_one_encoder (void) {
  for (guint threads = 1; threads <= 3; threads++) {
    Work w;
    work_init (&w, "moe-e4k2");
    ClipmoeEncoder *e = golden_encoder (w.model, NULL, NULL);
    clipmoe_encoder_set_threads (e, threads);
    Job jobs[] = {{&w, e, FALSE}, {&w, e, TRUE}};
    run_all (jobs, 2);
    clipmoe_encoder_free (e);
    work_clear (&w);
  }
}

static void
test_several_encoders (void) {
  Work w[2];
  work_init (&w[0], "moe-last2-e3k1");
  work_init (&w[1], "dense77");
  Job jobs[6];
  for (guint i = 0; i < 6; i += 2) { /* two of one model, one of another; different thread counts */
    const Work *of = &w[i == 4];
    ClipmoeEncoder *e = golden_encoder (of->model, NULL, NULL);
    clipmoe_encoder_set_threads (e, 1 + (i / 2 + 1) % 3);
    jobs[i] = (Job){of, e, FALSE};
    jobs[i + 1] = (Job){of, e, TRUE};
  }
  run_all (jobs, 6);
  for (guint i = 0; i < 6; i += 2)
    clipmoe_encoder_free (jobs[i].encoder);
  work_clear (&w[0]);
  work_clear (&w[1]);
}

static void *
hold_and_drop (void *data) {
  ClipmoeModel *model = data;
  GError *error = NULL;
  for (guint i = 0; i < 50; i++) {
    ClipmoeModel *mine = clipmoe_model_ref (model);
    guint32 ids[77];
    guint n;
    g_assert_cmpuint (clipmoe_model_get_info (mine)->embed, ==, 32);
    g_assert_true (clipmoe_tokenizer_encode (clipmoe_model_get_tokenizer (mine), "side by side", -1, 77, ids,
                                             &n, NULL, &error));
    if (i % 25 == 0) {
      ClipmoeEncoder *e = clipmoe_encoder_new (mine, NULL, &error);
      g_assert_no_error (error);
      clipmoe_model_unref (mine); /* the encoder holds it */
      mine = clipmoe_model_ref (clipmoe_encoder_get_model (e));
      clipmoe_encoder_free (e);
    }
    clipmoe_model_unref (mine);
  }
  clipmoe_model_unref (model); /* the last of these frees it */
  return NULL;
}

static void
test_references (void) {
  ClipmoeModel *model = golden_model ("moe-e3k3");
  pthread_t id[4];
  for (guint i = 0; i < G_N_ELEMENTS (id); i++)
    g_assert_cmpint (pthread_create (&id[i], NULL, hold_and_drop, clipmoe_model_ref (model)), ==, 0);
  clipmoe_model_unref (model);
  for (guint i = 0; i < G_N_ELEMENTS (id); i++)
    pthread_join (id[i], NULL);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  if (golden_missing ())
    return 77;
  g_test_add_func ("/side/one encoder", test_one_encoder);
  g_test_add_func ("/side/several encoders", test_several_encoders);
  g_test_add_func ("/side/references", test_references);
  return g_test_run ();
}
