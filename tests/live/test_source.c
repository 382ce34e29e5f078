/* Checks clipmoesrc with a file as its camera: started and stopped in every state, with and without its
 * second pad, and with files that are none. (tests/live/source.py does what needs a network.) */
#include <glib/gstdio.h>
#include <gst/gst.h>
#include <string.h>
#include "../slow.h"

static char *video; /* a second of MJPEG */

static void
make_video (void) {
  GError *error = NULL;
  char *line = g_strdup_printf (
      "videotestsrc num-buffers=10 ! video/x-raw,width=64,height=48,framerate=10/1 ! jpegenc ! "
      "avimux ! filesink location=%s",
      video);
  GstElement *p = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  gst_element_set_state (p, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus (p);
  GstMessage *m =
      gst_bus_timed_pop_filtered (bus, slow_seconds (30) * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (m);
  g_assert_cmpint (GST_MESSAGE_TYPE (m), ==, GST_MESSAGE_EOS);
  gst_message_unref (m);
  gst_object_unref (bus);
  gst_element_set_state (p, GST_STATE_NULL);
  gst_object_unref (p);
  g_free (line);
}

static GstPadProbeReturn
count (GstPad *pad, GstPadProbeInfo *info, gpointer n) {
  g_atomic_int_inc ((int *)n);
  return GST_PAD_PROBE_OK;
}

/* @n: counts what comes to the element @name. */
static void
watch (GstElement *pipeline, const char *name, int *n) {
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);
  GstPad *pad = gst_element_get_static_pad (element, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count, n, NULL);
  gst_object_unref (pad);
  gst_object_unref (element);
}

static gboolean
reaches (int *n, int most) {
  gint64 end = g_get_monotonic_time () + slow_seconds (30) * G_TIME_SPAN_SECOND;
  while (g_atomic_int_get (n) < most && g_get_monotonic_time () < end)
    g_usleep (5000);
  return g_atomic_int_get (n) >= most;
}

static GstElement *
launch (const char *uri, const char *more) {
  GError *error = NULL;
  char *line =
      g_strdup_printf ("clipmoesrc name=c uri=\"%s\" timeout=1 retry-interval=0.1 retry-interval-most=0.2 ! "
                       "fakesink name=s sync=false %s",
                       uri, more);
  GstElement *p = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  g_free (line);
  return p;
}

/* More pictures than the file has, with the video as it is beside them. */
static void
test_rounds (void) {
  for (guint i = 0; i < 2; i++) {
    int pictures = 0, units = 0;
    GstElement *p = launch (video, "c.encoded ! fakesink name=e sync=false async=false");
    watch (p, "s", &pictures);
    watch (p, "e", &units);
    gst_element_set_state (p, GST_STATE_PLAYING);
    g_assert_true (reaches (&pictures, 13) && reaches (&units, 13));
    if (i) {
      gst_element_set_state (p, GST_STATE_READY);
      pictures = units = 0;
      gst_element_set_state (p, GST_STATE_PLAYING);
      g_assert_true (reaches (&pictures, 3) && reaches (&units, 3));
    }
    gst_element_set_state (p, GST_STATE_NULL);
    gst_object_unref (p);
  }
}

/* Again and again, amid whatever it is doing then. */
static void
test_states (void) {
  static const GstState states[] = {GST_STATE_PLAYING, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_READY,
                                    GST_STATE_PAUSED,  GST_STATE_NULL,   GST_STATE_PLAYING, GST_STATE_NULL};
  GstElement *p = launch (video, "");
  for (guint i = 0; i < 5 * G_N_ELEMENTS (states); i++) {
    g_assert_cmpint (gst_element_set_state (p, states[i % G_N_ELEMENTS (states)]), !=,
                     GST_STATE_CHANGE_FAILURE);
    g_usleep ((i * 7919) % 30000);
  }
  gst_object_unref (p);
}

static GstStructure *
wait_for_state (GstElement *p, const char *state) {
  GstBus *bus = gst_element_get_bus (p);
  GstStructure *found = NULL;
  GstMessage *m;
  while (!found &&
         (m = gst_bus_timed_pop_filtered (bus, slow_seconds (30) * GST_SECOND, GST_MESSAGE_ELEMENT))) {
    const GstStructure *s = gst_message_get_structure (m);
    if (gst_structure_has_name (s, "clipmoe-source") &&
        g_strcmp0 (gst_structure_get_string (s, "state"), state) == 0)
      found = gst_structure_copy (s);
    gst_message_unref (m);
  }
  gst_object_unref (bus);
  return found;
}

/* A file that comes later. */
static void
test_lost (void) {
  char *later = g_strconcat (video, ".later", NULL), *bytes;
  gsize n;
  GstElement *p = launch (later, "");
  gst_element_set_state (p, GST_STATE_PLAYING);
  GstStructure *s = wait_for_state (p, "offline");
  g_assert_nonnull (s);
  g_assert_nonnull (gst_structure_get_string (s, "reason"));
  gst_structure_free (s);
  g_assert_true (g_file_get_contents (video, &bytes, &n, NULL) &&
                 g_file_set_contents (later, bytes, (gssize)n, NULL));
  s = wait_for_state (p, "online");
  g_assert_nonnull (s);
  g_assert_false (gst_structure_has_field (s, "reason"));
  gst_structure_free (s);
  gst_element_set_state (p, GST_STATE_NULL);
  gst_object_unref (p);
  g_unlink (later);
  g_free (later);
  g_free (bytes);
}

static void
test_refused (void) {
  static const char *const bad[] = {"", "nothing://x", "v4l2:x"};
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    GstElement *p = launch (bad[i], "");
    g_assert_cmpint (gst_element_set_state (p, GST_STATE_PLAYING), ==, GST_STATE_CHANGE_FAILURE);
    gst_element_set_state (p, GST_STATE_NULL);
    gst_object_unref (p);
  }
}

/* What can be read of it shows no login. */
static void
test_secrets (void) {
  GstElement *e = gst_element_factory_make ("clipmoesrc", NULL);
  char *uri;
  g_object_set (e, "uri", "rtsp://me:secret@camera.example/a?password=secret", "user-pw", "secret", NULL);
  g_object_get (e, "uri", &uri, NULL);
  g_assert_null (strstr (uri, "secret"));
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (e), "user-pw");
  g_assert_false (spec->flags & G_PARAM_READABLE);
  g_free (uri);
  gst_object_unref (gst_object_ref_sink (e));
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  char *folder = g_dir_make_tmp (NULL, NULL);
  video = g_build_filename (folder, "video.avi", NULL);
  make_video ();
  test_rounds ();
  test_states ();
  test_lost ();
  test_refused ();
  test_secrets ();
  g_unlink (video);
  g_rmdir (folder);
  g_free (video);
  g_free (folder);
  return 0;
}
