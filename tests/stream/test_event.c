/* Checks events: they are the timeline's intervals, reported from start to end under one unique id; what a
 * jump, another source and other labels end; their JSON line to the byte, read back or refused. */
#include <clipmoe/timeline.h>
#include <math.h>
#include <stream/eventjson.h>
#include <string.h>

#define N 5
#define LOOKS 2000
#define MS G_GINT64_CONSTANT (1000000)
#define SECOND G_GINT64_CONSTANT (1000000000)

static const char *const names[N] = {"a", "b", "c", "d", "e"};

static void
keep (const ClipmoeEvent *event, gpointer data) {
  g_ptr_array_add (data, clipmoe_event_copy (event));
}

static GPtrArray *
list_new (void) {
  return g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_event_free);
}

/* One look whose labels have @scores. */
static void
add (ClipmoeEvents *events, ClipmoeLabelState *labels, const ClipmoeHysteresisRules *rules,
     const ClipmoeLook *look, const double *scores) {
  for (guint i = 0; i < N; i++) {
    labels[i].label = names[i];
    labels[i].score = scores[i];
    labels[i].change =
        clipmoe_hysteresis_add (&labels[i].hysteresis, rules, 0.5, (gint64)look->time, G_MAXINT64, scores[i]);
  }
  clipmoe_events_add (events, look, labels, N);
}

/* Start, updates, end, of one event after the other for each label; every id is used once. */
static void
check_order (GPtrArray *list) {
  GHashTable *open = g_hash_table_new (g_str_hash, g_str_equal),
             *ids = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < list->len; i++) {
    const ClipmoeEvent *e = list->pdata[i], *before = g_hash_table_lookup (open, e->label);
    g_assert_cmpint (e->type == CLIPMOE_EVENT_START, ==, before == NULL);
    if (e->type == CLIPMOE_EVENT_START)
      g_assert_true (g_hash_table_add (ids, (gpointer)e->id));
    else
      g_assert_cmpstr (e->id, ==, before->id);
    g_assert_cmpuint (strlen (e->id), ==, 32);
    g_assert_cmpfloat (e->mean, <, e->peak + 1e-12);
    if (e->type == CLIPMOE_EVENT_END)
      g_hash_table_remove (open, e->label);
    else
      g_hash_table_replace (open, (gpointer)e->label, (gpointer)e);
  }
  g_assert_cmpuint (g_hash_table_size (open), ==, 0);
  g_hash_table_unref (open);
  g_hash_table_unref (ids);
}

static int
by_start (gconstpointer a, gconstpointer b) {
  const ClipmoeEvent *x = *(const ClipmoeEvent *const *)a, *y = *(const ClipmoeEvent *const *)b;
  return x->start < y->start ? -1 : x->start > y->start ? 1 : strcmp (x->label, y->label);
}

static void
check_timeline (GRand *random, gint64 hold, gint64 settle, gint64 update) {
  double thresholds[N], scores[N] = {0};
  for (guint i = 0; i < N; i++)
    thresholds[i] = 0.5;
  ClipmoeHysteresisRules rules = {.close_ratio = 0.8, .hold = hold, .settle = settle};
  ClipmoeTimelineOptions options = {
      .struct_size = sizeof options, .hold = (double)hold / SECOND, .settle = (double)settle / SECOND};
  ClipmoeTimeline *timeline = clipmoe_timeline_new (N, thresholds, &options, NULL);
  ClipmoeLabelState labels[N] = {{0}};
  GPtrArray *list = list_new (), *ends = g_ptr_array_new ();
  ClipmoeEvents *events = clipmoe_events_new (update, keep, list);
  guint64 time = 0, next = 0;
  for (guint k = 0; k < LOOKS; k++, time = next) {
    next = k + 1 < LOOKS ? time + (guint64)g_rand_int_range (random, 1, 1000) * MS : time;
    for (guint i = 0; i < N; i++)
      if (g_rand_int_range (random, 0, 4) == 0)
        scores[i] = g_rand_double (random);
    ClipmoeLook look = {.source = "s", .model = "m", .tagger = "t", .time = time, .sequence = k + 1};
    add (events, labels, &rules, &look, scores);
    g_assert_true (
        clipmoe_timeline_add (timeline, (double)time / SECOND, (double)(next - time) / SECOND, scores, NULL));
  }
  clipmoe_events_finish (events);
  clipmoe_timeline_finish (timeline);
  check_order (list);
  guint updates = 0;
  for (guint i = 0; i < list->len; i++) {
    const ClipmoeEvent *e = list->pdata[i];
    updates += e->type == CLIPMOE_EVENT_UPDATE;
    if (e->type == CLIPMOE_EVENT_END)
      g_ptr_array_add (ends, list->pdata[i]);
  }
  g_assert_cmpint (updates > 0, ==, update > 0);
  g_ptr_array_sort (ends, by_start);
  g_assert_cmpuint (ends->len, >, 50);
  g_assert_cmpuint (ends->len, ==, clipmoe_timeline_get_n_intervals (timeline));
  for (guint i = 0; i < ends->len; i++) {
    const ClipmoeEvent *e = ends->pdata[i];
    const ClipmoeInterval *v = clipmoe_timeline_get_interval (timeline, i);
    g_assert_cmpstr (e->label, ==, names[v->label]);
    g_assert_cmpfloat (fabs ((double)e->start / SECOND - v->start), <, 1e-8);
    g_assert_cmpfloat (fabs ((double)e->end / SECOND - v->end), <, 1e-8);
    g_assert_cmpfloat (e->peak, ==, v->peak);
    g_assert_cmpfloat (fabs ((double)e->peak_time / SECOND - v->peak_time), <, 1e-8);
    g_assert_cmpfloat (e->mean, ==, v->mean);
  }
  clipmoe_events_free (events);
  clipmoe_timeline_free (timeline);
  g_ptr_array_unref (ends);
  g_ptr_array_unref (list);
}

static void
test_timeline (void) {
  GRand *random = g_rand_new_with_seed (11);
  for (guint i = 0; i < 8; i++)
    check_timeline (random, 400 * MS * i, 150 * MS * (i % 3), i & 1 ? SECOND : 0);
  g_rand_free (random);
}

typedef struct {
  ClipmoeEventType type;
  const char *label;
  guint64 start, end; /* seconds */
  double score;
} Expected;

static void
check_list (GPtrArray *list, const Expected *expected, guint n) {
  g_assert_cmpuint (list->len, ==, n);
  for (guint i = 0; i < n; i++) {
    const ClipmoeEvent *e = list->pdata[i];
    g_assert_cmpint (e->type, ==, expected[i].type);
    g_assert_cmpstr (e->label, ==, expected[i].label);
    g_assert_cmpuint (e->start, ==, expected[i].start * SECOND);
    g_assert_cmpuint (e->end, ==, expected[i].end * SECOND);
    g_assert_cmpfloat (e->score, ==, expected[i].score);
  }
  check_order (list);
}

/* It starts where it began to settle, is told once it has, and again with a higher peak every two seconds. */
static void
test_settle (void) {
  static const double scores[] = {0.5, 0.6, 0.7, 0.8, 0.1, 0.9, 0.1, 0.2, 0.2, 0.6, 0.1};
  static const Expected expected[] = {{CLIPMOE_EVENT_START, "a", 0, 0, 0.7},
                                      {CLIPMOE_EVENT_UPDATE, "a", 0, 0, 0.1}, /* in a gap that is bridged */
                                      {CLIPMOE_EVENT_UPDATE, "a", 0, 0, 0.1},
                                      {CLIPMOE_EVENT_END, "a", 0, 6, 0.2}};
  ClipmoeHysteresisRules rules = {.close_ratio = 0.8, .hold = 2 * SECOND, .settle = 2 * SECOND};
  ClipmoeLabelState labels[N] = {{0}};
  GPtrArray *list = list_new ();
  ClipmoeEvents *events = clipmoe_events_new (2 * SECOND, keep, list);
  for (guint k = 0; k < G_N_ELEMENTS (scores); k++) {
    double all[N] = {scores[k]};
    ClipmoeLook look = {.source = "s", .model = "m", .tagger = "t", .time = k * SECOND, .sequence = k + 1};
    add (events, labels, &rules, &look, all);
  }
  clipmoe_events_finish (events); /* the one at 9 s never settled */
  check_list (list, expected, G_N_ELEMENTS (expected));
  const ClipmoeEvent *last = list->pdata[3];
  g_assert_cmpfloat (last->peak, ==, 0.9);
  g_assert_cmpuint (last->peak_time, ==, 5 * SECOND);
  g_assert_cmpfloat (fabs (last->mean - (0.5 + 0.6 + 0.7 + 0.8 + 0.9) / 5), <, 1e-12);
  clipmoe_events_free (events);
  g_ptr_array_unref (list);
}

/* No better peak, no update; one that comes too early waits for the next look that may tell. */
static void
test_updates (void) {
  static const double scores[] = {0.8, 0.7, 0.7, 0.7, 0.81, 0.7, 0.82, 0.7, 0.7, 0.7, 0.82, 0.7};
  static const Expected expected[] = {{CLIPMOE_EVENT_START, "a", 0, 0, 0.8},
                                      {CLIPMOE_EVENT_UPDATE, "a", 0, 0, 0.81}, /* at 4 s */
                                      {CLIPMOE_EVENT_UPDATE, "a", 0, 0, 0.7},  /* at 7 s */
                                      {CLIPMOE_EVENT_END, "a", 0, 11, 0.7}};
  ClipmoeHysteresisRules rules = {.close_ratio = 0.8};
  ClipmoeLabelState labels[N] = {{0}};
  GPtrArray *list = list_new ();
  ClipmoeEvents *events = clipmoe_events_new (3 * SECOND, keep, list);
  for (guint k = 0; k < G_N_ELEMENTS (scores); k++) {
    double all[N] = {scores[k]};
    ClipmoeLook look = {.source = "s", .model = "m", .tagger = "t", .time = k * SECOND, .sequence = k + 1};
    add (events, labels, &rules, &look, all);
  }
  clipmoe_events_finish (events);
  check_list (list, expected, G_N_ELEMENTS (expected));
  g_assert_cmpuint (((ClipmoeEvent *)list->pdata[2])->peak_time, ==, 6 * SECOND);
  clipmoe_events_free (events);
  g_ptr_array_unref (list);
}

/* What a jump makes the stream forget is over, whether it is there again or not; so it is with another
 * source, whose events are its own, and with other labels. */
static void
test_jumps (void) {
  static const double both[N] = {0.9, 0.9}, first[N] = {0.9};
  static const Expected expected[] = {
      {CLIPMOE_EVENT_START, "a", 0, 0, 0.9}, {CLIPMOE_EVENT_START, "b", 0, 0, 0.9},
      {CLIPMOE_EVENT_END, "a", 0, 1, 0.9},   {CLIPMOE_EVENT_START, "a", 0, 0, 0.9}, /* back at 0 */
      {CLIPMOE_EVENT_END, "b", 0, 1, 0},     {CLIPMOE_EVENT_END, "a", 0, 0, 0.9},
      {CLIPMOE_EVENT_START, "a", 2, 0, 0.9}, /* of the other source */
      {CLIPMOE_EVENT_END, "a", 2, 2, 0.9}};
  ClipmoeHysteresisRules rules = {.close_ratio = 0.8};
  ClipmoeLabelState labels[N] = {{0}};
  GPtrArray *list = list_new ();
  ClipmoeEvents *events = clipmoe_events_new (0, keep, list);
  ClipmoeLook look = {.source = "s", .model = "m", .tagger = "t"};
  for (guint k = 0; k < 2; k++) {
    look.time = k * SECOND;
    look.sequence++;
    add (events, labels, &rules, &look, both);
  }
  memset (labels, 0, sizeof labels);
  look.time = 0;
  look.sequence++;
  add (events, labels, &rules, &look, first);
  look.source = "other";
  look.time = 2 * SECOND;
  look.sequence++;
  add (events, labels, &rules, &look, first); /* it is open still, and begins for this source */
  labels[0].label = "x";
  look.sequence++;
  clipmoe_events_add (events, &look, labels, 1);
  labels[0].label = "y";
  clipmoe_events_add (events, &look, labels, 0);
  /* the label "x" was open too */
  g_assert_cmpuint (list->len, ==, G_N_ELEMENTS (expected) + 2);
  g_assert_cmpstr (((ClipmoeEvent *)list->pdata[9])->label, ==, "x");
  g_assert_cmpstr (((ClipmoeEvent *)list->pdata[7])->source, ==, "other");
  g_assert_cmpstr (((ClipmoeEvent *)list->pdata[5])->source, ==, "s");
  g_ptr_array_set_size (list, G_N_ELEMENTS (expected));
  check_list (list, expected, G_N_ELEMENTS (expected));
  clipmoe_events_free (events);
  g_ptr_array_unref (list);
}

/* The same look makes the same id, and anything else another one. */
static void
test_id (void) {
  static const ClipmoeLook looks[] = {{.source = "s", .tagger = "t", .at = 5, .sequence = 1},
                                      {.source = "s", .tagger = "t", .at = 5, .sequence = 1},
                                      {.source = "s", .tagger = "t", .at = 5, .sequence = 2},
                                      {.source = "s", .tagger = "t", .at = 6, .sequence = 1},
                                      {.source = "s", .tagger = "u", .at = 5, .sequence = 1},
                                      {.source = "r", .tagger = "t", .at = 5, .sequence = 1},
                                      {.source = NULL, .tagger = "t", .at = 5, .sequence = 1},
                                      {.source = "", .tagger = "t", .at = 5, .sequence = 1},
                                      {.source = "t", .tagger = "", .at = 5, .sequence = 1}};
  static const double scores[N] = {0.9, 0.9};
  GPtrArray *list = list_new ();
  for (guint i = 0; i < G_N_ELEMENTS (looks); i++) {
    ClipmoeHysteresisRules rules = {.close_ratio = 0.8};
    ClipmoeLabelState labels[N] = {{0}};
    ClipmoeEvents *events = clipmoe_events_new (0, keep, list);
    add (events, labels, &rules, &looks[i], scores);
    clipmoe_events_free (events);
  }
  g_assert_cmpuint (list->len, ==, 2 * G_N_ELEMENTS (looks));
  for (guint i = 0; i < list->len; i++)
    for (guint k = 0; k < i; k++) {
      const ClipmoeEvent *a = list->pdata[i], *b = list->pdata[k];
      gboolean same = i < 4 && i - k == 2;
      /* no source is the same as an empty one */
      same |= i / 2 == 7 && i - k == 2;
      g_assert_cmpint (g_str_equal (a->id, b->id), ==, same);
    }
  g_ptr_array_unref (list);
}

#define END                                                                                                  \
  "{\"schema\":\"clipmoe.event/1\",\"type\":\"end\",\"id\":\"0123\",\"source\":\"cam "                       \
  "\\\"1\\\"\",\"label\":\"a bus\","                                                                         \
  "\"group\":\"g\",\"start\":1.5,\"end\":4,\"peak\":0.913275,\"peak_time\":2.000000001,\"mean\":0.500000,"   \
  "\"score\":-0.250000,\"at\":\"2023-11-14T22:13:20.123Z\",\"model\":\"m@1\",\"object_id\":-7,\"snapshot\":" \
  "\"x.jpg\"}"
#define START                                                                                                \
  "{\"schema\":\"clipmoe.event/1\",\"type\":\"start\",\"id\":\"0123\",\"source\":null,\"label\":\"a "        \
  "bus\",\"group\":null,"                                                                                    \
  "\"start\":0,\"end\":null,\"peak\":0.000000,\"peak_time\":0,\"mean\":0.000000,\"score\":0.000000,\"at\":"  \
  "null,"                                                                                                    \
  "\"model\":null,\"object_id\":null,\"snapshot\":null}"

static void
test_line (void) {
  static const ClipmoeEvent events[] = {{.type = CLIPMOE_EVENT_END,
                                         .id = "0123",
                                         .source = "cam \"1\"",
                                         .label = "a bus",
                                         .model = "m@1",
                                         .group = "g",
                                         .start = 1500 * MS,
                                         .end = 4 * SECOND,
                                         .peak = 0.9132754,
                                         .mean = 0.5,
                                         .peak_time = 2 * SECOND + 1,
                                         .score = -0.25,
                                         .at = G_GINT64_CONSTANT (1700000000123456),
                                         .has_object = TRUE,
                                         .object_id = -7,
                                         .snapshot = "x.jpg"},
                                        {.type = CLIPMOE_EVENT_START, .id = "0123", .label = "a bus"}};
  static const char *const lines[] = {END, START};
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    char *line = clipmoe_event_to_json (&events[i]);
    GError *error = NULL;
    g_assert_cmpstr (line, ==, lines[i]);
    ClipmoeEvent *back = clipmoe_event_from_json (line, strlen (line), "here", &error);
    g_assert_no_error (error);
    g_free (line);
    line = clipmoe_event_to_json (back);
    g_assert_cmpstr (line, ==, lines[i]);
    g_free (line);
    clipmoe_event_free (back);
  }
}

static void
test_refused (void) {
  static const struct {
    const char *from, *to, *says;
  } cases[] = {{"clipmoe.event/1", "clipmoe.tags/1", "here: \"schema\": expected \"clipmoe.event/1\""},
               {"\"end\",\"id\"", "\"stop\",\"id\"", "here: \"type\": expected start, update or end"},
               {"\"end\",\"id\"", "\"update\",\"id\"", "here: \"end\": expected null, since it goes on"},
               {"\"0123\"", "null", "here: \"id\": expected a string"},
               {"\"a bus\"", "null", "here: \"label\": expected a string"},
               {"\"g\"", "1", "here: \"group\": expected a string or null"},
               {"1.5", "null", "here: \"start\": expected seconds, 0 or more"},
               {"\"end\":4", "\"end\":null", "here: \"end\": expected seconds, 0 or more"},
               {"0.913275", "1e9", "here: \"peak\": expected a number from -1000 to 1000"},
               {"2.000000001", "-1", "here: \"peak_time\": expected seconds, 0 or more"},
               {"0.500000", "null", "here: \"mean\": expected a number from -1000 to 1000"},
               {"-0.250000", "\"\"", "here: \"score\": expected a number from -1000 to 1000"},
               {"2023-11-14", "2023-99-14", "here: \"at\": expected a time such as 2026-01-31T12:00:00.000Z"},
               {"-7", "7.5", "here: \"object_id\": expected a whole number or null"},
               {"\"x.jpg\"", "{}", "here: \"snapshot\": expected a string or null"},
               {"\"m@1\"", "5", "here: \"model\": expected a string or null"}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GString *line = g_string_new (END);
    GError *error = NULL;
    g_assert_cmpuint (g_string_replace (line, cases[i].from, cases[i].to, 1), ==, 1);
    g_assert_null (clipmoe_event_from_json (line->str, line->len, "here", &error));
    g_assert_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_FORMAT);
    g_assert_cmpstr (error->message, ==, cases[i].says);
    g_error_free (error);
    g_string_free (line, TRUE);
  }
  for (gsize n = 0; n < strlen (END); n++) /* cut anywhere */
    g_assert_null (clipmoe_event_from_json (END, n, "here", NULL));
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/event/timeline", test_timeline);
  g_test_add_func ("/event/settle", test_settle);
  g_test_add_func ("/event/updates", test_updates);
  g_test_add_func ("/event/jumps", test_jumps);
  g_test_add_func ("/event/id", test_id);
  g_test_add_func ("/event/line", test_line);
  g_test_add_func ("/event/refused", test_refused);
  return g_test_run ();
}
