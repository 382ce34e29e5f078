/* Checks what clipmoeindex makes of looks: which moments, when they end, under what name and time, with
 * which picture, and which looks are left out, with a word. */
#include <picture.h>
#include "index.h"

static char *folder;

static void
begin (void) {
  folder = g_dir_make_tmp ("clipmoe-index-XXXXXX", NULL);
}

static void
over (void) {
  remove_folder (folder);
  g_clear_pointer (&folder, g_free);
}

/* --- a stream that can wait --- */

/* Three things are seen for a second each: three moments, written before the end of the stream passes. The
 * buffers that come out are those that went in. */
static void
test_file (void) {
  GstBus *bus;
  begin ();
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  gst_harness_set_drop_buffers (h, FALSE);
  for (guint n = 0; n < 30; n++) {
    GstBuffer *in = seen (n, n / 10);
    gst_buffer_ref (in); /* not writable */
    GstBuffer *out = gst_harness_push_and_pull (h, in);
    g_assert_true (out == in);
    gst_buffer_unref (out);
    gst_buffer_unref (in);
  }
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  g_assert_cmpuint (stat_of (h, "moments"), ==, 3);
  g_assert_cmpuint (stat_of (h, "looks"), ==, 30);
  ClipmoeStoreFile facts = {0};
  GPtrArray *moments = found (folder, "camera", &facts);
  g_assert_cmpuint (moments->len, ==, 3);
  for (guint i = 0; i < 3; i++) {
    const ClipmoeFound *m = moments->pdata[i];
    g_assert_cmpint (m->start, ==, i * GST_SECOND);
    g_assert_cmpint (m->end, ==, (i + 1) * GST_SECOND);
    g_assert_cmpint (m->at, ==, 0);
    g_assert_cmpint (m->why, ==, CLIPMOE_WHY_MEDOID);
    g_assert_true (m->has_thumbnail);
  }
  g_assert_cmpint (facts.recorded_by, ==, CLIPMOE_RECORDED_UNKNOWN);
  g_ptr_array_unref (moments);
  g_assert_cmpuint (warnings (bus, ""), ==, 0);
  finish (h, bus);
  is_sound (folder);
  over ();
}

/* Later frames carry a look again, a second tagger of the same model says the same, a region is no frame. */
static void
test_once (void) {
  GstBus *bus;
  begin ();
  GstHarness *h = indexer (folder, "source=door", FALSE, &bus);
  for (guint n = 0; n < 20; n++) {
    GstBuffer *b = frame_of (n, 200);
    ClipmoeLook look = look_of (n / 5 * 5, n / 5), region = look;
    look.age = n % 5 * TENTH;
    look.fresh = n % 5 == 0;
    attach (b, look, n / 5);
    look.tagger = "second";
    attach (b, look, n / 5);
    region.tagger = "third";
    region.has_region = TRUE;
    attach (b, region, 40 + n);
    push (h, b);
  }
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (stat_of (h, "looks"), ==, 4);
  g_assert_cmpuint (n_found (folder, "door"), ==, 4);
  g_assert_cmpuint (warnings (bus, ""), ==, 0);
  finish (h, bus);
  over ();
}

/* A look that no buffer carried is an event; that of the last frame comes so. */
static void
test_event (void) {
  GstBus *bus;
  begin ();
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  push (h, seen (0, 0));
  push (h, frame_of (1, 200));
  float vector[EMBED] = {[5] = 1};
  ClipmoeLook look = look_of (1, 1);
  look.embedding = vector;
  look.embed = EMBED;
  gst_harness_push_event (h, gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
                                                   clipmoe_look_to_structure (CLIPMOE_LOOK_EVENT, &look)));
  gst_harness_push_event (h, gst_event_new_eos ());
  GPtrArray *moments = found (folder, "camera", NULL);
  g_assert_cmpuint (moments->len, ==, 2);
  g_assert_cmpint (((ClipmoeFound *)moments->pdata[1])->time, ==, TENTH);
  g_assert_cmpint (((ClipmoeFound *)moments->pdata[1])->end, ==, 2 * TENTH);
  g_ptr_array_unref (moments);
  finish (h, bus);
  over ();
}

/* --- what ends a moment --- */

static void
flush (GstHarness *h) {
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  gst_harness_push_event (h, gst_event_new_segment (&segment));
}

static void
seek (GstHarness *h) {
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.base = GST_SECOND;
  gst_harness_push_event (h, gst_event_new_segment (&segment));
}

static void
same_segment (GstHarness *h) {
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
}

static void
send_caps (GstHarness *h, const char *text) {
  GstCaps *caps = gst_caps_from_string (text);
  gst_harness_push_event (h, gst_event_new_caps (caps));
  gst_caps_unref (caps);
}

static void
other_caps (GstHarness *h) {
  send_caps (h, "video/x-raw,format=RGB,width=48,height=64,framerate=10/1");
}

static void
same_caps (GstHarness *h) {
  send_caps (h, CAPS);
}

static void
other_stream (GstHarness *h) {
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_stream_start ("another"));
  send_caps (h, CAPS);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
}

static void
end_of_stream (GstHarness *h) {
  gst_harness_push_event (h, gst_event_new_eos ());
  other_stream (h);
}

static void
nothing (GstHarness *h) {
}

/* The same thing is seen before and behind an event. */
static void
test_ends (void) {
  static const struct {
    const char *name;
    void (*event) (GstHarness *h);
    guint moments;
  } cases[] = {{"nothing", nothing, 1},
               {"the same segment", same_segment, 1},
               {"the same caps", same_caps, 1},
               {"flush", flush, 2},
               {"segment", seek, 2},
               {"caps", other_caps, 2},
               {"stream", other_stream, 2},
               {"end", end_of_stream, 2}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstBus *bus;
    begin ();
    GstHarness *h = indexer (folder, "", FALSE, &bus);
    for (guint n = 0; n < 5; n++)
      push (h, seen (n, 0));
    cases[i].event (h);
    for (guint n = 5; n < 10; n++)
      push (h, seen (n, 0));
    gst_harness_push_event (h, gst_event_new_eos ());
    GPtrArray *moments = found (folder, "camera", NULL);
    g_test_message ("%s: %u moments", cases[i].name, moments->len);
    g_assert_cmpuint (moments->len, ==, cases[i].moments);
    if (moments->len == 2) {
      g_assert_cmpint (((ClipmoeFound *)moments->pdata[0])->end, ==, 5 * TENTH);
      g_assert_cmpint (((ClipmoeFound *)moments->pdata[1])->start, ==, 5 * TENTH);
    }
    g_ptr_array_unref (moments);
    g_assert_cmpuint (warnings (bus, ""), ==, 0);
    finish (h, bus);
    over ();
  }
}

/* Each time from READY to PLAYING and back is a run of its own; what was seen last is not lost, whether the
 * stream ended or was stopped. */
static void
test_states (void) {
  GstBus *bus;
  begin ();
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  GstElement *e = element_of (h);
  for (guint i = 0; i < 4; i++) {
    if (i) {
      GstSegment segment;
      gst_segment_init (&segment, GST_FORMAT_TIME);
      g_assert_cmpint (gst_element_set_state (e, GST_STATE_PLAYING), ==, GST_STATE_CHANGE_SUCCESS);
      gst_harness_push_event (h, gst_event_new_stream_start ("s"));
      send_caps (h, CAPS);
      gst_harness_push_event (h, gst_event_new_segment (&segment));
    }
    for (guint n = 0; n < 3; n++)
      push (h, seen (i * 3 + n, 0));
    if (i % 2)
      gst_harness_push_event (h, gst_event_new_eos ());
    gst_element_set_state (e, i % 2 ? GST_STATE_NULL : GST_STATE_READY);
    g_assert_cmpuint (stat_of (h, "moments"), ==, 1);
    g_assert_cmpuint (stat_of (h, "waiting"), ==, 0);
    g_assert_cmpuint (n_found (folder, "camera"), ==, i + 1);
  }
  g_assert_cmpuint (warnings (bus, ""), ==, 0);
  finish (h, bus);
  is_sound (folder);
  over ();
}

/* --- a camera --- */

/* A moment is found while the camera runs: when something else is seen, when it lasts, and when no looks come
 * any more. Its time is that of the frame. */
static void
test_live (void) {
  GstBus *bus;
  const gint64 noon = G_GINT64_CONSTANT (1793534400000000);
  begin ();
  GstHarness *h = indexer (folder, "longest=0.5 source=door", TRUE, &bus);
  guint n = 0;
  for (; n < 8; n++) { /* longer than half a second */
    GstBuffer *b = frame_of (n, 200);
    ClipmoeLook look = look_of (n, n);
    look.at = noon + n * 100000;
    attach (b, look, 0);
    push (h, b);
  }
  await_found (folder, "door", 2); /* the second, because nothing follows */
  ClipmoeStoreFile facts = {0};
  GPtrArray *moments = found (folder, "door", &facts);
  for (guint i = 0; i < 2; i++) {
    const ClipmoeFound *m = moments->pdata[i];
    g_assert_cmpint (m->at, ==, noon + m->time / 1000);
    g_assert_cmpint (m->recorded_by, ==, CLIPMOE_RECORDED_LIVE);
    g_assert_cmpint (m->end - m->start, <=, GST_SECOND / 2 + TENTH);
  }
  g_assert_cmpint (facts.recorded_by, ==, CLIPMOE_RECORDED_LIVE);
  g_assert_cmpint (facts.recorded, ==, noon);
  g_ptr_array_unref (moments);
  push (h, seen (n, 1));
  finish (h, bus); /* stopped without an end: the last moment is kept, under the time of now */
  moments = found (folder, "door", NULL);
  g_assert_cmpuint (moments->len, ==, 3);
  gint64 at = ((ClipmoeFound *)moments->pdata[2])->at, now = g_get_real_time ();
  g_assert_cmpint (at, <=, now);
  g_assert_cmpint (at, >, now - (gint64)slow_seconds (60) * G_USEC_PER_SEC);
  g_ptr_array_unref (moments);
  is_sound (folder);
  over ();
}

/* The mean of the left and of the right quarter of the first moment's picture. */
static void
picture (guint *width, guint *height, guint *left, guint *right) {
  GError *error = NULL;
  GPtrArray *moments = found (folder, "camera", NULL);
  g_assert_cmpuint (moments->len, >, 0);
  ClipmoeStore *store = clipmoe_store_open (folder, CLIPMOE_STORE_READ, 0, &error);
  g_assert_no_error (error);
  GBytes *jpeg = clipmoe_store_get_thumbnail (store, ((ClipmoeFound *)moments->pdata[0])->id, &error);
  g_assert_no_error (error);
  g_assert_nonnull (jpeg);
  guint8 *rgb;
  clipmoe_picture_decode ("thumbnail", g_bytes_get_data (jpeg, NULL), g_bytes_get_size (jpeg), &rgb, width,
                          height, &error);
  g_assert_no_error (error);
  guint sums[2] = {0}, quarter = *width / 4;
  for (guint y = 0; y < *height; y++)
    for (guint x = 0; x < quarter; x++) {
      sums[0] += rgb[(y * *width + x) * 3];
      sums[1] += rgb[(y * *width + *width - 1 - x) * 3];
    }
  *left = sums[0] / (quarter * *height);
  *right = sums[1] / (quarter * *height);
  g_free (rgb);
  g_bytes_unref (jpeg);
  clipmoe_store_close (store);
  g_ptr_array_unref (moments);
}

/* Where looks happen aside, a look comes on a later frame: the picture is of the frame that was looked at. */
static void
test_late (void) {
  GstBus *bus;
  guint width, height, left, right;
  begin ();
  GstHarness *h = indexer (folder, "", TRUE, &bus);
  for (guint n = 0; n < 10; n++) {
    GstBuffer *b = frame_of (n, (guint8)(40 + 20 * n));
    if (n == 8) {
      ClipmoeLook look = look_of (3, 1);
      look.age = 5 * TENTH;
      attach (b, look, 0);
    }
    push (h, b);
  }
  finish (h, bus);
  picture (&width, &height, &left, &right);
  g_assert_cmpuint (width, ==, 64);
  g_assert_cmpuint (height, ==, 48);
  g_assert_cmpint (ABS ((int)left - 100), <, 6);
  g_assert_cmpuint (right, <, 6);
  over ();
}

/* As the stream's tag says, or the property. */
static void
test_upright (void) {
  static const struct {
    const char *properties, *tag;
    guint width;
    gboolean swapped; /* left and right */
  } cases[] = {{"", NULL, 64, FALSE},
               {"", "rotate-180", 64, TRUE},
               {"", "rotate-90", 48, FALSE},
               {"video-direction=identity", "rotate-180", 64, FALSE},
               {"video-direction=horiz", NULL, 64, TRUE}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstBus *bus;
    guint width, height, left, right;
    begin ();
    GstHarness *h = indexer (folder, cases[i].properties, FALSE, &bus);
    if (cases[i].tag)
      gst_harness_push_event (
          h, gst_event_new_tag (gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, cases[i].tag, NULL)));
    push (h, seen (0, 0));
    finish (h, bus);
    picture (&width, &height, &left, &right);
    g_assert_cmpuint (width, ==, cases[i].width);
    g_assert_cmpuint (width + height, ==, 64 + 48);
    if (width == 64)
      g_assert_cmpint (ABS ((int)(cases[i].swapped ? right : left) - 200), <, 6);
    over ();
  }
}

/* --- what is left out --- */

static void
test_bare (void) {
  GstBus *bus;
  begin ();
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  for (guint n = 0; n < 3; n++) {
    GstBuffer *b = frame_of (n, 200);
    const ClipmoeLook look = look_of (n, n);
    clipmoe_meta_append (b, &look);
    push (h, b);
  }
  g_assert_cmpuint (warnings (bus, "attach-embedding=true"), ==, 1);
  push (h, seen (3, 0)); /* the property was set meanwhile */
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (stat_of (h, "moments"), ==, 1);
  g_assert_cmpuint (warnings (bus, ""), ==, 0);
  finish (h, bus);
  over ();
  begin ();
  h = indexer (folder, "", FALSE, &bus);
  push (h, frame_of (0, 200));
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (warnings (bus, "put clipmoetag attach-embedding=true before"), ==, 1);
  finish (h, bus);
  over ();
}

/* Another model's looks, and vectors that are none. */
static void
test_strange (void) {
  GstBus *bus;
  begin ();
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  for (guint n = 0; n < 5; n++) {
    GstBuffer *b = seen (n, 0);
    ClipmoeLook look = look_of (n, n);
    look.tagger = "second";
    look.model = "other@ba9876543210";
    attach (b, look, n);
    push (h, b);
  }
  g_assert_cmpuint (warnings (bus, "second model"), ==, 1);
  for (guint n = 5; n < 8; n++) {
    float vector[EMBED] = {n == 5 ? 3 : n == 6 ? NAN : 0};
    GstBuffer *b = frame_of (n, 200);
    ClipmoeLook look = look_of (n, n);
    look.embedding = vector;
    look.embed = EMBED;
    clipmoe_meta_append (b, &look);
    push (h, b);
  }
  g_assert_cmpuint (warnings (bus, "none that an archive can hold"), ==, 1);
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (stat_of (h, "looks"), ==, 5);
  g_assert_cmpuint (n_found (folder, "camera"), ==, 1);
  finish (h, bus);
  over ();
}

/* What is not raw video has moments, too, without pictures. */
static void
test_coded (void) {
  GstBus *bus;
  begin ();
  GstHarness *h = indexer (folder, "", FALSE, &bus);
  send_caps (h, "video/x-h264,stream-format=byte-stream");
  push (h, seen (0, 0));
  gst_harness_push_event (h, gst_event_new_eos ());
  GPtrArray *moments = found (folder, "camera", NULL);
  g_assert_cmpuint (moments->len, ==, 1);
  g_assert_false (((ClipmoeFound *)moments->pdata[0])->has_thumbnail);
  g_ptr_array_unref (moments);
  finish (h, bus);
  over ();
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  clipmoe_meta_register ();
  g_test_add_func ("/index/file", test_file);
  g_test_add_func ("/index/once", test_once);
  g_test_add_func ("/index/event", test_event);
  g_test_add_func ("/index/ends", test_ends);
  g_test_add_func ("/index/states", test_states);
  g_test_add_func ("/index/live", test_live);
  g_test_add_func ("/index/late", test_late);
  g_test_add_func ("/index/upright", test_upright);
  g_test_add_func ("/index/bare", test_bare);
  g_test_add_func ("/index/strange", test_strange);
  g_test_add_func ("/index/coded", test_coded);
  return g_test_run ();
}
