#include "keyfilter.h"

#include <gst/video/gstvideodecoder.h>
#include "keyunits.h"

GST_DEBUG_CATEGORY_STATIC (key_filter_debug);
#define GST_CAT_DEFAULT key_filter_debug

#define MOST_WAITING (64 << 20) /* bytes; a group larger than that is decoded */

struct _ClipmoeKeyFilter {
  gatomicrefcount refs;
  GMutex lock;
  /* under the lock */
  ClipmoeDecode decode;
  gboolean patient;
  GstClockTime period, longest_gap;
  guint64 units, dropped;
  GPtrArray *streams; /* that are watched */
};

/* One decoder's stream; what is not said to be under the filter's lock belongs to the pad's streaming thread.
 */
typedef struct {
  ClipmoeKeyFilter *filter;
  char *id;               /* under the lock, as are the next four */
  gboolean muted;         /* nothing is decoded */
  gboolean picture;       /* image/... */
  guint64 units, dropped; /* its share of the filter's */
  ClipmoeKeyUnits *reader;
  GstSegment segment;
  GQueue waiting; /* AUTO: units since the key frame, until it is known whether they are needed */
  gsize waiting_bytes;
  gboolean live, asked; /* cannot wait; that was asked */
  gboolean passing;     /* AUTO: this group of pictures is decoded to its end */
  gboolean whole;       /* this group is decoded to its end in any way of decoding */
  gboolean blind;       /* pictures without a time are not shown in the order in which they come */
  gboolean sending;     /* what passes the pad now comes from `waiting` */
  gboolean gap;         /* a unit was left out since the last one that was let through */
  gboolean orphans;     /* there was a gap before this group's key frame */
  gboolean open;        /* units of this group that are shown before its key frame need older ones */
  gboolean ordered;     /* none of a whole group was reordered without a time */
  gboolean changed;   /* units are of another kind than those before, or of the same with other parameters */
  gboolean recounted; /* pictures are numbered from `base` on */
  guint32 base;
  gboolean synced;             /* there was a key frame since the stream began or jumped */
  gboolean fed;                /* the decoder got something since it was reset */
  GstClockTime key_time, last; /* of the newest key frame; the latest of those let through */
  GstClockTime due;            /* of the next look, by what was let through; from clipmoetag's own grid */
} Stream;

static GstClockTime
time_of (GstBuffer *buffer) {
  return GST_BUFFER_PTS_IS_VALID (buffer) ? GST_BUFFER_PTS (buffer) : GST_BUFFER_DTS (buffer);
}

static void
count_drop (Stream *self, GstBuffer *buffer) {
  gst_buffer_unref (buffer);
  self->gap = TRUE;
  g_mutex_lock (&self->filter->lock);
  if (!self->muted) {
    self->filter->dropped++;
    self->dropped++;
  }
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
  clipmoe_key_units_reset (self->reader);
  self->passing = self->whole = self->blind = self->gap = self->orphans = self->open = FALSE;
  self->synced = self->ordered = self->fed = self->recounted = FALSE;
  self->key_time = self->last = self->due = GST_CLOCK_TIME_NONE;
}

/* As in tagschedule.c: looks are on a grid, and a jump starts another. */
static void
follow_looks (Stream *self, GstClockTime time, GstClockTime period) {
  if (GST_CLOCK_TIME_IS_VALID (self->segment.start) && time < self->segment.start)
    return; /* it is cut away */
  if (!GST_CLOCK_TIME_IS_VALID (self->due) || (time > self->due && time - self->due >= period))
    self->due = time + period;
  else if (time >= self->due)
    self->due += period;
}

/* Whether one of those that wait is to be looked at. */
static gboolean
look_waits (Stream *self) {
  for (GList *l = self->waiting.head; l; l = l->next) {
    GstClockTime time = time_of (l->data);
    if (GST_CLOCK_TIME_IS_VALID (time) && GST_CLOCK_TIME_IS_VALID (self->due) && time >= self->due)
      return TRUE;
  }
  return FALSE;
}

static GstPadProbeReturn
pass (Stream *self, GstBuffer *buffer) {
  GstClockTime time = time_of (buffer);
  self->fed = TRUE;
  if (GST_CLOCK_TIME_IS_VALID (time)) {
    g_mutex_lock (&self->filter->lock);
    if (GST_CLOCK_TIME_IS_VALID (self->last) && time > self->last)
      self->filter->longest_gap = MAX (self->filter->longest_gap, time - self->last);
    GstClockTime period = self->filter->period;
    g_mutex_unlock (&self->filter->lock);
    follow_looks (self, time, period);
    if (!GST_CLOCK_TIME_IS_VALID (self->last) || time > self->last)
      self->last = time;
  }
  return GST_PAD_PROBE_OK;
}

/* Sends what waits into the pad. */
static GstFlowReturn
send_waiting (Stream *self, GstPad *pad) {
  GstFlowReturn flow = GST_FLOW_OK;
  GstBuffer *buffer;
  self->sending = TRUE;
  while (flow == GST_FLOW_OK && (buffer = g_queue_pop_head (&self->waiting))) {
    pass (self, buffer);
    flow = gst_pad_chain (pad, buffer);
  }
  self->sending = FALSE;
  drop_waiting (self); /* what could not be sent */
  return flow;
}

/* The same, before the unit in @info follows. */
static GstPadProbeReturn
pass_waiting (Stream *self, GstPad *pad, GstPadProbeInfo *info) {
  GstFlowReturn flow = send_waiting (self, pad);
  if (flow == GST_FLOW_OK)
    return pass (self, GST_PAD_PROBE_INFO_BUFFER (info));
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

/* A unit that no other needs. */
static GstPadProbeReturn
leave_out_alone (Stream *self, GstPadProbeInfo *info) {
  gboolean gap = self->gap;
  leave_out (self, info);
  self->gap = gap;
  return GST_PAD_PROBE_HANDLED;
}

static gboolean
can_reset (GstPad *pad) {
  GstObject *element = gst_pad_get_parent (pad);
  gboolean can = GST_IS_VIDEO_DECODER (element) && GST_VIDEO_DECODER_GET_CLASS (element)->drain;
  g_clear_object (&element);
  return can;
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
is_patient (Stream *self) {
  g_mutex_lock (&self->filter->lock);
  gboolean patient = self->filter->patient;
  g_mutex_unlock (&self->filter->lock);
  return patient;
}

/* The key picture comes out now and not with the next one. */
static void
hurry (Stream *self, GstPad *pad) {
  if (!is_patient (self))
    reset_decoder (self, pad);
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

/* What the unit is by its own bytes; of formats that are not read by the container's mark. */
static ClipmoeUnit
look_at (Stream *self, GstBuffer *buffer) {
  ClipmoeUnit unit = {CLIPMOE_UNIT_UNKNOWN, TRUE};
  GstMapInfo map;
  if (clipmoe_key_units_known (self->reader) && gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    unit = clipmoe_key_units_look (self->reader, map.data, map.size);
    gst_buffer_unmap (buffer, &map);
  } else if (!GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT)) {
    unit = (ClipmoeUnit){CLIPMOE_UNIT_KEY_OPEN, FALSE}; /* or headers alone, which look like it */
  }
  /* a damaged one does not do for those around it */
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_CORRUPTED) && unit.kind != CLIPMOE_UNIT_HEADERS)
    unit = (ClipmoeUnit){CLIPMOE_UNIT_UNKNOWN, TRUE};
  return unit;
}

/* The unit in the count of pictures that began anew at the last key frame. */
static void
renumber (Stream *self, GstPadProbeInfo *info) {
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstMapInfo map;
  if (!self->recounted || !gst_buffer_map (buffer, &map, GST_MAP_READ))
    return;
  GByteArray *bytes = clipmoe_key_units_renumber (self->reader, map.data, map.size, self->base);
  gst_buffer_unmap (buffer, &map);
  if (bytes) {
    GBytes *owned = g_byte_array_free_to_bytes (bytes);
    GstBuffer *other = gst_buffer_new_wrapped_bytes (owned);
    g_bytes_unref (owned);
    gst_buffer_copy_into (other, buffer,
                          GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS | GST_BUFFER_COPY_META, 0,
                          (gsize)-1);
    gst_buffer_unref (buffer);
    info->data = other;
  }
}

/* How it is decoded here and now. */
static ClipmoeDecode
way (Stream *self, GstPad *pad, GstClockTime *period) {
  g_mutex_lock (&self->filter->lock);
  ClipmoeDecode decode = self->filter->decode;
  *period = self->filter->period;
  self->filter->units++;
  self->units++;
  g_mutex_unlock (&self->filter->lock);
  if (self->segment.format != GST_FORMAT_TIME || self->segment.rate < 0)
    return CLIPMOE_DECODE_ALL; /* no times, or groups that come backwards */
  if (decode == CLIPMOE_DECODE_AUTO &&
      (!*period || !clipmoe_key_units_known (self->reader) || is_live (self, pad) ||
       (clipmoe_key_units_delayed (self->reader) && !can_reset (pad))))
    return CLIPMOE_DECODE_ALL;
  return decode;
}

static GstPadProbeReturn
key_unit (Stream *self, GstPad *pad, GstPadProbeInfo *info, ClipmoeUnit unit, ClipmoeDecode decode,
          GstClockTime period) {
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstClockTime time = GST_BUFFER_PTS (buffer);
  /* Without its time what was left out before it would move it, and all that follows, to an earlier one. */
  gboolean timeless = !GST_CLOCK_TIME_IS_VALID (time) || self->blind,
           late = timeless || decode == CLIPMOE_DECODE_ALL ||
                  (decode == CLIPMOE_DECODE_AUTO &&
                   (!GST_CLOCK_TIME_IS_VALID (self->key_time) || time > self->key_time + period));
  if (timeless && self->gap && !GST_CLOCK_TIME_IS_VALID (time) && GST_BUFFER_DTS_IS_VALID (buffer)) {
    info->data = buffer = gst_buffer_make_writable (buffer);
    GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer);
  }
  if (!late)
    drop_waiting (self); /* this one came in time */
  GST_LOG_OBJECT (pad, "key frame at %" GST_TIME_FORMAT "%s", GST_TIME_ARGS (time),
                  self->gap ? ", what was before it left out" : "");
  self->orphans = self->gap;
  /* One that begins anew by itself needs no reset, which would have each key picture decoded alone, and all
   * of the decoder's memory set up for it. */
  if (self->gap && (self->changed || !clipmoe_key_units_anew (self->reader) || !is_patient (self)))
    reset_decoder (self, pad);
  self->gap = self->changed = FALSE;
  self->open = unit.kind == CLIPMOE_UNIT_KEY_OPEN;
  if (!self->open || self->orphans)
    self->recounted = self->open && clipmoe_key_units_get_number (self->reader, &self->base);
  renumber (self, info);
  self->ordered = self->synced; /* a whole group went by */
  self->synced = TRUE;
  self->whole = timeless;
  /* one that is cut away, as it lies before where the stream is to begin, is no look */
  self->passing = timeless || (GST_CLOCK_TIME_IS_VALID (self->segment.start) && time < self->segment.start);
  self->key_time = timeless ? GST_CLOCK_TIME_NONE : time;
  return pass_waiting (self, pad, info);
}

static GstPadProbeReturn
unit (Stream *self, GstPad *pad, GstPadProbeInfo *info) {
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstClockTime time = time_of (buffer), period;
  gboolean marked = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  ClipmoeDecode decode = way (self, pad, &period);
  ClipmoeUnit unit = look_at (self, buffer);
  if (unit.kind == CLIPMOE_UNIT_KEY || unit.kind == CLIPMOE_UNIT_KEY_OPEN)
    return key_unit (self, pad, info, unit, decode, period);
  if (clipmoe_key_units_restarted (self->reader))
    self->recounted = FALSE;
  renumber (self, info);
  buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  if (unit.kind == CLIPMOE_UNIT_HEADERS) { /* needed too, and where they stand */
    self->passing = TRUE;
    return pass_waiting (self, pad, info);
  }
  if (unit.kind == CLIPMOE_UNIT_SECOND_FIELD)
    return pass_waiting (self, pad, info);
  if (self->orphans && !self->blind &&
      (unit.kind == CLIPMOE_UNIT_LEADING ||
       (self->open && GST_BUFFER_PTS_IS_VALID (buffer) && GST_CLOCK_TIME_IS_VALID (self->key_time) &&
        GST_BUFFER_PTS (buffer) < self->key_time))) /* an open group: it needs pictures of the one before */
    return leave_out_alone (self, info);
  if (unit.reordered && !GST_BUFFER_PTS_IS_VALID (buffer) && !self->blind) {
    GST_INFO_OBJECT (pad, "pictures are reordered and have no time of their own: all are decoded");
    self->blind = TRUE; /* nor is that of a key frame its own, then */
  }
  if (!self->synced && marked && !self->whole) {
    /* a recovery point, say: when it is whole is not known */
    GST_INFO_OBJECT (pad, "no key frame where the container marks one: all are decoded");
    self->whole = TRUE;
  }
  if (self->gap) {
    drop_waiting (self);
    hurry (self, pad);
    return leave_out (self, info);
  }
  /* Whether pictures are reordered is seen at the first group: until then they wait. */
  gboolean unsure = decode == CLIPMOE_DECODE_KEY && !GST_BUFFER_PTS_IS_VALID (buffer) && self->synced &&
                    !self->ordered && clipmoe_key_units_delayed (self->reader) &&
                    self->waiting_bytes <= MOST_WAITING;
  if (decode == CLIPMOE_DECODE_KEY && !self->whole && !self->blind && !unsure) {
    drop_waiting (self);
    hurry (self, pad);
    return self->synced ? leave_out (self, info) : leave_out_alone (self, info);
  }
  /* without times nothing can be said, so all is decoded */
  gboolean wait = decode == CLIPMOE_DECODE_AUTO
                      ? !self->passing && unit.kind != CLIPMOE_UNIT_UNKNOWN &&
                            GST_CLOCK_TIME_IS_VALID (time) && GST_CLOCK_TIME_IS_VALID (self->key_time) &&
                            time <= self->key_time + period && self->waiting_bytes <= MOST_WAITING
                      : unsure;
  if (self->whole || self->blind || !wait) {
    self->passing = TRUE;
    return pass_waiting (self, pad, info);
  }
  self->waiting_bytes += gst_buffer_get_size (buffer);
  g_queue_push_tail (&self->waiting, buffer);
  info->data = NULL;
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = GST_FLOW_OK;
  return GST_PAD_PROBE_HANDLED;
}

static void
event (Stream *self, GstPad *pad, GstEvent *event) {
  const char *id;
  GstCaps *caps;
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_EOS: /* no key frame comes any more that a look could be at instead */
    if (look_waits (self))
      send_waiting (self, pad);
    drop_waiting (self);
    break;
  case GST_EVENT_CAPS: /* this and the next may come amid a group, and what waits belongs before it */
    send_waiting (self, pad);
    self->passing = self->changed = TRUE;
    gst_event_parse_caps (event, &caps);
    clipmoe_key_units_set_caps (self->reader, caps);
    g_mutex_lock (&self->filter->lock);
    self->picture = gst_caps_get_size (caps) &&
                    g_str_has_prefix (gst_structure_get_name (gst_caps_get_structure (caps, 0)), "image/");
    g_mutex_unlock (&self->filter->lock);
    GST_DEBUG_OBJECT (pad, "key frames of %" GST_PTR_FORMAT " are %s", caps,
                      clipmoe_key_units_known (self->reader) ? "read" : "not read");
    break;
  case GST_EVENT_SEGMENT:
    send_waiting (self, pad);
    gst_event_copy_segment (event, &self->segment);
    self->passing = TRUE;
    self->key_time = self->last = self->due = GST_CLOCK_TIME_NONE; /* a gap stays one */
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
    forget (self);
    break;
  case GST_EVENT_STREAM_START:
    gst_event_parse_stream_start (event, &id);
    g_mutex_lock (&self->filter->lock);
    g_free (self->id);
    self->id = g_strdup (id);
    g_mutex_unlock (&self->filter->lock);
    forget (self);
    break;
  default:
    break;
  }
}

static GstPadProbeReturn
probe (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  Stream *self = data;
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    g_mutex_lock (&self->filter->lock);
    gboolean muted = self->muted;
    g_mutex_unlock (&self->filter->lock);
    if (self->sending)
      return GST_PAD_PROBE_OK;
    return muted ? GST_PAD_PROBE_DROP : unit (self, pad, info);
  }
  event (self, pad, GST_PAD_PROBE_INFO_EVENT (info));
  return GST_PAD_PROBE_OK;
}

static void
stream_free (gpointer data) {
  Stream *self = data;
  drop_waiting (self);
  g_mutex_lock (&self->filter->lock);
  g_ptr_array_remove_fast (self->filter->streams, self);
  g_mutex_unlock (&self->filter->lock);
  clipmoe_key_filter_unref (self->filter);
  clipmoe_key_units_free (self->reader);
  g_free (self->id);
  g_free (self);
}

void
clipmoe_key_filter_watch (ClipmoeKeyFilter *self, GstPad *pad) {
  Stream *stream = g_new0 (Stream, 1);
  g_atomic_ref_count_inc (&self->refs);
  stream->filter = self;
  stream->reader = clipmoe_key_units_new ();
  gst_segment_init (&stream->segment, GST_FORMAT_UNDEFINED);
  g_queue_init (&stream->waiting);
  forget (stream);
  g_mutex_lock (&self->lock);
  g_ptr_array_add (self->streams, stream);
  g_mutex_unlock (&self->lock);
  gst_pad_add_probe (
      pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_EVENT_FLUSH,
      probe, stream, stream_free);
}

void
clipmoe_key_filter_mute (ClipmoeKeyFilter *self, const char *stream_id) {
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->streams->len; i++) {
    Stream *stream = g_ptr_array_index (self->streams, i);
    if (stream->muted || g_strcmp0 (stream->id, stream_id))
      continue;
    stream->muted = TRUE;
    self->units -= stream->units;
    self->dropped -= stream->dropped;
  }
  g_mutex_unlock (&self->lock);
}

gboolean
clipmoe_key_filter_is_picture (ClipmoeKeyFilter *self, const char *stream_id) {
  gboolean picture = FALSE;
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->streams->len; i++) {
    Stream *stream = g_ptr_array_index (self->streams, i);
    picture |= stream->picture && !g_strcmp0 (stream->id, stream_id);
  }
  g_mutex_unlock (&self->lock);
  return picture;
}

ClipmoeKeyFilter *
clipmoe_key_filter_new (void) {
  ClipmoeKeyFilter *self = g_new0 (ClipmoeKeyFilter, 1);
  static gsize once;
  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (key_filter_debug, "clipmoekeys", 0, "which coded pictures are decoded");
    g_once_init_leave (&once, 1);
  }
  g_atomic_ref_count_init (&self->refs);
  g_mutex_init (&self->lock);
  self->streams = g_ptr_array_new ();
  return self;
}

void
clipmoe_key_filter_unref (ClipmoeKeyFilter *self) {
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_mutex_clear (&self->lock);
  g_ptr_array_unref (self->streams);
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
clipmoe_key_filter_set_patient (ClipmoeKeyFilter *self, gboolean patient) {
  g_mutex_lock (&self->lock);
  self->patient = patient;
  g_mutex_unlock (&self->lock);
}

void
clipmoe_key_filter_reset (ClipmoeKeyFilter *self) {
  g_mutex_lock (&self->lock);
  self->units = self->dropped = self->longest_gap = 0;
  for (guint i = 0; i < self->streams->len; i++) {
    Stream *stream = g_ptr_array_index (self->streams, i);
    stream->units = stream->dropped = 0;
  }
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
