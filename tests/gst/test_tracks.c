/* Checks clipmoebin with decoders that keep pictures in a device's memory, and with streams of several
 * videos and pictures: what can be read is read, what cannot is named, one video is tagged, the others are
 * not decoded. The decoders are made here: their memory is system memory under another name. */
#include "common.h"

#include <gst/base/gstbasetransform.h>
#include <gst/video/gstvideodecoder.h>

#define FAKE "video/x-raw(memory:ClipmoeFake),format=RGB"
#define LOST "video/x-raw(memory:ClipmoeLost),format=RGB"
#define RAW "video/x-raw,format=RGB"

static gint decoded_in_device; /* pictures, atomic */

/* A decoder of "video/x-clipmoe-NAME": every unit is a grey picture. */
static gboolean
decoder_set_format (GstVideoDecoder *decoder, GstVideoCodecState *state) {
  GstPad *src = GST_VIDEO_DECODER_SRC_PAD (decoder);
  GstCaps *allowed = gst_pad_get_allowed_caps (src); /* as decoders for VA, GL, CUDA do */
  if (!allowed)
    allowed = gst_pad_get_pad_template_caps (src);
  if (gst_caps_is_empty (allowed)) {
    gst_caps_unref (allowed);
    return FALSE;
  }
  GstVideoCodecState *out = gst_video_decoder_set_output_state (decoder, GST_VIDEO_FORMAT_RGB, 64, 64, state);
  out->caps = gst_video_info_to_caps (&out->info);
  gst_caps_set_features (out->caps, 0, gst_caps_features_copy (gst_caps_get_features (allowed, 0)));
  gst_video_codec_state_unref (out);
  gst_caps_unref (allowed);
  return gst_video_decoder_negotiate (decoder);
}

static GstFlowReturn
decoder_handle_frame (GstVideoDecoder *decoder, GstVideoCodecFrame *frame) {
  GstCaps *caps = gst_pad_get_current_caps (GST_VIDEO_DECODER_SRC_PAD (decoder));
  if (!gst_caps_features_is_equal (gst_caps_get_features (caps, 0), GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY))
    g_atomic_int_inc (&decoded_in_device);
  gst_caps_unref (caps);
  frame->output_buffer = gst_buffer_new_allocate (NULL, 64 * 64 * 3, NULL);
  gst_buffer_memset (frame->output_buffer, 0, 120, 64 * 64 * 3);
  return gst_video_decoder_finish_frame (decoder, frame);
}

typedef struct {
  const char *in, *out, *more;
} Kind;

static void
decoder_class_init (gpointer klass, gpointer data) {
  const Kind *kind = data;
  GstVideoDecoderClass *decoder = klass;
  GstCaps *in = gst_caps_from_string (kind->in), *out = gst_caps_from_string (kind->out);
  if (kind->more)
    gst_caps_append (out, gst_caps_from_string (kind->more));
  decoder->set_format = decoder_set_format;
  decoder->handle_frame = decoder_handle_frame;
  gst_element_class_set_static_metadata (klass, "Fake", "Codec/Decoder/Video/Hardware", "Fake", "Tests");
  gst_element_class_add_pad_template (klass, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, in));
  gst_element_class_add_pad_template (klass, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, out));
  gst_caps_unref (in);
  gst_caps_unref (out);
}

static void
add_decoder (const char *name, const Kind *kind, guint rank) {
  GTypeInfo info = {.class_size = sizeof (GstVideoDecoderClass),
                    .class_init = decoder_class_init,
                    .class_data = kind,
                    .instance_size = sizeof (GstVideoDecoder)};
  GType type = g_type_register_static (GST_TYPE_VIDEO_DECODER, name, &info, 0);
  g_assert_true (gst_element_register (NULL, name, rank, type));
}

/* The same pictures with the other memory. */
static GstCaps *
download_transform (GstBaseTransform *self, GstPadDirection direction, GstCaps *caps, GstCaps *filter) {
  GstCaps *result = gst_caps_copy (caps);
  for (guint i = 0; i < gst_caps_get_size (result); i++)
    gst_caps_set_features (
        result, i,
        gst_caps_features_new (
            direction == GST_PAD_SINK ? GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY : "memory:ClipmoeFake", NULL));
  if (filter) {
    GstCaps *both = gst_caps_intersect_full (filter, result, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (result);
    result = both;
  }
  return result;
}

static gboolean
download_unit_size (GstBaseTransform *self, GstCaps *caps, gsize *size) {
  *size = 64 * 64 * 3;
  return TRUE;
}

static GstFlowReturn
download_ip (GstBaseTransform *self, GstBuffer *buffer) {
  return GST_FLOW_OK;
}

static void
download_class_init (gpointer klass, gpointer data) {
  GstBaseTransformClass *transform = klass;
  GstCaps *in = gst_caps_from_string (FAKE), *out = gst_caps_from_string (RAW);
  transform->transform_caps = download_transform;
  transform->get_unit_size = download_unit_size;
  transform->transform_ip = download_ip;
  gst_element_class_set_static_metadata (klass, "Fake", "Filter/Converter/Video", "Fake", "Tests");
  gst_element_class_add_pad_template (klass, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, in));
  gst_element_class_add_pad_template (klass, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, out));
  gst_caps_unref (in);
  gst_caps_unref (out);
}

static void
add_elements (void) {
  static const Kind kinds[] = {{"video/x-clipmoe-both", FAKE, RAW},
                               {"video/x-clipmoe-device", FAKE, NULL},
                               {"video/x-clipmoe-lost", LOST, NULL},
                               {"video/x-clipmoe-second", LOST, NULL},
                               {"video/x-clipmoe-second", RAW, NULL}};
  static const char *const names[] = {"clipmoefakeboth", "clipmoefakedevice", "clipmoefakelost",
                                      "clipmoefakefirst", "clipmoefakesecond"};
  GTypeInfo download = {.class_size = sizeof (GstBaseTransformClass),
                        .class_init = download_class_init,
                        .instance_size = sizeof (GstBaseTransform)};
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    add_decoder (names[i], &kinds[i], i == 3 ? GST_RANK_PRIMARY + 10 : GST_RANK_PRIMARY);
  g_assert_true (gst_element_register (
      NULL, "clipmoefakedownload", GST_RANK_NONE,
      g_type_register_static (GST_TYPE_BASE_TRANSFORM, "ClipmoeFakeDownload", &download, 0)));
}

typedef struct {
  GstElement *pipeline, *bin;
  guint infos;
  char *info, *error;
  gint tagged, others; /* atomic: frames that left; pictures of decoders for pictures or mpeg */
} Run;

static GstPadProbeReturn
count_buffer (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  g_atomic_int_inc ((gint *)data);
  return GST_PAD_PROBE_OK;
}

static void
element_added (GstBin *bin, GstBin *sub_bin, GstElement *element, Run *run) {
  GstElementFactory *factory = gst_element_get_factory (element);
  const char *name = factory ? gst_plugin_feature_get_name (GST_PLUGIN_FEATURE (factory)) : "";
  if (g_str_equal (name, "jpegdec") || g_str_equal (name, "vp8dec")) {
    GstPad *src = gst_element_get_static_pad (element, "src");
    gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, count_buffer, &run->others, NULL);
    gst_object_unref (src);
  }
}

static void
run_begin (Run *run, const char *source, const char *properties) {
  GError *error = NULL;
  char *line = g_strdup_printf ("%s ! clipmoebin name=b labels=a,b rate=0 %s ! fakesink sync=false", source,
                                properties);
  memset (run, 0, sizeof *run);
  run->pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  g_free (line);
  run->bin = gst_bin_get_by_name (GST_BIN (run->pipeline), "b");
  g_signal_connect (run->bin, "deep-element-added", G_CALLBACK (element_added), run);
  GstPad *src = gst_element_get_static_pad (run->bin, "src");
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, count_buffer, &run->tagged, NULL);
  gst_object_unref (src);
}

static void
run_end (Run *run) {
  GstBus *bus = gst_element_get_bus (run->pipeline);
  GstMessage *m;
  gboolean ended = FALSE;
  while (!ended) {
    m = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND,
                                    GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_INFO);
    g_assert_nonnull (m);
    GError *error = NULL;
    if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_INFO) {
      gst_message_parse_info (m, &error, NULL);
      run->infos++;
      g_free (run->info);
      run->info = g_strdup (error->message);
    } else {
      ended = TRUE;
      if (GST_MESSAGE_TYPE (m) == GST_MESSAGE_ERROR) {
        gst_message_parse_error (m, &error, NULL);
        run->error = g_strdup (error->message);
      }
    }
    g_clear_error (&error);
    gst_message_unref (m);
  }
  gst_object_unref (bus);
}

static void
run_clear (Run *run) {
  gst_element_set_state (run->pipeline, GST_STATE_NULL);
  gst_object_unref (run->bin);
  gst_object_unref (run->pipeline);
  g_free (run->info);
  g_free (run->error);
}

/* Ten units of a fake format. */
static void
feed (Run *run, const char *format) {
  run_begin (run, "appsrc name=a format=time", "decode=all");
  GstElement *source = gst_bin_get_by_name (GST_BIN (run->pipeline), "a");
  GstCaps *caps = gst_caps_new_simple (format, "width", G_TYPE_INT, 64, "height", G_TYPE_INT, 64, "framerate",
                                       GST_TYPE_FRACTION, 10, 1, NULL);
  g_object_set (source, "caps", caps, NULL);
  gst_caps_unref (caps);
  for (guint i = 0; i < 10; i++) {
    GstBuffer *buffer = gst_buffer_new_allocate (NULL, 16, NULL);
    GstFlowReturn flow;
    GST_BUFFER_PTS (buffer) = i * GST_SECOND / 10;
    g_signal_emit_by_name (source, "push-buffer", buffer, &flow);
    gst_buffer_unref (buffer);
  }
  GstFlowReturn flow;
  g_signal_emit_by_name (source, "end-of-stream", &flow);
  gst_object_unref (source);
  g_atomic_int_set (&decoded_in_device, 0);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  run_end (run);
}

static void
test_memory (void) {
  static const struct {
    const char *format;
    gint tagged, in_device;
    const char *error;
  } cases[] = {{"video/x-clipmoe-both", 10, 0, NULL},
               {"video/x-clipmoe-device", 10, 10, NULL},
               {"video/x-clipmoe-second", 10, 0, NULL},
               {"video/x-clipmoe-lost", 0, 0, "clipmoefakelost gives pictures in a device's memory alone"}};
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Run run;
    feed (&run, cases[i].format);
    if (cases[i].error ? !run.error || !strstr (run.error, cases[i].error) : run.error != NULL)
      g_error ("%s: \"%s\", expected \"%s\"", cases[i].format, run.error, cases[i].error);
    g_assert_cmpint (run.tagged, ==, cases[i].tagged);
    g_assert_cmpint (decoded_in_device, ==, cases[i].in_device);
    run_clear (&run);
  }
}

/* The element that brings pictures out of a device's memory goes with its stream. */
static void
test_memory_again (void) {
  Run run;
  feed (&run, "video/x-clipmoe-device");
  for (guint i = 0; i < 3; i++) {
    gst_element_set_state (run.pipeline, GST_STATE_READY);
    g_assert_cmpint (GST_BIN_NUMCHILDREN (run.bin), ==, 3);
    gst_element_set_state (run.pipeline, GST_STATE_PAUSED);
  }
  run_clear (&run);
}

#define MOVING(encoder)                                                                                      \
  "videotestsrc num-buffers=30 pattern=ball ! video/x-raw,width=64,height=48,framerate=15/1 ! " encoder
#define STILL(rate)                                                                                          \
  "videotestsrc num-buffers=1 ! video/x-raw,width=96,height=96,framerate=" rate " ! jpegenc ! queue ! m. "

static void
play (const char *folder, const char *muxer, const char *streams, Run *run) {
  GError *error = NULL;
  char *path = g_build_filename (folder, "tracks", NULL);
  char *line = g_strdup_printf ("%s name=m ! filesink location=\"%s\" %s", muxer, path, streams);
  GstElement *pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  GstBus *bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  GstMessage *m = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_true (m && GST_MESSAGE_TYPE (m) == GST_MESSAGE_EOS);
  gst_message_unref (m);
  gst_object_unref (bus);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_free (line);
  line = g_strdup_printf ("filesrc location=\"%s\"", path);
  run_begin (run, line, "decode=all");
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  run_end (run);
  g_free (line);
  g_free (path);
}

static guint64
units (Run *run) {
  GstStructure *s;
  guint64 n = 0;
  g_object_get (run->bin, "stats", &s, NULL);
  gst_structure_get_uint64 (s, "units", &n);
  gst_structure_free (s);
  return n;
}

static void
test_tracks (void) {
  static const struct {
    const char *muxer, *streams;
    gint tagged, most_others;
    guint infos;
    const char *error;
  } cases[] = {
      /* a cover before a video, whatever rate it claims; sound beside them */
      {"matroskamux", STILL ("25/1") MOVING ("x264enc ! queue ! m."), 30, 1, 0, NULL},
      {"qtmux", STILL ("1/1") MOVING ("x264enc ! queue ! m."), 30, 1, 0, NULL},
      {"matroskamux",
       STILL ("1/1") MOVING ("x264enc ! queue ! m. ") "audiotestsrc num-buffers=20 ! vorbisenc ! queue ! m.",
       30, 1, 0, NULL},
      {"matroskamux", MOVING ("x264enc ! queue ! m. ") STILL ("25/1"), 30, 1, 0, NULL},
      /* a video that is made of pictures */
      {"matroskamux", STILL ("25/1") MOVING ("jpegenc ! queue ! m."), 30, 32, 0, NULL},
      {"matroskamux", MOVING ("jpegenc ! queue ! m. ") STILL ("1/1"), 30, 32, 0, NULL},
      {"avimux", MOVING ("jpegenc ! queue ! m."), 30, 30, 0, NULL},
      /* a picture alone is one; two are no video */
      {"matroskamux", STILL ("1/1"), 1, 1, 0, NULL},
      {"matroskamux", STILL ("1/1") STILL ("1/1"), 0, 2, 0, "no video"},
      /* two videos: the first, and it is said */
      {"matroskamux", MOVING ("x264enc ! queue ! m. ") MOVING ("vp8enc deadline=1 ! queue ! m."), 30, 8, 1,
       NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Run run;
    play (g_get_user_cache_dir (), cases[i].muxer, cases[i].streams, &run);
    if (cases[i].error ? !run.error || !strstr (run.error, cases[i].error) : run.error != NULL)
      g_error ("case %u: \"%s\", expected \"%s\"", i, run.error, cases[i].error);
    if (run.tagged != cases[i].tagged || run.others > cases[i].most_others || run.infos != cases[i].infos)
      g_error ("case %u: %d frames tagged, %d others decoded, %u messages (%s)", i, run.tagged, run.others,
               run.infos, run.info);
    if (run.infos)
      g_assert_nonnull (strstr (run.info, "2 videos"));
    if (!run.error)
      g_assert_cmpuint (units (&run), ==, (guint)cases[i].tagged);
    run_clear (&run);
  }
}

int
main (int argc, char **argv) {
  begin (&argc, &argv);
  g_assert_cmpint (g_mkdir_with_parents (g_get_user_cache_dir (), 0700), ==, 0);
  add_elements ();
  g_test_add_func ("/tracks/memory", test_memory);
  g_test_add_func ("/tracks/memory again", test_memory_again);
  g_test_add_func ("/tracks/tracks", test_tracks);
  return run ();
}
