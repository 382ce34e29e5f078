/* Protects that a stream's tags open and close as ClipmoeTimeline's intervals do, forwards and backwards,
 * with and without hold; smoothing; another generation of the stream, and an interruption; other labels, and
 * other models'; groups of labels, of which one is open at most. */
#include <math.h>
#include <string.h>
#include <clipmoe/timeline.h>
#include <stream/stream.h>

#define LOOKS 400
#define SECOND G_GINT64_CONSTANT (1000000000)

static ClipmoeModel *model;
static ClipmoeEncoder *encoder;
static ClipmoeLabels *labels;

/* A vector whose cosine with the one label is about @c. */
static void
vector (float *out, guint embed, double c) {
  const float *v = clipmoe_labels_get_vector (labels, 0);
  double length = 0;
  for (guint i = 0; i < embed; i++) { /* the rest in a direction that is orthogonal to the label's */
    out[i] = i == 0 ? -v[1] : i == 1 ? v[0] : 0;
    length += (double)out[i] * out[i];
  }
  for (guint i = 0; i < embed; i++)
    out[i] = (float)(c * v[i] + sqrt (1 - c * c) * out[i] / sqrt (length));
}

/* Random looks, at even times or at any (the same one again, gaps, back and forth). */
static void
check (GRand *random, double threshold, double hold, double settle, gboolean even, gboolean backwards) {
  guint embed = clipmoe_model_get_info (model)->embed;
  float *e = g_new (float, embed), cosines[2];
  double used = isnan (threshold) ? -INFINITY : threshold; /* of cosines, every label is open by default */
  double times[LOOKS + 1] = {0}, scores[LOOKS];
  gboolean open[LOOKS];
  ClipmoeTimelineOptions options = {.struct_size = sizeof options, .hold = hold, .settle = settle};
  ClipmoeTimeline *timeline = clipmoe_timeline_new (1, &used, &options, NULL);
  ClipmoeStream *stream = clipmoe_stream_new ();
  guint64 time = SECOND * 1000 * LOOKS;
  for (guint i = 0; i < LOOKS; i++) {
    /* whole thousandths of a second, so that no sum of them is a hair's breadth beside another */
    guint64 step = even ? SECOND
                        : SECOND / 1000 * (guint64)g_rand_int_range (random, 0, 3) *
                              (guint64)g_rand_int_range (random, 1, 3000);
    if (backwards && (even || g_rand_boolean (random)))
      time -= step;
    else
      time += step;
    times[i + 1] = times[i] + (double)step / SECOND;
    vector (e, embed, g_rand_double_range (random, 0.3, 0.7));
    clipmoe_scorer_cosines (labels, e, cosines);
    scores[i] = cosines[0];
    ClipmoeStreamFrame frame = {.time = time,
                                .labels = labels,
                                .rules = {.score = CLIPMOE_SCORE_COSINE,
                                          .threshold = threshold,
                                          .hold = hold,
                                          .settle = settle,
                                          .top_k = 5}};
    ClipmoeStreamLook *found = clipmoe_stream_add (stream, e, embed, &frame);
    open[i] = found->look.n_tags == 1;
    g_assert_cmpuint (found->look.sequence, ==, i + 1);
    clipmoe_stream_look_unref (found);
  }
  for (guint i = 0; i < LOOKS; i++) { /* each stands until the next */
    double from = times[i + 1], to = i + 1 < LOOKS ? times[i + 2] : from + 1;
    g_assert_true (clipmoe_timeline_add (timeline, from, to - from, &scores[i], NULL));
    if (open[i] != clipmoe_timeline_is_open (timeline, 0))
      g_error ("threshold %g, hold %g, settle %g, look %u at %g s of score %g: open %d in the stream, %d in "
               "the timeline",
               threshold, hold, settle, i, from, scores[i], open[i], !open[i]);
  }
  clipmoe_timeline_free (timeline);
  clipmoe_stream_free (stream);
  g_free (e);
}

static void
test_timeline (void) {
  static const double thresholds[] = {0.5, 0.5, 0.31, 0, -0.2, NAN};
  GRand *random = g_rand_new_with_seed (7);
  for (guint t = 0; t < G_N_ELEMENTS (thresholds); t++)
    for (guint halves = 0; halves < 8; halves++)
      for (guint kind = 0; kind < 4; kind++)
        for (guint settle = 0; settle < 3; settle++)
          check (random, thresholds[t], halves / 2.0, settle * 0.75, kind & 1, kind & 2);
  g_rand_free (random);
}

/* A gap of exactly `hold` is not shorter than it, wherever it begins: tenths of a second are summed as
 * nanoseconds, and not in floating point. */
static void
test_tenths (void) {
  guint embed = clipmoe_model_get_info (model)->embed;
  float *e = g_new (float, embed);
  for (guint falls = 1; falls < 30; falls++) {
    ClipmoeStream *stream = clipmoe_stream_new ();
    for (guint i = 0; i < 40; i++) {
      ClipmoeStreamFrame frame = {
          .time = SECOND / 10 * i,
          .labels = labels,
          .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = 0.5, .hold = 0.5, .top_k = 5}};
      vector (e, embed, i < falls ? 0.6 : 0.1);
      ClipmoeStreamLook *found = clipmoe_stream_add (stream, e, embed, &frame);
      g_assert_cmpuint (found->look.n_tags, ==, i < falls + 5);
      clipmoe_stream_look_unref (found);
    }
    clipmoe_stream_free (stream);
  }
  g_free (e);
}

static void
test_smoothing (void) {
  guint embed = clipmoe_model_get_info (model)->embed;
  float *e = g_new (float, embed);
  ClipmoeStream *stream = clipmoe_stream_new ();
  double got[3];
  for (guint i = 0; i < 3; i++) {
    ClipmoeStreamFrame frame = {
        .time = i * SECOND,
        .generation = i / 2,
        .labels = labels,
        .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = NAN, .smoothing = 1, .top_k = 5}};
    vector (e, embed, i ? 0.2 : 0.8);
    ClipmoeStreamLook *found = clipmoe_stream_add (stream, e, embed, &frame);
    got[i] = found->look.tags[0].score;
    g_assert_cmpfloat (fabs (found->look.tags[0].cosine - (i ? 0.2 : 0.8)), <, 1e-3);
    clipmoe_stream_look_unref (found);
  }
  g_assert_cmpfloat (fabs (got[1] - (0.8 + (1 - exp (-1)) * (0.2 - 0.8))), <, 2e-3);
  g_assert_cmpfloat (fabs (got[2] - 0.2), <, 1e-3); /* another generation: nothing of before */
  clipmoe_stream_free (stream);
  g_free (e);
}

/* Another precision's vectors of the same words leave open what is open; other words do not. */
static void
test_same_words (void) {
  static const char *const words[] = {"a dog", "a dog", "a cat"};
  guint embed = clipmoe_model_get_info (model)->embed;
  float *e = g_new (float, embed);
  ClipmoeStream *stream = clipmoe_stream_new ();
  for (guint i = 0; i < 3; i++) {
    GPtrArray *list = clipmoe_label_list_parse (words[i], NULL);
    ClipmoeLabels *made = clipmoe_labels_new (encoder, list, NULL, (const char *const[]){"{}", NULL}, NULL);
    ClipmoeStreamFrame frame = {.time = i * SECOND,
                                .labels = made,
                                .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = 0.5, .top_k = 5}};
    vector (e, embed, i ? 0.45 : 0.6); /* open; between closing and opening */
    ClipmoeStreamLook *found = clipmoe_stream_add (stream, e, embed, &frame);
    g_assert_cmpuint (found->look.n_tags, ==, i < 2);
    clipmoe_stream_look_unref (found);
    clipmoe_labels_unref (made);
    g_ptr_array_unref (list);
  }
  clipmoe_stream_free (stream);
  g_free (e);
}

/* Another model's labels of the same names, whose vectors have another length. */
static void
test_other_model (void) {
  char *vocab = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), "golden.vocab.txt", NULL),
       *path = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), "dense77.weights.safetensors", NULL);
  if (g_file_test (vocab, G_FILE_TEST_EXISTS)) {
    ClipmoeModelOptions options = {.struct_size = sizeof options, .vocab = vocab};
    ClipmoeModel *models[] = {clipmoe_model_open (path, &options, NULL), model};
    ClipmoeStream *stream = clipmoe_stream_new ();
    for (guint i = 0; i < 4; i++) {
      ClipmoeEncoder *own = clipmoe_encoder_new (models[i % 2], NULL, NULL);
      GPtrArray *list = clipmoe_label_list_parse ("a dog", NULL);
      ClipmoeLabels *made = clipmoe_labels_new (own, list, NULL, (const char *const[]){"{}", NULL}, NULL);
      guint embed = clipmoe_model_get_info (models[i % 2])->embed;
      ClipmoeStreamFrame frame = {
          .time = i * SECOND,
          .labels = made,
          .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = 0.5, .hold = 100, .top_k = 5}};
      /* the label's own vector: open at first; then far below, and nothing holds what another model opened */
      float *e = g_memdup2 (clipmoe_labels_get_vector (made, 0), embed * sizeof *e);
      for (guint j = 0; j < embed && i; j++)
        e[j] = -e[j];
      ClipmoeStreamLook *found = clipmoe_stream_add (stream, e, embed, &frame);
      g_assert_cmpuint (found->look.n_tags, ==, i == 0);
      g_assert_cmpuint (found->look.embed, ==, embed);
      clipmoe_stream_look_unref (found);
      g_free (e);
      clipmoe_labels_unref (made);
      g_ptr_array_unref (list);
      clipmoe_encoder_free (own);
    }
    g_assert_cmpuint (clipmoe_model_get_info (models[0])->embed, !=, clipmoe_model_get_info (model)->embed);
    clipmoe_stream_free (stream);
    clipmoe_model_unref (models[0]);
  } else {
    g_test_skip ("the build found no /usr/bin/python3 to make the tiny models");
  }
  g_free (vocab);
  g_free (path);
}

static void
count_event (const ClipmoeEvent *event, gpointer data) {
  guint *n = data;
  n[event->type]++;
}

static void
keep_event (const ClipmoeEvent *event, gpointer data) {
  g_ptr_array_add (data, clipmoe_event_copy (event));
}

/* The same openings and closings make a stream's tags and its events, labels beyond the best k among them. */
static void
test_events (void) {
  guint embed = clipmoe_model_get_info (model)->embed, told[3] = {0}, opened = 0, n;
  gboolean open = FALSE;
  float *e = g_new (float, embed);
  ClipmoeStream *stream = clipmoe_stream_new ();
  ClipmoeEvents *events = clipmoe_events_new (0, count_event, told);
  GRand *random = g_rand_new_with_seed (9);
  clipmoe_stream_get_labels (stream, &n);
  g_assert_cmpuint (n, ==, 0);
  for (guint i = 0; i < LOOKS; i++) {
    ClipmoeStreamFrame frame = {.time = i * SECOND,
                                .generation = i / 50,
                                .labels = labels,
                                .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = 0.5, .top_k = i % 2}};
    double c = g_rand_double_range (random, 0.3, 0.7);
    vector (e, embed, c);
    ClipmoeStreamLook *found = clipmoe_stream_add (stream, e, embed, &frame);
    const ClipmoeLabelState *states = clipmoe_stream_get_labels (stream, &n);
    g_assert_cmpuint (n, ==, 1);
    g_assert_cmpstr (states->label, ==, "a dog");
    g_assert_cmpfloat (fabs (states->score - c), <, 1e-3);
    if (i % 2)
      g_assert_cmpint (states->hysteresis.open, ==, found->look.n_tags == 1);
    open &= i % 50 != 0;
    opened += states->hysteresis.open && !open;
    open = states->hysteresis.open;
    clipmoe_events_add (events, &found->look, states, n);
    clipmoe_stream_look_unref (found);
    g_assert_cmpuint (told[CLIPMOE_EVENT_START], ==, opened);
    g_assert_cmpuint (told[CLIPMOE_EVENT_END], ==, opened - open);
  }
  g_assert_cmpuint (opened, >, 20);
  g_rand_free (random);
  clipmoe_events_free (events);
  clipmoe_stream_free (stream);
  g_free (e);
}

/* What was open lasts until the last look, once nothing has been seen for `hold`; the next look begins anew.
 */
static void
test_pause (void) {
  guint embed = clipmoe_model_get_info (model)->embed, n;
  float *e = g_new (float, embed);
  GPtrArray *told = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_event_free);
  ClipmoeStream *stream = clipmoe_stream_new ();
  ClipmoeEvents *events = clipmoe_events_new (0, keep_event, told);
  g_assert_false (clipmoe_stream_pause (stream, 100 * SECOND, 0));
  for (guint i = 0; i < 3; i++) {
    ClipmoeStreamFrame frame = {
        .time = (i < 2 ? 1 + i : 9) * SECOND,
        .labels = labels,
        .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = 0.5, .hold = 3, .top_k = 5}};
    vector (e, embed, i < 2 ? 0.6 : 0.45); /* 0.45: stays open, and does not open */
    ClipmoeStreamLook *found = clipmoe_stream_add (stream, e, embed, &frame);
    g_assert_cmpuint (found->look.n_tags, ==, i < 2);
    const ClipmoeLabelState *states = clipmoe_stream_get_labels (stream, &n);
    clipmoe_events_add (events, &found->look, states, n);
    clipmoe_stream_look_unref (found);
    if (i != 1)
      continue;
    g_assert_false (clipmoe_stream_pause (stream, 1 * SECOND, 0)); /* before the look */
    g_assert_false (clipmoe_stream_pause (stream, 5 * SECOND - 1, 3));
    g_assert_true (clipmoe_stream_pause (stream, 5 * SECOND, 3));
    g_assert_false (clipmoe_stream_pause (stream, 6 * SECOND, 3));
    clipmoe_events_finish (events);
  }
  g_assert_cmpuint (told->len, ==, 2);
  const ClipmoeEvent *end = told->pdata[1];
  g_assert_cmpint (end->type, ==, CLIPMOE_EVENT_END);
  g_assert_cmpuint (end->end, ==, 2 * SECOND);
  clipmoe_events_free (events);
  clipmoe_stream_free (stream);
  g_ptr_array_unref (told);
  g_free (e);
}

/* What is seen each second: a, b, c of a group, or something else. */
static char *
play (const char *seen, double hold, double settle, GPtrArray *told) {
  static const char names[] = "abc";
  GPtrArray *list = clipmoe_label_list_parse ("a dog;a red car;the sky at night", NULL);
  for (guint i = 0; i < 3; i++)
    clipmoe_label_set_group (list->pdata[i], "g");
  ClipmoeLabels *made = clipmoe_labels_new (encoder, list, NULL, (const char *const[]){"{}", NULL}, NULL);
  guint embed = clipmoe_model_get_info (model)->embed, n;
  ClipmoeStream *stream = clipmoe_stream_new ();
  ClipmoeEvents *events = clipmoe_events_new (0, keep_event, told);
  GString *states = g_string_new (NULL);
  for (guint i = 0; seen[i]; i++) {
    const char *name = strchr (names, seen[i]);
    ClipmoeStreamFrame frame = {
        .time = i * SECOND,
        .labels = made,
        .rules = {
            .score = CLIPMOE_SCORE_COSINE, .threshold = 0.95, .hold = hold, .settle = settle, .top_k = 5}};
    float *e =
        g_memdup2 (clipmoe_labels_get_vector (made, name ? (guint)(name - names) : 0), embed * sizeof *e);
    for (guint j = 0; j < embed && !name; j++)
      e[j] = -e[j];
    ClipmoeStreamLook *found = clipmoe_stream_add (stream, e, embed, &frame);
    g_assert_cmpuint (found->look.n_tags, <=, 1);
    const ClipmoeLabelState *labels = clipmoe_stream_get_labels (stream, &n);
    g_assert_cmpstr (labels[0].group, ==, "g");
    char now = '-';
    for (guint k = 0; k < n; k++)
      if (labels[k].hysteresis.open) {
        g_assert_cmpint (now, ==, '-');
        now = names[k];
        g_assert_cmpstr (found->look.tags[0].label, ==, labels[k].label);
      }
    g_string_append_c (states, now);
    clipmoe_events_add (events, &found->look, labels, n);
    clipmoe_stream_look_unref (found);
    g_free (e);
  }
  clipmoe_events_finish (events);
  clipmoe_events_free (events);
  clipmoe_stream_free (stream);
  clipmoe_labels_unref (made);
  g_ptr_array_unref (list);
  return g_string_free (states, FALSE);
}

/* One label of a group at most is open; the group changes when its new state has lasted for settle, and to
 * nothing after hold at the earliest. */
static void
test_groups (void) {
  static const struct {
    const char *seen, *open;
    double hold, settle;
  } cases[] = {{"aabb-cc-", "aabb-cc-", 0, 0},         {"aaaababbbb----ccbbb", "--aaaaaabbbb------b", 0, 2},
               {"ab-------b", "abbbbb---b", 4, 0},     {"a-ba", "aaba", 3, 0},
               {"aaa-a-bbb-bb", "-aaaaaabbbbb", 3, 1}, {"a-b-c-a-", "--------", 0, 1}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GPtrArray *told = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_event_free);
    char *open = play (cases[i].seen, cases[i].hold, cases[i].settle, told);
    g_assert_cmpstr (open, ==, cases[i].open);
    g_free (open);
    if (i == 1) { /* an event is of when something was seen, however late that is known */
      static const guint64 ends[][2] = {{0, 6}, {6, 10}, {16, 18}};
      guint n = 0;
      for (guint k = 0; k < told->len; k++) {
        const ClipmoeEvent *e = told->pdata[k];
        g_assert_cmpstr (e->group, ==, "g");
        if (e->type != CLIPMOE_EVENT_END)
          continue;
        g_assert_cmpuint (e->start, ==, ends[n][0] * SECOND);
        g_assert_cmpuint (e->end, ==, ends[n++][1] * SECOND);
      }
      g_assert_cmpuint (n, ==, 3);
    }
    g_ptr_array_unref (told);
  }
}

/* A stream that was interrupted for less than hold goes on; else nothing of before counts. */
static void
test_connections (void) {
  static const struct {
    guint second, connection, generation;
    double cosine;
    gboolean open;
  } looks[] = {{10, 0, 0, 0.6, TRUE},   {12, 0, 0, 0.45, TRUE},  {16, 1, 0, 0.45, TRUE},
               {21, 2, 0, 0.45, FALSE}, {22, 2, 0, 0.6, TRUE},   {22, 3, 0, 0.45, FALSE},
               {23, 3, 0, 0.6, TRUE},   {20, 4, 0, 0.45, FALSE}, {21, 4, 0, 0.6, TRUE},
               {22, 5, 1, 0.45, FALSE}};
  guint embed = clipmoe_model_get_info (model)->embed;
  float *e = g_new (float, embed);
  for (guint held = 0; held < 2; held++) {
    ClipmoeStream *stream = clipmoe_stream_new ();
    for (guint i = 0; i < G_N_ELEMENTS (looks); i++) {
      ClipmoeStreamFrame frame = {
          .time = looks[i].second * SECOND,
          .connection = looks[i].connection,
          .generation = looks[i].generation,
          .labels = labels,
          .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = 0.5, .hold = held ? 5 : 0, .top_k = 5}};
      vector (e, embed, looks[i].cosine);
      ClipmoeStreamLook *found = clipmoe_stream_add (stream, e, embed, &frame);
      g_assert_cmpuint (found->look.n_tags, ==, looks[i].open && (held || i != 2));
      clipmoe_stream_look_unref (found);
    }
    clipmoe_stream_free (stream);
  }
  g_free (e);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  GPtrArray *list = clipmoe_label_list_parse ("a dog", NULL);
  model = clipmoe_model_open (NULL, NULL, NULL);
  encoder = clipmoe_encoder_new (model, NULL, NULL);
  labels = clipmoe_labels_new (encoder, list, NULL, (const char *const[]){"{}", NULL}, NULL);
  g_ptr_array_unref (list);
  g_test_add_func ("/stream/timeline", test_timeline);
  g_test_add_func ("/stream/tenths", test_tenths);
  g_test_add_func ("/stream/smoothing", test_smoothing);
  g_test_add_func ("/stream/same-words", test_same_words);
  g_test_add_func ("/stream/other-model", test_other_model);
  g_test_add_func ("/stream/events", test_events);
  g_test_add_func ("/stream/pause", test_pause);
  g_test_add_func ("/stream/groups", test_groups);
  g_test_add_func ("/stream/connections", test_connections);
  int r = g_test_run ();
  clipmoe_labels_unref (labels);
  clipmoe_encoder_free (encoder);
  clipmoe_model_unref (model);
  return r;
}
