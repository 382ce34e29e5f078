#include "srcattempt.h"

#include <string.h>
#include <base/file.h>
#include <base/uri.h>
#include "bindecoder.h"
#include "srcwhy.h"

#define GST_CAT_DEFAULT clipmoe_src_debug

#define MOST_WAITING (2 * GST_SECOND) /* of coded video before a decoder that is too slow */

struct _SrcAttempt {
  GstElement *pipeline, *parse; /* parse: the pipeline's */
  GstPad *video;                /* where the chosen stream goes in */
  ClipmoeBinDecoder *decoder;
  SrcTimes *times;
  SrcLane *pictures, *coded;
  gboolean joined; /* coded video has come; its thread's */
  gboolean paced;  /* what comes is held back until it is due */
  void (*changed) (gpointer data);
  gpointer data;
  /* streaming thread of the coded video */
  GstSegment segment;
  GMutex lock;
  /* under the lock */
  GstClockID wait;
  SrcAttemptState state;
  char *why;
  gboolean aborted;
};

static void
fail (SrcAttempt *self, char *why, gboolean unreachable) {
  g_mutex_lock (&self->lock);
  gboolean first = !self->why;
  if (first) {
    self->why = why;
    self->state.failed = why;
    self->state.unreachable = unreachable;
  }
  g_mutex_unlock (&self->lock);
  if (first)
    self->changed (self->data);
  else
    g_free (why);
}

/* --- what comes --- */

/* Returns FALSE: the attempt is over. */
static gboolean
wait_until (SrcAttempt *self, GstClockTime due) {
  g_mutex_lock (&self->lock);
  if (!self->aborted) {
    GstClockID id = gst_clock_new_single_shot_id (GST_ELEMENT_CLOCK (self->pipeline),
                                                  gst_element_get_base_time (self->pipeline) + due);
    self->wait = id;
    g_mutex_unlock (&self->lock);
    gst_clock_id_wait (id, NULL);
    g_mutex_lock (&self->lock);
    self->wait = NULL;
    gst_clock_id_unref (id);
  }
  gboolean more = !self->aborted;
  g_mutex_unlock (&self->lock);
  return more;
}

static gboolean
take (SrcAttempt *self, GstBuffer *buffer) {
  GstClock *clock = GST_ELEMENT_CLOCK (self->pipeline);
  GstClockTime base = gst_element_get_base_time (self->pipeline), at = gst_clock_get_time (clock);
  GstClockTime now = at > base ? at - base : 0;
  GstClockTime due = src_times_map (self->times, &self->segment, buffer, now);
  g_mutex_lock (&self->lock);
  self->state.units = TRUE;
  gboolean more = !self->aborted;
  g_mutex_unlock (&self->lock);
  return more && (!self->paced || due <= now || wait_until (self, due));
}

static gboolean
take_one_of_list (GstBuffer **buffer, guint i, gpointer data) {
  *buffer = gst_buffer_make_writable (*buffer);
  return take (data, *buffer);
}

static void
take_caps (SrcAttempt *self, GstEvent *event) {
  GstCaps *caps;
  gint n = 0, d = 0;
  gst_event_parse_caps (event, &caps);
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  if (gst_structure_get_fraction (s, "framerate", &n, &d) && n > 0 && d > 0)
    self->times->step = MAX (gst_util_uint64_scale_int (GST_SECOND, d, n), GST_MSECOND);
}

/* Before the video goes to the decoder and to whoever wants it as it is: its times become ours. */
static GstPadProbeReturn
retime (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  SrcAttempt *self = data;
  gboolean more = TRUE;
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    info->data = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
    more = take (self, GST_PAD_PROBE_INFO_BUFFER (info));
  } else if (info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST) {
    info->data = gst_buffer_list_make_writable (GST_PAD_PROBE_INFO_BUFFER_LIST (info));
    more = gst_buffer_list_foreach (GST_PAD_PROBE_INFO_BUFFER_LIST (info), take_one_of_list, self);
  } else if (GST_EVENT_TYPE (info->data) == GST_EVENT_CAPS) {
    take_caps (self, info->data);
  } else if (GST_EVENT_TYPE (info->data) == GST_EVENT_SEGMENT) {
    GstSegment ours;
    gst_event_copy_segment (info->data, &self->segment);
    gst_segment_init (&ours, GST_FORMAT_TIME);
    gst_event_unref (info->data);
    info->data = gst_event_new_segment (&ours);
  }
  if (more)
    return GST_PAD_PROBE_OK;
  gst_mini_object_unref (info->data);
  info->data = NULL;
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = GST_FLOW_FLUSHING;
  return GST_PAD_PROBE_HANDLED;
}

static gboolean
is_aborted (SrcAttempt *self) {
  g_mutex_lock (&self->lock);
  gboolean aborted = self->aborted;
  g_mutex_unlock (&self->lock);
  return aborted;
}

/* A decoded picture, or the end. */
static GstPadProbeReturn
picture (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  SrcAttempt *self = data;
  GstBuffer *buffer = info->type & GST_PAD_PROBE_TYPE_BUFFER ? GST_PAD_PROBE_INFO_BUFFER (info) : NULL;
  GstCaps *caps = buffer && gst_buffer_get_size (buffer) ? gst_pad_get_current_caps (pad) : NULL;
  gboolean news = FALSE;
  if (caps) {
    g_mutex_lock (&self->lock);
    news = !self->state.pictures++;
    self->state.last = g_get_monotonic_time ();
    g_mutex_unlock (&self->lock);
    if (!is_aborted (self))
      src_lane_push (self->pictures, gst_buffer_ref (buffer), caps);
    gst_caps_unref (caps);
  } else if (!buffer && GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_EOS) {
    g_mutex_lock (&self->lock);
    news = self->state.ended = TRUE;
    g_mutex_unlock (&self->lock);
  }
  if (news)
    self->changed (self->data);
  return GST_PAD_PROBE_OK;
}

/* (transfer full): the first one of a connection says that it does not follow what came before. */
static GstBuffer *
mark_first (SrcAttempt *self, GstBuffer *buffer) {
  gst_buffer_ref (buffer);
  if (self->joined)
    return buffer;
  self->joined = TRUE;
  buffer = gst_buffer_make_writable (buffer);
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  return buffer;
}

/* Coded video; what is raw from the start is none. */
static GstPadProbeReturn
unit (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  SrcAttempt *self = data;
  GstCaps *caps = gst_pad_get_current_caps (pad);
  if (caps && !gst_structure_has_name (gst_caps_get_structure (caps, 0), "video/x-raw") &&
      !is_aborted (self)) {
    GstBufferList *list =
        info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST ? GST_PAD_PROBE_INFO_BUFFER_LIST (info) : NULL;
    for (guint i = 0; list && i < gst_buffer_list_length (list); i++)
      src_lane_push (self->coded, mark_first (self, gst_buffer_list_get (list, i)), caps);
    if (!list)
      src_lane_push (self->coded, mark_first (self, GST_PAD_PROBE_INFO_BUFFER (info)), caps);
  }
  gst_clear_caps (&caps);
  return GST_PAD_PROBE_OK;
}

/* --- which stream --- */

static gboolean
is_video (GstPad *pad) {
  GstCaps *caps = gst_pad_get_current_caps (pad);
  if (!caps)
    caps = gst_pad_query_caps (pad, NULL);
  const char *name =
      gst_caps_get_size (caps) ? gst_structure_get_name (gst_caps_get_structure (caps, 0)) : "";
  gboolean video = g_str_has_prefix (name, "video/") || g_str_has_prefix (name, "image/");
  gst_caps_unref (caps);
  return video;
}

/* The first video there is. */
static void
stream_added (GstElement *parse, GstPad *pad, SrcAttempt *self) {
  if (is_video (pad) && !gst_pad_is_linked (self->video))
    gst_pad_link (pad, self->video);
}

static void
no_more_streams (GstElement *parse, SrcAttempt *self) {
  if (!gst_pad_is_linked (self->video))
    fail (self, g_strdup ("There is no video in what comes"), FALSE);
}

/* Parameter sets before every key frame, so that a recording can begin at each. */
static void
parser_added (GstBin *bin, GstBin *sub_bin, GstElement *element, SrcAttempt *self) {
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (element), "config-interval");
  GstElementFactory *factory = gst_element_get_factory (element);
  if (spec && factory && gst_element_factory_list_is_type (factory, GST_ELEMENT_FACTORY_TYPE_PARSER))
    gst_util_set_object_arg (G_OBJECT (element), "config-interval", "-1");
}

static void
source_pad_added (GstElement *source, GstPad *pad, SrcAttempt *self) {
  GstPad *sink = gst_element_get_static_pad (self->parse, "sink");
  if (!gst_pad_is_linked (sink))
    gst_pad_link (pad, sink);
  gst_object_unref (sink);
}

static gboolean
select_stream (GstElement *rtspsrc, guint number, GstCaps *caps, SrcAttempt *self) {
  return g_strcmp0 (gst_structure_get_string (gst_caps_get_structure (caps, 0), "media"), "video") == 0;
}

/* --- how it is built --- */

static GstElement *
make (const char *factory, GError **error) {
  GstElement *element = gst_element_factory_make (factory, NULL);
  if (!element)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "GStreamer's element %s is not installed", factory);
  return element;
}

static GstElement *
make_source (SrcAttempt *self, const SrcAttemptOptions *o, GError **error) {
  const SrcAddress *address = o->address;
  GstElement *source = NULL;
  switch (address->kind) {
  case SRC_FILE:
    if ((source = make ("filesrc", error)))
      g_object_set (source, "location", address->place, NULL);
    break;
  case SRC_V4L2:
    if ((source = make ("v4l2src", error)))
      g_object_set (source, "device", address->place, NULL);
    break;
  case SRC_RTSP:
    if (!(source = make ("rtspsrc", error)))
      break;
    g_object_set (source, "location", address->uri, "user-id", address->user, "user-pw", address->password,
                  "latency", o->latency, "tcp-timeout", (guint64)o->patience, NULL);
    if (o->protocols &&
        strncmp (address->uri, "rtsp:", 5) == 0) /* rtspt:, rtspu: and rtsps: say it themselves */
      gst_util_set_object_arg (G_OBJECT (source), "protocols", o->protocols);
    g_signal_connect (source, "select-stream", G_CALLBACK (select_stream), self);
    break;
  case SRC_HTTP:
    if (!(source = gst_element_make_from_uri (GST_URI_SRC, address->uri, NULL, error)))
      break;
    g_object_set (source, "user-id", address->user, "user-pw", address->password, "do-timestamp", TRUE,
                  "timeout", (guint)MAX (o->patience / G_USEC_PER_SEC, 1), NULL);
    break;
  default:
    source = gst_element_make_from_uri (GST_URI_SRC, address->uri, NULL, error);
  }
  return source;
}

/* @take sees what comes to it. */
static GstElement *
make_sink (GstPadProbeCallback take, GstPadProbeType kinds, SrcAttempt *self, GError **error) {
  GstElement *sink = make ("fakesink", error);
  if (!sink)
    return NULL;
  g_object_set (sink, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE, NULL);
  GstPad *pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, kinds, take, self, NULL);
  gst_object_unref (pad);
  return sink;
}

static GstElement *
make_queue (GError **error) {
  GstElement *queue = make ("queue", error);
  if (queue) {
    g_object_set (queue, "max-size-time", (guint64)MOST_WAITING, "max-size-buffers", 0, "max-size-bytes",
                  32 << 20, NULL);
    gst_util_set_object_arg (G_OBJECT (queue), "leaky", "downstream");
  }
  return queue;
}

/* Returns @element, which the pipeline frees from now on. */
static GstElement *
add (GstBin *bin, GstElement *element) {
  if (element)
    gst_bin_add (bin, element);
  return element;
}

/* source ! parsebin ! tee ! queue ! decoder ! fakesink, and from the tee another queue ! fakesink. */
static gboolean
build (SrcAttempt *self, const SrcAttemptOptions *o, GError **error) {
  GstBin *bin = GST_BIN (self->pipeline);
  GstElement *source = add (bin, make_source (self, o, error)),
             *parse = add (bin, source ? make ("parsebin", error) : NULL),
             *tee = add (bin, parse ? make ("tee", error) : NULL),
             *queue = add (bin, tee ? make_queue (error) : NULL),
             *sink =
                 add (bin, queue ? make_sink (picture,
                                              GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
                                              self, error)
                                 : NULL);
  if (!sink)
    return FALSE;
  self->parse = parse;
  self->decoder = clipmoe_bin_decoder_new (bin);
  if (!clipmoe_bin_decoder_is_complete (self->decoder)) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO,
                 "GStreamer's decodebin or videoconvert is not installed");
    return FALSE;
  }
  clipmoe_key_filter_set (clipmoe_bin_decoder_get_filter (self->decoder), CLIPMOE_DECODE_ALL, 0);
  GstPad *out = gst_element_get_static_pad (queue, "src"), *in = clipmoe_bin_decoder_get_sink (self->decoder);
  gboolean linked = gst_element_link (tee, queue) && gst_pad_link (out, in) == GST_PAD_LINK_OK &&
                    gst_element_link (clipmoe_bin_decoder_get_last (self->decoder), sink);
  gst_object_unref (out);
  gst_object_unref (in);
  if (linked && o->coded) {
    GstElement *aside = add (bin, make_queue (error)),
               *coded = add (
                   bin, aside ? make_sink (unit, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST,
                                           self, error)
                              : NULL);
    if (!coded)
      return FALSE;
    linked = gst_element_link_many (tee, aside, coded, NULL);
  }
  if (!linked) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "GStreamer's elements cannot be linked");
    return FALSE;
  }
  self->video = gst_element_get_static_pad (tee, "sink");
  gst_pad_add_probe (self->video,
                     GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST |
                         GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
                     retime, self, NULL);
  g_signal_connect (parse, "pad-added", G_CALLBACK (stream_added), self);
  g_signal_connect (parse, "no-more-pads", G_CALLBACK (no_more_streams), self);
  g_signal_connect (parse, "deep-element-added", G_CALLBACK (parser_added), self);
  GstPad *src = gst_element_get_static_pad (source, "src");
  if (src)
    source_pad_added (source, src, self);
  else
    g_signal_connect (source, "pad-added", G_CALLBACK (source_pad_added), self);
  g_clear_object (&src);
  o->setup (o->data, source);
  return TRUE;
}

/* Nobody reads this bus: the first error is all that counts. */
static GstBusSyncReply
heard (GstBus *bus, GstMessage *message, gpointer data) {
  SrcAttempt *self = data;
  gboolean unreachable;
  message = clipmoe_bin_decoder_explain (self->decoder, message);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    char *why = src_why (message, &unreachable);
    fail (self, why, unreachable);
  }
  gst_message_unref (message);
  return GST_BUS_DROP;
}

SrcAttempt *
src_attempt_new (const SrcAttemptOptions *o, GError **error) {
  SrcAttempt *self = g_new0 (SrcAttempt, 1);
  g_mutex_init (&self->lock);
  gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
  self->times = o->times;
  self->pictures = src_lane_ref (o->pictures);
  self->coded = o->coded ? src_lane_ref (o->coded) : NULL;
  self->paced = o->address->kind == SRC_FILE || o->address->kind == SRC_HTTP;
  self->changed = o->changed;
  self->data = o->data;
  self->pipeline = gst_pipeline_new ("camera");
  gst_pipeline_use_clock (GST_PIPELINE (self->pipeline), o->clock);
  gst_element_set_clock (self->pipeline, o->clock);
  gst_element_set_start_time (self->pipeline, GST_CLOCK_TIME_NONE);
  gst_element_set_base_time (self->pipeline, o->base_time);
  src_times_begin (self->times, o->address->kind == SRC_RTSP || o->address->kind == SRC_V4L2);
  if (!build (self, o, error)) {
    src_attempt_free (self);
    return NULL;
  }
  return self;
}

void
src_attempt_start (SrcAttempt *self) {
  GstBus *bus = gst_element_get_bus (self->pipeline);
  gst_bus_set_sync_handler (bus, heard, self, NULL);
  gst_object_unref (bus);
  clipmoe_bin_decoder_begin (self->decoder);
  /* GstBin sees no link from the decoder to what is behind it yet */
  if (gst_element_set_state (clipmoe_bin_decoder_get_last (self->decoder), GST_STATE_PAUSED) ==
          GST_STATE_CHANGE_FAILURE ||
      gst_element_set_state (self->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
    fail (self, g_strdup ("It cannot be opened"), TRUE);
}

void
src_attempt_get_state (SrcAttempt *self, SrcAttemptState *state) {
  g_mutex_lock (&self->lock);
  *state = self->state;
  g_mutex_unlock (&self->lock);
}

void
src_attempt_abort (SrcAttempt *self) {
  g_mutex_lock (&self->lock);
  self->aborted = TRUE;
  if (self->wait)
    gst_clock_id_unschedule (self->wait);
  g_mutex_unlock (&self->lock);
}

void
src_attempt_free (SrcAttempt *self) {
  src_attempt_abort (self);
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  GstBus *bus = gst_element_get_bus (self->pipeline);
  gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
  gst_object_unref (bus);
  gst_object_unref (self->pipeline);
  g_clear_object (&self->video);
  clipmoe_bin_decoder_free (self->decoder);
  src_lane_unref (self->pictures);
  if (self->coded)
    src_lane_unref (self->coded);
  g_mutex_clear (&self->lock);
  g_free (self->why);
  g_free (self);
}
