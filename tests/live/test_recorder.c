/* Checks what the recorder of `clipmoe watch` writes: from a key frame before an event to some time after it,
 * never anything that cannot be decoded, and listed with the ids of its events. Video and events are the
 * test's own. */
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include "../slow.h"
#include "clipmoeevent.h"
#include "watchrecorder.h"
#include "watchsay.h"

#define VP8 "video/x-vp8,width=64,height=48,framerate=10/1"
#define RGB "video/x-raw,format=RGB,width=64,height=48,framerate=10/1"
#define KEYS 10 /* tenths of a second between two key frames */

/* What the recorder needs of the command. */
static GString *heard;
static char *folder;

void clipmoe_say (const char *sentence);
void
clipmoe_say (const char *sentence) {
  g_string_append_printf (heard, "%s\n", sentence);
}

const char *
watch_camera_get (const WatchCamera *self, const char *key) {
  return g_str_equal (key, "record") ? folder : NULL;
}

typedef struct {
  GstElement *pipeline;
  GstPad *coded, *pictures;
  WatchRecorder *recorder;
} Rig;

static void
begin_stream (GstPad *pad, const char *caps) {
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  GstCaps *c = gst_caps_from_string (caps);
  gst_pad_push_event (pad, gst_event_new_stream_start ("test"));
  gst_pad_push_event (pad, gst_event_new_caps (c));
  gst_pad_push_event (pad, gst_event_new_segment (&segment));
  gst_caps_unref (c);
}

static void
begin (Rig *rig) {
  GError *error = NULL;
  WatchCamera camera = {.name = (char *)"door", .pre_roll = 1, .post_roll = 1};
  folder = g_dir_make_tmp (NULL, NULL);
  GstElement *source = gst_bin_new (NULL), *sink = gst_element_factory_make ("fakesink", NULL);
  rig->pipeline = gst_pipeline_new (NULL);
  g_object_set (sink, "sync", FALSE, "async", FALSE, NULL);
  gst_bin_add_many (GST_BIN (rig->pipeline), source, sink, NULL);
  rig->coded = gst_pad_new ("encoded", GST_PAD_SRC);
  rig->pictures = gst_pad_new ("pictures", GST_PAD_SRC);
  gst_element_add_pad (source, rig->coded);
  rig->recorder = watch_recorder_new (&camera, GST_BIN (rig->pipeline), source, sink, &error);
  g_assert_no_error (error);
  GstPad *in = gst_element_get_static_pad (sink, "sink");
  g_assert_cmpint (gst_pad_link (rig->pictures, in), ==, GST_PAD_LINK_OK);
  gst_object_unref (in);
  gst_element_set_state (rig->pipeline, GST_STATE_PLAYING);
  gst_pad_set_active (rig->coded, TRUE);
  gst_pad_set_active (rig->pictures, TRUE);
  begin_stream (rig->coded, VP8);
  begin_stream (rig->pictures, RGB);
}

/* Coded pictures of the tenths of a second from @from to before @to. @hole: what came before the first is
 * missing. */
static void
video (const Rig *rig, guint from, guint to, gboolean hole) {
  for (guint i = from; i < to; i++) {
    GstBuffer *b = gst_buffer_new_allocate (NULL, 100, NULL);
    gst_buffer_memset (b, 0, (guint8)i, 100);
    GST_BUFFER_PTS (b) = i * GST_SECOND / 10;
    GST_BUFFER_DURATION (b) = GST_SECOND / 10;
    if (i % KEYS)
      GST_BUFFER_FLAG_SET (b, GST_BUFFER_FLAG_DELTA_UNIT);
    if (hole && i == from)
      GST_BUFFER_FLAG_SET (b, GST_BUFFER_FLAG_DISCONT);
    g_assert_cmpint (gst_pad_push (rig->coded, b), ==, GST_FLOW_OK);
  }
}

static void
event (const Rig *rig, ClipmoeEventType type, const char *id, guint start, guint end) {
  const ClipmoeEvent e = {.type = type,
                          .id = id,
                          .label = id[0] == 'a' ? "a" : "b",
                          .source = "door",
                          .start = start * GST_SECOND / 10,
                          .end = end * GST_SECOND / 10,
                          .peak = 1,
                          .mean = 1,
                          .score = 1};
  gst_pad_push_event (rig->pictures, gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
                                                           clipmoe_event_to_structure (&e, "t", 1)));
}

static void
picture (const Rig *rig) {
  GstBuffer *b = gst_buffer_new_allocate (NULL, 64 * 48 * 3, NULL);
  gst_buffer_memset (b, 0, 100, 64 * 48 * 3);
  GST_BUFFER_PTS (b) = 0;
  g_assert_cmpint (gst_pad_push (rig->pictures, b), ==, GST_FLOW_OK);
}

/* "a1 a2: 20 21 …": what the list says of each recording, and the pictures that are in it, in tenths of a
 * second of the stream. */
static GstPadProbeReturn
note (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  guint8 n = 0;
  gst_buffer_extract (GST_PAD_PROBE_INFO_BUFFER (info), 0, &n, 1);
  g_string_append_printf (data, " %u", n);
  return GST_PAD_PROBE_OK;
}

static void
read_back (GString *out, const char *file) {
  char *line = g_strdup_printf ("filesrc location=%s/door/%s ! matroskademux ! fakesink name=f sync=false",
                                folder, file);
  GstElement *p = gst_parse_launch (line, NULL), *f = gst_bin_get_by_name (GST_BIN (p), "f");
  GstPad *pad = gst_element_get_static_pad (f, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, note, out, NULL);
  gst_element_set_state (p, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus (p);
  GstMessage *m =
      gst_bus_timed_pop_filtered (bus, slow_seconds (30) * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_true (m && GST_MESSAGE_TYPE (m) == GST_MESSAGE_EOS);
  gst_message_unref (m);
  gst_element_set_state (p, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pad);
  gst_object_unref (f);
  gst_object_unref (p);
  g_free (line);
}

static void
describe (GString *out, const char *line) {
  json_t *o = json_loads (line, 0, NULL), *value;
  size_t i;
  g_assert_nonnull (o);
  g_assert_cmpstr (json_string_value (json_object_get (o, "schema")), ==, "clipmoe.clip/1");
  json_array_foreach (json_object_get (o, "events"), i, value)
      g_string_append_printf (out, "%s%s", i ? " " : "", json_string_value (value));
  g_string_append (out, json_object_get (o, "snapshot") ? " with a picture:" : ":");
  g_assert_cmpstr (json_string_value (json_object_get (o, "end")), >,
                   json_string_value (json_object_get (o, "start")));
  read_back (out, json_string_value (json_object_get (o, "file")));
  g_string_append_c (out, '\n');
  json_decref (o);
}

/* (transfer full): all recordings, the eldest first. */
static char *
finish (Rig *rig) {
  GString *out = g_string_new (NULL);
  char *list = g_build_filename (folder, "door", "clips.jsonl", NULL), *text = NULL;
  watch_recorder_end (rig->recorder);
  gst_element_set_state (rig->pipeline, GST_STATE_NULL);
  watch_recorder_free (rig->recorder);
  gst_object_unref (rig->pictures);
  gst_object_unref (rig->pipeline);
  if (g_file_get_contents (list, &text, NULL, NULL)) {
    char **lines = g_strsplit (g_strchomp (text), "\n", -1);
    for (char **l = lines; *l; l++)
      describe (out, *l);
    g_strfreev (lines);
  }
  char *argv[] = {(char *)"rm", (char *)"-r", folder, NULL};
  g_spawn_sync (NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  g_free (text);
  g_free (list);
  g_free (folder);
  return g_string_free (out, FALSE);
}

static void
append (GString *text, guint from, guint to) {
  for (guint i = from; i < to; i++)
    g_string_append_printf (text, " %u", i);
}

/* Two events that overlap share a file, which has a picture; one long after them has its own. */
static char *
events (GString *expected) {
  Rig rig;
  begin (&rig);
  video (&rig, 0, 35, FALSE);
  event (&rig, CLIPMOE_EVENT_START, "a1", 32, 0); /* told late, as with settle */
  picture (&rig);
  video (&rig, 35, 50, FALSE);
  event (&rig, CLIPMOE_EVENT_START, "b1", 45, 0);
  event (&rig, CLIPMOE_EVENT_UPDATE, "b1", 45, 0);
  event (&rig, CLIPMOE_EVENT_END, "a1", 32, 48);
  video (&rig, 50, 60, FALSE);
  event (&rig, CLIPMOE_EVENT_END, "b1", 45, 55);
  video (&rig, 60, 120, FALSE);
  event (&rig, CLIPMOE_EVENT_START, "a2", 119, 0);
  video (&rig, 120, 130, FALSE);
  event (&rig, CLIPMOE_EVENT_END, "a2", 119, 125);
  video (&rig, 130, 140, FALSE);
  g_string_append (expected, "a1 b1 with a picture:");
  append (expected, 20, 66); /* the key frame a second before 3.2 s; to a second after 5.5 s */
  g_string_append (expected, "\na2:");
  append (expected, 100, 136);
  g_string_append (expected, "\n");
  return finish (&rig);
}

/* What follows a hole begins with the next key frame, in the same file. */
static char *
holes (GString *expected) {
  Rig rig;
  begin (&rig);
  video (&rig, 3, 15, FALSE);
  event (&rig, CLIPMOE_EVENT_START, "a1", 14, 0);
  video (&rig, 15, 25, FALSE);
  video (&rig, 26, 42, TRUE); /* a packet was lost, or a connection joins in the middle */
  video (&rig, 50, 53, TRUE); /* a key frame itself */
  event (&rig, CLIPMOE_EVENT_END, "a1", 14, 52);
  video (&rig, 53, 80, FALSE);
  g_string_append (expected, "a1:");
  append (expected, 10, 25);
  append (expected, 30, 42);
  append (expected, 50, 63);
  g_string_append (expected, "\n");
  return finish (&rig);
}

/* A camera that was away ends the file; what is open goes on in another one when it is back. */
static char *
outage (GString *expected) {
  Rig rig;
  begin (&rig);
  event (&rig, CLIPMOE_EVENT_START, "a1", 1, 0); /* there is no video yet */
  video (&rig, 5, 25, FALSE);
  video (&rig, 48, 60, TRUE);
  event (&rig, CLIPMOE_EVENT_END, "a1", 1, 55);
  video (&rig, 60, 90, FALSE);
  g_string_append (expected, "a1:");
  append (expected, 10, 25);
  g_string_append (expected, "\na1:");
  append (expected, 50, 66);
  g_string_append (expected, "\n");
  return finish (&rig);
}

static void
untimed (const Rig *rig, guint n, gboolean key) {
  GstBuffer *b = gst_buffer_new_allocate (NULL, 100, NULL);
  gst_buffer_memset (b, 0, (guint8)n, 100);
  if (!key)
    GST_BUFFER_FLAG_SET (b, GST_BUFFER_FLAG_DELTA_UNIT);
  g_assert_cmpint (gst_pad_push (rig->coded, b), ==, GST_FLOW_OK);
}

/* Units without a time, which a parser makes of two pictures in one buffer, are left out and change nothing,
 * not even at the end. */
static char *
without_times (GString *expected) {
  Rig rig;
  begin (&rig);
  video (&rig, 0, 15, FALSE);
  event (&rig, CLIPMOE_EVENT_START, "a1", 14, 0);
  video (&rig, 15, 23, FALSE);
  untimed (&rig, 200, TRUE);
  untimed (&rig, 201, FALSE);
  video (&rig, 23, 35, FALSE);
  event (&rig, CLIPMOE_EVENT_END, "a1", 14, 30);
  video (&rig, 35, 41, FALSE);
  untimed (&rig, 202, FALSE);
  video (&rig, 41, 60, FALSE);
  g_string_append (expected, "a1:");
  append (expected, 0, 41);
  g_string_append (expected, "\n");
  return finish (&rig);
}

/* Without video for two seconds a recording ends, which a machine that stands still may look like. */
static void
check (char *(*part) (GString *expected)) {
  for (guint tries = 0;; tries++) {
    GString *expected = g_string_new (NULL);
    gint64 began = g_get_monotonic_time ();
    char *got = part (expected);
    gboolean stood = g_get_monotonic_time () - began > G_USEC_PER_SEC && tries < 5;
    if (!stood || g_str_equal (got, expected->str))
      g_assert_cmpstr (got, ==, expected->str);
    gboolean ok = g_str_equal (got, expected->str);
    g_string_free (expected, TRUE);
    g_free (got);
    if (ok)
      return;
  }
}

/* What fails again and again is said ever more rarely, whatever else fails meanwhile. */
static void
test_troubles (void) {
  g_string_truncate (heard, 0);
  for (guint i = 0; i < 20; i++)
    watch_say_trouble ("door", g_error_new_literal (CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "full"));
  watch_say_trouble ("yard", g_error_new_literal (CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "full"));
  g_assert_cmpstr (heard->str, ==,
                   "door: full\ndoor: full (2 times)\ndoor: full (4 times)\ndoor: full (8 times)\n"
                   "door: full (16 times)\nyard: full\n");
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  heard = g_string_new (NULL);
  check (events);
  check (holes);
  check (outage);
  check (without_times);
  g_assert_nonnull (strstr (heard->str, "door: recorded "));
  test_troubles ();
  g_string_free (heard, TRUE);
  return 0;
}
