/* Checks the memory of frames: padded planes and offsets are read where they lie, crops and rotated pictures
 * are handled, and a buffer that is smaller than its caps say, or contradicts them, passes without a look
 * and without a read beyond it: with a warning if it is one among others, with an error if all are so. */
#include <math.h>
#include "common.h"

#define I420_32 "video/x-raw,format=I420,width=32,height=24,framerate=10/1"

/* A picture with a pattern that no crop, turn or shift leaves alone; @x0, @y0: where it starts in what is
 * painted. */
static void
paint (guint8 *at, gsize stride, guint w, guint h, guint step) {
  for (guint y = 0; y < h; y++)
    for (guint x = 0; x < w * step; x++)
      at[y * stride + x] = (guint8)(x * 3 + y * y + x * y / 4);
}

/* The embedding that @buffer gets, in a fresh element. */
static GBytes *
seen (const char *caps, const char *properties, GstBuffer *buffer) {
  char *all = g_strdup_printf ("attach-embedding=true %s", properties);
  GstHarness *h = harness (all, caps, NULL);
  GstBuffer *b = through (h, buffer);
  GBytes *bytes = embedding_of (look (b, 0));
  g_assert_cmpuint (g_bytes_get_size (bytes), >=, 16);
  gst_buffer_unref (b);
  done (h, NULL);
  g_free (all);
  return bytes;
}

#define same(A, B, EXPECTED) g_assert_cmpint (g_bytes_equal (A, B), ==, EXPECTED)

static void
test_strides (void) {
  GstBuffer *plain = frame (I420_32, 0), *padded = gst_buffer_new_allocate (NULL, 9000, NULL);
  GstMapInfo map;
  gst_buffer_map (plain, &map, GST_MAP_WRITE);
  paint (map.data, 32, 32, 24, 1);
  paint (map.data + 768, 16, 16, 12, 1);
  paint (map.data + 960, 16, 16, 12, 1);
  gst_buffer_unmap (plain, &map);
  gsize offsets[GST_VIDEO_MAX_PLANES] = {17, 3001, 6007};
  gint strides[GST_VIDEO_MAX_PLANES] = {101, 67, 53};
  gst_buffer_map (padded, &map, GST_MAP_WRITE);
  memset (map.data, 255, map.size);
  paint (map.data + 17, 101, 32, 24, 1);
  paint (map.data + 3001, 67, 16, 12, 1);
  paint (map.data + 6007, 53, 16, 12, 1);
  gst_buffer_unmap (padded, &map);
  gst_buffer_add_video_meta_full (padded, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 32, 24, 3,
                                  offsets, strides);
  GBytes *a = seen (I420_32, "", plain), *b = seen (I420_32, "", padded);
  same (a, b, TRUE);
  g_bytes_unref (a);
  g_bytes_unref (b);
}

static GstBuffer *
rgb (guint width, guint height, guint x, guint y, guint w, guint h) {
  GstBuffer *big = gst_buffer_new_allocate (NULL, width * height * 3, NULL);
  GstMapInfo map;
  gst_buffer_map (big, &map, GST_MAP_WRITE);
  memset (map.data, 255, map.size);
  paint (map.data + ((gsize)y * width + x) * 3, width * 3, w, h, 3);
  gst_buffer_unmap (big, &map);
  GST_BUFFER_PTS (big) = 0;
  return big;
}

static void
test_crop (void) {
  const char *small = "video/x-raw,format=RGB,width=20,height=16,framerate=10/1",
             *large = "video/x-raw,format=RGB,width=40,height=32,framerate=10/1";
  GBytes *a = seen (small, "", rgb (20, 16, 0, 0, 20, 16));
  GstBuffer *b = rgb (40, 32, 4, 8, 20, 16);
  GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (b);
  crop->x = 4;
  crop->y = 8;
  crop->width = 20;
  crop->height = 16;
  GBytes *cropped = seen (large, "", b);
  same (a, cropped, TRUE);
  /* padded by its allocator: the caps' picture is the upper left corner */
  b = rgb (40, 32, 0, 0, 20, 16);
  gst_buffer_add_video_meta (b, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 40, 32);
  GBytes *corner = seen (small, "", b);
  same (a, corner, TRUE);
  /* a crop that reaches beyond the frame counts as far as there are pixels */
  b = rgb (40, 32, 20, 16, 20, 16);
  crop = gst_buffer_add_video_crop_meta (b);
  crop->x = 20;
  crop->y = 16;
  crop->width = G_MAXUINT;
  crop->height = 4000;
  GBytes *beyond = seen (large, "", b);
  same (a, beyond, TRUE);
  g_bytes_unref (a);
  g_bytes_unref (cropped);
  g_bytes_unref (corner);
  g_bytes_unref (beyond);
}

static void
test_turned (void) {
  const char *caps = "video/x-raw,format=RGB,width=40,height=32,framerate=10/1";
  GBytes *plain = seen (caps, "", rgb (40, 32, 0, 0, 40, 32)),
         *turned = seen (caps, "video-direction=90r", rgb (40, 32, 0, 0, 40, 32)),
         *automatic = seen (caps, "video-direction=auto", rgb (40, 32, 0, 0, 40, 32));
  same (plain, turned, FALSE);
  same (plain, automatic, TRUE);
  GstHarness *h = harness ("attach-embedding=true video-direction=auto", caps, NULL);
  gst_harness_push_event (
      h, gst_event_new_tag (gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, "rotate-90", NULL)));
  GstBuffer *b = through (h, rgb (40, 32, 0, 0, 40, 32));
  GBytes *tagged = embedding_of (look (b, 0));
  same (turned, tagged, TRUE);
  gst_buffer_unref (b);
  done (h, NULL);
  GBytes *wide = seen ("video/x-raw,format=RGB,width=40,height=32,framerate=10/1,pixel-aspect-ratio=2/1", "",
                       rgb (40, 32, 0, 0, 40, 32)),
         *nearly =
             seen ("video/x-raw,format=RGB,width=40,height=32,framerate=10/1,pixel-aspect-ratio=101/100", "",
                   rgb (40, 32, 0, 0, 40, 32)),
         *interlaced =
             seen ("video/x-raw,format=RGB,width=40,height=32,framerate=10/1,interlace-mode=interleaved", "",
                   rgb (40, 32, 0, 0, 40, 32));
  same (plain, wide, FALSE);
  same (plain, nearly, TRUE);
  same (plain, interlaced, TRUE);
  g_bytes_unref (plain);
  g_bytes_unref (turned);
  g_bytes_unref (automatic);
  g_bytes_unref (tagged);
  g_bytes_unref (wide);
  g_bytes_unref (nearly);
  g_bytes_unref (interlaced);
}

static void
test_small (void) {
  for (guint kind = 0; kind < 4; kind++)
    for (guint latest = 0; latest < 2; latest++) {
      GstBus *bus;
      GstHarness *h = harness (latest ? "labels=a mode=latest" : "labels=a mode=sync", I420_32, &bus);
      gsize offsets[GST_VIDEO_MAX_PLANES] = {0, 768, 960};
      gint strides[GST_VIDEO_MAX_PLANES] = {32, 16, 16};
      GstBuffer *b = gst_buffer_new_allocate (NULL, kind == 1 ? 1100 : kind ? 1152 : 1151, NULL);
      gst_buffer_memset (b, 0, 9, 2000);
      GST_BUFFER_PTS (b) = 0;
      if (kind == 1) /* the last plane reaches beyond the memory */
        gst_buffer_add_video_meta_full (b, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 32, 24, 3,
                                        offsets, strides);
      else if (kind == 2) /* other pixels than the caps' */
        gst_buffer_add_video_meta (b, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 32, 24);
      else if (kind == 3)
        gst_buffer_add_video_meta (b, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 16, 12);
      refuses_all (h, bus, b);
      done (h, bus);
    }
}

/* Memory that nobody can map: what is on a device that was lost. */
static gpointer
no_map (GstMemory *memory, gsize size, GstMapFlags flags) {
  return NULL;
}

typedef struct {
  GstAllocator parent;
} Lost;
typedef struct {
  GstAllocatorClass parent;
} LostClass;
GType lost_get_type (void);
G_DEFINE_TYPE (Lost, lost, GST_TYPE_ALLOCATOR)

static void
lost_free (GstAllocator *allocator, GstMemory *memory) {
  g_free (memory);
}

static void
lost_class_init (LostClass *klass) {
  ((GstAllocatorClass *)klass)->free = lost_free;
}

static void
lost_init (Lost *self) {
  GST_ALLOCATOR (self)->mem_map = no_map;
  GST_OBJECT_FLAG_SET (self, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

static GstBuffer *
unmappable (void) {
  GstAllocator *allocator = gst_object_ref_sink (g_object_new (lost_get_type (), NULL));
  GstMemory *m = g_new0 (GstMemory, 1);
  gst_memory_init (m, GST_MEMORY_FLAG_NO_SHARE, allocator, NULL, 1152, 0, 0, 1152);
  GstBuffer *b = gst_buffer_new ();
  gst_buffer_append_memory (b, m);
  gst_object_unref (allocator); /* the memory has it */
  return b;
}

/* One of these among good ones. */
static GstBuffer *
bad (guint kind) {
  gsize offsets[GST_VIDEO_MAX_PLANES] = {0, 768, 1 << 30};
  gint strides[GST_VIDEO_MAX_PLANES] = {32, 16, 16};
  GstBuffer *b = kind == 4 ? unmappable () : gst_buffer_new_allocate (NULL, kind == 0 ? 600 : 1152, NULL);
  if (kind == 1)
    gst_buffer_remove_all_memory (b);
  else if (kind == 2)
    gst_buffer_add_video_meta_full (b, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 32, 24, 3, offsets,
                                    strides);
  else if (kind == 3)
    gst_buffer_add_video_meta (b, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 32, 24);
  return b;
}

/* A capture card sends half a frame now and then: that one passes with the last tags, the next is looked at,
 * one warning a minute says so, and nothing ends. */
static void
test_one_bad (void) {
  for (guint latest = 0; latest < 2; latest++) {
    GstBus *bus;
    GstHarness *h = harness (
        latest ? "labels=a rate=5 threshold=0 mode=latest" : "labels=a rate=5 threshold=0", I420_32, &bus);
    guint n_bad = 0, warnings = 0;
    for (guint i = 0; i < 60; i++) {
      gboolean is_bad = i >= 12 && i % 2 == 0 && i < 22; /* frames that are due */
      GstBuffer *b = is_bad ? bad (n_bad++) : frame (I420_32, i);
      GST_BUFFER_PTS (b) = i * GST_SECOND / 10;
      b = through (h, b);
      if (!latest) {
        g_assert_nonnull (look (b, 0));
        g_assert_cmpint (is_fresh (look (b, 0)), ==, i < 12 || i > 22 ? i % 2 == 0 : i % 2 == 1 || i == 22);
        g_assert_cmpuint (number (look (b, 0), "age"), <=, GST_SECOND / 5);
      }
      gst_buffer_unref (b);
    }
    g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
    g_assert_cmpuint (n_bad, ==, 5);
    g_assert_cmpuint (stat_of (h, "unusable"), ==, 5);
    g_assert_cmpuint (stat_of (h, "looks") + stat_of (h, "skipped"), ==, 30);
    g_assert_cmpuint (stat_of (h, "frames"), ==, 60);
    for (GstMessage *m; (m = gst_bus_pop (bus)); gst_message_unref (m)) {
      g_assert_cmpint (GST_MESSAGE_TYPE (m), !=, GST_MESSAGE_ERROR);
      warnings += GST_MESSAGE_TYPE (m) == GST_MESSAGE_WARNING;
    }
    g_assert_cmpuint (warnings, ==, 1);
    done (h, bus);
  }
}

/* What the decoder says is broken is not looked at, unless it is asked for; nor what is for the decoder
 * alone. */
static void
test_corrupted (void) {
  GstHarness *h = harness ("labels=a rate=5 threshold=0", I420_32, NULL);
  for (guint i = 0; i < 20; i++) {
    GstBuffer *b = frame (I420_32, i);
    if (i % 2 == 0)
      GST_BUFFER_FLAG_SET (b, i == 4 ? GST_BUFFER_FLAG_DECODE_ONLY : GST_BUFFER_FLAG_CORRUPTED);
    b = through (h, b);
    g_assert_cmpint (look (b, 0) && is_fresh (look (b, 0)), ==, i % 2);
    gst_buffer_unref (b);
  }
  g_assert_cmpuint (stat_of (h, "corrupted"), ==, 9);
  g_assert_cmpuint (stat_of (h, "looks"), ==, 10);
  g_object_set (tagger (h), "skip-corrupted", FALSE, "rate", 0.0, NULL);
  GstBuffer *b = frame (I420_32, 20);
  GST_BUFFER_FLAG_SET (b, GST_BUFFER_FLAG_CORRUPTED);
  b = through (h, b);
  g_assert_true (is_fresh (look (b, 0)));
  gst_buffer_unref (b);
  done (h, NULL);
}

static void
test_caps (void) {
  GstHarness *h = harness ("labels=a rate=0", NULL, NULL);
  for (guint i = 0; i < 40; i++) {
    char *caps = g_strdup_printf ("video/x-raw,format=%s,width=%u,height=%u,framerate=10/1",
                                  i % 2 ? "NV12" : "RGB", 1 + i * 7, 1 + i * i % 50);
    gst_harness_set_src_caps_str (h, caps);
    GstBuffer *b = through (h, frame (caps, i));
    g_assert_true (is_fresh (look (b, 0)));
    gst_buffer_unref (b);
    g_free (caps);
  }
  done (h, NULL);
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  g_test_add_func ("/frames/strides", test_strides);
  g_test_add_func ("/frames/crop", test_crop);
  g_test_add_func ("/frames/turned", test_turned);
  g_test_add_func ("/frames/small", test_small);
  g_test_add_func ("/frames/one-bad", test_one_bad);
  g_test_add_func ("/frames/corrupted", test_corrupted);
  g_test_add_func ("/frames/caps", test_caps);
  return run ();
}
