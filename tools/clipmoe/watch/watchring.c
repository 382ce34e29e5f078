#include "watchring.h"

struct _WatchRing {
  GstClockTime length;
  gsize most, bytes;
  GQueue units; /* GstBuffer; the first is a key frame */
};

GstClockTime
watch_ring_time (const GstBuffer *buffer) {
  return GST_BUFFER_PTS_IS_VALID (buffer) ? GST_BUFFER_PTS (buffer) : GST_BUFFER_DTS (buffer);
}

static gboolean
is_key (GstBuffer *buffer) {
  return !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
}

WatchRing *
watch_ring_new (GstClockTime length, gsize bytes) {
  WatchRing *self = g_new0 (WatchRing, 1);
  self->length = length;
  self->most = bytes;
  g_queue_init (&self->units);
  return self;
}

void
watch_ring_free (WatchRing *self) {
  watch_ring_clear (self);
  g_free (self);
}

static void
drop_first (WatchRing *self) {
  GstBuffer *buffer = g_queue_pop_head (&self->units);
  self->bytes -= gst_buffer_get_size (buffer);
  gst_buffer_unref (buffer);
}

void
watch_ring_clear (WatchRing *self) {
  while (self->units.length)
    drop_first (self);
}

/* The first group of pictures goes, when another one follows. */
static gboolean
drop_group (WatchRing *self, GstClockTime before) {
  GList *l = self->units.head ? self->units.head->next : NULL;
  while (l && !is_key (l->data))
    l = l->next;
  if (!l || watch_ring_time (l->data) > before)
    return FALSE;
  while (self->units.head != l)
    drop_first (self);
  return TRUE;
}

void
watch_ring_add (WatchRing *self, GstBuffer *buffer) {
  gboolean key = is_key (buffer);
  GstClockTime now = watch_ring_time (buffer);
  if (!key && !self->units.length)
    return;
  g_queue_push_tail (&self->units, gst_buffer_ref (buffer));
  self->bytes += gst_buffer_get_size (buffer);
  if (key && GST_CLOCK_TIME_IS_VALID (now))
    while (drop_group (self, now > self->length ? now - self->length : 0))
      ;
  while (self->bytes > self->most)
    if (!drop_group (self, G_MAXUINT64)) {
      watch_ring_clear (self); /* a single group that is too large */
      break;
    }
}

gboolean
watch_ring_replay (const WatchRing *self, GstClockTime time, void (*take) (GstBuffer *, gpointer),
                   gpointer data) {
  GList *from = self->units.head;
  for (GList *l = from; l; l = l->next)
    if (is_key (l->data) && watch_ring_time (l->data) <= time)
      from = l;
  for (GList *l = from; l; l = l->next)
    take (l->data, data);
  return from != NULL;
}
