#include "watchrecorder.h"

#include <gst/app/app.h>
#include "clipmoeevent.h"
#include "watchclip.h"
#include "watchclips.h"
#include "clipmoepicture.h"
#include "watchring.h"
#include "watchsay.h"

#define LATE (8 * GST_SECOND)            /* an event may be told so much later than it settles */
#define MOST_RING (128u << 20)           /* bytes of video that wait for an event */
#define MOST_WAITING 4000                /* units that wait for the thread, as where a disk hangs */
#define MOST_BYTES (64 << 20)            /* bytes of them */
#define MOST_PICTURES 100                /* that wait before events come without one */
#define MOST_EVENTS 1000                 /* that a recording lists */
#define AGAIN (10 * G_TIME_SPAN_SECOND)  /* between two tries to write, where that failed */
#define MOST_CLIP (600 * GST_SECOND)     /* ten minutes */
#define SILENCE (2 * G_TIME_SPAN_SECOND) /* without video a recording ends */
#define CARE (10 * G_TIME_SPAN_MINUTE)   /* how often old recordings are deleted when there are no new ones */
#define TURN (200 * G_TIME_SPAN_MILLISECOND)
#define LAST (G_TIME_SPAN_SECOND) /* that the end of the last recording may take */

/* What the thread gets. */
typedef struct {
  GstSample *unit;     /* coded video; or NULL */
  gboolean lost;       /* units before it */
  ClipmoeEvent *event; /* a start or an end; or NULL */
  GstSample *picture;  /* the first frame after a start; or NULL */
  gboolean end;
} Item;

typedef struct {
  WatchClip *file;
  const char *ending;
  GstClockTime first, last;   /* running time */
  gint64 utc;                 /* of the first */
  GPtrArray *labels, *events; /* (element-type utf8), NULL-terminated when it is done; events: ids */
  GBytes *snapshot;
} Clip;

struct _WatchRecorder {
  char *name;
  GstClockTime pre_roll, post_roll;
  GstElement *pipeline; /* for its clock */
  GAsyncQueue *items;
  gint bytes; /* atomic: of the units in it */
  GThread *thread;
  /* the pipeline's */
  gboolean lost;    /* units, since the last that was taken */
  gboolean started; /* an event: the next frame is its picture */
  /* the thread's */
  WatchClips *clips;
  WatchRing *ring;
  GstCaps *caps;
  GPtrArray *open;          /* (element-type ClipmoeEvent): their starts, oldest first */
  gboolean broken;          /* until the next key frame */
  GstClockTime until, last; /* until: with nothing open */
  GstClockTime written;     /* the last recording ended there */
  gint64 heard;             /* monotonic time of the last unit */
  gint64 failed;            /* that a recording could not be begun; 0: never */
  Clip *clip;               /* that is written; or NULL */
  GPtrArray *ending;        /* (element-type Clip): those that come to their end */
};

static void
item_free (gpointer data) {
  Item *item = data;
  if (item->unit)
    gst_sample_unref (item->unit);
  if (item->picture)
    gst_sample_unref (item->picture);
  clipmoe_event_free (item->event);
  g_free (item);
}

/* --- what the pipeline's threads bring --- */

static void
push (WatchRecorder *self, const Item *item) {
  g_async_queue_push (self->items, g_memdup2 (item, sizeof *item));
}

static GstFlowReturn
unit (GstAppSink *sink, gpointer data) {
  WatchRecorder *self = data;
  GstSample *sample = gst_app_sink_pull_sample (sink);
  gsize size = sample ? gst_buffer_get_size (gst_sample_get_buffer (sample)) : 0;
  gboolean room = g_async_queue_length (self->items) < MOST_WAITING &&
                  (gsize)g_atomic_int_get (&self->bytes) + size <= MOST_BYTES;
  if (sample && room) {
    g_atomic_int_add (&self->bytes, (gint)size);
    push (self, &(Item){.unit = sample, .lost = self->lost});
  } else if (sample) {
    gst_sample_unref (sample);
  }
  self->lost = !room;
  return GST_FLOW_OK;
}

static void
bring_event (WatchRecorder *self, const GstStructure *s) {
  ClipmoeEvent event;
  const char *tagger;
  guint64 sequence;
  if (!clipmoe_event_read (s, &event, &tagger, &sequence) || event.type == CLIPMOE_EVENT_UPDATE)
    return;
  if (event.type == CLIPMOE_EVENT_START)
    self->started = TRUE;
  push (self, &(Item){.event = clipmoe_event_copy (&event)});
}

static GstPadProbeReturn
passes (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  WatchRecorder *self = data;
  const GstStructure *event = info->type & GST_PAD_PROBE_TYPE_BUFFER
                                  ? NULL
                                  : clipmoe_event_structure (GST_PAD_PROBE_INFO_EVENT (info));
  if (event)
    bring_event (self, event);
  if (!(info->type & GST_PAD_PROBE_TYPE_BUFFER) || !self->started)
    return GST_PAD_PROBE_OK;
  self->started = FALSE;
  GstCaps *caps = gst_pad_get_current_caps (pad);
  if (caps && g_async_queue_length (self->items) < MOST_PICTURES) /* more wait where a disk hangs */
    push (self, &(Item){.picture = gst_sample_new (GST_PAD_PROBE_INFO_BUFFER (info), caps, NULL, NULL)});
  gst_clear_caps (&caps);
  return GST_PAD_PROBE_OK;
}

/* --- recordings --- */

static void
clip_free (gpointer data) {
  Clip *clip = data;
  watch_clip_free (clip->file);
  g_ptr_array_unref (clip->labels);
  g_ptr_array_unref (clip->events);
  if (clip->snapshot)
    g_bytes_unref (clip->snapshot);
  g_free (clip);
}

static void
clip_push (GstBuffer *buffer, gpointer data) {
  Clip *clip = data;
  GstClockTime time = watch_ring_time (buffer);
  if (!GST_CLOCK_TIME_IS_VALID (clip->first))
    clip->first = time;
  if (GST_CLOCK_TIME_IS_VALID (time))
    clip->last = time;
  watch_clip_push (clip->file, buffer);
}

static gint64
utc_of (const WatchRecorder *self, GstClockTime running) {
  GstClock *clock = gst_element_get_clock (self->pipeline);
  gint64 now = g_get_real_time ();
  if (!clock || !GST_CLOCK_TIME_IS_VALID (running)) {
    g_clear_object (&clock);
    return now;
  }
  GstClockTimeDiff ago =
      GST_CLOCK_DIFF (gst_element_get_base_time (self->pipeline) + running, gst_clock_get_time (clock));
  gst_object_unref (clock);
  return now - ago / (GstClockTimeDiff)GST_USECOND;
}

static void
add_name (GPtrArray *names, const char *name) {
  if (names->len < MOST_EVENTS && !g_ptr_array_find_with_equal_func (names, name, g_str_equal, NULL))
    g_ptr_array_add (names, g_strdup (name));
}

static void
note_event (Clip *clip, const ClipmoeEvent *event) {
  add_name (clip->labels, event->label);
  add_name (clip->events, event->id);
}

/* Begins with the last key frame that lies far enough before @time, or else the first there is. */
static void
begin_clip (WatchRecorder *self, GstClockTime time) {
  GError *error = NULL;
  if (!self->caps || (self->failed && g_get_monotonic_time () - self->failed < AGAIN))
    return;
  Clip *clip = g_new0 (Clip, 1);
  clip->first = clip->last = GST_CLOCK_TIME_NONE;
  clip->ending = watch_clip_ending (self->caps);
  clip->labels = g_ptr_array_new_with_free_func (g_free);
  clip->events = g_ptr_array_new_with_free_func (g_free);
  clip->file = watch_clip_new (watch_clips_get_folder (self->clips), self->caps, &error);
  if (!clip->file) {
    watch_say_trouble (self->name, error);
    self->failed = g_get_monotonic_time ();
    clip_free (clip);
    return;
  }
  if (!watch_ring_replay (self->ring, time > self->pre_roll ? time - self->pre_roll : 0, clip_push, clip)) {
    clip_free (clip); /* no video yet */
    return;
  }
  clip->utc = utc_of (self, clip->first);
  for (guint i = 0; i < self->open->len; i++)
    note_event (clip, self->open->pdata[i]);
  self->clip = clip;
}

static void
end_clip (WatchRecorder *self) {
  if (!self->clip)
    return;
  watch_clip_end (self->clip->file);
  self->written = self->clip->last;
  g_ptr_array_add (self->ending, g_steal_pointer (&self->clip));
}

static void
publish (WatchRecorder *self, Clip *clip) {
  GError *error = NULL;
  gboolean taken = TRUE, ok = FALSE;
  char *path = NULL;
  guint64 bytes = 0;
  for (guint n = 0; taken && n < 1000; n++) {
    g_free (path);
    path = watch_clips_path (self->clips, clip->utc, clip->ending, n);
    ok = watch_clip_publish (clip->file, path, &taken, &bytes, &error);
  }
  if (!taken)
    clip->file = NULL;
  g_ptr_array_add (clip->labels, NULL);
  g_ptr_array_add (clip->events, NULL);
  gint64 end = clip->utc + GST_CLOCK_DIFF (clip->first, clip->last) / (GstClockTimeDiff)GST_USECOND;
  ok = ok && watch_clips_add (self->clips, path, bytes, clip->snapshot, clip->utc, end,
                              (const char *const *)clip->labels->pdata,
                              (const char *const *)clip->events->pdata, &error);
  if (ok)
    watch_say (self->name, "recorded %s", path);
  else if (error)
    watch_say_trouble (self->name, error);
  g_free (path);
}

/* Those that are whole get their names, one after the other, so that the list is in order. */
static void
poll_ending (WatchRecorder *self, GstClockTime patience) {
  while (self->ending->len) {
    Clip *clip = self->ending->pdata[0];
    GError *error = NULL;
    WatchClipState state = watch_clip_poll (clip->file, patience, &error);
    if (state == WATCH_CLIP_WRITING)
      return;
    if (state == WATCH_CLIP_DONE)
      publish (self, clip);
    else
      watch_say_trouble (self->name, error);
    self->failed = state == WATCH_CLIP_DONE ? 0 : g_get_monotonic_time ();
    g_ptr_array_remove_index (self->ending, 0);
  }
}

/* --- units and events --- */

/* What comes now belongs into a file of its own. */
static void
start_anew (WatchRecorder *self, GstCaps *caps) {
  end_clip (self);
  watch_ring_clear (self->ring);
  gst_caps_replace (&self->caps, caps);
  self->broken = TRUE;
}

/* What is open is recorded from now on: there was no video, or it was lost, or the disk was full. */
static void
begin_late (WatchRecorder *self) {
  GstClockTime start = ((ClipmoeEvent *)self->open->pdata[0])->start;
  if (GST_CLOCK_TIME_IS_VALID (self->written))
    start = MAX (start, self->written + self->pre_roll);
  begin_clip (self, start);
}

/* @buffer is in the ring. One without a time, as a parser makes them, neither ends nor begins anything. */
static void
write_unit (WatchRecorder *self, GstBuffer *buffer, GstClockTime time, gboolean key) {
  gboolean timed = GST_CLOCK_TIME_IS_VALID (time);
  if (!self->clip) {
    if (self->open->len && key)
      begin_late (self);
  } else if (timed && !self->open->len && time > self->until) {
    end_clip (self);
  } else if (timed && key && GST_CLOCK_TIME_IS_VALID (self->clip->first) &&
             time > self->clip->first + MOST_CLIP) {
    end_clip (self);
    begin_clip (self, time + self->pre_roll);
  } else {
    clip_push (buffer, self->clip);
  }
}

static void
take_unit (WatchRecorder *self, GstSample *sample, gboolean lost) {
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  GstCaps *caps = gst_sample_get_caps (sample);
  GstClockTime time = watch_ring_time (buffer);
  gboolean key = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT),
           gap = GST_CLOCK_TIME_IS_VALID (self->last) && GST_CLOCK_TIME_IS_VALID (time) &&
                 time > self->last + 2 * GST_SECOND;
  if (gap || !self->caps || !gst_caps_is_equal (self->caps, caps)) /* the camera was connected anew */
    start_anew (self, caps);
  /* what follows a hole, or a connection that joins a group of pictures in its middle, cannot be decoded
   * before the next key frame */
  self->broken |= lost || GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  self->heard = g_get_monotonic_time ();
  if (GST_CLOCK_TIME_IS_VALID (time))
    self->last = time;
  self->broken = self->broken && !key;
  if (self->broken)
    return;
  watch_ring_add (self->ring, buffer);
  write_unit (self, buffer, time, key);
}

static void
take_picture (WatchRecorder *self, GstSample *picture) {
  GError *error = NULL;
  if (!self->clip || self->clip->snapshot)
    return;
  self->clip->snapshot = clipmoe_picture_encode (picture, 0, &error);
  if (!error)
    return;
  g_prefix_error (&error, "no snapshot: ");
  watch_say_trouble (self->name, error);
}

static void
forget_event (WatchRecorder *self, const char *id) {
  for (guint i = 0; i < self->open->len; i++)
    if (g_str_equal (((ClipmoeEvent *)self->open->pdata[i])->id, id)) {
      g_ptr_array_remove_index (self->open, i);
      return;
    }
}

/* @event is taken. */
static void
take_event (WatchRecorder *self, ClipmoeEvent *event) {
  if (event->type == CLIPMOE_EVENT_END) {
    self->until = MAX (self->until, event->end + self->post_roll);
    forget_event (self, event->id);
    clipmoe_event_free (event);
    return;
  }
  if (!self->open->len && !self->clip)
    self->until = 0;
  g_ptr_array_add (self->open, event);
  if (self->clip)
    note_event (self->clip, event);
  else
    begin_clip (self, event->start);
}

static gpointer
run (gpointer data) {
  WatchRecorder *self = data;
  gint64 care = g_get_monotonic_time () + CARE;
  for (gboolean more = TRUE; more;) {
    Item *item = g_async_queue_timeout_pop (self->items, TURN);
    if (item && item->unit)
      g_atomic_int_add (&self->bytes, -(gint)gst_buffer_get_size (gst_sample_get_buffer (item->unit)));
    if (item && item->unit)
      take_unit (self, item->unit, item->lost);
    else if (item && item->end)
      more = FALSE;
    else if (item && item->event)
      take_event (self, g_steal_pointer (&item->event));
    else if (item)
      take_picture (self, item->picture);
    if (item)
      item_free (item);
    if (self->clip &&
        g_get_monotonic_time () - self->heard > SILENCE) /* lost; what is open is recorded when it is back */
      end_clip (self);
    poll_ending (self, 0);
    if (g_get_monotonic_time () > care) {
      GError *error = NULL;
      care += CARE;
      if (!watch_clips_prune (self->clips, &error))
        watch_say_trouble (self->name, error);
    }
  }
  end_clip (self);
  gint64 end = g_get_monotonic_time () + LAST;
  while (self->ending->len && g_get_monotonic_time () < end)
    poll_ending (self, 20 * GST_MSECOND);
  if (self->ending->len)
    watch_say (self->name, "the last recording did not come to its end in time and is given up");
  return NULL;
}

/* --- for the camera --- */

static gboolean
connect_source (WatchRecorder *self, GstBin *pipeline, GstElement *source, GError **error) {
  GstAppSinkCallbacks callbacks = {.new_sample = unit};
  GstElement *sink = gst_element_factory_make ("appsink", NULL);
  if (!sink) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_IO, "GStreamer's element appsink is not installed");
    return FALSE;
  }
  g_object_set (sink, "sync", FALSE, "async", FALSE, "enable-last-sample", FALSE, NULL);
  gst_app_sink_set_callbacks (GST_APP_SINK (sink), &callbacks, self, NULL);
  gst_bin_add (pipeline, sink);
  if (gst_element_link_pads (source, "encoded", sink, "sink"))
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "the recorder cannot be linked");
  return FALSE;
}

WatchRecorder *
watch_recorder_new (const WatchCamera *camera, GstBin *pipeline, GstElement *source, GstElement *sink,
                    GError **error) {
  WatchRecorder *self = g_new0 (WatchRecorder, 1);
  char *folder = g_build_filename (watch_camera_get (camera, "record"), camera->name, NULL);
  self->name = g_strdup (camera->name);
  self->pre_roll = (GstClockTime)(camera->pre_roll * GST_SECOND);
  self->post_roll = (GstClockTime)(camera->post_roll * GST_SECOND);
  self->pipeline = gst_object_ref (GST_ELEMENT (pipeline));
  self->items = g_async_queue_new_full (item_free);
  self->ring =
      watch_ring_new (self->pre_roll + (GstClockTime)(camera->settle * GST_SECOND) + LATE, MOST_RING);
  self->open = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_event_free);
  self->ending = g_ptr_array_new_with_free_func (clip_free);
  self->last = self->written = GST_CLOCK_TIME_NONE;
  self->clips = watch_clips_open (folder, camera->record_days, camera->record_gigabytes * 1e9, error);
  g_free (folder);
  if (self->clips && connect_source (self, pipeline, source, error))
    self->thread = g_thread_try_new ("recorder", run, self, error);
  if (!self->thread) {
    watch_recorder_free (self);
    return NULL;
  }
  GstPad *pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, passes, self,
                     NULL);
  gst_object_unref (pad);
  return self;
}

void
watch_recorder_end (WatchRecorder *self) {
  push (self, &(Item){.end = TRUE});
}

void
watch_recorder_free (WatchRecorder *self) {
  if (!self)
    return;
  if (self->thread)
    g_thread_join (self->thread);
  g_async_queue_unref (self->items);
  watch_clips_free (self->clips);
  watch_ring_free (self->ring);
  g_ptr_array_unref (self->ending);
  g_ptr_array_unref (self->open);
  gst_clear_caps (&self->caps);
  gst_object_unref (self->pipeline);
  g_free (self->name);
  g_free (self);
}
