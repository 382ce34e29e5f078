/* Protects the memory behind a frame: padded planes and offsets are read where they lie, crops and turned
 * pictures are seen as they are meant, and a buffer that is smaller than its caps say, or contradicts them,
 * is an element error and never a read beyond it. */
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
      g_assert_cmpint (gst_harness_push (h, b), ==, GST_FLOW_ERROR);
      g_assert_cmpuint (count (bus, GST_MESSAGE_ERROR), ==, 1);
      done (h, bus);
    }
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
  g_test_add_func ("/frames/caps", test_caps);
  return run ();
}
