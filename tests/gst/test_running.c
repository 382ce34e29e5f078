/* Protects a pipeline that runs from what happens to it: an element that is put in, taken out, or given
 * another model while frames, flushes and questions come; a handler of a message that stops, restarts, seeks
 * or frees what posted it, from the very thread that posted it; and that nobody hears of a look after the
 * flush that made it worthless. */
#include "common.h"

#define LIVE                                                                                                 \
  "videotestsrc is-live=true pattern=ball ! video/x-raw,format=RGB,width=64,height=48,framerate=50/1 ! "

/* Two pads around an element whose state is its own affair: frames, events and queries come all the time. */
typedef struct {
  GstElement *tag;
  GstPad *before, *behind;
  gint stop, calm; /* atomic; calm: no flushes, which throw away what takes longer than they are apart */
  gint passed;
} Rig;

static GstFlowReturn
take (GstPad *pad, GstObject *parent, GstBuffer *buffer) {
  Rig *rig = gst_pad_get_element_private (pad);
  g_atomic_int_inc (&rig->passed);
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

static gpointer
send_frames (gpointer data) {
  Rig *rig = data;
  GstSegment segment;
  GstCaps *caps = gst_caps_from_string (RGB64);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  for (guint i = 0; !g_atomic_int_get (&rig->stop); i++) {
    gst_pad_push_event (rig->before, gst_event_new_stream_start (i % 7 ? "a" : "b"));
    gst_pad_push_event (rig->before, gst_event_new_caps (caps));
    gst_pad_push_event (rig->before, gst_event_new_segment (&segment));
    gst_pad_push (rig->before, frame (RGB64, i));
    g_usleep (1000);
  }
  gst_caps_unref (caps);
  return NULL;
}

static gpointer
send_flushes (gpointer data) {
  Rig *rig = data;
  for (guint i = 0; !g_atomic_int_get (&rig->stop); i++) {
    if (g_atomic_int_get (&rig->calm)) { /* the end of a flush is lost where the element closes within it */
      gst_pad_send_event (rig->behind, gst_event_new_flush_stop (TRUE));
      g_usleep (1000);
      continue;
    }
    GstPad *sink = gst_element_get_static_pad (rig->tag, "sink"),
           *src = gst_element_get_static_pad (rig->tag, "src");
    GstQuery *query = gst_query_new_latency ();
    GstStructure *stats;
    gst_pad_query (src, query);
    gst_query_unref (query);
    gst_pad_send_event (src, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, 1, GST_SECOND));
    gst_pad_send_event (sink, gst_event_new_flush_start ());
    gst_pad_send_event (sink, gst_event_new_flush_stop (TRUE));
    g_object_get (rig->tag, "stats", &stats, NULL);
    gst_structure_free (stats);
    gst_object_unref (sink);
    gst_object_unref (src);
    g_usleep (500 + i % 3 * 2000);
  }
  return NULL;
}

static void
ignore (const char *domain, GLogLevelFlags level, const char *text, gpointer data) {
}

static void
test_swapped (void) {
  /* a flush from aside takes the segment away from frames that are on their way, which GStreamer mentions */
  guint quiet = g_log_set_handler ("GStreamer", G_LOG_LEVEL_WARNING, ignore, NULL);
  static const char *const modes[] = {"sync", "latest", "auto"}, *const models[] = {NULL, "clip-tiny"};
  GstElement *second = gst_element_factory_make ("clipmoetag", NULL); /* keeps the other model open */
  g_object_set (second, "labels", "a", "model", "clip-tiny", NULL);
  gst_element_set_state (second, GST_STATE_PAUSED);
  for (guint m = 0; m < G_N_ELEMENTS (modes); m++) {
    Rig rig = {.tag = gst_element_factory_make ("clipmoetag", NULL),
               .before = gst_pad_new ("before", GST_PAD_SRC),
               .behind = gst_pad_new ("behind", GST_PAD_SINK)};
    gst_object_ref_sink (rig.tag);
    gst_util_set_object_arg (G_OBJECT (rig.tag), "mode", modes[m]);
    g_object_set (rig.tag, "labels", "a,b", "rate", 0.0, NULL);
    gst_pad_set_element_private (rig.behind, &rig);
    gst_pad_set_chain_function (rig.behind, take);
    GstPad *sink = gst_element_get_static_pad (rig.tag, "sink"),
           *src = gst_element_get_static_pad (rig.tag, "src");
    gst_pad_set_active (rig.before, TRUE);
    gst_pad_set_active (rig.behind, TRUE);
    g_assert_cmpint (gst_pad_link (rig.before, sink), ==, GST_PAD_LINK_OK);
    g_assert_cmpint (gst_pad_link (src, rig.behind), ==, GST_PAD_LINK_OK);
    GThread *frames = g_thread_new ("frames", send_frames, &rig),
            *flushes = g_thread_new ("flushes", send_flushes, &rig);
    for (guint i = 0; i < 24; i++) {
      gint before = g_atomic_int_get (&rig.passed);
      g_object_set (rig.tag, "model", models[i % 2], NULL);
      gst_element_set_state (rig.tag, i % 3 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
      g_atomic_int_set (&rig.calm, i % 4 == 0);
      for (guint k = 0; k < 60000 && i % 4 == 0 && g_atomic_int_get (&rig.passed) == before; k++)
        g_usleep (1000); /* it works again */
      g_assert_true (i % 4 || g_atomic_int_get (&rig.passed) > before);
      g_atomic_int_set (&rig.calm, FALSE);
      gst_element_set_state (rig.tag, i % 5 ? GST_STATE_READY : GST_STATE_NULL);
    }
    g_atomic_int_set (&rig.stop, TRUE);
    g_thread_join (frames);
    g_thread_join (flushes);
    gst_element_set_state (rig.tag, GST_STATE_NULL);
    gst_pad_set_active (rig.before, FALSE);
    gst_pad_set_active (rig.behind, FALSE);
    gst_object_unref (sink);
    gst_object_unref (src);
    gst_object_unref (rig.before);
    gst_object_unref (rig.behind);
    gst_object_unref (rig.tag);
  }
  gst_element_set_state (second, GST_STATE_NULL);
  gst_object_unref (second);
  g_log_remove_handler ("GStreamer", quiet);
}

/* Into a tee that plays, its data waiting, and out again. */
static void
test_added (void) {
  GstElement *p = gst_parse_launch (LIVE "tee name=t allow-not-linked=true ! queue ! fakesink", NULL);
  gst_element_set_state (p, GST_STATE_PLAYING);
  gst_element_get_state (p, NULL, NULL, 20 * GST_SECOND);
  GstElement *tee = gst_bin_get_by_name (GST_BIN (p), "t");
  for (guint i = 0; i < 10; i++) {
    GstElement *q = gst_element_factory_make ("queue", NULL),
               *e = gst_element_factory_make ("clipmoetag", NULL),
               *s = gst_element_factory_make ("fakesink", NULL);
    g_object_set (e, "labels", "a,b", "rate", 0.0, NULL);
    g_object_set (s, "async", FALSE, NULL);
    gst_bin_add_many (GST_BIN (p), q, e, s, NULL);
    gst_element_link_many (q, e, s, NULL);
    gst_element_set_locked_state (e, i % 2);
    gst_element_sync_state_with_parent (s);
    if (i % 3)
      gst_element_sync_state_with_parent (q);
    GstPad *pad = gst_element_request_pad_simple (tee, "src_%u"),
           *to = gst_element_get_static_pad (q, "sink");
    gst_pad_link (pad, to);
    g_usleep (20000);
    gst_element_set_locked_state (e, FALSE);
    g_assert_true (gst_element_sync_state_with_parent (e));
    gst_element_sync_state_with_parent (q);
    g_usleep (i * 5000);
    gst_element_release_request_pad (tee, pad);
    gst_object_unref (pad);
    gst_object_unref (to);
    for (guint k = 0; k < 3; k++) {
      GstElement *x = k == 0 ? e : k == 1 ? q : s;
      gst_element_set_state (x, GST_STATE_NULL);
      gst_bin_remove (GST_BIN (p), x);
    }
  }
  gst_object_unref (tee);
  gst_element_set_state (p, GST_STATE_NULL);
  gst_object_unref (p);
}

/* What a handler does, in the thread that posts. */
typedef enum { STOP, RESTART, SEEK, FREE, SEND_EOS, N_DEEDS } Deed;
typedef struct {
  GstElement *pipeline;
  GstMessageType type;
  const char *name; /* of the structure, or NULL */
  Deed deed;
  gint left, done; /* atomic */
} Handler;

static GstBusSyncReply
handle (GstBus *bus, GstMessage *m, gpointer data) {
  Handler *h = data;
  gboolean is = GST_MESSAGE_TYPE (m) == h->type &&
                g_str_has_prefix (GST_OBJECT_NAME (GST_MESSAGE_SRC (m)), "clipmoetag") &&
                (!h->name || gst_message_has_name (m, h->name));
  if (!is || g_atomic_int_add (&h->left, -1) < 1)
    return GST_BUS_PASS;
  gst_message_unref (m);
  switch (h->deed) {
  case STOP:
    gst_element_set_state (h->pipeline, GST_STATE_NULL);
    break;
  case RESTART:
    gst_element_set_state (h->pipeline, GST_STATE_NULL);
    gst_element_set_state (h->pipeline, GST_STATE_PLAYING);
    break;
  case SEEK:
    gst_element_seek_simple (h->pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0);
    break;
  case SEND_EOS:
    gst_element_send_event (h->pipeline, gst_event_new_eos ());
    break;
  default:
    gst_element_set_state (h->pipeline, GST_STATE_NULL);
    gst_object_unref (g_steal_pointer (&h->pipeline)); /* the last one there is */
  }
  g_atomic_int_inc (&h->done);
  return GST_BUS_DROP;
}

/* Plays @line until the handler has done its deed @times. */
static void
in_handler (const char *line, GstMessageType type, const char *name, Deed deed, gint times) {
  Handler h = {.type = type, .name = name, .deed = deed, .left = times};
  h.pipeline = gst_parse_launch (line, NULL);
  GstElement *kept = deed == FREE ? NULL : gst_object_ref (h.pipeline);
  GstBus *bus = gst_element_get_bus (h.pipeline);
  gst_bus_set_sync_handler (bus, handle, &h, NULL);
  gst_element_set_state (h.pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 30000 && g_atomic_int_get (&h.done) < times; i++)
    g_usleep (1000);
  if (g_atomic_int_get (&h.done) < times)
    g_error ("%s: deed %d was done %d times, expected %d", line, deed, h.done, times);
  g_usleep (20000); /* whoever still runs stumbles now */
  if (kept) {
    gst_element_set_state (kept, GST_STATE_NULL);
    gst_object_unref (kept);
    gst_object_unref (h.pipeline);
  }
  gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
  gst_object_unref (bus);
}

static void
test_handlers (void) {
#define TAG "clipmoetag labels=a,b threshold=0 rate=0 post-messages=all "
  for (Deed deed = STOP; deed < N_DEEDS; deed++)
    for (guint i = 0; i < 5; i++) {
      in_handler (LIVE TAG "mode=latest ! fakesink", GST_MESSAGE_ELEMENT, "clipmoe-tags", deed,
                  deed == RESTART ? 3 : 1);
      in_handler ("videotestsrc ! video/x-raw,format=RGB,width=64,height=48 ! " TAG "mode=latest ! queue ! "
                  "fakesink sync=true",
                  GST_MESSAGE_ELEMENT, "clipmoe-tags", deed, deed == RESTART || deed == SEEK ? 3 : 1);
    }
  /* while it opens, and from the streaming thread, where GStreamer itself says that this would deadlock; a
   * source that is sent the end of its stream before it runs leaks that */
  for (Deed deed = STOP; deed <= SEEK; deed++) {
    if (deed != RESTART)
      in_handler (LIVE TAG "! fakesink", GST_MESSAGE_PROGRESS, NULL, deed, 1);
    in_handler (LIVE "clipmoetag labels-file=/nowhere ! fakesink", GST_MESSAGE_ERROR, NULL, deed, 1);
    in_handler (LIVE TAG "mode=sync ! fakesink", GST_MESSAGE_ELEMENT, "clipmoe-tags", deed, 1);
  }
  in_handler (LIVE TAG "mode=sync ! fakesink", GST_MESSAGE_ELEMENT, "clipmoe-tags", SEND_EOS, 1);
}

/* The first frame has half its bytes: the warning's handler stops, in the middle of a frame. */
static GstPadProbeReturn
halve (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  GstBuffer *b = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
  gst_buffer_set_size (b, (gssize)gst_buffer_get_size (b) / 2);
  GST_PAD_PROBE_INFO_DATA (info) = b;
  return GST_PAD_PROBE_OK;
}

static void
test_warned (void) {
  for (guint latest = 0; latest < 2; latest++)
    for (Deed deed = STOP; deed <= RESTART; deed++) {
      char *line =
          g_strdup_printf (LIVE "identity name=i ! " TAG "mode=%s ! fakesink", latest ? "latest" : "sync");
      Handler h = {.type = GST_MESSAGE_WARNING, .deed = deed, .left = 1};
      h.pipeline = gst_parse_launch (line, NULL);
      GstElement *i = gst_bin_get_by_name (GST_BIN (h.pipeline), "i");
      GstPad *pad = gst_element_get_static_pad (i, "src");
      gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, halve, NULL, NULL);
      GstBus *bus = gst_element_get_bus (h.pipeline);
      gst_bus_set_sync_handler (bus, handle, &h, NULL);
      gst_element_set_state (h.pipeline, GST_STATE_PLAYING);
      for (guint k = 0; k < 30000 && !g_atomic_int_get (&h.done); k++)
        g_usleep (1000);
      g_assert_cmpint (g_atomic_int_get (&h.done), ==, 1);
      g_usleep (20000);
      gst_element_set_state (h.pipeline, GST_STATE_NULL);
      gst_object_unref (pad);
      gst_object_unref (i);
      gst_object_unref (bus);
      gst_object_unref (h.pipeline);
      g_free (line);
    }
}

/* Who hears of looks, how slowly, and whether he waits for somebody. */
typedef struct {
  gint heard, entered, left, may_leave;
  gulong takes;
  gboolean waits;
} Listener;

static GstBusSyncReply
listen (GstBus *bus, GstMessage *m, gpointer data) {
  Listener *l = data;
  if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_ELEMENT) {
    g_atomic_int_inc (&l->entered);
    g_usleep (l->takes);
    while (l->waits && !g_atomic_int_get (&l->may_leave))
      g_usleep (1000);
    g_atomic_int_inc (&l->left);
  }
  gst_message_unref (m);
  return GST_BUS_DROP;
}

static void
flush (GstHarness *h) {
  GstSegment s;
  gst_segment_init (&s, GST_FORMAT_TIME);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&s)));
}

/* What is being told is told before the flush is over, and nothing of before it after. */
static void
test_flushed (void) {
  Listener l = {.takes = 3000};
  GstBus *bus;
  GstHarness *h = harness ("labels=a,b rate=0 mode=latest post-messages=all", RGB64, &bus);
  gst_bus_set_sync_handler (bus, listen, &l, NULL);
  for (guint i = 0; i < 60; i++) {
    gst_buffer_unref (through (h, frame (RGB64, i)));
    for (guint k = 0; k < 10000 && i % 2 && g_atomic_int_get (&l.entered) == l.left; k++)
      g_usleep (500);
    flush (h);
    gint entered = g_atomic_int_get (&l.entered);
    g_assert_cmpint (g_atomic_int_get (&l.left), ==, entered);
    g_usleep (2000);
    g_assert_cmpint (g_atomic_int_get (&l.entered), ==, entered);
  }
  g_assert_cmpint (l.entered, >, 20);
  done (h, bus);
}

/* A handler that waits for the thread that flushes, or stops, delays it; it does not hang it. */
static void
test_waiting (void) {
  for (guint stop = 0; stop < 2; stop++) {
    Listener l = {.waits = TRUE};
    GstBus *bus;
    GstHarness *h = harness ("labels=a,b rate=0 mode=latest post-messages=all", RGB64, &bus);
    gst_bus_set_sync_handler (bus, listen, &l, NULL);
    gst_buffer_unref (through (h, frame (RGB64, 0)));
    while (!g_atomic_int_get (&l.entered))
      g_usleep (1000);
    if (stop)
      gst_element_set_state (tagger (h), GST_STATE_READY);
    else
      flush (h);
    g_atomic_int_set (&l.may_leave, TRUE);
    while (!g_atomic_int_get (&l.left))
      g_usleep (1000);
    done (h, bus);
  }
}

/* A handler of a message of the opening opens the element itself, and frames flow at once: the worker that
 * looks for them does not go on with what the outer opening replaces. */
static GstHarness *reopened;

static void
stream (guint n) {
  GstSegment s;
  GstCaps *caps = gst_caps_from_string (RGB64);
  gst_segment_init (&s, GST_FORMAT_TIME);
  g_assert_true (gst_harness_push_event (reopened, gst_event_new_stream_start ("s")));
  g_assert_true (gst_harness_push_event (reopened, gst_event_new_caps (caps)));
  g_assert_true (gst_harness_push_event (reopened, gst_event_new_segment (&s)));
  gst_caps_unref (caps);
  for (guint64 before = stat_of (reopened, "looks"), i = 0; stat_of (reopened, "looks") < before + n; i++) {
    gst_buffer_unref (through (reopened, frame (RGB64, (guint)i)));
    g_usleep (1000);
  }
}

static GstBusSyncReply
open_too (GstBus *bus, GstMessage *m, gpointer data) {
  GstProgressType type = GST_PROGRESS_TYPE_START;
  if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_PROGRESS)
    gst_message_parse_progress (m, &type, NULL, NULL);
  gst_message_unref (m);
  if (type == GST_PROGRESS_TYPE_CONTINUE && (*(gint *)data)++ == 0) {
    gst_element_set_state (reopened->element, GST_STATE_NULL);
    gst_element_set_state (reopened->element, GST_STATE_PAUSED);
    stream (1);
  }
  return GST_BUS_DROP;
}

static void
test_opened_by_handler (void) {
  gint n = 0;
  GstBus *bus;
  reopened = harness ("labels=a,b rate=0 mode=latest", NULL, &bus);
  gst_element_set_state (reopened->element, GST_STATE_READY);
  gst_bus_set_sync_handler (bus, open_too, &n, NULL);
  gst_element_set_state (reopened->element, GST_STATE_PLAYING);
  g_assert_cmpint (n, ==, 2);
  stream (3);
  gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
  done (reopened, bus);
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  /* GStreamer warns where its own task would wait for itself, which is what is tried here */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/running/swapped", test_swapped);
  g_test_add_func ("/running/added", test_added);
  g_test_add_func ("/running/handlers", test_handlers);
  g_test_add_func ("/running/opened-by-handler", test_opened_by_handler);
  g_test_add_func ("/running/warned", test_warned);
  g_test_add_func ("/running/flushed", test_flushed);
  g_test_add_func ("/running/waiting", test_waiting);
  return run ();
}
