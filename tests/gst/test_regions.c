/* Checks looks at the regions of a frame: each is what a look at the cut-out alone is, to the byte; what is
 * chosen and what is left out, with boxes and ids as bad as they can be; what is remembered of an object;
 * that every look reaches a buffer once. */
#include "common.h"

#define W 96
#define H 64

static const char *const formats[] = {"RGB", "NV12"};

static char *
caps_of (const char *format, guint width, guint height) {
  return g_strdup_printf ("video/x-raw,format=%s,width=%u,height=%u,framerate=10/1,colorimetry=bt709", format,
                          width, height);
}

/* Part of a picture that is the same for every crop of it. */
static GstBuffer *
picture (const char *caps, guint left, guint top, guint n) {
  GstVideoFrame f;
  GstVideoInfo info;
  GstCaps *c = gst_caps_from_string (caps);
  g_assert_true (gst_video_info_from_caps (&info, c));
  gst_caps_unref (c);
  GstBuffer *b = gst_buffer_new_allocate (NULL, info.size, NULL);
  g_assert_true (gst_video_frame_map (&f, &info, b, GST_MAP_WRITE));
  for (gint i = 0; i < (gint)GST_VIDEO_FRAME_N_COMPONENTS (&f); i++)
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&f, i); y++)
      for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&f, i); x++) {
        guint shift = GST_VIDEO_FRAME_COMP_WIDTH (&f, i) < GST_VIDEO_FRAME_WIDTH (&f);
        guint u = (guint)x + (left >> shift), v = (guint)y + (top >> shift);
        guint8 *row = (guint8 *)GST_VIDEO_FRAME_COMP_DATA (&f, i) + y * GST_VIDEO_FRAME_COMP_STRIDE (&f, i);
        row[x * GST_VIDEO_FRAME_COMP_PSTRIDE (&f, i)] =
            (guint8)(16 + (u * 37 + v * 91 + u * v * 7 + (guint)i * 50) % 219);
      }
  gst_video_frame_unmap (&f);
  GST_BUFFER_PTS (b) = n * GST_SECOND / 10;
  GST_BUFFER_DURATION (b) = GST_SECOND / 10;
  return b;
}

static void
mark (GstBuffer *b, const char *type, gint id, guint x, guint y, guint w, guint h) {
  gst_buffer_add_video_region_of_interest_meta (b, type, x, y, w, h)->id = id;
}

static GstBuffer *
empty (guint n) {
  char *caps = caps_of ("RGB", W, H);
  GstBuffer *b = picture (caps, 0, 0, n);
  g_free (caps);
  return b;
}

static GstHarness *
regions (const char *properties, GstBus **bus) {
  char *text = g_strdup_printf ("labels=a,b threshold=0 rate=0 inference-region=roi-list %s", properties);
  char *caps = caps_of ("RGB", W, H);
  GstHarness *h = harness (text, caps, bus);
  g_free (caps);
  g_free (text);
  return h;
}

static guint
n_looks (GstBuffer *b) {
  guint n = 0;
  while (look (b, n))
    n++;
  return n;
}

static gint
object_of (const GstStructure *s) {
  gint id;
  return gst_structure_get_int (s, "object-id", &id) ? id : -1;
}

static double
part (const GstStructure *s, guint i) {
  return g_value_get_double (gst_value_array_get_value (gst_structure_get_value (s, "region"), i));
}

static void
test_same_bytes (void) {
  static const guint boxes[][4] = {{0, 0, W, H},   {0, 0, 32, 32},   {10, 20, 40, 12}, {50, 2, 16, 60},
                                   {94, 62, 2, 2}, {20, 20, 64, 44}, {2, 4, 18, 20},   {60, 30, 30, 30}};
  for (guint f = 0; f < G_N_ELEMENTS (formats); f++) {
    const char *how = "labels=a,b threshold=0 precision=f32 attach-embedding=true mode=sync rate=0";
    char *caps = caps_of (formats[f], W, H), *text = g_strconcat (how, " inference-region=roi-list", NULL);
    GstHarness *h = harness (text, caps, NULL);
    GstBuffer *b = picture (caps, 0, 0, 0);
    for (guint i = 0; i < G_N_ELEMENTS (boxes); i++)
      mark (b, "thing", (gint)i, boxes[i][0], boxes[i][1], boxes[i][2], boxes[i][3]);
    b = through (h, b);
    g_assert_cmpuint (n_looks (b), ==, G_N_ELEMENTS (boxes));
    g_assert_cmpuint (stat_of (h, "looks"), ==, G_N_ELEMENTS (boxes));
    for (guint i = 0; i < G_N_ELEMENTS (boxes); i++) {
      const GstStructure *s = look (b, i);
      char *alone_caps = caps_of (formats[f], boxes[i][2], boxes[i][3]);
      GstHarness *alone = harness (how, alone_caps, NULL);
      GstBuffer *cut = through (alone, picture (alone_caps, boxes[i][0], boxes[i][1], 0));
      GBytes *a = embedding_of (s), *c = embedding_of (look (cut, 0));
      g_assert_true (g_bytes_equal (a, c));
      g_assert_cmpint (object_of (s), ==, i);
      g_assert_true (is_fresh (s));
      g_assert_cmpfloat_with_epsilon (part (s, 0) * W, boxes[i][0], 1e-9);
      g_assert_cmpfloat_with_epsilon (part (s, 1) * H, boxes[i][1], 1e-9);
      g_assert_cmpfloat_with_epsilon (part (s, 2) * W, boxes[i][2], 1e-9);
      g_assert_cmpfloat_with_epsilon (part (s, 3) * H, boxes[i][3], 1e-9);
      g_assert_false (gst_structure_has_field (look (cut, 0), "region"));
      g_bytes_unref (a);
      g_bytes_unref (c);
      gst_buffer_unref (cut);
      done (alone, NULL);
      g_free (alone_caps);
    }
    gst_buffer_unref (b);
    done (h, NULL);
    g_free (text);
    g_free (caps);
  }
}

static void
test_chosen (void) {
  GstHarness *h = regions ("mode=sync object-class=\" car,person\" min-region=8", NULL);
  GstBuffer *b = empty (0);
  mark (b, "car", 1, 0, 0, 8, 8);
  mark (b, "cars", 2, 0, 0, 20, 20);
  mark (b, "person", 3, 0, 0, 20, 7);
  mark (b, "person", 4, W - 7, 0, 20, 20); /* seven pixels of it are in the frame */
  mark (b, "person", 5, W - 8, H - 8, G_MAXUINT, G_MAXUINT);
  mark (b, "person", 6, W, 0, 20, 20);
  mark (b, "person", 7, 0, G_MAXUINT, 20, G_MAXUINT);
  mark (b, "car", 8, 5, 5, 0, 20);
  b = through (h, b);
  g_assert_cmpuint (n_looks (b), ==, 2);
  g_assert_cmpint (object_of (look (b, 0)), ==, 1);
  g_assert_cmpint (object_of (look (b, 1)), ==, 5);
  g_assert_cmpfloat_with_epsilon (part (look (b, 1), 2), 8.0 / W, 1e-9);
  g_assert_cmpuint (stat_of (h, "regions-too-small"), ==, 2);
  g_assert_cmpuint (stat_of (h, "regions-left-out"), ==, 3);
  gst_buffer_unref (b);
  b = through (h, empty (1)); /* nothing to see */
  g_assert_cmpuint (n_looks (b), ==, 0);
  gst_buffer_unref (b);
  g_assert_cmpuint (stat_of (h, "frames"), ==, 2);
  g_assert_cmpuint (stat_of (h, "unusable"), ==, 0);
  done (h, NULL);
}

/* What is shown of the frame is what its GstVideoCropMeta leaves. */
static void
test_crop (void) {
  GstHarness *h = regions ("mode=sync", NULL);
  GstBuffer *b = empty (0);
  GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (b);
  crop->x = 32;
  crop->y = 16;
  crop->width = 32;
  crop->height = G_MAXUINT;
  mark (b, "thing", 1, 0, 0, W, H);
  mark (b, "thing", 2, 40, 40, 8, 8);
  mark (b, "thing", 3, 70, 0, 8, 8);
  b = through (h, b);
  g_assert_cmpuint (n_looks (b), ==, 2);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpfloat (part (look (b, 0), i), ==, i / 2);
  g_assert_cmpfloat_with_epsilon (part (look (b, 1), 0), 0.25, 1e-9);
  g_assert_cmpfloat_with_epsilon (part (look (b, 1), 1), 0.5, 1e-9);
  gst_buffer_unref (b);
  done (h, NULL);
}

/* More than can be looked at in a frame: all get their turn; far too many: nobody waits for them. */
static void
test_many (void) {
  GstHarness *h = regions ("mode=sync reclassify-interval=0", NULL);
  guint64 seen[3] = {0};
  for (guint n = 0; n < 4; n++) {
    GstBuffer *b = empty (n);
    for (gint id = 0; id < 150; id++)
      mark (b, "thing", id, (guint)id % 80, 0, 8, 8);
    b = through (h, b);
    for (guint i = 0; look (b, i); i++) {
      gint id = object_of (look (b, i));
      if (is_fresh (look (b, i))) {
        g_assert_false (seen[id / 64] >> id % 64 & 1); /* once is enough */
        seen[id / 64] |= (guint64)1 << id % 64;
      }
    }
    g_assert_cmpuint (n_looks (b), ==, MIN ((n + 1) * 64, 150));
    gst_buffer_unref (b);
  }
  g_assert_cmpuint (stat_of (h, "looks"), ==, 150);
  g_assert_cmpuint (stat_of (h, "regions-left-out"), ==, 86 + 22);
  GstBuffer *b = empty (5);
  for (gint id = 0; id < 20000; id++)
    mark (b, "thing", 1000 + id, 0, 0, 8, 8);
  b = through (h, b);
  g_assert_cmpuint (n_looks (b), ==, 64);
  g_assert_cmpuint (stat_of (h, "regions-left-out"), ==, 86 + 22 + 20000 - 64);
  gst_buffer_unref (b);
  done (h, NULL);
}

/* Ids that say nothing: two regions have the same one. A tracker's number counts before the region's. */
static void
test_ids (void) {
  GstHarness *h = regions ("mode=sync reclassify-interval=0", NULL);
  for (guint n = 0; n < 2; n++) {
    GstBuffer *b = empty (n);
    mark (b, "thing", 0, 0, 0, 20, 20);
    mark (b, "thing", 0, 20, 0, 20, 20);
    mark (b, "thing", 3 + (gint)n, 40, 0, 20, 20);
    GstVideoRegionOfInterestMeta *tracked =
        gst_buffer_add_video_region_of_interest_meta (b, "thing", 60, 0, 20, 20);
    tracked->id = 100 + (gint)n;
    gst_video_region_of_interest_meta_add_param (tracked,
                                                 gst_structure_new ("object_id", "id", G_TYPE_INT, 77, NULL));
    b = through (h, b);
    g_assert_cmpuint (n_looks (b), ==, 4);
    for (guint i = 0; i < 2; i++) {
      g_assert_false (gst_structure_has_field (look (b, i), "object-id"));
      g_assert_true (is_fresh (look (b, i)));
    }
    g_assert_cmpint (object_of (look (b, 2)), ==, 3 + (gint)n);
    g_assert_cmpint (object_of (look (b, 3)), ==, 77);
    g_assert_cmpint (is_fresh (look (b, 3)), ==, n == 0);
    gst_buffer_unref (b);
  }
  done (h, NULL);
}

static void
test_interval (void) {
  GstBus *bus;
  GstHarness *h = regions ("mode=sync reclassify-interval=3 post-messages=changes", &bus);
  count (bus, GST_MESSAGE_ANY);
  for (guint n = 0; n < 12; n++) {
    GstBuffer *b = empty (n);
    mark (b, "thing", 1, n, 0, 30, 30);
    if (n >= 4 && n != 6)
      mark (b, "thing", 2, 40, n, 30, 30);
    b = through (h, b);
    g_assert_cmpuint (n_looks (b), ==, n >= 4 && n != 6 ? 2 : 1);
    for (guint i = 0; look (b, i); i++) {
      guint first = object_of (look (b, i)) == 1 ? 0 : 4, age = (n - first) % 3;
      g_assert_cmpint (is_fresh (look (b, i)), ==, age == 0);
      g_assert_cmpuint (number (look (b, i), "age"), ==, age * GST_SECOND / 10);
    }
    gst_buffer_unref (b);
  }
  g_assert_cmpuint (stat_of (h, "looks"), ==, 4 + 3);
  g_assert_cmpuint (count (bus, GST_MESSAGE_ELEMENT), ==, 2); /* both labels of both objects, all the time */
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  GstSegment segment;
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  GstBuffer *b = empty (12);
  mark (b, "thing", 2, 0, 0, 30, 30);
  b = through (h, b);
  g_assert_true (is_fresh (look (b, 0))); /* after a jump nobody is known */
  gst_buffer_unref (b);
  done (h, bus);
}

/* Frames without a region are no looks that rate counts: the first one with a region is looked at. */
static void
test_rate (void) {
  GstHarness *h = regions ("mode=sync rate=1", NULL);
  for (guint n = 0; n < 30; n++) {
    GstBuffer *b = empty (n);
    if (n >= 3)
      mark (b, "thing", 1, n, 0, 30, 30);
    b = through (h, b);
    g_assert_cmpuint (n_looks (b), ==, n >= 3);
    if (n >= 3)
      g_assert_cmpint (is_fresh (look (b, 0)), ==, n % 10 == 3);
    gst_buffer_unref (b);
  }
  done (h, NULL);
}

/* All regions of a frame are one request; every look is carried once as a fresh one, also by a buffer that
 * has the object no more, or else by an event. */
static void
test_latest (void) {
  GstBus *bus;
  GstHarness *h = regions ("mode=latest post-messages=all", &bus);
  guint fresh = 0;
  guint64 last = 0;
  count (bus, GST_MESSAGE_ANY);
  for (guint n = 0; n < 60; n++) {
    GstBuffer *b = empty (n);
    for (gint id = 0; id < 5 && n % 3 < 2; id++)
      mark (b, "thing", id, 16 * (guint)id, n, 16, 16);
    b = through (h, b);
    for (guint i = 0; look (b, i); i++)
      if (is_fresh (look (b, i))) {
        g_assert_cmpuint (number (look (b, i), "sequence"), >, last);
        last = number (look (b, i), "sequence");
        fresh++;
      } else {
        g_assert_cmpuint (number (look (b, i), "sequence"), <=, last);
      }
    gst_buffer_unref (b);
    g_usleep (n % 2 * 2000);
  }
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  guint64 looks = stat_of (h, "looks");
  GstEvent *event;
  while ((event = gst_harness_try_pull_event (h))) {
    fresh += gst_event_has_name (event, "clipmoe-look");
    gst_event_unref (event);
  }
  g_assert_cmpuint (looks, >, 0);
  g_assert_cmpuint (looks % 5, ==, 0);
  g_assert_cmpuint (fresh, ==, looks);
  g_assert_cmpuint (looks + 5 * stat_of (h, "skipped"), ==, 5 * 40);
  g_assert_cmpuint (count (bus, GST_MESSAGE_ELEMENT), ==, looks);
  done (h, bus);
}

/* Events are of objects, and end when these are gone. */
static void
test_events (void) {
  GstBus *bus;
  GstHarness *h = regions ("mode=sync hold=0.2 post-messages=events", &bus);
  static const char *const wanted[] = {"\"type\":\"start\"", "\"type\":\"end\""};
  guint n_events[2][2] = {0};
  for (guint n = 0; n < 8; n++) {
    GstBuffer *b = empty (n);
    mark (b, "thing", 1, 0, 0, 30, 30);
    if (n < 3)
      mark (b, "thing", 0, 40, 0, 30, 30);
    gst_buffer_unref (through (h, b));
    for (GstMessage *m; (m = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT)); gst_message_unref (m)) {
      const char *json = gst_structure_get_string (gst_message_get_structure (m), "json");
      guint type = strstr (json, wanted[1]) != NULL, object = strstr (json, "\"object_id\":1,") != NULL;
      g_assert_true (type || strstr (json, wanted[0]));
      g_assert_true (object || strstr (json, "\"object_id\":0,"));
      g_assert_cmpuint (n, ==, type ? 5 : 0); /* at 0.5 s it is gone for longer than since 0.2 s */
      n_events[type][object]++;
    }
  }
  g_assert_cmpuint (n_events[0][0], ==, 2); /* both labels */
  g_assert_cmpuint (n_events[0][1], ==, 2);
  g_assert_cmpuint (n_events[1][0], ==, 2);
  g_assert_cmpuint (n_events[1][1], ==, 0);
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (count (bus, GST_MESSAGE_ELEMENT), ==, 2);
  done (h, bus);
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  g_test_add_func ("/regions/same-bytes", test_same_bytes);
  g_test_add_func ("/regions/chosen", test_chosen);
  g_test_add_func ("/regions/crop", test_crop);
  g_test_add_func ("/regions/many", test_many);
  g_test_add_func ("/regions/ids", test_ids);
  g_test_add_func ("/regions/interval", test_interval);
  g_test_add_func ("/regions/rate", test_rate);
  g_test_add_func ("/regions/latest", test_latest);
  g_test_add_func ("/regions/events", test_events);
  int r = run ();
  gst_deinit (); /* for GStreamer's tracer of leaks */
  return r;
}
