/* Checks a pipeline that is stopped by a handler of a message of clipmoepublish, from the very thread that
 * posted it: nothing that was freed is used, and nothing hangs. */
#include "common.h"

#include <fcntl.h>
#include <sys/stat.h>

/* To free a pipeline on its own streaming thread is nothing that GStreamer allows. */
typedef enum { STOP, RESTART, STOP_ELEMENT, N_DEEDS } Deed;
typedef struct {
  GstElement *pipeline;
  const char *from, *text;
  Deed deed;
  gint left, done, errors; /* atomic */
} Handler;

static void
do_deed (Handler *h, GstElement *element) {
  switch (h->deed) {
  case STOP:
    gst_element_set_state (h->pipeline, GST_STATE_NULL);
    break;
  case RESTART:
    gst_element_set_state (h->pipeline, GST_STATE_NULL);
    gst_element_set_state (h->pipeline, GST_STATE_PLAYING);
    break;
  default:
    gst_element_set_state (element, GST_STATE_READY);
  }
}

static GstBusSyncReply
handle (GstBus *bus, GstMessage *m, gpointer data) {
  Handler *h = data;
  GError *error = NULL;
  char *debug = NULL;
  if (!g_str_has_prefix (GST_OBJECT_NAME (GST_MESSAGE_SRC (m)), h->from)) {
    gst_message_unref (m);
    return GST_BUS_DROP;
  }
  if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_WARNING)
    gst_message_parse_warning (m, &error, &debug);
  else if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_INFO)
    gst_message_parse_info (m, &error, &debug);
  else if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_ERROR)
    gst_message_parse_error (m, &error, &debug);
  gboolean due = error && strstr (error->message, h->text) && g_atomic_int_add (&h->left, -1) == 1;
  if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_ERROR && !due) {
    g_printerr ("%s: %s\n", h->from, error->message);
    g_atomic_int_inc (&h->errors);
  }
  g_clear_error (&error);
  g_free (debug);
  if (!due) {
    gst_message_unref (m);
    return GST_BUS_DROP;
  }
  GstElement *element = GST_ELEMENT (GST_MESSAGE_SRC (m));
  gst_message_unref (m);
  do_deed (h, element);
  g_atomic_int_inc (&h->done);
  return GST_BUS_DROP;
}

static void
in_handler (const char *line, const char *from, const char *text, Deed deed) {
  Handler h = {.from = from, .text = text, .deed = deed, .left = 1};
  h.pipeline = gst_parse_launch (line, NULL);
  g_assert_nonnull (h.pipeline);
  GstBus *bus = gst_element_get_bus (h.pipeline);
  gst_bus_set_sync_handler (bus, handle, &h, NULL);
  gst_element_set_state (h.pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 60000 && !g_atomic_int_get (&h.done); i++)
    g_usleep (1000);
  if (!g_atomic_int_get (&h.done))
    g_error ("%s: deed %d was not done, expected \"%s\"", line, deed, text);
  g_usleep (50000); /* whoever still runs stumbles now */
  gst_element_set_state (h.pipeline, GST_STATE_NULL);
  gst_object_unref (h.pipeline);
  gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
  gst_object_unref (bus);
  g_assert_cmpint (g_atomic_int_get (&h.errors), ==, 0);
}

/* A reader that never reads: the warning that lines are dropped comes from the streaming thread, in the
 * middle of a line. */
static void
test_slow (void) {
  char *folder = g_dir_make_tmp ("clipmoe-stopped-XXXXXX", NULL),
       *pipe = g_build_filename (folder, "p", NULL),
       *line = g_strdup_printf ("videotestsrc is-live=true ! video/x-raw,format=RGB,width=64,height=48,"
                                "framerate=5000/1 ! clipmoetag labels=a,b threshold=0 rate=1 mode=sync ! "
                                "clipmoepublish on=frame target=file:%s ! fakesink sync=false async=false",
                                pipe);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  int reader = open (pipe, O_RDONLY | O_NONBLOCK);
  g_assert_cmpint (reader, >=, 0);
  for (Deed deed = STOP; deed < N_DEEDS; deed++)
    in_handler (line, "clipmoepublish", "too slow", deed);
  close (reader);
  unlink (pipe);
  rmdir (folder);
  g_free (line);
  g_free (pipe);
  g_free (folder);
}

/* What a full outbox says comes from the streaming thread, too, in the middle of the looks of a buffer or of
 * the events of a look; what is being published goes on after it. */
static void
test_full (void) {
  static const char *const lines[] = {
      "videotestsrc is-live=true ! video/x-raw,format=RGB,width=64,height=48,framerate=50/1 ! clipmoetag "
      "labels=a "
      "mode=sync ! clipmoetag labels=b mode=sync ! clipmoetag labels=c mode=sync ! clipmoepublish on=frame "
      "outbox-size=1 target=mqtt://127.0.0.1:1 ! fakesink sync=false async=false",
      "videotestsrc is-live=true ! video/x-raw,format=RGB,width=64,height=48,framerate=50/1 ! clipmoetag "
      "labels=a,b,c score=cosine threshold=-1 settle=0 mode=sync ! clipmoepublish on=event outbox-size=1 "
      "target=mqtt://127.0.0.1:1 ! fakesink sync=false async=false"};
  GstElement *publisher = gst_element_factory_make ("clipmoepublish", NULL);
  const char *targets =
      g_param_spec_get_blurb (g_object_class_find_property (G_OBJECT_GET_CLASS (publisher), "target"));
  gboolean known = !strstr (targets, "mqtt: is not in this build");
  gst_object_unref (publisher);
  if (!known) {
    g_test_skip ("this build has no MQTT");
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    for (Deed deed = STOP; deed < N_DEEDS; deed++)
      in_handler (lines[i], "clipmoepublish", "outbox is full", deed);
}

/* GStreamer says that nobody should stop a pipeline from its streaming thread. */
static void
not_said (const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data) {
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
  g_log_set_handler ("GStreamer", G_LOG_LEVEL_WARNING, not_said, NULL);
  g_test_add_func ("/stopped/slow", test_slow);
  g_test_add_func ("/stopped/full", test_full);
  return g_test_run ();
}
