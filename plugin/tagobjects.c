#include "tagobjects.h"

#include <stream/ns.h>
#include "tagreport.h"

#define GST_CAT_DEFAULT clipmoe_tag_debug

#define REGION(ARRAY, I) (&g_array_index (ARRAY, TagRegion, I))

void
tag_objects_read (GstClipmoeTag *self, GstBuffer *buffer, const TagRegionFilter *filter) {
  tag_regions_read (&self->regions, buffer, &self->info, filter);
}

gboolean
tag_objects_choose (GstClipmoeTag *self, guint64 number, guint interval) {
  TagRegions *regions = &self->regions;
  g_mutex_lock (&self->looking);
  tag_regions_choose (regions, self->objects, number, interval);
  g_mutex_unlock (&self->looking);
  GST_OBJECT_LOCK (self);
  self->stats.too_small += regions->too_small;
  self->stats.left_out += regions->left_out;
  GST_OBJECT_UNLOCK (self);
  GST_LOG_OBJECT (self, "regions: %u, to be looked at: %u, too small: %u, left out: %u", regions->all->len,
                  regions->due->len, regions->too_small, regions->left_out);
  return regions->due->len > 0;
}

/* With the lock of what looks are made with. */
static void
ask (GstClipmoeTag *self, guint64 number) {
  for (guint i = 0; i < self->regions.due->len; i++)
    if (REGION (self->regions.due, i)->has_id)
      clipmoe_objects_ask (self->objects, REGION (self->regions.due, i)->id, number);
}

/* With the same lock: nobody looks at these after all. */
static void
withdraw (GstClipmoeTag *self, const TagRegion *regions, guint n) {
  for (guint i = 0; i < n; i++)
    if (regions[i].has_id)
      clipmoe_objects_withdraw (self->objects, regions[i].id);
}

/* @n embeddings have come: looks are made of them and reported. */
static void
finish (GstClipmoeTag *self, const ClipmoeStreamFrame *frame, const TagRegion *regions, guint n,
        const float *embeddings, guint embed, gint64 begin) {
  ClipmoeStreamLook **looks = g_new (ClipmoeStreamLook *, n);
  gboolean *changed = g_new (gboolean, n);
  tag_report_name_events (self);
  g_mutex_lock (&self->looking);
  ClipmoeLook names = tag_events_prepare (&self->events, frame);
  gboolean counts = frame->generation == self->generation;
  for (guint i = 0; i < n && counts; i++) {
    ClipmoeStreamFrame one = *frame;
    one.has_region = TRUE;
    memcpy (one.region, regions[i].part, sizeof one.region);
    one.has_object = regions[i].has_id;
    one.object_id = regions[i].id;
    looks[i] =
        clipmoe_objects_add (self->objects, embeddings + (gsize)i * embed, embed, &one, &names, &changed[i]);
  }
  g_mutex_unlock (&self->looking);
  if (counts) {
    GST_OBJECT_LOCK (self);
    for (guint i = 0; i < n; i++)
      tag_identity_finished (&self->identity, looks[i]);
    GST_OBJECT_UNLOCK (self);
    for (guint i = 0; i < n; i++)
      tag_report_count (self, looks[i], g_get_monotonic_time () - begin);
    for (guint i = 0; i < n; i++) {
      tag_report_post_object (self, looks[i], changed[i]);
      clipmoe_stream_look_unref (looks[i]);
    }
    tag_report_post_events (self);
  }
  g_free (looks);
  g_free (changed);
}

gboolean
tag_objects_look_now (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame, guint64 number,
                      gint64 begin, GError **error) {
  const GArray *due = self->regions.due;
  if (!tag_session_encode (open, error))
    return FALSE;
  g_mutex_lock (&self->looking);
  ask (self, number);
  g_mutex_unlock (&self->looking);
  finish (self, frame, REGION (due, 0), due->len, open->embedding, open->embed, begin);
  tag_report_latency (self);
  return TRUE;
}

gboolean
tag_objects_look_later (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame,
                        guint64 number, GError **error) {
  GArray *due = self->regions.due;
  gboolean replaced;
  g_mutex_lock (&self->looking); /* before the answer can come */
  ask (self, number);
  g_mutex_unlock (&self->looking);
  if (!tag_session_submit (open, frame, due, &replaced, error))
    return FALSE;
  if (replaced) {
    GST_LOG_OBJECT (self, "regions that waited were replaced by those of a newer frame");
    g_mutex_lock (&self->looking);
    withdraw (self, REGION (self->handed_over, 0), self->handed_over->len);
    ask (self, number);
    g_mutex_unlock (&self->looking);
    GST_OBJECT_LOCK (self);
    self->stats.skipped++;
    GST_OBJECT_UNLOCK (self);
  }
  g_array_set_size (self->handed_over, 0);
  g_array_append_vals (self->handed_over, due->data, due->len);
  return TRUE;
}

void
tag_objects_answered (GstClipmoeTag *self, const TagRequest *request, const float *embeddings, guint embed,
                      gint64 microseconds, const GError *error) {
  gint64 begin = g_get_monotonic_time () - microseconds;
  if (!error) {
    finish (self, &request->frame, request->regions, request->n, embeddings, embed, begin);
    return;
  }
  g_mutex_lock (&self->looking);
  withdraw (self, request->regions, request->n);
  g_mutex_unlock (&self->looking);
  tag_report_pass_over (self, TAG_TROUBLE_MODEL, error);
}

void
tag_objects_attach (GstClipmoeTag *self, GstBuffer *buffer, GstClockTime time, gint64 now, double hold) {
  GArray *all = self->regions.all;
  GPtrArray *known = g_ptr_array_new_with_free_func ((GDestroyNotify)clipmoe_stream_look_unref);
  g_mutex_lock (&self->looking);
  for (guint i = 0; i < all->len; i++) {
    ClipmoeStreamLook *look =
        REGION (all, i)->has_id ? clipmoe_objects_get (self->objects, REGION (all, i)->id) : NULL;
    if (look)
      g_ptr_array_add (known, clipmoe_stream_look_ref (look));
    if (look)
      clipmoe_objects_see (self->objects, look->look.object_id, now);
  }
  clipmoe_objects_leave (self->objects, now, clipmoe_ns (hold));
  g_mutex_unlock (&self->looking);
  tag_report_post_events (self);
  tag_report_send_events (self);
  tag_report_attach_all (self, buffer, time, known);
  g_ptr_array_unref (known);
}

void
tag_objects_forget (GstClipmoeTag *self) {
  g_mutex_lock (&self->looking);
  clipmoe_objects_clear (self->objects);
  g_mutex_unlock (&self->looking);
  g_array_set_size (self->handed_over, 0);
}

void
tag_objects_renew (GstClipmoeTag *self) {
  g_mutex_lock (&self->looking);
  clipmoe_objects_withdraw_all (self->objects);
  g_mutex_unlock (&self->looking);
}
