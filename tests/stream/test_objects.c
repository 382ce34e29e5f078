/* Protects that every object has a stream of its own (smoothing, hold, what has changed), that all looks have
 * different numbers, when an object is due, and that ids from outside cannot make it grow. */
#include <stream/objects.h>

#define SECOND G_GINT64_CONSTANT (1000000000)

static ClipmoeLabels *labels;
static guint embed;

/* A look at time @n seconds that sees label @which of two. */
static ClipmoeStreamLook *
see (ClipmoeObjects *objects, gint64 id, guint n, guint which, double smoothing, gboolean *changed) {
  ClipmoeStreamFrame frame = {
      .time = n * SECOND,
      .labels = labels,
      .rules = {.score = CLIPMOE_SCORE_COSINE, .threshold = 0.9, .smoothing = smoothing, .top_k = 5},
      .has_region = TRUE,
      .region = {0.25, 0.5, 0.125, 1},
      .has_object = id >= 0,
      .object_id = id};
  ClipmoeLook names = {.source = "s", .model = "m", .tagger = "t"};
  return clipmoe_objects_add (objects, clipmoe_labels_get_vector (labels, which), embed, &frame, &names,
                              changed);
}

static const char *
only (ClipmoeStreamLook *look) {
  return look->look.n_tags == 1 ? look->look.tags[0].label : NULL;
}

static void
test_apart (void) {
  ClipmoeStream *stream = clipmoe_stream_new ();
  ClipmoeObjects *objects = clipmoe_objects_new (8, stream, 0, NULL, NULL);
  gboolean changed;
  ClipmoeStreamLook *a = see (objects, 1, 0, 0, 10, &changed);
  g_assert_true (changed);
  ClipmoeStreamLook *b = see (objects, 2, 0, 1, 10, &changed);
  g_assert_true (changed);
  g_assert_cmpstr (only (a), ==, "red");
  g_assert_cmpstr (only (b), ==, "blue"); /* what was seen of object 1 says nothing of object 2 */
  g_assert_cmpint (a->look.object_id, ==, 1);
  g_assert_true (a->look.has_object && a->look.has_region && a->look.region[1] == 0.5);
  g_assert_cmpuint (a->look.sequence, ==, 1);
  g_assert_cmpuint (b->look.sequence, ==, 2);
  clipmoe_stream_look_unref (a);
  a = see (objects, 1, 1, 1, 10, &changed); /* smoothing of ten seconds: still what it was */
  g_assert_cmpstr (only (a), ==, "red");
  g_assert_false (changed);
  g_assert_true (clipmoe_objects_get (objects, 1) == a);
  g_assert_null (clipmoe_objects_get (objects, 3));
  clipmoe_stream_look_unref (a);
  a = see (objects, 1, 1000, 1, 10, &changed);
  g_assert_cmpstr (only (a), ==, "blue");
  g_assert_true (changed);
  clipmoe_stream_look_unref (a);
  for (guint i = 0; i < 2; i++) { /* nobody: each is the first of its kind */
    a = see (objects, -1, i, i, 10, &changed);
    g_assert_cmpstr (only (a), ==, i ? "blue" : "red");
    g_assert_true (changed && !a->look.has_object);
    g_assert_cmpuint (a->look.sequence, ==, 5 + i);
    clipmoe_stream_look_unref (a);
  }
  clipmoe_stream_look_unref (b);
  ClipmoeStreamFrame whole = {.labels = labels, .rules = {.top_k = 1}};
  a = clipmoe_stream_add (stream, clipmoe_labels_get_vector (labels, 0), embed, &whole);
  g_assert_cmpuint (a->look.sequence, ==, 7);
  g_assert_false (a->look.has_region);
  clipmoe_stream_look_unref (a);
  clipmoe_objects_free (objects);
  clipmoe_stream_free (stream);
}

static void
test_due (void) {
  ClipmoeStream *stream = clipmoe_stream_new ();
  ClipmoeObjects *objects = clipmoe_objects_new (8, stream, 0, NULL, NULL);
  guint64 asked;
  static const struct { guint interval, looks; } cases[] = {{0, 1}, {1, 30}, {2, 15}, {7, 5}, {100, 1}};
  for (guint c = 0; c < G_N_ELEMENTS (cases); c++) {
    guint looks = 0;
    for (guint64 n = 1; n <= 30; n++)
      if (clipmoe_objects_is_due (objects, c, n, cases[c].interval, &asked)) {
        g_assert_cmpuint (asked, ==, looks ? n - MAX (cases[c].interval, 1) : 0);
        clipmoe_objects_ask (objects, c, n);
        looks++;
      }
    g_assert_cmpuint (looks, ==, cases[c].looks);
  }
  clipmoe_objects_withdraw (objects, 0); /* it came to nothing */
  clipmoe_objects_withdraw (objects, 99);
  g_assert_true (clipmoe_objects_is_due (objects, 0, 31, 0, &asked));
  g_assert_false (clipmoe_objects_is_due (objects, 4, 31, 100, &asked));
  clipmoe_objects_withdraw_all (objects);
  g_assert_true (clipmoe_objects_is_due (objects, 4, 31, 100, &asked));
  clipmoe_objects_free (objects);
  clipmoe_stream_free (stream);
}

static void
test_bound (void) {
  ClipmoeStream *stream = clipmoe_stream_new ();
  ClipmoeObjects *objects = clipmoe_objects_new (4, stream, 0, NULL, NULL);
  guint64 asked;
  for (gint64 id = 0; id < 10000; id++) {
    clipmoe_objects_ask (objects, id * G_GINT64_CONSTANT (0x100000001), 1);
    g_assert_false (clipmoe_objects_is_due (objects, 0, 2, 0, &asked)); /* seen all the time */
    g_assert_cmpuint (clipmoe_objects_get_n (objects), <=, 4);
  }
  g_assert_false (clipmoe_objects_is_due (objects, 9999 * G_GINT64_CONSTANT (0x100000001), 2, 0, &asked));
  g_assert_true (clipmoe_objects_is_due (objects, 5 * G_GINT64_CONSTANT (0x100000001), 2, 0, &asked));
  clipmoe_objects_clear (objects);
  g_assert_cmpuint (clipmoe_objects_get_n (objects), ==, 0);
  clipmoe_objects_free (objects);
  clipmoe_objects_free (NULL);
  clipmoe_stream_free (stream);
}

static guint told[3], ends_of[4];

static void
hear (const ClipmoeEvent *event, gpointer data) {
  g_assert_true (event->has_object);
  g_assert_cmpstr (event->source, ==, "s");
  told[event->type]++;
  if (event->type == CLIPMOE_EVENT_END)
    ends_of[event->object_id]++;
}

/* Each object has events of its own, which end when it is gone. */
static void
test_events (void) {
  ClipmoeStream *stream = clipmoe_stream_new ();
  ClipmoeObjects *objects = clipmoe_objects_new (3, stream, 0, hear, NULL);
  gboolean changed;
  for (gint64 id = -1; id < 3; id++) {
    clipmoe_stream_look_unref (see (objects, id, 0, 0, 0, &changed));
    clipmoe_objects_see (objects, id, 0);
  }
  g_assert_cmpuint (told[CLIPMOE_EVENT_START], ==, 3); /* of nobody there are none */
  clipmoe_stream_look_unref (see (objects, 1, 1, 1, 0, &changed));
  g_assert_cmpuint (ends_of[1], ==, 1);
  g_assert_cmpuint (told[CLIPMOE_EVENT_START], ==, 4);
  clipmoe_objects_see (objects, 1, 2 * SECOND);
  clipmoe_objects_see (objects, 2, SECOND);
  clipmoe_objects_leave (objects, 2 * SECOND, SECOND);
  g_assert_cmpuint (ends_of[0], ==, 1); /* gone for two seconds; the others for one at most */
  g_assert_cmpuint (ends_of[1] + ends_of[2], ==, 1);
  clipmoe_stream_look_unref (see (objects, 2, 3, 0, 0, &changed)); /* it goes on */
  clipmoe_stream_look_unref (see (objects, 0, 3, 0, 0, &changed)); /* it is back: another event */
  g_assert_cmpuint (told[CLIPMOE_EVENT_START], ==, 5);
  clipmoe_stream_look_unref (see (objects, 3, 4, 0, 0, &changed)); /* object 1 is forgotten */
  g_assert_cmpuint (ends_of[1], ==, 2);
  clipmoe_objects_end_events (objects);
  g_assert_cmpuint (told[CLIPMOE_EVENT_START], ==, 6);
  g_assert_cmpuint (told[CLIPMOE_EVENT_END], ==, 6);
  clipmoe_objects_clear (objects);
  g_assert_cmpuint (told[CLIPMOE_EVENT_END], ==, 6);
  clipmoe_objects_free (objects);
  clipmoe_stream_free (stream);
}

int
main (int argc, char **argv) {
  g_test_init (&argc, &argv, NULL);
  GError *error = NULL;
  ClipmoeModel *model = clipmoe_model_open (NULL, NULL, &error);
  g_assert_no_error (error);
  ClipmoeEncoder *encoder = clipmoe_encoder_new (model, NULL, &error);
  g_assert_no_error (error);
  GPtrArray *list = clipmoe_label_list_parse ("red;blue", &error);
  labels = clipmoe_labels_new (encoder, list, NULL, (const char *const[]){"{}", NULL}, &error);
  g_assert_no_error (error);
  embed = clipmoe_model_get_info (model)->embed;
  g_test_add_func ("/objects/apart", test_apart);
  g_test_add_func ("/objects/due", test_due);
  g_test_add_func ("/objects/bound", test_bound);
  g_test_add_func ("/objects/events", test_events);
  int r = g_test_run ();
  g_ptr_array_unref (list);
  clipmoe_labels_unref (labels);
  clipmoe_encoder_free (encoder);
  clipmoe_model_unref (model);
  return r;
}
