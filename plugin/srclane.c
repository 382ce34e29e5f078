#include "srclane.h"

typedef struct {
  GstBuffer *buffer;
  GstCaps *caps;
} Item;

struct _SrcLane {
  gatomicrefcount refs;
  guint most_buffers;
  gsize most_bytes;
  gboolean coded;
  GMutex lock;
  GCond changed;
  /* under the lock */
  GQueue items; /* Item */
  gsize bytes;
  guint64 dropped;
  gboolean flushing, ended, broken; /* broken: until the next key frame */
};

SrcLane *
src_lane_new (guint most_buffers, gsize most_bytes, gboolean coded) {
  SrcLane *self = g_new0 (SrcLane, 1);
  g_atomic_ref_count_init (&self->refs);
  self->most_buffers = most_buffers;
  self->most_bytes = most_bytes;
  self->coded = coded;
  self->flushing = TRUE;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->items);
  return self;
}

SrcLane *
src_lane_ref (SrcLane *self) {
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/* The oldest. */
static void
drop_one (SrcLane *self) {
  Item *item = g_queue_pop_head (&self->items);
  self->bytes -= gst_buffer_get_size (item->buffer);
  gst_buffer_unref (item->buffer);
  gst_caps_unref (item->caps);
  g_free (item);
}

static void
drop_all (SrcLane *self) {
  while (!g_queue_is_empty (&self->items))
    drop_one (self);
}

void
src_lane_unref (SrcLane *self) {
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  drop_all (self);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  g_free (self);
}

static gboolean
is_full (const SrcLane *self) {
  return self->items.length >= self->most_buffers || self->bytes > self->most_bytes;
}

void
src_lane_push (SrcLane *self, GstBuffer *buffer, GstCaps *caps) {
  g_mutex_lock (&self->lock);
  gboolean take = !self->flushing && !self->ended;
  if (take && self->coded) {
    gboolean key = !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    if (is_full (self)) {
      self->dropped += self->items.length;
      drop_all (self);
      self->broken = TRUE;
    }
    if (self->broken && key) {
      buffer = gst_buffer_make_writable (buffer);
      GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
      self->broken = FALSE;
    }
    take = !self->broken;
    self->dropped += !take;
  }
  if (take) {
    while (!self->coded && !g_queue_is_empty (&self->items) && is_full (self)) {
      drop_one (self);
      self->dropped++;
    }
    Item *item = g_new (Item, 1);
    *item = (Item){buffer, gst_caps_ref (caps)};
    self->bytes += gst_buffer_get_size (buffer);
    g_queue_push_tail (&self->items, item);
    g_cond_signal (&self->changed);
  }
  g_mutex_unlock (&self->lock);
  if (!take)
    gst_buffer_unref (buffer);
}

SrcLanePop
src_lane_pop (SrcLane *self, gint64 patience, GstBuffer **buffer, GstCaps **caps) {
  SrcLanePop popped = SRC_LANE_FLUSHING;
  gint64 end = g_get_monotonic_time () + patience;
  gboolean more = TRUE;
  g_mutex_lock (&self->lock);
  while (more && !self->flushing && !self->ended && g_queue_is_empty (&self->items))
    if (patience)
      more = g_cond_wait_until (&self->changed, &self->lock, end);
    else
      g_cond_wait (&self->changed, &self->lock);
  if (!self->flushing && !g_queue_is_empty (&self->items)) {
    Item *item = g_queue_pop_head (&self->items);
    self->bytes -= gst_buffer_get_size (item->buffer);
    *buffer = item->buffer;
    *caps = item->caps;
    g_free (item);
    popped = SRC_LANE_BUFFER;
  } else if (!self->flushing) {
    popped = self->ended ? SRC_LANE_ENDED : SRC_LANE_NOTHING;
  }
  g_mutex_unlock (&self->lock);
  return popped;
}

void
src_lane_set_flushing (SrcLane *self, gboolean flushing) {
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  if (flushing)
    drop_all (self);
  else
    self->ended = FALSE;
  self->broken = FALSE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
src_lane_end (SrcLane *self) {
  g_mutex_lock (&self->lock);
  self->ended = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

guint64
src_lane_get_dropped (SrcLane *self) {
  g_mutex_lock (&self->lock);
  guint64 dropped = self->dropped;
  g_mutex_unlock (&self->lock);
  return dropped;
}
