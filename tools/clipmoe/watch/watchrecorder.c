#include "watchrecorder.h"

#include <common.h>
#include <gst/app/app.h>
#include "clipmoemeta.h"
#include "watchclip.h"
#include "watchclips.h"
#include "clipmoepicture.h"
#include "watchring.h"

#define LATE (8 * GST_SECOND)            /* a look may say so much later what it saw */
#define MOST_RING (128u << 20)           /* bytes of video that wait for an event */
#define MOST_WAITING 4000                /* units and looks that wait for the thread */
#define MOST_PICTURES 100                /* that wait before looks, too, come without one */
#define MOST_CLIP (600 * GST_SECOND)     /* ten minutes */
#define SILENCE (2 * G_TIME_SPAN_SECOND) /* without video a recording ends */
#define CARE (10 * G_TIME_SPAN_MINUTE)   /* how often old recordings are deleted when there are no new ones */
#define TURN (200 * G_TIME_SPAN_MILLISECOND)
#define LAST (G_TIME_SPAN_SECOND) /* that the end of the last recording may take */

/* What the thread gets. */
typedef struct {
  GstSample *unit;    /* coded video; or NULL */
  gboolean lost;      /* units before it */
  GstClockTime time;  /* of a look */
  char **labels;      /* of a look that has some; or NULL */
  GstSample *picture; /* the frame of such a look; or NULL */
  gboolean end;
} Item;

typedef struct {
  WatchClip *file;
  const char *ending;
  GstClockTime first, last; /* running time */
  gint64 utc;               /* of the first */
  GPtrArray *labels;        /* (element-type utf8), NULL-terminated when it is done */
  GBytes *snapshot;
} Clip;

struct _WatchRecorder {
  char *name;
  GstClockTime pre_roll, post_roll;
  GstElement *pipeline; /* for its clock */
  GAsyncQueue *items;
  GThread *thread;
  gboolean lost; /* the pipeline's: units, since the last that was taken */
  /* the thread's */
  WatchClips *clips;
  WatchRing *ring;
  GstCaps *caps;
  gboolean open, broken; /* broken: until the next key frame */
  GstClockTime until, last;
  gint64 heard;      /* monotonic time of the last unit */
  Clip *clip;        /* that is written; or NULL */
  GPtrArray *ending; /* (element-type Clip): those that come to their end */
};

static void
say (const WatchRecorder *self, const char *what) {
  char *line = g_strdup_printf ("%s: %s", self->name, what);
  clipmoe_say (line);
  g_free (line);
}

static void
say_error (const WatchRecorder *self, GError *error) {
  say (self, error->message);
  g_error_free (error);
}

static void
item_free (gpointer data) {
  Item *item = data;
  if (item->unit)
    gst_sample_unref (item->unit);
  if (item->picture)
    gst_sample_unref (item->picture);
  g_strfreev (item->labels);
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
  gboolean room = g_async_queue_length (self->items) < MOST_WAITING;
  if (sample && room)
    push (self, &(Item){.unit = sample, .lost = self->lost});
  else if (sample)
    gst_sample_unref (sample);
  self->lost = !room;
  return GST_FLOW_OK;
}

/* @buffer: the frame that carries the look, or NULL. */
static void
take_look (WatchRecorder *self, const ClipmoeLook *look, GstBuffer *buffer, GstCaps *caps) {
  Item item = {.time = look->time};
  gint waiting = g_async_queue_length (self->items); /* more where a disk hangs */
  if ((!look->fresh && buffer) || waiting >= MOST_WAITING)
    return;
  if (look->n_tags) {
    item.labels = g_new0 (char *, look->n_tags + 1);
    for (guint i = 0; i < look->n_tags; i++)
      item.labels[i] = g_strdup (look->tags[i].label);
    if (buffer && caps && waiting < MOST_PICTURES)
      item.picture = gst_sample_new (buffer, caps, NULL, NULL);
  }
  push (self, &item);
}

static GstPadProbeReturn
look (GstPad *pad, GstPadProbeInfo *info, gpointer data) {
  WatchRecorder *self = data;
  gboolean buffer = !!(info->type & GST_PAD_PROBE_TYPE_BUFFER);
  const GstStructure *s = buffer ? clipmoe_looks_structure (GST_PAD_PROBE_INFO_BUFFER (info))
                                 : clipmoe_looks_event (GST_PAD_PROBE_INFO_EVENT (info));
  GstCaps *caps = s && buffer ? gst_pad_get_current_caps (pad) : NULL;
  guint n = clipmoe_looks_count (s);
  for (guint i = 0; i < n; i++) {
    ClipmoeLook one;
    if (!clipmoe_looks_read (s, i, &one))
      continue;
    take_look (self, &one, buffer ? GST_PAD_PROBE_INFO_BUFFER (info) : NULL, caps);
    clipmoe_looks_clear (&one);
  }
  gst_clear_caps (&caps);
  return GST_PAD_PROBE_OK;
}

/* --- recordings --- */

static void
clip_free (gpointer data) {
  Clip *clip = data;
  watch_clip_free (clip->file);
  g_ptr_array_unref (clip->labels);
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

/* Begins with the last key frame that lies far enough before @time. */
static void
begin_clip (WatchRecorder *self, GstClockTime time) {
  GError *error = NULL;
  if (!self->caps)
    return;
  Clip *clip = g_new0 (Clip, 1);
  clip->first = clip->last = GST_CLOCK_TIME_NONE;
  clip->ending = watch_clip_ending (self->caps);
  clip->labels = g_ptr_array_new_with_free_func (g_free);
  clip->file = watch_clip_new (watch_clips_get_folder (self->clips), self->caps, &error);
  if (!clip->file) {
    say_error (self, error);
    clip_free (clip);
    return;
  }
  if (!watch_ring_replay (self->ring, time > self->pre_roll ? time - self->pre_roll : 0, clip_push, clip)) {
    clip_free (clip); /* no video yet */
    return;
  }
  clip->utc = utc_of (self, clip->first);
  self->clip = clip;
}

static void
end_clip (WatchRecorder *self) {
  if (!self->clip)
    return;
  watch_clip_end (self->clip->file);
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
  gint64 end = clip->utc + GST_CLOCK_DIFF (clip->first, clip->last) / (GstClockTimeDiff)GST_USECOND;
  ok = ok && watch_clips_add (self->clips, path, bytes, clip->snapshot, clip->utc, end,
                              (const char *const *)clip->labels->pdata, &error);
  if (ok) {
    char *said = g_strdup_printf ("recorded %s", path);
    say (self, said);
    g_free (said);
  } else if (error) {
    say_error (self, error);
  }
  g_free (path);
}

/* Those that are whole get their names. */
static void
poll_ending (WatchRecorder *self, GstClockTime patience) {
  for (guint i = self->ending->len; i-- > 0;) {
    Clip *clip = self->ending->pdata[i];
    GError *error = NULL;
    WatchClipState state = watch_clip_poll (clip->file, patience, &error);
    if (state == WATCH_CLIP_WRITING)
      continue;
    if (state == WATCH_CLIP_DONE)
      publish (self, clip);
    else
      say_error (self, error);
    g_ptr_array_remove_index (self->ending, i);
  }
}

/* --- units and looks --- */

static void
take_unit (WatchRecorder *self, GstSample *sample, gboolean lost) {
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  GstCaps *caps = gst_sample_get_caps (sample);
  GstClockTime time = watch_ring_time (buffer);
  gboolean key = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT),
           gap = GST_CLOCK_TIME_IS_VALID (self->last) && GST_CLOCK_TIME_IS_VALID (time) &&
                 time > self->last + 2 * GST_SECOND;
  /* the camera was connected anew */
  if (lost || gap || !self->caps || !gst_caps_is_equal (self->caps, caps)) {
    end_clip (self);
    watch_ring_clear (self->ring);
    gst_caps_replace (&self->caps, caps);
    self->broken = TRUE;
  }
  self->heard = g_get_monotonic_time ();
  self->last = time;
  self->broken = self->broken && !key;
  if (self->broken)
    return;
  watch_ring_add (self->ring, buffer);
  if (!self->clip)
    return;
  if (!self->open && GST_CLOCK_TIME_IS_VALID (time) && time > self->until) {
    end_clip (self);
  } else if (key && time > self->clip->first + MOST_CLIP) {
    GPtrArray *labels = g_ptr_array_ref (self->clip->labels);
    end_clip (self);
    begin_clip (self, time + self->pre_roll);
    for (guint i = 0; self->clip && i < labels->len; i++)
      g_ptr_array_add (self->clip->labels, g_strdup (labels->pdata[i]));
    g_ptr_array_unref (labels);
  } else {
    clip_push (buffer, self->clip);
  }
}

static GBytes *
make_snapshot (WatchRecorder *self, GstSample *picture) {
  GError *error = NULL;
  GBytes *bytes = clipmoe_picture_encode (picture, 0, &error);
  if (bytes)
    return bytes;
  char *said = g_strdup_printf ("no snapshot: %s", error->message);
  say (self, said);
  g_free (said);
  g_error_free (error);
  return NULL;
}

static void
add_label (GPtrArray *labels, const char *label) {
  if (!g_ptr_array_find_with_equal_func (labels, label, g_str_equal, NULL))
    g_ptr_array_add (labels, g_strdup (label));
}

static void
hear_look (WatchRecorder *self, const Item *item) {
  self->open = item->labels != NULL;
  if (!self->open)
    return;
  if (!self->clip || item->time + self->post_roll > self->until)
    self->until = item->time + self->post_roll;
  if (!self->clip)
    begin_clip (self, item->time);
  for (guint i = 0; self->clip && item->labels[i]; i++)
    add_label (self->clip->labels, item->labels[i]);
  if (self->clip && !self->clip->snapshot && item->picture)
    self->clip->snapshot = make_snapshot (self, item->picture);
}

static gpointer
run (gpointer data) {
  WatchRecorder *self = data;
  gint64 care = g_get_monotonic_time () + CARE;
  for (gboolean more = TRUE; more;) {
    Item *item = g_async_queue_timeout_pop (self->items, TURN);
    if (item && item->unit)
      take_unit (self, item->unit, item->lost);
    else if (item && item->end)
      more = FALSE;
    else if (item)
      hear_look (self, item);
    if (item)
      item_free (item);
    if (self->clip &&
        g_get_monotonic_time () - self->heard > SILENCE) { /* lost: whether it is open is not known */
      self->open = FALSE;
      end_clip (self);
    }
    poll_ending (self, 0);
    if (g_get_monotonic_time () > care) {
      GError *error = NULL;
      care += CARE;
      if (!watch_clips_prune (self->clips, &error))
        say_error (self, error);
    }
  }
  end_clip (self);
  gint64 end = g_get_monotonic_time () + LAST;
  while (self->ending->len && g_get_monotonic_time () < end)
    poll_ending (self, 20 * GST_MSECOND);
  if (self->ending->len)
    say (self, "the last recording did not come to its end in time and is given up");
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
  self->ring = watch_ring_new (self->pre_roll + LATE, MOST_RING);
  self->ending = g_ptr_array_new_with_free_func (clip_free);
  self->last = GST_CLOCK_TIME_NONE;
  self->clips = watch_clips_open (folder, camera->record_days, camera->record_gigabytes * 1e9, error);
  g_free (folder);
  if (self->clips && connect_source (self, pipeline, source, error))
    self->thread = g_thread_try_new ("recorder", run, self, error);
  if (!self->thread) {
    watch_recorder_free (self);
    return NULL;
  }
  GstPad *pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, look, self, NULL);
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
  gst_clear_caps (&self->caps);
  gst_object_unref (self->pipeline);
  g_free (self->name);
  g_free (self);
}
