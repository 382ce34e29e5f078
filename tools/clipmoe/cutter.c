#include "cutter.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/base/gstbasesink.h>
#include <gst/gst.h>
#include <string.h>

#define MOST_TRACKS 8
#define HELD (64u << 20) /* bytes of a stream that wait for another one */
#define HELD_DECODED (256u << 20)
#define ZERO (SECOND * 1000 * 3600)
#define SECOND G_GINT64_CONSTANT (1000000000)

/* One stream: what is read ends in a sink, what is written begins with a source. */
typedef struct {
  ClipmoeCutter *cutter;
  GstElement *sink, *source;
  GstCaps *caps; /* as the file has it */
  gboolean video, begun;
} Track;

struct _ClipmoeCutter {
  char *name;
  gboolean exact;
  GstElement *read, *write; /* two pipelines: seeking must not reach the muxer */
  GMutex lock;              /* tracks are found in several threads */
  Track tracks[MOST_TRACKS];
  guint n;
  gboolean has_video;
  gint64 first; /* under the lock: when the first key frame since the last seek is shown, or -1: none yet */
  gboolean turned;       /* players turn its pictures, because of a tag that muxers do not write */
  gboolean no_index;     /* a seek lands somewhere before, not at the last key frame */
  gboolean decode_times; /* the container says when pictures are decoded, which MP4 needs */
  const char *ending;
  gint64 start, end; /* ns of stream time: the first frame that is written; where it ends */
};

/* How streams get the form in which containers hold them; the rest goes as it is. */
static const struct {
  const char *caps, *chain;
} forms[] = {
    {"video/x-h264", "h264parse ! video/x-h264,stream-format=avc,alignment=au !"},
    {"video/x-h265", "h265parse ! video/x-h265,stream-format=hvc1,alignment=au !"},
    {"video/x-av1", "av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu !"},
    {"audio/mpeg,mpegversion=(int){2,4}", "aacparse ! audio/mpeg,stream-format=raw !"},
};

static gboolean
fail (const ClipmoeCutter *self, GError **error, const char *why) {
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "%s: %s", self->name, why);
  return FALSE;
}

static gboolean
fail_message (const ClipmoeCutter *self, GstMessage *message, GError **error) {
  GError *why = NULL;
  gst_message_parse_error (message, &why, NULL);
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "%s: cannot be cut: %s", self->name, why->message);
  g_error_free (why);
  return FALSE;
}

static GstMessage *
pop (GstElement *pipeline, guint64 wait, GstMessageType types) {
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, wait, types);
  gst_object_unref (bus);
  return message;
}

/* Waits for @type of @pipeline. FALSE: an error came from either. */
static gboolean
wait_for (ClipmoeCutter *self, GstElement *pipeline, GstMessageType type, GError **error) {
  GstMessage *message = NULL;
  while (!message) {
    message = pop (pipeline, 100 * GST_MSECOND, type | GST_MESSAGE_ERROR);
    if (!message)
      message = pop (self->read, 0, GST_MESSAGE_ERROR);
  }
  gboolean ok = GST_MESSAGE_TYPE (message) != GST_MESSAGE_ERROR || fail_message (self, message, error);
  gst_message_unref (message);
  return ok;
}

static GstElement *
parse (const ClipmoeCutter *self, const char *description, gboolean bin, GError **error) {
  GError *why = NULL;
  GstElement *made =
      bin ? gst_parse_bin_from_description (description, TRUE, &why) : gst_parse_launch (description, &why);
  if (why) {
    fail (self, error, why->message);
    g_error_free (why);
    g_clear_pointer (&made, gst_object_unref);
  }
  return made;
}

/* --- reading --- */

static const char *
type_of (const GstCaps *caps) {
  return caps && !gst_caps_is_empty (caps) && !gst_caps_is_any (caps)
             ? gst_structure_get_name (gst_caps_get_structure (caps, 0))
             : "";
}

/* What stands between a stream and its sink. */
static char *
chain_of (const ClipmoeCutter *self, const GstCaps *caps, gboolean video) {
  const char *form = "";
  for (guint i = 0; !self->exact && i < G_N_ELEMENTS (forms); i++) {
    GstCaps *these = gst_caps_from_string (forms[i].caps);
    if (gst_caps_can_intersect (caps, these))
      form = forms[i].chain;
    gst_caps_unref (these);
  }
  if (self->exact)
    form = video ? "videoconvert ! videoflip video-direction=auto ! videoscale add-borders=false ! "
                   "video/x-raw,format=I420,width=(int)[2,16384,2],height=(int)[2,16384,2] !"
                 : "audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=(int)[1,2] !";
  /* streams are not stored in step; a sink of sound that gets nothing must not keep the others from beginning
   */
  return g_strdup_printf ("queue max-size-buffers=0 max-size-time=0 max-size-bytes=%u ! %s "
                          "appsink name=out sync=false max-buffers=16 async=%s",
                          self->exact ? HELD_DECODED : HELD, form, video ? "true" : "false");
}

/* Also of what lies before the segment: sound often begins a little earlier. */
static gint64
stream_time (const GstSegment *segment, guint64 time) {
  return (gint64)segment->time + (gint64)time - (gint64)segment->start;
}

/* Notes the first key frame behind a seek, and lets no picture through before it. */
static GstPadProbeReturn
note_first (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  ClipmoeCutter *self = data;
  GstPadProbeReturn pass = GST_PAD_PROBE_OK;
  g_mutex_lock (&self->lock);
  if (info->type & GST_PAD_PROBE_TYPE_EVENT_FLUSH) {
    self->first = -1;
  } else if (self->first < 0) {
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
    GstEvent *event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
    const GstSegment *segment = NULL;
    if (event)
      gst_event_parse_segment (event, &segment);
    if (segment && GST_BUFFER_PTS_IS_VALID (buffer) &&
        !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT))
      self->first = stream_time (segment, GST_BUFFER_PTS (buffer));
    else
      pass = GST_PAD_PROBE_DROP;
    g_clear_pointer (&event, gst_event_unref);
  }
  g_mutex_unlock (&self->lock);
  return pass;
}

static void
watch (ClipmoeCutter *self, GstElement *sink) {
  GstPad *pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_FLUSH, note_first, self, NULL);
  gst_object_unref (pad);
}

/* Takes the first stream of pictures and all of sound. */
static void
take_pad (GstElement *reader, GstPad *pad, ClipmoeCutter *self) {
  GstCaps *caps = gst_pad_get_current_caps (pad);
  if (!caps)
    caps = gst_pad_query_caps (pad, NULL);
  const char *type = type_of (caps);
  gboolean video = g_str_has_prefix (type, "video/") || g_str_has_prefix (type, "image/");
  g_mutex_lock (&self->lock);
  Track *track = NULL;
  if (self->n < MOST_TRACKS && (video ? !self->has_video : g_str_has_prefix (type, "audio/"))) {
    track = &self->tracks[self->n++];
    self->has_video = self->has_video || video;
  }
  g_mutex_unlock (&self->lock);
  if (track) {
    char *chain = chain_of (self, caps, video);
    GError *error = NULL;
    GstElement *bin = parse (self, chain, TRUE, &error);
    *track = (Track){.cutter = self, .caps = gst_caps_ref (caps), .video = video};
    if (bin) {
      track->sink = gst_bin_get_by_name (GST_BIN (bin), "out");
      /* a segment may begin behind the key frame that its first picture needs */
      gst_base_sink_set_drop_out_of_segment (GST_BASE_SINK (track->sink), FALSE);
      if (video && !self->exact)
        watch (self, track->sink);
      gst_bin_add (GST_BIN (self->read), bin);
      GstPad *sink = gst_element_get_static_pad (bin, "sink");
      gst_pad_link (pad, sink);
      gst_object_unref (sink);
      gst_element_sync_state_with_parent (bin);
    } else {
      GST_ELEMENT_ERROR (reader, CORE, MISSING_PLUGIN, ("%s", error ? error->message : "it cannot be read"),
                         (NULL));
      g_clear_error (&error);
    }
    g_free (chain);
  }
  gst_caps_unref (caps);
}

/* All streams are known. */
static void
check_pads (GstElement *reader, ClipmoeCutter *self) {
  if (!self->has_video)
    GST_ELEMENT_ERROR (reader, STREAM, WRONG_TYPE, ("there are no pictures in it"), (NULL));
}

static void
note_element (GstBin *bin, GstBin *sub, GstElement *element, ClipmoeCutter *self) {
  GstElementFactory *factory = gst_element_get_factory (element);
  const char *name = factory ? GST_OBJECT_NAME (factory) : "";
  if (g_str_equal (name, "qtdemux") || g_str_equal (name, "tsdemux"))
    self->decode_times = TRUE;
  if (g_str_equal (name, "tsdemux") || g_str_equal (name, "mpegpsdemux"))
    self->no_index = TRUE;
}

static Track *
video_of (ClipmoeCutter *self) {
  for (guint i = 0; i < self->n; i++)
    if (self->tracks[i].video)
      return &self->tracks[i];
  return NULL;
}

/* Seeks to the key frame at or before @time and notes where it is. Containers without an index land near it.
 */
static gboolean
seek_key_frame (ClipmoeCutter *self, gint64 time, gint64 *found, GError **error) {
  GstElement *sink = video_of (self)->sink;
  if (!gst_element_seek_simple (sink, GST_FORMAT_TIME,
                                GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT | GST_SEEK_FLAG_SNAP_BEFORE,
                                time))
    return fail (self, error, "cannot be sought in: --exact cuts it all the same");
  if (!wait_for (self, self->read, GST_MESSAGE_ASYNC_DONE, error))
    return FALSE;
  g_mutex_lock (&self->lock);
  *found = self->first;
  g_mutex_unlock (&self->lock);
  return *found >= 0 ||
         fail (self, error, "no key frame with a time was found: --exact cuts it all the same");
}

/* Reads on from where a seek landed: when the last key frame at or before @start is shown; *found where no
 * other one comes. */
static gboolean
read_to_key_frame (ClipmoeCutter *self, gint64 start, gint64 *found, GError **error) {
  GstAppSink *sink = GST_APP_SINK (video_of (self)->sink);
  GstMessage *message = NULL;
  gboolean more = TRUE;
  gst_element_set_state (self->read, GST_STATE_PLAYING);
  while (more && !(message = pop (self->read, 0, GST_MESSAGE_ERROR))) {
    GstSample *sample = gst_app_sink_try_pull_sample (sink, 100 * GST_MSECOND);
    if (!sample) {
      more = !gst_app_sink_is_eos (sink);
      continue;
    }
    const GstBuffer *buffer = gst_sample_get_buffer (sample);
    const GstSegment *segment = gst_sample_get_segment (sample);
    if (GST_BUFFER_PTS_IS_VALID (buffer)) {
      gint64 shown = stream_time (segment, GST_BUFFER_PTS (buffer));
      gint64 decoded =
          GST_BUFFER_DTS_IS_VALID (buffer) ? stream_time (segment, GST_BUFFER_DTS (buffer)) : shown - SECOND;
      more = decoded <= start;
      if (shown <= start && !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT))
        *found = MAX (*found, shown);
    }
    gst_sample_unref (sample);
  }
  gboolean ok = !message || fail_message (self, message, error);
  g_clear_pointer (&message, gst_message_unref);
  gst_element_set_state (self->read, GST_STATE_PAUSED);
  gst_element_get_state (self->read, NULL, NULL, GST_SECOND);
  while ((message = pop (self->read, 0, GST_MESSAGE_ASYNC_DONE)))
    gst_message_unref (message);
  return ok;
}

static gboolean
seek (ClipmoeCutter *self, gint64 start, GError **error) {
  if (self->exact) {
    self->start = start;
    /* what cannot be sought in is decoded from its beginning */
    return !gst_element_seek_simple (video_of (self)->sink, GST_FORMAT_TIME,
                                     GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, start) ||
           wait_for (self, self->read, GST_MESSAGE_ASYNC_DONE, error);
  }
  /* the nearest one of sound may lie a little before a key frame at the start and lead to the one before */
  gint64 time = start + SECOND / 10, found = 0, first = -1, step = SECOND / 10;
  for (;; step *= 4) {
    if (!seek_key_frame (self, time, &found, error))
      return FALSE;
    if (found <= start && self->no_index && first < 0) { /* once: then back to where it is read from */
      first = found;
      if (!read_to_key_frame (self, start, &first, error))
        return FALSE;
      start = first; /* frames before it are left out */
      step = SECOND / 40;
      continue;
    }
    if (found <= start || time == 0)
      break;
    time = MAX (time - step, 0);
  }
  self->start = MAX (found, first);
  return TRUE;
}

/* --- writing --- */

/* Whether a muxer takes all streams. Whether they are parsed is ours to see to. */
static gboolean
takes_all (const ClipmoeCutter *self, const char *muxer) {
  static const char *const parsed[] = {"stream-format", "alignment", "parsed", "framed"};
  GstElementFactory *factory = gst_element_factory_find (muxer);
  gboolean all = factory != NULL;
  for (guint i = 0; all && i < self->n; i++) {
    GstCaps *caps = gst_caps_copy (self->tracks[i].caps);
    for (guint j = 0; j < G_N_ELEMENTS (parsed); j++)
      gst_structure_remove_field (gst_caps_get_structure (caps, 0), parsed[j]);
    all = gst_element_factory_can_sink_any_caps (factory, caps);
    gst_caps_unref (caps);
  }
  g_clear_pointer (&factory, gst_object_unref);
  return all;
}

static gboolean
choose_container (ClipmoeCutter *self, GError **error) {
  if (self->exact || takes_all (self, "matroskamux"))
    self->ending = "mkv";
  if (!self->exact && self->decode_times && takes_all (self, "mp4mux"))
    self->ending = "mp4";
  return self->ending ||
         fail (self, error,
               "neither MP4 nor Matroska can hold its streams as they are: --exact encodes them anew");
}

static gboolean
has_element (const char *name) {
  GstElementFactory *factory = gst_element_factory_find (name);
  gboolean has = factory != NULL;
  g_clear_pointer (&factory, gst_object_unref);
  return has;
}

/* What stands between a source and the muxer; NULL: what encodes is not installed. */
static const char *
encoder_of (const ClipmoeCutter *self, gboolean video) {
  if (!self->exact)
    return "";
  if (!video)
    return has_element ("opusenc") ? "audioconvert ! opusenc !" : NULL;
  return has_element ("x264enc")
             ? "videoconvert ! x264enc pass=quant quantizer=20 speed-preset=fast ! h264parse !"
         : has_element ("vp9enc") ? "videoconvert ! vp9enc end-usage=cq cq-level=20 deadline=1 cpu-used=4 "
                                    "keyframe-max-dist=250 !"
                                  : NULL;
}

static gboolean
make_writer (ClipmoeCutter *self, const char *path, GError **error) {
  GString *text = g_string_new (NULL);
  gboolean ok = TRUE;
  g_string_append_printf (text, "%s name=m ! filesink name=f sync=false",
                          g_str_equal (self->ending, "mp4") ? "mp4mux" : "matroskamux");
  for (guint i = 0, sounds = 0; ok && i < self->n; i++) {
    const char *encoder = encoder_of (self, self->tracks[i].video);
    guint number = self->tracks[i].video ? 0 : sounds++;
    if (encoder)
      g_string_append_printf (text, " appsrc name=s%u format=time block=true max-bytes=8000000 ! %s m.%s_%u",
                              i, encoder, self->tracks[i].video ? "video" : "audio", number);
    else
      ok = fail (self, error, "--exact needs the GStreamer elements x264enc or vp9enc, and opusenc");
  }
  self->write = ok ? parse (self, text->str, FALSE, error) : NULL;
  g_string_free (text, TRUE);
  if (!self->write)
    return FALSE;
  GstElement *file = gst_bin_get_by_name (GST_BIN (self->write), "f");
  g_object_set (file, "location", path, NULL);
  gst_object_unref (file);
  for (guint i = 0; i < self->n; i++) {
    char name[16];
    g_snprintf (name, sizeof name, "s%u", i);
    self->tracks[i].source = gst_bin_get_by_name (GST_BIN (self->write), name);
    GstPad *pad = gst_element_get_static_pad (self->tracks[i].source, "src");
    gst_pad_set_offset (pad, self->exact ? 0 : -ZERO);
    gst_object_unref (pad);
  }
  return TRUE;
}

/* Titles and languages are tags. */
static void
hand_on_tags (Track *track) {
  GstPad *pad = gst_element_get_static_pad (track->sink, "sink");
  GstEvent *tags;
  for (guint i = 0; (tags = gst_pad_get_sticky_event (pad, GST_EVENT_TAG, i)); i++) {
    GstTagList *list;
    const char *how;
    gst_event_parse_tag (tags, &list);
    if (track->video && gst_tag_list_peek_string_index (list, GST_TAG_IMAGE_ORIENTATION, 0, &how))
      track->cutter->turned = !track->cutter->exact && !g_str_equal (how, "rotate-0");
    gst_element_send_event (track->source, tags);
  }
  gst_object_unref (pad);
}

/* Whether a frame is behind the end, and none that follows it is shown before the end. Pictures follow each
 * other as they are decoded; where it is not known when that is, none is stored more than a second early. */
static gboolean
is_behind (const Track *track, const GstSegment *segment, const GstBuffer *buffer, gint64 shown) {
  gint64 last = shown;
  if (!track->cutter->exact && GST_BUFFER_DTS_IS_VALID (buffer))
    last = MIN (shown, stream_time (segment, GST_BUFFER_DTS (buffer)));
  else if (!track->cutter->exact && track->video)
    last = shown - SECOND;
  return last >= track->cutter->end;
}

/* (transfer full): the same frame, with times from the first one on. It may be decoded before that is shown:
 * such times lie before zero, so all are counted from ZERO, which the source's pad takes off again. */
static GstBuffer *
moved (const ClipmoeCutter *self, const GstSegment *segment, GstBuffer *buffer) {
  GstBuffer *out = gst_buffer_copy (buffer);
  gint64 zero = self->exact ? 0 : ZERO;
  GST_BUFFER_PTS (out) = (guint64)(stream_time (segment, GST_BUFFER_PTS (buffer)) - self->start + zero);
  if (!self->exact && GST_BUFFER_DTS_IS_VALID (buffer))
    GST_BUFFER_DTS (out) =
        (guint64)MAX (stream_time (segment, GST_BUFFER_DTS (buffer)) - self->start + zero, 0);
  else
    GST_BUFFER_DTS (out) = GST_CLOCK_TIME_NONE;
  return out;
}

static GstFlowReturn
hand_on_one (Track *track, GstSample *sample) {
  const ClipmoeCutter *self = track->cutter;
  GstAppSrc *to = GST_APP_SRC (track->source);
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  const GstSegment *segment = gst_sample_get_segment (sample);
  gint64 time = GST_BUFFER_PTS_IS_VALID (buffer) ? stream_time (segment, GST_BUFFER_PTS (buffer)) : -1;
  if (time >= 0 && is_behind (track, segment, buffer, time)) {
    gst_app_src_end_of_stream (to);
    return GST_FLOW_EOS;
  }
  if (time < self->start)
    return GST_FLOW_OK;
  gst_app_src_set_caps (to, gst_sample_get_caps (sample));
  if (!track->begun)
    hand_on_tags (track);
  track->begun = TRUE;
  return gst_app_src_push_buffer (to, moved (self, segment, buffer));
}

/* Some may wait there since before anybody was told of them. */
static GstFlowReturn
hand_on (GstAppSink *sink, gpointer data) {
  GstFlowReturn flow = GST_FLOW_OK;
  GstSample *sample;
  while (flow == GST_FLOW_OK && (sample = gst_app_sink_try_pull_sample (sink, 0))) {
    flow = hand_on_one (data, sample);
    gst_sample_unref (sample);
  }
  return flow;
}

static void
hand_on_end (GstAppSink *sink, gpointer data) {
  hand_on (sink, data);
  gst_app_src_end_of_stream (GST_APP_SRC (((Track *)data)->source));
}

gboolean
clipmoe_cutter_write (ClipmoeCutter *self, gint64 end, const char *path, GError **error) {
  self->end = end;
  if (!make_writer (self, path, error))
    return FALSE;
  for (guint i = 0; i < self->n; i++) {
    GstAppSinkCallbacks calls = {.new_sample = hand_on, .eos = hand_on_end};
    gst_app_sink_set_callbacks (GST_APP_SINK (self->tracks[i].sink), &calls, &self->tracks[i], NULL);
  }
  gst_element_set_state (self->write, GST_STATE_PLAYING);
  gst_element_set_state (self->read, GST_STATE_PLAYING);
  if (!wait_for (self, self->write, GST_MESSAGE_EOS, error))
    return FALSE;
  return video_of (self)->begun || fail (self, error, "there is no picture between these times");
}

/* --- */

ClipmoeCutter *
clipmoe_cutter_open (int fd, const char *name, gint64 start, gboolean exact, GError **error) {
  ClipmoeCutter *self = g_new0 (ClipmoeCutter, 1);
  self->name = g_strdup (name);
  self->exact = exact;
  self->first = -1;
  g_mutex_init (&self->lock);
  self->read = parse (self, exact ? "filesrc name=f ! decodebin name=d" : "filesrc name=f ! parsebin name=d",
                      FALSE, error);
  gboolean ok = self->read != NULL;
  if (ok) {
    GstElement *file = gst_bin_get_by_name (GST_BIN (self->read), "f"),
               *reader = gst_bin_get_by_name (GST_BIN (self->read), "d");
    char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
    g_object_set (file, "location", path, NULL);
    g_signal_connect (reader, "pad-added", G_CALLBACK (take_pad), self);
    g_signal_connect (reader, "no-more-pads", G_CALLBACK (check_pads), self);
    g_signal_connect (reader, "deep-element-added", G_CALLBACK (note_element), self);
    g_free (path);
    gst_object_unref (file);
    gst_object_unref (reader);
    gst_element_set_state (self->read, GST_STATE_PAUSED);
    ok = wait_for (self, self->read, GST_MESSAGE_ASYNC_DONE, error) && seek (self, MAX (start, 0), error) &&
         choose_container (self, error);
  }
  if (!ok)
    g_clear_pointer (&self, clipmoe_cutter_free);
  return self;
}

void
clipmoe_cutter_free (ClipmoeCutter *self) {
  if (!self)
    return;
  /* the writer first: what waits for room in it is let go */
  GstElement *both[] = {self->write, self->read};
  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    if (both[i])
      gst_element_set_state (both[i], GST_STATE_NULL);
  for (guint i = 0; i < self->n; i++) {
    g_clear_pointer (&self->tracks[i].sink, gst_object_unref);
    g_clear_pointer (&self->tracks[i].source, gst_object_unref);
    g_clear_pointer (&self->tracks[i].caps, gst_caps_unref);
  }
  g_clear_pointer (&self->write, gst_object_unref);
  g_clear_pointer (&self->read, gst_object_unref);
  g_mutex_clear (&self->lock);
  g_free (self->name);
  g_free (self);
}

const char *
clipmoe_cutter_get_ending (const ClipmoeCutter *self) {
  return self->ending;
}

gboolean
clipmoe_cutter_is_turned (const ClipmoeCutter *self) {
  return self->turned;
}
