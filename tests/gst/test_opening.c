/* Checks that publisher, overlay and indexer are ready before data and flushes reach them: an element that is
 * added to a running pipeline gets both while its state changes. */
#include <gst/gst.h>
#include <string.h>

static gint over;

static gpointer
disturb (gpointer data) {
  GstPad *pad = data;
  while (!g_atomic_int_get (&over)) {
    GstCaps *caps = gst_caps_from_string ("video/x-raw,format=RGB,width=16,height=16,framerate=1/1");
    GstSegment segment;
    gst_segment_init (&segment, GST_FORMAT_TIME);
    gst_pad_send_event (pad, gst_event_new_flush_start ());
    gst_pad_send_event (pad, gst_event_new_flush_stop (TRUE));
    gst_pad_send_event (pad, gst_event_new_stream_start ("s"));
    gst_pad_send_event (pad, gst_event_new_caps (caps));
    gst_pad_send_event (pad, gst_event_new_segment (&segment));
    gst_pad_chain (pad, gst_buffer_new_allocate (NULL, 16 * 16 * 3, NULL));
    gst_pad_send_event (pad, gst_event_new_eos ());
    gst_caps_unref (caps);
  }
  return NULL;
}

static GstFlowReturn
take (GstPad *pad, GstObject *parent, GstBuffer *buffer) {
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

static gboolean
hear (GstPad *pad, GstObject *parent, GstEvent *event) {
  gst_event_unref (event);
  return TRUE;
}

static void
quiet (GstDebugCategory *category, GstDebugLevel level, const gchar *file, const gchar *function, gint line,
       GObject *object, GstDebugMessage *message, gpointer data) {
}

static void
not_said (const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data) {
}

static void
test_opening (gconstpointer kind) {
  GstElement *e = gst_object_ref_sink (gst_element_factory_make (kind, NULL));
  GstPad *src = gst_element_get_static_pad (e, "src"), *sink = gst_pad_new ("sink", GST_PAD_SINK);
  gst_pad_set_chain_function (sink, take);
  gst_pad_set_event_function (sink, hear);
  gst_pad_set_active (sink, TRUE);
  g_assert_cmpint (gst_pad_link (src, sink), ==, GST_PAD_LINK_OK);
  char *folder = g_dir_make_tmp ("clipmoe-opening-XXXXXX", NULL),
       *target = g_strdup_printf ("file:%s/lines", folder);
  if (g_str_equal (kind, "clipmoepublish"))
    g_object_set (e, "target", target, NULL);
  if (g_str_equal (kind, "clipmoeindex"))
    g_object_set (e, "store", folder, NULL);
  GstPad *pad = gst_element_get_static_pad (e, "sink");
  GThread *threads[2];
  g_atomic_int_set (&over, FALSE);
  for (guint i = 0; i < 2; i++)
    threads[i] = g_thread_new ("disturb", disturb, pad);
  for (guint i = 0; i < 400; i++) {
    g_assert_cmpint (gst_element_set_state (e, GST_STATE_PLAYING), !=, GST_STATE_CHANGE_FAILURE);
    g_usleep (i % 4 * 200);
    g_assert_cmpint (gst_element_set_state (e, GST_STATE_READY), !=, GST_STATE_CHANGE_FAILURE);
  }
  g_atomic_int_set (&over, TRUE);
  for (guint i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  gst_element_set_state (e, GST_STATE_NULL);
  gst_pad_set_active (sink, FALSE);
  gst_object_unref (pad);
  gst_object_unref (src);
  gst_object_unref (sink);
  gst_object_unref (e);
  g_free (target);
  g_free (folder);
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  /* GStreamer's own words about two threads that push into one pad are beside the point */
  gst_debug_remove_log_function (gst_debug_log_default);
  gst_debug_add_log_function (quiet, NULL, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_handler ("GStreamer", G_LOG_LEVEL_WARNING, not_said, NULL);
  g_test_add_data_func ("/opening/publish", "clipmoepublish", test_opening);
  g_test_add_data_func ("/opening/index", "clipmoeindex", test_opening);
  g_test_add_data_func ("/opening/overlay", "clipmoeoverlay", test_opening);
  return g_test_run ();
}
