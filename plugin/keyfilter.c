#include "keyfilter.h"

#include <gst/video/gstvideodecoder.h>

#define MOST_WAITING (64 << 20) /* bytes; a group larger than that is decoded */

struct _ClipmoeKeyFilter {
  gatomicrefcount refs;
  GMutex lock;
  /* under the lock */
  ClipmoeDecode decode;
  GstClockTime period, longest_gap;
  guint64 units, dropped;
};

/* One decoder's stream; all of it belongs to the pad's streaming thread. */
typedef struct {
  ClipmoeKeyFilter *filter;
  GQueue waiting; /* AUTO: units since the key frame, until it is known whether they are needed */
  gsize waiting_bytes;
  gboolean live, asked;                 /* cannot wait; that was asked */
  gboolean passing;                     /* AUTO: this group of pictures is decoded to its end */
  gboolean sending;                     /* what passes the pad now comes from `waiting` */
  gboolean gap;                         /* a unit was left out since the last one that was let through */
  gboolean orphans;                     /* there was a gap before this group's key frame */
  gboolean fed;                         /* the decoder got something since it was reset */
  GstClockTime key_time, key_pts, last; /* of the newest key frame; of the newest unit let through */
} Stream;

static void
count_drop (Stream *self, GstBuffer *buffer) {
  gst_buffer_unref (buffer);
  self->gap = TRUE;
  g_mutex_lock (&self->filter->lock);
  self->filter->dropped++;
  g_mutex_unlock (&self->filter->lock);
}

static void
drop_waiting (Stream *self) {
  GstBuffer *buffer;
  while ((buffer = g_queue_pop_head (&self->waiting)))
    count_drop (self, buffer);
  self->waiting_bytes = 0;
}

static void
forget (Stream *self) {
  drop_waiting (self);
  self->passing = self->gap = self->orphans = self->fed = FALSE;
  self->key_time = self->key_pts = self->last = GST_CLOCK_TIME_NONE;
}

static GstPadProbeReturn
pass (Stream *self, GstClockTime time) {
  self->fed = TRUE;
  if (GST_CLOCK_TIME_IS_VALID (time)) {
    g_mutex_lock (&self->filter->lock);
    if (GST_CLOCK_TIME_IS_VALID (self->last) && time > self->last)
      self->filter->longest_gap = MAX (self->filter->longest_gap, time - self->last);
    g_mutex_unlock (&self->filter->lock);
    self->last = time;
  }
  return GST_PAD_PROBE_OK;
}

/* Sends what waits into the pad, before the unit in @info follows. */
static GstPadProbeReturn
pass_waiting (Stream *self, GstPad *pad, GstPadProbeInfo *info) {
  GstFlowReturn flow = GST_FLOW_OK;
  GstBuffer *buffer;
  self->sending = TRUE;
  while (flow == GST_FLOW_OK && (buffer = g_queue_pop_head (&self->waiting))) {
    pass (self, GST_BUFFER_DTS_OR_PTS (buffer));
    flow = gst_pad_chain (pad, buffer);
  }
  self->sending = FALSE;
  drop_waiting (self);
  if (flow == GST_FLOW_OK)
    return pass (self, GST_BUFFER_DTS_OR_PTS (GST_PAD_PROBE_INFO_BUFFER (info)));
  gst_buffer_unref (GST_PAD_PROBE_INFO_BUFFER (info));
  info->data = NULL;
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = flow;
  return GST_PAD_PROBE_HANDLED;
}

static GstPadProbeReturn
leave_out (Stream *self, GstPadProbeInfo *info) {
  count_drop (self, GST_PAD_PROBE_INFO_BUFFER (info));
  info->data = NULL;
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = GST_FLOW_OK;
  return GST_PAD_PROBE_HANDLED;
}

/* The decoder gives out what it holds and forgets what it has seen. Without that an H.264 decoder takes a key
 * frame of an open group for the sequel of what it had before, fills the gap with copies, and shows those.
 * No event says this and nothing else: the base class drains at a new stream, and then drops its tags too. */
static void
reset_decoder (Stream *self, GstPad *pad) {
  GstObject *element = self->fed ? gst_pad_get_parent (pad) : NULL;
  self->fed = FALSE;
  if (GST_IS_VIDEO_DECODER (element)) {
    GstVideoDecoder *decoder = GST_VIDEO_DECODER (element);
    GstVideoDecoderClass *klass = GST_VIDEO_DECODER_GET_CLASS (decoder);
    GST_VIDEO_DECODER_STREAM_LOCK (decoder);
    if (klass->drain)
      klass->drain (decoder);
    GST_VIDEO_DECODER_STREAM_UNLOCK (decoder);
  }
  g_clear_object (&element);
}

static gboolean
is_live (Stream *self, GstPad *pad) {
  if (!self->asked) {
    GstQuery *query = gst_query_new_latency ();
    if (gst_pad_peer_query (pad, query))
      gst_query_parse_latency (query, &self->live, NULL, NULL);
    gst_query_unref (query);
    self->asked = TRUE;
  }
  return self->live;
}

static GstPadProbeReturn
unit (Stream *self, GstPad *pad, GstPadProbeInfo *info) {
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstClockTime time = GST_BUFFER_DTS_OR_PTS (buffer);
  gboolean key = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  g_mutex_lock (&self->filter->lock);
  ClipmoeDecode decode = self->filter->decode;
  GstClockTime period = self->filter->period;
  self->filter->units++;
  g_mutex_unlock (&self->filter->lock);
  if (decode == CLIPMOE_DECODE_AUTO && (!period || is_live (self, pad)))
    decode = CLIPMOE_DECODE_ALL;
  if (key) {             /* or headers alone, which look like it and are needed too */
    drop_waiting (self); /* this one came in time */
    self->orphans = self->gap;
    if (self->gap)
      reset_decoder (self, pad);
    self->gap = self->passing = FALSE;
    self->key_time = time;
    self->key_pts = GST_BUFFER_PTS (buffer);
    return pass (self, time);
  }
  if (self->orphans && GST_BUFFER_PTS_IS_VALID (buffer) && GST_CLOCK_TIME_IS_VALID (self->key_pts) &&
      GST_BUFFER_PTS (buffer) < self->key_pts) { /* an open group: it needs pictures of the one before */
    gboolean gap = self->gap;
    leave_out (self, info);
    self->gap = gap; /* nothing else needs it */
    return GST_PAD_PROBE_HANDLED;
  }
  if (decode == CLIPMOE_DECODE_KEY || self->gap) {
    drop_waiting (self);
    reset_decoder (self, pad); /* the key frame comes out now and not with the next one */
    return leave_out (self, info);
  }
  /* without times nothing can be said, so all is decoded */
  if (decode == CLIPMOE_DECODE_ALL || self->passing || !GST_CLOCK_TIME_IS_VALID (time) ||
      !GST_CLOCK_TIME_IS_VALID (self->key_time) || time > self->key_time + period ||
      self->waiting_bytes > MOST_WAITING) {
    self->passing = TRUE;
    return pass_waiting (self, pad, info);
  }
  self->waiting_bytes += gst_buffer_get_size (buffer);
  g_queue_push_tail (&self->waiting, buffer);
  info->data = NULL;
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = GST_FLOW_OK;
  return GST_PAD_PROBE_HANDLED;
}

static GstPadProbeReturn
probe (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  Stream *self = data;
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
    return self->sending ? GST_PAD_PROBE_OK : unit (self, pad, info);
  switch (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info))) {
  case GST_EVENT_EOS: /* what waits lies closer to the last key frame than the period */
  case GST_EVENT_CAPS:
    drop_waiting (self);
    break;
  case GST_EVENT_FLUSH_STOP:
  case GST_EVENT_SEGMENT:
  case GST_EVENT_STREAM_START:
    forget (self);
    break;
  default:
    break;
  }
  return GST_PAD_PROBE_OK;
}

static void
stream_free (gpointer data) {
  Stream *self = data;
  drop_waiting (self);
  clipmoe_key_filter_unref (self->filter);
  g_free (self);
}

void
clipmoe_key_filter_watch (ClipmoeKeyFilter *self, GstPad *pad) {
  Stream *stream = g_new0 (Stream, 1);
  g_atomic_ref_count_inc (&self->refs);
  stream->filter = self;
  g_queue_init (&stream->waiting);
  forget (stream);
  gst_pad_add_probe (
      pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_EVENT_FLUSH,
      probe, stream, stream_free);
}

ClipmoeKeyFilter *
clipmoe_key_filter_new (void) {
  ClipmoeKeyFilter *self = g_new0 (ClipmoeKeyFilter, 1);
  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  return self;
}

void
clipmoe_key_filter_unref (ClipmoeKeyFilter *self) {
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
clipmoe_key_filter_set (ClipmoeKeyFilter *self, ClipmoeDecode decode, GstClockTime period) {
  g_mutex_lock (&self->lock);
  self->decode = decode;
  self->period = period;
  g_mutex_unlock (&self->lock);
}

void
clipmoe_key_filter_reset (ClipmoeKeyFilter *self) {
  g_mutex_lock (&self->lock);
  self->units = self->dropped = self->longest_gap = 0;
  g_mutex_unlock (&self->lock);
}

void
clipmoe_key_filter_get_counts (ClipmoeKeyFilter *self, guint64 *units, guint64 *dropped,
                               GstClockTime *longest_gap) {
  g_mutex_lock (&self->lock);
  *units = self->units;
  *dropped = self->dropped;
  *longest_gap = self->longest_gap;
  g_mutex_unlock (&self->lock);
}
