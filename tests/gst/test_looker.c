/* Protects that a stream's tags open and close as ClipmoeTimeline's intervals do, forwards and backwards,
 * with and without hold; smoothing and another generation of the stream; what is told of
 * latency and of frames that cannot be looked at. */
#include <math.h>
#include "common.h"
#include "taglooker.h"
#include "tagstats.h"
#include "tagtrouble.h"

#define LOOKS 400

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

static void
check (double hold, gboolean backwards) {
  guint embed = clipmoe_model_get_info (model)->embed;
  float *e = g_new (float, embed);
  double threshold = 0.5, scores[LOOKS];
  gboolean open[LOOKS];
  ClipmoeTimelineOptions options = {.struct_size = sizeof options, .hold = hold};
  ClipmoeTimeline *timeline = clipmoe_timeline_new (1, &threshold, &options, NULL);
  TagLooker *looker = tag_looker_new (NULL);
  GRand *random = g_rand_new_with_seed (7);
  for (guint i = 0; i < LOOKS; i++) {
    scores[i] = g_rand_double_range (random, 0.3, 0.7);
    vector (e, embed, scores[i]);
    TagJob job = {.time = (backwards ? LOOKS - i : i) * GST_SECOND,
                  .labels = labels,
                  .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = threshold, .hold = hold, .top_k = 5}};
    TagLook *found = tag_looker_score (looker, e, embed, &job);
    open[i] = found->n_tags == 1;
    double cosine = scores[i];
    g_assert_true (clipmoe_timeline_add (timeline, i, 1, &cosine, NULL));
    tag_look_unref (found);
  }
  clipmoe_timeline_finish (timeline);
  guint n = clipmoe_timeline_get_n_intervals (timeline);
  g_assert_cmpuint (n, >, 10);
  guint starts = 0;
  for (guint i = 0; i < LOOKS; i++) {
    gboolean inside = FALSE, after = FALSE;
    for (guint k = 0; k < n; k++) {
      const ClipmoeInterval *v = clipmoe_timeline_get_interval (timeline, k);
      inside |= i >= v->start && i < v->end;
      after |= i >= v->end && i < v->end + hold; /* it may yet be bridged: the tag stays that long */
    }
    if (open[i] != (inside || after))
      g_error ("hold %g, look %u: open %d, inside an interval %d, just after one %d", hold, i, open[i],
               inside, after);
    starts += open[i] && (i == 0 || !open[i - 1]);
  }
  g_assert_cmpuint (starts, >, 5);
  clipmoe_timeline_free (timeline);
  tag_looker_free (looker);
  g_rand_free (random);
  g_free (e);
}

static void
test_hysteresis (void) {
  for (guint backwards = 0; backwards < 2; backwards++)
    for (double hold = 0; hold < 4; hold += 1.5)
      check (hold, backwards);
}

static void
test_smoothing (void) {
  guint embed = clipmoe_model_get_info (model)->embed;
  float *e = g_new (float, embed);
  TagLooker *looker = tag_looker_new (NULL);
  double got[3];
  for (guint i = 0; i < 3; i++) {
    TagJob job = {.time = i * GST_SECOND,
                  .generation = i / 2,
                  .labels = labels,
                  .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = NAN, .smoothing = 1, .top_k = 5}};
    vector (e, embed, i ? 0.2 : 0.8);
    TagLook *found = tag_looker_score (looker, e, embed, &job);
    got[i] = found->tags[0].score;
    g_assert_cmpfloat (fabs (found->tags[0].cosine - (i ? 0.2 : 0.8)), <, 1e-3);
    tag_look_unref (found);
  }
  g_assert_cmpfloat (fabs (got[1] - (0.8 + (1 - exp (-1)) * (0.2 - 0.8))), <, 2e-3);
  g_assert_cmpfloat (fabs (got[2] - 0.2), <, 1e-3); /* another generation: nothing of before */
  tag_looker_free (looker);
  g_free (e);
}

/* One hiccup is no reason to delay a pipeline; looks that have come to take a quarter longer are, and once;
 * and when they take half of that only, nobody has to wait for the rest any more. */
static void
test_latency (void) {
  TagStats *s = g_new0 (TagStats, 1);
  s->latency = 10 * GST_MSECOND;
  for (guint i = 0; i < 600; i++) {
    tag_stats_add_look (s, i == 300 ? 50000 : i % 2 ? 12000 : 8000);
    g_assert_false (tag_stats_latency_changed (s));
  }
  g_assert_cmpfloat (tag_stats_quantile (s, 0.25), ==, 8);
  g_assert_cmpfloat (tag_stats_quantile (s, 0.95), ==, 12);
  tag_stats_add_look (s, 20000);
  g_assert_false (tag_stats_latency_changed (s));
  tag_stats_add_look (s, 21000);
  g_assert_true (tag_stats_latency_changed (s));
  g_assert_cmpuint (s->latency, ==, 20 * GST_MSECOND);
  g_assert_false (tag_stats_latency_changed (s));
  for (guint i = 0; i < 200; i++) { /* half as long is told too, once it has lasted */
    tag_stats_add_look (s, 9000);
    g_assert_cmpint (tag_stats_latency_changed (s), ==, i == 63);
  }
  g_assert_cmpuint (s->latency, ==, 9 * GST_MSECOND);
  g_free (s);
}

/* The first failure is told, then one a minute; ten without one that goes well are given up, of each kind by
 * itself, and anew where other caps come; a stream that ends before that had nothing else. */
static void
test_trouble (void) {
  for (TagTroubleKind kind = 0; kind < TAG_N_TROUBLES; kind++) {
    TagTrouble t = {0};
    gint64 now = 1;
    g_assert_false (tag_trouble_only (&t));
    g_assert_cmpint (tag_trouble_failed (&t, kind, now), ==, TAG_TROUBLE_WARN);
    g_assert_true (tag_trouble_only (&t));
    for (guint i = 1; i < 9; i++)
      g_assert_cmpint (tag_trouble_failed (&t, kind, now += 1000), ==, TAG_TROUBLE_QUIET);
    g_assert_cmpint (tag_trouble_failed (&t, kind, now), ==, TAG_TROUBLE_GIVE_UP);
    t = (TagTrouble){0};
    tag_trouble_went_well (&t, kind);
    for (guint i = 0; i < 600; i++) /* ten a second, for a minute */
      g_assert_cmpint (tag_trouble_failed (&t, kind, now += 100000), ==,
                       i ? TAG_TROUBLE_QUIET : TAG_TROUBLE_WARN);
    g_assert_cmpint (tag_trouble_failed (&t, kind, now += 100000), ==, TAG_TROUBLE_WARN);
    g_assert_false (tag_trouble_only (&t));
    tag_trouble_new_caps (&t);
    for (guint i = 0; i < 9; i++)
      g_assert_cmpint (tag_trouble_failed (&t, kind, now), ==, TAG_TROUBLE_QUIET);
    g_assert_cmpint (tag_trouble_failed (&t, kind, now), ==,
                     kind == TAG_TROUBLE_FRAME ? TAG_TROUBLE_GIVE_UP : TAG_TROUBLE_QUIET);
  }
}

/* Another precision's vectors of the same words leave open what is open; other words do not. */
static void
test_same_words (void) {
  static const char *const words[] = {"a dog", "a dog", "a cat"};
  guint embed = clipmoe_model_get_info (model)->embed;
  float *e = g_new (float, embed);
  TagLooker *looker = tag_looker_new (NULL);
  for (guint i = 0; i < 3; i++) {
    GPtrArray *list = clipmoe_label_list_parse (words[i], NULL);
    ClipmoeLabels *made = clipmoe_labels_new (encoder, list, NULL, (const char *const[]){"{}", NULL}, NULL);
    TagJob job = {.time = i * GST_SECOND,
                  .labels = made,
                  .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = 0.5, .top_k = 5}};
    vector (e, embed, i ? 0.45 : 0.6); /* open; between closing and opening */
    TagLook *found = tag_looker_score (looker, e, embed, &job);
    g_assert_cmpuint (found->n_tags, ==, i < 2);
    tag_look_unref (found);
    clipmoe_labels_unref (made);
    g_ptr_array_unref (list);
  }
  tag_looker_free (looker);
  g_free (e);
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  GPtrArray *list = clipmoe_label_list_parse ("a dog", NULL);
  model = clipmoe_model_open (NULL, NULL, NULL);
  encoder = clipmoe_encoder_new (model, NULL, NULL);
  labels = clipmoe_labels_new (encoder, list, NULL, (const char *const[]){"{}", NULL}, NULL);
  g_ptr_array_unref (list);
  g_test_add_func ("/looker/hysteresis", test_hysteresis);
  g_test_add_func ("/looker/smoothing", test_smoothing);
  g_test_add_func ("/looker/latency", test_latency);
  g_test_add_func ("/looker/trouble", test_trouble);
  g_test_add_func ("/looker/same-words", test_same_words);
  int r = run ();
  clipmoe_labels_unref (labels);
  clipmoe_encoder_free (encoder);
  clipmoe_model_unref (model);
  return r;
}
