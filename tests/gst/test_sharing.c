/* Checks elements that share an engine by its name: who says otherwise is refused by name, what runs together
 * has the bytes that it has alone, and what the engine and each stream count. */
#include "common.h"

#define CAPS RGB64

/* The error that opening @properties ends with, or NULL; free with g_free(). */
static char *
refused (const char *properties) {
  char *line = g_strconcat ("clipmoetag labels=a,b ", properties, NULL), *text = NULL;
  GstElement *e = gst_parse_launch (line, NULL);
  GstBus *bus = gst_bus_new ();
  gst_element_set_bus (e, bus);
  if (gst_element_set_state (e, GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE) {
    GstMessage *m = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
    GError *error;
    gst_message_parse_error (m, &error, NULL);
    text = g_strdup (error->message);
    g_error_free (error);
    gst_message_unref (m);
  }
  gst_element_set_state (e, GST_STATE_NULL);
  gst_bus_set_flushing (bus, TRUE);
  gst_object_unref (bus);
  gst_object_unref (e);
  g_free (line);
  return text;
}

static GstStructure *
engine_of (GstHarness *h) {
  GstStructure *s;
  g_object_get (tagger (h), "engine-stats", &s, NULL);
  g_assert_nonnull (s);
  return s;
}

static guint
streams_of (GstHarness *h) {
  GstStructure *s = engine_of (h);
  guint n;
  g_assert_true (gst_structure_get_uint (s, "streams", &n));
  gst_structure_free (s);
  return n;
}

static guint64
pictures_of (GstHarness *h) {
  GstStructure *s = engine_of (h);
  guint64 n = number (s, "pictures");
  gst_structure_free (s);
  return n;
}

static void
test_names (void) {
  GstHarness *h =
      harness ("labels=a,b model-instance-id=cameras precision=f32 threads=1 batch-size=4", CAPS, NULL);
  static const struct {
    const char *properties, *says;
  } cases[] = {
      {"precision=f32 threads=1", NULL},
      {"precision=f32 threads=1 batch-size=4 batch-timeout=5", NULL}, /* where nobody has said it yet */
      {"precision=f32 threads=1 batch-timeout=6",
       "engine \"cameras\": batch-timeout 6, expected 5, which it was opened with"},
      {"precision=f32 threads=1 batch-size=3",
       "engine \"cameras\": batch-size 3, expected 4, which it was opened with"},
      {"precision=half threads=1",
       "engine \"cameras\": precision half, expected f32, which it was opened with"},
      {"precision=f32 threads=2", "engine \"cameras\": threads 2, expected 1, which it was opened with"},
      {"precision=f32 threads=1 activation=gelu",
       "engine \"cameras\": activation gelu, expected auto, which it was opened with"},
      {"precision=f32 threads=1 experts=1",
       "engine \"cameras\": experts 1, expected 0, which it was opened with"},
      {"precision=f32 threads=1 vocab=/none",
       "engine \"cameras\": vocab /none, expected unset, which it was opened with"}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char *line = g_strconcat ("model-instance-id=cameras ", cases[i].properties, NULL);
    char *text = refused (line);
    g_assert_cmpstr (text, ==, cases[i].says);
    g_free (text);
    g_free (line);
  }
  char *text = refused ("model-instance-id=cameras precision=f32 threads=1 model=clip-tiny");
  g_assert_true (g_str_has_prefix (text, "engine \"cameras\": model "));
  g_free (text);
  g_assert_null (refused ("model-instance-id=others precision=f32 threads=2 model=clip-tiny"));
  done (h, NULL);
  g_assert_null (
      refused ("model-instance-id=cameras precision=f32 threads=2")); /* its last element is gone */
}

static void
test_shared (void) {
  GstHarness *a = harness ("labels=a,b model-instance-id=x threads=1 rate=0 mode=sync", CAPS, NULL);
  GstHarness *b = harness ("labels=a,b model-instance-id=x threads=1 rate=0 mode=sync", CAPS, NULL);
  GstHarness *c = harness ("labels=a,b model-instance-id=y threads=1 rate=0 mode=sync", CAPS, NULL);
  g_assert_cmpuint (streams_of (a), ==, 2);
  g_assert_cmpuint (streams_of (c), ==, 1);
  guint64 before = pictures_of (a), other = pictures_of (c); /* each is warm */
  for (guint i = 0; i < 6; i++)
    gst_buffer_unref (through (i < 4 ? a : b, frame (CAPS, i)));
  g_assert_cmpuint (pictures_of (b), ==, before + 6);
  g_assert_cmpuint (pictures_of (c), ==, other);
  GstStructure *s;
  double share, waiting, p95;
  g_object_get (tagger (b), "stats", &s, NULL);
  g_assert_true (gst_structure_get (s, "batch-share", G_TYPE_DOUBLE, &share, "waiting-ms", G_TYPE_DOUBLE,
                                    &waiting, "waiting-ms-p95", G_TYPE_DOUBLE, &p95, NULL));
  g_assert_cmpfloat (share, >, 0.2);
  g_assert_cmpfloat (share, <, 0.8);
  g_assert_true (waiting >= 0 && p95 >= waiting);
  gst_structure_free (s);
  s = engine_of (a);
  double mean;
  guint batch, n;
  g_assert_true (gst_structure_get (s, "mean-batch", G_TYPE_DOUBLE, &mean, "batch-size", G_TYPE_UINT, &batch,
                                    "waiting", G_TYPE_UINT, &n, NULL));
  g_assert_cmpfloat (mean, ==, 1);
  g_assert_cmpuint (batch, >=, 1);
  g_assert_cmpuint (n, ==, 0);
  gst_structure_free (s);
  done (a, NULL);
  g_assert_cmpuint (streams_of (b), ==, 1);
  done (b, NULL);
  done (c, NULL);
}

/* One stream of one picture in each of several threads. */
typedef struct {
  GstHarness *h;
  GBytes *embedding;
  guint frames;
} Camera;

static gpointer
film (gpointer data) {
  Camera *camera = data;
  for (guint i = 0; i < camera->frames; i++) {
    GstBuffer *b = through (camera->h, frame (CAPS, i));
    g_clear_pointer (&camera->embedding, g_bytes_unref);
    camera->embedding = embedding_of (look (b, 0));
    gst_buffer_unref (b);
  }
  return NULL;
}

/* With a batch-timeout that nobody could miss, cameras that look at once run together, and have their bytes.
 */
static void
test_together (void) {
  enum { N = 2 };
  Camera cameras[N + 1];
  GThread *threads[N + 1];
  for (guint i = 0; i <= N; i++)
    cameras[i] = (Camera){
        .frames = 5,
        .h = harness (i < N ? "labels=a,b model-instance-id=t threads=1 rate=0 mode=sync precision=f32 "
                              "attach-embedding=true batch-timeout=2000 batch-size=2"
                            : "labels=a,b rate=0 mode=sync precision=f32 attach-embedding=true",
                      CAPS, NULL)};
  GstStructure *s = engine_of (cameras[0].h);
  guint64 runs = number (s, "runs"), pictures = number (s, "pictures");
  gst_structure_free (s);
  for (guint i = 0; i <= N; i++)
    threads[i] = g_thread_new ("camera", film, &cameras[i]);
  for (guint i = 0; i <= N; i++)
    g_thread_join (threads[i]);
  s = engine_of (cameras[0].h);
  g_assert_cmpuint (number (s, "pictures"), ==, pictures + 5 * N);
  g_assert_cmpuint (number (s, "runs"), ==, runs + 5);
  gst_structure_free (s);
  for (guint i = 0; i <= N; i++) {
    g_assert_true (g_bytes_equal (cameras[i].embedding, cameras[N].embedding));
    g_bytes_unref (cameras[i].embedding);
    done (cameras[i].h, NULL);
  }
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  g_test_add_func ("/sharing/names", test_names);
  g_test_add_func ("/sharing/shared", test_shared);
  g_test_add_func ("/sharing/together", test_together);
  return run ();
}
