/* clipmoe-clip START END: reads a video from standard input, which is a file, and writes what lies between
 * the two times (ns) to standard output as WebM, small enough for any browser. It opens nothing by name, and
 * ends by itself when its parent does or it takes too long. */
#include <gst/gst.h>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MOST_SECONDS 120
#define MOST_BYTES (64u << 20)

/* One stream: what decodes ends in a sink, what encodes begins with a source. */
typedef struct {
  GstElement *sink, *source;
  guint64 start, end; /* ns of stream time */
  gboolean linked;
} Track;

typedef struct {
  GstElement *decode, *encode; /* two pipelines: seeking must not reach the muxer */
  Track video, audio;
} Clip;

static int
fail (const char *sentence) {
  fprintf (stderr, "%s\n", sentence);
  return 1;
}

static int
fail_message (GstMessage *message) {
  GError *error = NULL;
  gst_message_parse_error (message, &error, NULL);
  fail (error->message);
  g_error_free (error);
  return 1;
}

static void
link_pad (GstElement *decoder, GstPad *pad, Clip *self) {
  GstCaps *caps = gst_pad_query_caps (pad, NULL);
  const char *name =
      gst_caps_is_empty (caps) ? "" : gst_structure_get_name (gst_caps_get_structure (caps, 0));
  gboolean is_video = g_str_has_prefix (name, "video/");
  Track *track = is_video ? &self->video : g_str_has_prefix (name, "audio/") ? &self->audio : NULL;
  GstElement *first =
      track && !track->linked ? gst_bin_get_by_name (GST_BIN (self->decode), is_video ? "vin" : "ain") : NULL;
  GstPad *sink = first ? gst_element_get_static_pad (first, "sink") : NULL;
  if (sink)
    track->linked = gst_pad_link (pad, sink) == GST_PAD_LINK_OK;
  g_clear_pointer (&sink, gst_object_unref);
  g_clear_pointer (&first, gst_object_unref);
  gst_caps_unref (caps);
}

/* All streams are known. */
static void
check_pads (GstElement *decoder, Clip *self) {
  if (!self->video.linked)
    GST_ELEMENT_ERROR (decoder, STREAM, WRONG_TYPE, ("there are no pictures in it"), (NULL));
}

/* Waits for @type. FALSE: an error came, and was said. */
static gboolean
wait_for (GstElement *pipeline, GstMessageType type) {
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *m = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE, type | GST_MESSAGE_ERROR);
  gboolean ok = m && GST_MESSAGE_TYPE (m) != GST_MESSAGE_ERROR;
  if (m && !ok)
    fail_message (m);
  g_clear_pointer (&m, gst_message_unref);
  gst_object_unref (bus);
  return ok;
}

/* Hands on what is decoded between the two times, counted from the first: demuxers begin earlier where they
 * must, and not all of them know when to end. */
static GstFlowReturn
hand_on (GstAppSink *sink, gpointer data) {
  Track *track = data;
  GstSample *sample = gst_app_sink_pull_sample (sink);
  if (!sample)
    return GST_FLOW_EOS;
  GstFlowReturn flow = GST_FLOW_OK;
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  guint64 time =
      gst_segment_to_stream_time (gst_sample_get_segment (sample), GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  if (GST_CLOCK_TIME_IS_VALID (time) && time >= track->end) {
    gst_app_src_end_of_stream (GST_APP_SRC (track->source));
    flow = GST_FLOW_EOS;
  } else if (GST_CLOCK_TIME_IS_VALID (time) && time >= track->start) {
    buffer = gst_buffer_copy (buffer);
    GST_BUFFER_PTS (buffer) = time - track->start;
    GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
    gst_app_src_set_caps (GST_APP_SRC (track->source), gst_sample_get_caps (sample));
    flow = gst_app_src_push_buffer (GST_APP_SRC (track->source), buffer);
  }
  gst_sample_unref (sample);
  return flow;
}

static void
hand_on_end (GstAppSink *sink, gpointer data) {
  gst_app_src_end_of_stream (GST_APP_SRC (((Track *)data)->source));
}

static void
connect_track (Track *track) {
  GstAppSinkCallbacks calls = {.new_sample = hand_on, .eos = hand_on_end};
  gst_app_sink_set_callbacks (GST_APP_SINK (track->sink), &calls, track, NULL);
}

static GstElement *
parse (const char *description) {
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (description, &error);
  if (error) {
    fail (error->message);
    g_clear_object (&pipeline);
    g_error_free (error);
  }
  return pipeline;
}

/* Decodes until everything waits at the first frame from @start on. */
static gboolean
seek (Clip *self, guint64 start, guint64 end) {
  self->decode =
      parse ("fdsrc fd=0 ! decodebin name=d "
             "videoconvert name=vin ! videoflip video-direction=auto ! videoscale add-borders=false ! "
             "video/x-raw,format=I420,width=(int)[2,1280],height=(int)[2,720],pixel-aspect-ratio=1/1 ! "
             "appsink name=v sync=false max-buffers=4 "
             "audioconvert name=ain ! audioresample ! audio/x-raw,rate=48000,channels=(int)[1,2] ! "
             "appsink name=a sync=false max-buffers=16");
  if (!self->decode)
    return FALSE;
  GstElement *d = gst_bin_get_by_name (GST_BIN (self->decode), "d");
  self->video.sink = gst_bin_get_by_name (GST_BIN (self->decode), "v");
  self->audio.sink = gst_bin_get_by_name (GST_BIN (self->decode), "a");
  g_signal_connect (d, "pad-added", G_CALLBACK (link_pad), self);
  g_signal_connect (d, "no-more-pads", G_CALLBACK (check_pads), self);
  /* sinks that get nothing would keep the pipeline from ever being ready */
  g_object_set (self->audio.sink, "async", FALSE, NULL);
  gst_element_set_state (self->decode, GST_STATE_PAUSED);
  gboolean ok = wait_for (self->decode, GST_MESSAGE_ASYNC_DONE);
  self->video.start = self->audio.start = start;
  self->video.end = self->audio.end = end;
  /* through the sink of the pictures: one that has no stream would refuse. What cannot be sought in is
   * decoded from its beginning. */
  if (ok &&
      gst_element_seek (self->video.sink, 1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE,
                        GST_SEEK_TYPE_SET, (gint64)start, GST_SEEK_TYPE_SET, (gint64)end))
    ok = wait_for (self->decode, GST_MESSAGE_ASYNC_DONE);
  gst_object_unref (d);
  return ok;
}

static gboolean
encode (Clip *self) {
  char *description = g_strdup_printf (
      "webmmux name=m ! fdsink fd=1 sync=false "
      "appsrc name=v format=time block=true max-bytes=8000000 ! videoconvert ! "
      "vp8enc deadline=1 cpu-used=8 threads=2 target-bitrate=2000000 keyframe-max-dist=50 ! queue ! m. %s",
      self->audio.linked
          ? "appsrc name=a format=time block=true max-bytes=1000000 ! audioconvert ! opusenc ! "
            "queue ! m."
          : "");
  self->encode = parse (description);
  g_free (description);
  if (!self->encode)
    return FALSE;
  self->video.source = gst_bin_get_by_name (GST_BIN (self->encode), "v");
  connect_track (&self->video);
  if (self->audio.linked) {
    self->audio.source = gst_bin_get_by_name (GST_BIN (self->encode), "a");
    connect_track (&self->audio);
  }
  gst_element_set_state (self->encode, GST_STATE_PLAYING);
  gst_element_set_state (self->decode, GST_STATE_PLAYING);
  return wait_for (self->encode, GST_MESSAGE_EOS);
}

int
main (int argc, char **argv) {
  guint64 start, end;
  if (argc != 3 || !g_ascii_string_to_unsigned (argv[1], 10, 0, G_MAXINT64 - 1, &start, NULL) ||
      !g_ascii_string_to_unsigned (argv[2], 10, start + 1, G_MAXINT64, &end, NULL))
    return fail ("usage: clipmoe-clip START END < VIDEO > CLIP.webm");
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  alarm (MOST_SECONDS);
  setrlimit (RLIMIT_FSIZE, &(struct rlimit){MOST_BYTES, MOST_BYTES});
  gst_init (NULL, NULL);
  Clip clip = {0};
  gboolean ok = seek (&clip, start, end) && encode (&clip);
  fflush (NULL);
  _exit (ok ? 0 : 1); /* what still decodes need not be waited for */
}
