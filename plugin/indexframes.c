#include "indexframes.h"

#include "clipmoeframe.h"
#include "smallframe.h"

#define MOST 50
#define STEP (GST_SECOND / 10) /* between pictures that are kept, so that the nearest is half of it away */
#define FAR (GST_SECOND / 5)   /* such a picture is of another frame */
#define AT_LEAST GST_SECOND    /* how long one is kept */
#define IN_TIME 3              /* so many looks that are not late: none will be */

typedef struct {
  gint64 time;
  ClipmoeSmall *small;
} Kept;

struct _IndexFrames {
  gboolean raw;
  GstVideoInfo info;
  ClipmoeSmallFrame *frame;
  GQueue kept; /* of Kept, the oldest first */
  gint64 keep; /* how long */
  guint in_time;
  gboolean late;
};

static void
kept_free (gpointer data) {
  Kept *kept = data;
  clipmoe_small_unref (kept->small);
  g_free (kept);
}

IndexFrames *
index_frames_new (void) {
  IndexFrames *self = g_new0 (IndexFrames, 1);
  self->frame = clipmoe_small_frame_new ();
  self->keep = AT_LEAST;
  g_queue_init (&self->kept);
  return self;
}

void
index_frames_forget (IndexFrames *self) {
  g_queue_clear_full (&self->kept, kept_free);
}

void
index_frames_free (IndexFrames *self) {
  if (!self)
    return;
  index_frames_forget (self);
  clipmoe_small_frame_free (self->frame);
  g_free (self);
}

void
index_frames_set_format (IndexFrames *self, const GstVideoInfo *info) {
  index_frames_forget (self);
  self->raw = info != NULL;
  if (info)
    self->info = *info;
}

void
index_frames_expect_late (IndexFrames *self, gboolean late) {
  self->late = late;
  self->in_time = 0;
}

static ClipmoeSmall *
make (IndexFrames *self, GstBuffer *buffer, GstVideoOrientationMethod direction, GError **error) {
  GstVideoFrame frame;
  if (!self->raw || !clipmoe_frame_map (&frame, &self->info, buffer, error))
    return NULL;
  ClipmoeSmall *small = clipmoe_small_frame_make (self->frame, &frame, direction, error);
  gst_video_frame_unmap (&frame);
  return small;
}

void
index_frames_see (IndexFrames *self, GstBuffer *buffer, gint64 time, GstVideoOrientationMethod direction) {
  const Kept *last = self->kept.tail ? self->kept.tail->data : NULL;
  if (!self->late || time < 0)
    return;
  if (last && time < last->time) /* backwards */
    index_frames_forget (self);
  else if (last && time - last->time < (gint64)STEP)
    return;
  ClipmoeSmall *small = make (self, buffer, direction, NULL);
  if (!small)
    return;
  while (self->kept.length >= MOST ||
         (self->kept.length && time - ((Kept *)self->kept.head->data)->time > self->keep))
    kept_free (g_queue_pop_head (&self->kept));
  Kept *kept = g_new (Kept, 1);
  *kept = (Kept){time, small};
  g_queue_push_tail (&self->kept, kept);
}

static gint64
distance (const Kept *kept, gint64 time) {
  return kept->time > time ? kept->time - time : time - kept->time;
}

ClipmoeSmall *
index_frames_find (IndexFrames *self, gint64 time, guint64 age, GstBuffer *buffer,
                   GstVideoOrientationMethod direction, GError **error) {
  if (age == 0 && buffer) {
    if (++self->in_time == IN_TIME) {
      self->late = FALSE;
      index_frames_forget (self);
    }
    return make (self, buffer, direction, error);
  }
  const Kept *best = NULL;
  self->late = TRUE;
  self->in_time = 0;
  self->keep = MAX (self->keep, (gint64)MIN (age + age / 2, MOST * STEP));
  for (const GList *l = self->kept.head; l; l = l->next)
    if (!best || distance (l->data, time) < distance (best, time))
      best = l->data;
  if (best && distance (best, time) <= (gint64)FAR)
    return clipmoe_small_ref (best->small);
  return age <= FAR && buffer ? make (self, buffer, direction, error) : NULL;
}
