/* Checks that a recording is whole whatever pieces of video a camera leaves: units without times, two units
 * in one buffer, a last one that was cut off. */
#include <glib/gstdio.h>
#include <gst/gst.h>
#include "../slow.h"
#include "watchclip.h"

#define FRAMES 20

/* The coded pictures of a test video that @line makes: (element-type GstSample). */
static GPtrArray *
play (const char *line) {
  GError *error = NULL;
  GPtrArray *samples = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_sample_unref);
  GstElement *p = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  GstElement *sink = gst_bin_get_by_name (GST_BIN (p), "out");
  GstSample *sample = NULL;
  gst_element_set_state (p, GST_STATE_PLAYING);
  do {
    g_signal_emit_by_name (sink, "pull-sample", &sample);
    if (sample)
      g_ptr_array_add (samples, sample);
  } while (sample);
  GstBus *bus = gst_element_get_bus (p);
  GstMessage *m = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_null (m);
  gst_object_unref (bus);
  gst_element_set_state (p, GST_STATE_NULL);
  gst_object_unref (sink);
  gst_object_unref (p);
  return samples;
}

static GPtrArray *
encode (void) {
  GPtrArray *units =
      play ("videotestsrc num-buffers=20 ! video/x-raw,width=64,height=48,framerate=10/1 ! "
            "x264enc tune=zerolatency key-int-max=5 ! h264parse ! "
            "video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out sync=false");
  g_assert_cmpuint (units->len, ==, FRAMES);
  return units;
}

static GstBuffer *
unit (GPtrArray *units, guint i) {
  return gst_buffer_copy_deep (gst_sample_get_buffer (units->pdata[i]));
}

/* Ends the clip, gives it a name, and counts the pictures that it has. */
static guint
finish (WatchClip *clip, const char *folder) {
  GError *error = NULL;
  gboolean taken = FALSE;
  guint64 bytes = 0;
  watch_clip_end (clip);
  WatchClipState state = watch_clip_poll (clip, slow_seconds (30) * GST_SECOND, &error);
  g_assert_no_error (error);
  g_assert_cmpint (state, ==, WATCH_CLIP_DONE);
  char *path = g_build_filename (folder, "a.mp4", NULL);
  g_assert_true (watch_clip_publish (clip, path, &taken, &bytes, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (bytes, >, 0);
  char *line = g_strdup_printf (
      "filesrc location=%s ! qtdemux ! h264parse ! avdec_h264 ! appsink name=out sync=false", path);
  GPtrArray *frames = play (line);
  guint n = frames->len;
  g_ptr_array_unref (frames);
  g_unlink (path);
  g_free (line);
  g_free (path);
  return n;
}

static void
untimed (GstBuffer *buffer) {
  GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
}

static WatchClip *
begin (GPtrArray *units, const char *folder) {
  GError *error = NULL;
  WatchClip *clip = watch_clip_new (folder, gst_sample_get_caps (units->pdata[0]), &error);
  g_assert_no_error (error);
  return clip;
}

static void
push (WatchClip *clip, GstBuffer *buffer) {
  watch_clip_push (clip, buffer);
  gst_buffer_unref (buffer);
}

int
main (int argc, char **argv) {
  gst_init (&argc, &argv);
  GError *error = NULL;
  char *folder = g_dir_make_tmp ("clipmoe-clip-XXXXXX", &error);
  g_assert_no_error (error);
  GPtrArray *units = encode ();
  /* as it should be */
  WatchClip *clip = begin (units, folder);
  for (guint i = 0; i < FRAMES; i++)
    push (clip, unit (units, i));
  g_assert_cmpuint (finish (clip, folder), ==, FRAMES);
  /* units without times: the first, one amid the others; the last picture is in one buffer with the one
   * before, and cut off */
  clip = begin (units, folder);
  GstBuffer *first = unit (units, 0);
  untimed (first);
  push (clip, first);
  for (guint i = 0; i < FRAMES - 2; i++) {
    GstBuffer *buffer = unit (units, i);
    if (i == 7)
      untimed (buffer);
    push (clip, buffer);
  }
  GstBuffer *last = unit (units, FRAMES - 1);
  gst_buffer_resize (last, 0, (gssize)gst_buffer_get_size (last) / 2);
  push (clip, gst_buffer_append (unit (units, FRAMES - 2), last));
  guint n = finish (clip, folder);
  g_assert_cmpuint (n, >=, FRAMES - 4);
  g_assert_cmpuint (n, <=, FRAMES + 1);
  /* nothing that has a time */
  clip = begin (units, folder);
  first = unit (units, 0);
  untimed (first);
  push (clip, first);
  watch_clip_end (clip);
  g_assert_cmpint (watch_clip_poll (clip, slow_seconds (30) * GST_SECOND, &error), !=, WATCH_CLIP_WRITING);
  g_clear_error (&error);
  watch_clip_free (clip);
  g_assert_cmpint (g_rmdir (folder), ==, 0); /* nothing is left */
  g_free (folder);
  g_ptr_array_unref (units);
  return 0;
}
