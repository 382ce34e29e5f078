/* Checks what a user meets first: every format is accepted, properties have the ranges and defaults of the
 * design, a wrong model or empty labels are an error on the bus and can be corrected without leaving READY,
 * and states can be changed any number of times. */
#include <math.h>
#include <stdio.h>
#include <clipmoe/image.h>
#include <gst/controller/controller.h>
#include "common.h"

static void
test_formats (void) {
  static const char *const formats[] = {"NV12", "NV21", "I420",      "YV12",      "Y42B",      "Y444",
                                        "YUY2", "UYVY", "P010_10LE", "I420_10LE", "I422_10LE", "Y444_10LE",
                                        "RGB",  "BGR",  "RGBx",      "BGRx",      "xRGB",      "xBGR",
                                        "RGBA", "BGRA", "ARGB",      "ABGR",      "GRAY8"};
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    for (guint odd = 0; odd < 2; odd++) {
      char *caps = g_strdup_printf ("video/x-raw,format=%s,width=%u,height=%u,framerate=10/1", formats[i],
                                    odd ? 33 : 64, odd ? 1 : 48);
      GstHarness *h = harness ("labels=a,b threshold=0", caps, NULL);
      GstBuffer *b = through (h, frame (caps, 0));
      g_assert_nonnull (look (b, 0));
      g_assert_true (is_fresh (look (b, 0)));
      g_assert_cmpuint (n_tags (look (b, 0)), ==, 2);
      gst_buffer_unref (b);
      done (h, NULL);
      g_free (caps);
    }
}

static void
test_properties (void) {
  GstElement *e = gst_element_factory_make ("clipmoetag", NULL);
  guint top_k, interval, threads, experts;
  double rate, smoothing, hold, threshold;
  int mode, post, score, geometry;
  gboolean embedding;
  char *model;
  g_object_get (e, "top-k", &top_k, "inference-interval", &interval, "threads", &threads, "experts", &experts,
                "rate", &rate, "smoothing", &smoothing, "hold", &hold, "threshold", &threshold, "mode", &mode,
                "post-messages", &post, "score", &score, "geometry", &geometry, "attach-embedding",
                &embedding, "model", &model, NULL);
  g_assert_cmpuint (top_k, ==, 5);
  g_assert_cmpuint (interval, ==, 1);
  g_assert_cmpuint (threads + experts, ==, 0);
  g_assert_cmpfloat (rate, ==, 1);
  g_assert_cmpfloat (smoothing + hold, ==, 0);
  g_assert_true (isnan (threshold));
  g_assert_cmpint (mode + post + score + embedding, ==, 0);
  g_assert_cmpint (geometry, ==, CLIPMOE_GEOMETRY_AUTO);
  g_assert_null (model);
  guint n;
  GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (e), &n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (strlen (g_param_spec_get_blurb (specs[i])), >, 5);
  g_free (specs);
  static const struct {
    const char *name, *nick;
  } choices[] = {
      {"mode", "auto"},     {"mode", "sync"},         {"mode", "latest"},           {"score", "softmax"},
      {"score", "sigmoid"}, {"score", "cosine"},      {"geometry", "squash"},       {"geometry", "letterbox"},
      {"precision", "f32"}, {"post-messages", "all"}, {"post-messages", "changes"}, {"activation", "gelu"}};
  for (guint i = 0; i < G_N_ELEMENTS (choices); i++) {
    GParamSpecEnum *s =
        G_PARAM_SPEC_ENUM (g_object_class_find_property (G_OBJECT_GET_CLASS (e), choices[i].name));
    g_assert_nonnull (g_enum_get_value_by_nick (s->enum_class, choices[i].nick));
  }
  GstStructure *s;
  g_object_get (e, "stats", &s, NULL); /* also before anything is open */
  g_assert_cmpuint (number (s, "frames") + number (s, "looks") + number (s, "skipped"), ==, 0);
  gst_structure_free (s);
  gst_object_unref (e);
}

/* Sets PAUSED; returns whether that worked. */
static gboolean
opens (GstElement *e) {
  gboolean ok = gst_element_set_state (e, GST_STATE_PAUSED) != GST_STATE_CHANGE_FAILURE;
  gst_element_set_state (e, GST_STATE_READY);
  return ok;
}

static void
test_errors (void) {
  GstElement *e = gst_element_factory_make ("clipmoetag", NULL);
  GstBus *bus = gst_bus_new ();
  gst_element_set_bus (e, bus);
  gst_element_set_state (e, GST_STATE_READY);
  static const struct {
    const char *model, *labels, *file, *word; /* what the sentence names */
  } wrong[] = {{"/nowhere/model.pt", "a,b", NULL, "/nowhere/model.pt"},
               {"no-such-name", "a,b", NULL, "no-such-name"},
               {"/dev/null", "a,b", NULL, "/dev/null"},
               {NULL, NULL, NULL, "labels"},
               {NULL, "", NULL, "labels"},
               {NULL, " , ,", NULL, "labels"},
               {NULL, "a,a", NULL, "a"},
               {NULL, NULL, "/nowhere/list.txt", "/nowhere/list.txt"}};
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_object_set (e, "model", wrong[i].model, "labels", wrong[i].labels, "labels-file", wrong[i].file, NULL);
    g_assert_false (opens (e));
    GstMessage *m = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
    g_assert_nonnull (m);
    GError *error;
    gst_message_parse_error (m, &error, NULL);
    if (!strstr (error->message, wrong[i].word))
      g_error ("\"%s\" does not name %s", error->message, wrong[i].word);
    g_error_free (error);
    gst_message_unref (m);
    gst_bus_set_flushing (bus, TRUE);
    gst_bus_set_flushing (bus, FALSE);
    g_object_set (e, "model", NULL, "labels", "a,b", "labels-file", NULL, NULL);
    g_assert_true (opens (e)); /* right, without having left READY */
    count (bus, GST_MESSAGE_ANY);
  }
  g_object_set (e, "labels", NULL, "attach-embedding", TRUE, NULL);
  g_assert_true (opens (e));
  gst_element_set_state (e, GST_STATE_NULL);
  count (bus, GST_MESSAGE_ANY);
  gst_object_unref (e);
  gst_object_unref (bus);
}

static void
test_progress (void) {
  GstBus *bus;
  GstHarness *h = gst_harness_new_parse ("clipmoetag labels=a,b");
  gst_element_set_state (h->element, GST_STATE_READY);
  bus = gst_bus_new ();
  gst_element_set_bus (h->element, bus);
  gst_element_set_state (h->element, GST_STATE_PAUSED);
  GstProgressType expected[] = {GST_PROGRESS_TYPE_START, GST_PROGRESS_TYPE_CONTINUE,
                                GST_PROGRESS_TYPE_COMPLETE};
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    GstMessage *m = gst_bus_pop_filtered (bus, GST_MESSAGE_PROGRESS);
    GstProgressType type;
    g_assert_nonnull (m);
    gst_message_parse_progress (m, &type, NULL, NULL);
    g_assert_cmpint (type, ==, expected[i]);
    gst_message_unref (m);
  }
  done (h, bus);
}

static void
test_states (gconstpointer data) {
  GstElement *e = gst_element_factory_make ("clipmoetag", NULL);
  guint times = GPOINTER_TO_UINT (data);
  gst_util_set_object_arg (G_OBJECT (e), "mode", "latest");
  g_object_set (e, "labels", "a", NULL);
  for (guint i = 0; i < 10 * times; i++) {
    g_assert_cmpint (gst_element_set_state (e, GST_STATE_READY), ==, GST_STATE_CHANGE_SUCCESS);
    g_assert_cmpint (gst_element_set_state (e, GST_STATE_NULL), ==, GST_STATE_CHANGE_SUCCESS);
  }
  GstElement *keeper =
      gst_element_factory_make ("clipmoetag", NULL); /* so that only the first opening reads */
  g_object_set (keeper, "labels", "a", NULL);
  gst_element_set_state (keeper, GST_STATE_PAUSED);
  for (guint i = 0; i < times; i++) {
    g_assert_cmpint (gst_element_set_state (e, GST_STATE_PLAYING), !=, GST_STATE_CHANGE_FAILURE);
    g_assert_cmpint (gst_element_set_state (e, i % 2 ? GST_STATE_NULL : GST_STATE_READY), !=,
                     GST_STATE_CHANGE_FAILURE);
  }
  gst_element_set_state (e, GST_STATE_NULL);
  gst_element_set_state (keeper, GST_STATE_NULL);
  gst_object_unref (e);
  gst_object_unref (keeper);
}

/* What may change from frame to frame can be controlled, by a curve over stream time too. */
static void
test_controlled (void) {
  static const char *const can[] = {"threshold", "top-k", "rate",   "inference-interval",
                                    "smoothing", "hold",  "settle", "still-threshold",
                                    "still-most"};
  GstElement *e = gst_element_factory_make ("clipmoetag", NULL);
  guint n;
  GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (e), &n);
  for (guint i = 0; i < n; i++) {
    GValue set = G_VALUE_INIT, other = G_VALUE_INIT;
    gboolean is = FALSE;
    for (guint k = 0; k < G_N_ELEMENTS (can); k++)
      is |= g_str_equal (specs[i]->name, can[k]);
    g_assert_cmpint ((specs[i]->flags & GST_PARAM_CONTROLLABLE) != 0, ==, is);
    if (!is)
      continue;
    g_value_init (&set, specs[i]->value_type); /* the default is what stands there */
    g_value_init (&other, specs[i]->value_type);
    g_object_get_property (G_OBJECT (e), specs[i]->name, &set);
    g_param_value_set_default (specs[i], &other);
    g_assert_cmpint (g_param_values_cmp (specs[i], &set, &other), ==, 0);
    if (G_VALUE_HOLDS_DOUBLE (&other) && g_str_equal (specs[i]->name, "threshold"))
      g_assert_true (isnan (g_value_get_double (&other)));
    g_value_unset (&set);
    g_value_unset (&other);
  }
  g_free (specs);
  gst_object_unref (e);

  GstHarness *h = harness ("labels=a,b threshold=0 rate=0", RGB64, NULL);
  GstControlSource *curve = gst_interpolation_control_source_new ();
  g_object_set (curve, "mode", GST_INTERPOLATION_MODE_NONE, NULL);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (curve), 0, 2);
  gst_timed_value_control_source_set (GST_TIMED_VALUE_CONTROL_SOURCE (curve), GST_SECOND, 1);
  g_assert_true (gst_object_add_control_binding (
      GST_OBJECT (tagger (h)),
      gst_direct_control_binding_new_absolute (GST_OBJECT (tagger (h)), "top-k", curve)));
  gst_object_unref (curve);
  for (guint i = 0; i < 20; i++) {
    GstBuffer *b = through (h, frame (RGB64, i));
    g_assert_cmpuint (n_tags (look (b, 0)), ==, i < 10 ? 2 : 1);
    gst_buffer_unref (b);
  }
  done (h, NULL);
}

static GPtrArray *said; /* lines of the log */

static void
hear (GstDebugCategory *category, GstDebugLevel level, const char *file, const char *function, int line,
      GObject *object, GstDebugMessage *message, gpointer data) {
  if (g_str_equal (gst_debug_category_get_name (category), "clipmoetag"))
    g_ptr_array_add (said, g_strdup_printf ("%d %s", level, gst_debug_message_get (message)));
}

/* How many lines at @level have @word in them. */
static guint
heard (GstDebugLevel level, const char *word) {
  guint n = 0;
  for (guint i = 0; i < said->len; i++) {
    const char *line = said->pdata[i];
    g_assert_true (g_utf8_validate (line, -1, NULL) && !strchr (line, 27));
    n += line[0] - '0' == (int)level && strstr (line, word) != NULL;
  }
  return n;
}

/* GST_DEBUG=clipmoetag:7 says what was set, what was chosen, each look, and why there was none. */
static void
test_log (void) {
  said = g_ptr_array_new_with_free_func (g_free);
  gst_debug_remove_log_function (gst_debug_log_default);
  gst_debug_add_log_function (hear, NULL, NULL);
  gst_debug_set_threshold_for_name ("clipmoetag", GST_LEVEL_TRACE);
  GstHarness *h = harness ("labels=a\033[31m,b threshold=0 rate=5", RGB64, NULL);
  g_assert_cmpuint (heard (GST_LEVEL_INFO, "mode auto, rate 5"), ==, 1);
  g_assert_cmpuint (heard (GST_LEVEL_INFO, "precision f32"), ==, 1);
  for (guint i = 0; i < 10; i++) {
    GstBuffer *b = frame (RGB64, i);
    if (i == 4)
      GST_BUFFER_FLAG_SET (b, GST_BUFFER_FLAG_CORRUPTED);
    if (i == 6)
      gst_buffer_set_size (b, 100);
    gst_buffer_unref (through (h, b));
  }
  g_assert_cmpuint (heard (GST_LEVEL_INFO, "not live, mode sync"), ==, 1);
  g_assert_cmpuint (heard (GST_LEVEL_LOG, "looked at 0:00:00"), ==, 5);
  g_assert_cmpuint (heard (GST_LEVEL_LOG, "not looked at: corrupted"), ==, 1);
  g_assert_cmpuint (heard (GST_LEVEL_DEBUG, "not looked at: a buffer of 100 bytes"), ==, 1);
  g_assert_cmpuint (heard (GST_LEVEL_INFO, "labels: 2"), ==, 1);
  g_object_set (tagger (h), "labels", "a,b,c", NULL);
  for (guint i = 10; i < 3000 && !heard (GST_LEVEL_INFO, "labels: 3"); i++) {
    gst_buffer_unref (through (h, frame (RGB64, i)));
    g_usleep (1000);
  }
  g_assert_cmpuint (heard (GST_LEVEL_INFO, "labels: 3"), ==, 1);
  done (h, NULL);
  gst_debug_remove_log_function (hear);
  gst_debug_unset_threshold_for_name ("clipmoetag");
  g_ptr_array_unref (said);
}

static gsize
resident (void) {
  char *text = NULL;
  gsize pages = 0;
  if (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    sscanf (text, "%*s %zu", &pages);
  g_free (text);
  return pages * (gsize)sysconf (_SC_PAGESIZE);
}

/* Sixteen elements with one model hold one copy of it: together less than two more would. */
static void
test_shared (void) {
  GstElement *e[16];
  gsize first = 0;
  for (guint i = 0; i < 16; i++) {
    e[i] = gst_element_factory_make ("clipmoetag", NULL);
    g_object_set (e[i], "labels", "a", NULL);
    g_assert_cmpint (gst_element_set_state (e[i], GST_STATE_PAUSED), !=, GST_STATE_CHANGE_FAILURE);
    if (i == 0)
      first = resident ();
  }
  g_assert_cmpuint (resident () - MIN (first, resident ()), <, 40u << 20);
  for (guint i = 0; i < 16; i++) {
    gst_element_set_state (e[i], GST_STATE_NULL);
    gst_object_unref (e[i]);
  }
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  g_test_add_func ("/element/formats", test_formats);
  g_test_add_func ("/element/properties", test_properties);
  g_test_add_func ("/element/errors", test_errors);
  g_test_add_func ("/element/progress", test_progress);
  g_test_add_data_func ("/element/states", GUINT_TO_POINTER (100), test_states);
  g_test_add_func ("/element/controlled", test_controlled);
  g_test_add_func ("/element/log", test_log);
  g_test_add_func ("/element/shared", test_shared);
  return run ();
}
