/* Checks the events of clipmoetag: as messages and downstream, with looks of either mode; what ends them, and
 * what does not. */
#include "common.h"
#include "clipmoecontrol.h"
#include "clipmoeevent.h"

#define OPEN "labels=a,b threshold=0 rate=0 post-messages=events "

/* "start a", "end b"… of what was told since the last call, sorted, in one text (transfer full). */
static int
by_text (gconstpointer a, gconstpointer b) {
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static char *
join (GPtrArray *told) {
  g_ptr_array_sort (told, by_text);
  g_ptr_array_add (told, NULL);
  char *text = g_strjoinv (", ", (char **)told->pdata);
  g_ptr_array_unref (told);
  return text;
}

static void
add (GPtrArray *told, const GstStructure *s) {
  ClipmoeEvent event;
  const char *tagger;
  guint64 sequence;
  g_assert_true (clipmoe_event_read (s, &event, &tagger, &sequence));
  g_assert_nonnull (event.source);
  g_assert_nonnull (event.model);
  g_ptr_array_add (told, g_strdup_printf ("%s %s", gst_structure_get_string (s, "type"), event.label));
}

static char *
posted (GstBus *bus) {
  GPtrArray *told = g_ptr_array_new_with_free_func (g_free);
  GstMessage *m;
  while ((m = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT))) {
    const GstStructure *s = gst_message_get_structure (m);
    g_assert_true (gst_structure_has_name (s, "clipmoe-event"));
    g_assert_nonnull (strstr (gst_structure_get_string (s, "json"), gst_structure_get_string (s, "id")));
    g_assert_true (gst_structure_has_field_typed (s, "stream-time", G_TYPE_UINT64));
    g_assert_true (gst_structure_has_field_typed (s, "running-time", G_TYPE_UINT64));
    add (told, s);
    gst_message_unref (m);
  }
  return join (told);
}

/* What went down; @before_start: before the last STREAM_START, if there is one. */
static char *
sent (GstHarness *h, gboolean *before_start) {
  GPtrArray *told = g_ptr_array_new_with_free_func (g_free);
  GstEvent *event;
  if (before_start)
    *before_start = FALSE;
  while ((event = gst_harness_try_pull_event (h))) {
    const GstStructure *s = clipmoe_event_structure (event);
    if (s)
      add (told, s);
    if (before_start && GST_EVENT_TYPE (event) == GST_EVENT_STREAM_START)
      *before_start = told->len > 0;
    gst_event_unref (event);
  }
  return join (told);
}

static void
expect (char *got, const char *text) {
  g_assert_cmpstr (got, ==, text);
  g_free (got);
}

static void
pass (GstHarness *h, guint n) {
  gst_buffer_unref (through (h, frame (RGB64, n)));
}

static void
test_sync (void) {
  GstBus *bus;
  GstHarness *h = harness (OPEN "mode=sync source=cam", RGB64, &bus);
  pass (h, 0);
  expect (posted (bus), "start a, start b");
  expect (sent (h, NULL), "start a, start b");
  pass (h, 1);
  expect (posted (bus), "");
  g_object_set (tagger (h), "threshold", 2.0, NULL); /* no softmax reaches it */
  pass (h, 2);
  expect (posted (bus), "end a, end b");
  expect (sent (h, NULL), "end a, end b");
  g_object_set (tagger (h), "threshold", 0.0, "labels", "c", NULL);
  for (guint i = 3; i < 400; i++) { /* the new label's vector is made aside */
    pass (h, i);
    char *now = posted (bus);
    gboolean there = strstr (now, "start c") != NULL;
    g_free (now);
    if (there)
      break;
    g_assert_cmpuint (i, <, 399);
    g_usleep (10000);
  }
  g_clear_pointer (&(char *){sent (h, NULL)}, g_free);
  gst_harness_push_event (h, gst_event_new_eos ());
  expect (posted (bus), "end c");
  expect (sent (h, NULL), "end c");
  done (h, bus);
}

/* The fields of a message are those of the event, and the end's time is that of the last look. */
static void
test_fields (void) {
  GstBus *bus;
  GstHarness *h = harness (OPEN "mode=sync labels=a source=cam", RGB64, &bus);
  char *id = NULL;
  for (guint i = 0; i < 4; i++)
    pass (h, i);
  gst_harness_push_event (h, gst_event_new_eos ());
  for (guint i = 0; i < 2; i++) {
    GstMessage *m = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT);
    const GstStructure *s = gst_message_get_structure (m);
    ClipmoeEvent e;
    const char *who;
    guint64 sequence;
    g_assert_true (clipmoe_event_read (s, &e, &who, &sequence));
    g_assert_null (who);
    g_assert_cmpint (e.type, ==, i ? CLIPMOE_EVENT_END : CLIPMOE_EVENT_START);
    g_assert_cmpstr (e.source, ==, "cam");
    g_assert_cmpstr (e.label, ==, "a");
    g_assert_null (e.group);
    g_assert_cmpuint (e.start, ==, 0);
    g_assert_cmpuint (e.end, ==, i ? 3 * GST_SECOND / 10 : 0);
    g_assert_cmpfloat (e.peak, ==, 1); /* one label alone */
    g_assert_cmpuint (number (s, "timestamp"), ==, i ? 3 * GST_SECOND / 10 : 0);
    g_assert_cmpuint (number (s, "stream-time"), ==, i ? 3 * GST_SECOND / 10 : 0);
    if (i)
      g_assert_cmpstr (e.id, ==, id);
    else
      id = g_strdup (e.id);
    gst_message_unref (m);
  }
  g_free (id);
  done (h, bus);
}

/* Looks that finish aside: what they begin goes down with a later buffer, and at the end at the latest. */
static void
test_latest (void) {
  GstBus *bus;
  GstHarness *h = harness (OPEN "mode=latest", RGB64, &bus);
  for (guint i = 0; i < 20; i++)
    pass (h, i);
  gst_harness_push_event (h, gst_event_new_eos ());
  expect (posted (bus), "end a, end b, start a, start b");
  expect (sent (h, NULL), "end a, end b, start a, start b");
  done (h, bus);
}

/* A seek, with a flush or without, and a stop end what is open. */
static void
test_jumps (void) {
  GstBus *bus;
  GstHarness *h = harness (OPEN "mode=sync hold=100", RGB64, &bus);
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  pass (h, 50);
  expect (posted (bus), "start a, start b");
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  expect (posted (bus), "end a, end b");
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  g_clear_pointer (&(char *){sent (h, NULL)}, g_free);
  pass (h, 60);
  expect (posted (bus), "start a, start b");
  expect (sent (h, NULL), "end a, end b, start a, start b");
  segment.base = 7 * GST_SECOND;
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  pass (h, 1); /* back */
  expect (posted (bus), "end a, end b, start a, start b");
  expect (sent (h, NULL), "end a, end b, start a, start b");
  gst_element_set_state (tagger (h), GST_STATE_READY);
  expect (posted (bus), "end a, end b");
  done (h, bus);
}

/* A camera that is connected anew within hold goes on; another stream does not. */
static void
test_connected_anew (void) {
  static const struct {
    const char *more, *id;
    guint next; /* tenths of a second of the next frame; the last one was at 1 s */
    gboolean lives, ends_before;
  } cases[] = {{"hold=5", "cam", 59, TRUE, FALSE},   {"hold=5", "cam", 60, FALSE, FALSE},
               {"hold=5", "cam", 0, FALSE, FALSE}, /* a file that is played again */
               {"hold=5", "other", 20, FALSE, TRUE}, {"hold=5 source=x", "other", 20, TRUE, FALSE},
               {"source=x", "cam", 11, FALSE, TRUE}};
  for (guint i = 0; i < 2 * G_N_ELEMENTS (cases); i++) {
    guint k = i / 2;
    gboolean sync = i % 2;
    char *properties = g_strdup_printf (OPEN "mode=%s %s", sync ? "sync" : "latest", cases[k].more);
    GstBus *bus;
    GstHarness *h = harness (properties, NULL, &bus);
    GstSegment segment;
    gst_segment_init (&segment, GST_FORMAT_TIME);
    GPtrArray *told = g_ptr_array_new_with_free_func (g_free);
    for (guint round = 0; round < 2; round++) {
      GstEvent *start = gst_event_new_stream_start (round ? cases[k].id : "cam");
      gst_event_set_group_id (start, round + 1);
      gst_harness_push_event (h, start); /* waits for the looks before it */
      g_ptr_array_add (told, posted (bus));
      gboolean before;
      char *now = sent (h, &before);
      if (round)
        g_assert_cmpint (before, ==, cases[k].ends_before || !sync);
      g_free (now);
      gst_harness_set_src_caps_str (h, RGB64);
      gst_harness_push_event (h, gst_event_new_segment (&segment));
      pass (h, round ? cases[k].next : 10);
      if (sync) /* what a look aside begins goes down later */
        g_free (sent (h, NULL));
    }
    gst_harness_push_event (h, gst_event_new_eos ());
    g_ptr_array_add (told, posted (bus));
    /* what was posted before the first stream, before the second one, and after it */
    g_assert_cmpstr (told->pdata[0], ==, "");
    g_assert_cmpstr (told->pdata[1], ==,
                     cases[k].ends_before ? "end a, end b, start a, start b" : "start a, start b");
    g_assert_cmpstr (told->pdata[2], ==,
                     cases[k].lives         ? "end a, end b"
                     : cases[k].ends_before ? "end a, end b, start a, start b"
                                            : "end a, end a, end b, end b, start a, start b");
    g_ptr_array_unref (told);
    g_free (properties);
    done (h, bus);
  }
}

static void
gap (GstHarness *h, guint tenth, guint tenths) {
  gst_harness_push_event (h, gst_event_new_gap (tenth * GST_SECOND / 10, tenths * GST_SECOND / 10));
}

/* While nothing comes, as a source's gaps say, what is open ends with its last look when `hold` is over. */
static void
test_gap (void) {
  GstBus *bus;
  GstHarness *h = harness (OPEN "mode=sync labels=a hold=3 source=cam", RGB64, &bus);
  pass (h, 0);
  pass (h, 10);
  expect (posted (bus), "start a");
  gap (h, 11, 28); /* until 3.9 s, in which hold is not over */
  g_free (sent (h, NULL));
  pass (h, 39);
  expect (posted (bus), "");
  gap (h, 40, 20);
  gap (h, 60, 8);
  expect (posted (bus), "");
  gap (h, 68, 1);
  GstMessage *m = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (m);
  g_assert_cmpuint (number (gst_message_get_structure (m), "end"), ==, 39 * GST_SECOND / 10);
  gst_message_unref (m);
  expect (sent (h, NULL), "end a"); /* at once, without a picture */
  gap (h, 69, 100);
  expect (posted (bus), "");
  GstBuffer *buffer = through (h, frame (RGB64, 200));
  expect (posted (bus), "start a");
  gst_buffer_unref (buffer);
  done (h, bus);
  /* a packet that was lost ends nothing, a second without anything does */
  h = harness (OPEN "mode=sync labels=a source=cam", RGB64, &bus);
  for (guint i = 0; i < 30; i += 3) {
    pass (h, i);
    gap (h, i + 1, 1);
    gap (h, i + 2, 1);
  }
  expect (posted (bus), "start a");
  gap (h, 30, 10);
  expect (posted (bus), "end a");
  done (h, bus);
}

/* Where a camera says whether it is there, the tagger adds what its stream is called. */
static void
test_camera (void) {
  for (guint named = 0; named < 2; named++) {
    GstBus *bus;
    GstHarness *h = harness (named ? OPEN "mode=sync source=cam" : OPEN "mode=sync", NULL, &bus);
    ClipmoeCameraNews news = {0};
    gboolean found = FALSE;
    gst_harness_push_event (
        h, gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM_OOB,
                                 gst_structure_new (CLIPMOE_CAMERA_NAME, "state", G_TYPE_STRING, "offline",
                                                    "reason", G_TYPE_STRING, "it is gone", "since",
                                                    G_TYPE_INT64, G_GINT64_CONSTANT (5), NULL)));
    GstEvent *event;
    while (!found && (event = gst_harness_try_pull_event (h))) {
      if ((found = clipmoe_camera_event_read (event, &news))) {
        g_assert_cmpstr (news.source, ==, named ? "cam" : NULL);
        g_assert_false (news.online);
        g_assert_cmpstr (news.reason, ==, "it is gone");
        g_assert_cmpint (news.since, ==, 5);
      }
      gst_event_unref (event);
    }
    g_assert_true (found);
    done (h, bus);
  }
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  g_test_add_func ("/events/sync", test_sync);
  g_test_add_func ("/events/fields", test_fields);
  g_test_add_func ("/events/latest", test_latest);
  g_test_add_func ("/events/jumps", test_jumps);
  g_test_add_func ("/events/connected-anew", test_connected_anew);
  g_test_add_func ("/events/gap", test_gap);
  g_test_add_func ("/events/camera", test_camera);
  return run ();
}
