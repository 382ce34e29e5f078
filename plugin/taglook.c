#include "taglook.h"

#include "tagreport.h"

#define GST_CAT_DEFAULT clipmoe_tag_debug

/* The look that @embedding is, and its events; NULL: @frame is of before a jump. @aside: frames find it by
 * tag_look_follow(). */
static ClipmoeStreamLook *
make (GstClipmoeTag *self, const ClipmoeStreamFrame *frame, const float *embedding, guint embed,
      gboolean aside) {
  ClipmoeStreamLook *found = NULL;
  GST_OBJECT_LOCK (self);
  const char *source = self->settings.source ? self->settings.source : self->uri;
  g_mutex_lock (&self->looking);
  tag_events_name (&self->events, source ? source : self->identity.path, self->model_id,
                   self->identity.tagger, self->settings.post == TAG_POST_EVENTS);
  g_mutex_unlock (&self->looking);
  GST_OBJECT_UNLOCK (self);
  g_mutex_lock (&self->looking);
  if (frame->generation == self->generation) {
    found = clipmoe_stream_add (self->stream, embedding, embed, frame);
    tag_events_add (&self->events, self->stream, found);
    if (aside) {
      clipmoe_stream_look_unref (self->newest);
      self->newest = clipmoe_stream_look_ref (found);
    }
  }
  g_mutex_unlock (&self->looking);
  return found;
}

gboolean
tag_look_now (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame, gint64 begin,
              GError **error) {
  if (!tag_session_encode (open, error))
    return FALSE;
  ClipmoeStreamLook *look = make (self, frame, open->embedding, open->embed, FALSE);
  if (!look) {
    g_set_error_literal (error, CLIPMOE_ERROR, CLIPMOE_ERROR_STOPPED,
                         "the element was stopped while it looked");
    return FALSE;
  }
  clipmoe_stream_look_unref (self->look);
  self->look = clipmoe_stream_look_ref (look);
  tag_report_count (self, look, g_get_monotonic_time () - begin);
  GST_OBJECT_LOCK (self);
  gboolean other = clipmoe_statistics_latency_changed (&self->stats);
  GST_OBJECT_UNLOCK (self);
  if (other)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
  tag_report_post (self, look);
  tag_report_post_events (self);
  clipmoe_stream_look_unref (look);
  return TRUE;
}

gboolean
tag_look_later (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame, GError **error) {
  gboolean replaced;
  if (!tag_session_submit (open, frame, &replaced, error))
    return FALSE;
  if (replaced) {
    GST_LOG_OBJECT (self, "a picture that waited was replaced by a newer one");
    GST_OBJECT_LOCK (self);
    self->stats.skipped++;
    GST_OBJECT_UNLOCK (self);
  }
  return TRUE;
}

void
tag_look_answered (GstElement *element, const ClipmoeStreamFrame *frame, const float *embedding, guint embed,
                   gint64 microseconds, const GError *error) {
  GstClipmoeTag *self = (GstClipmoeTag *)element;
  if (error) {
    tag_report_pass_over (self, TAG_TROUBLE_MODEL, error);
    return;
  }
  gint64 begin = g_get_monotonic_time ();
  ClipmoeStreamLook *look = make (self, frame, embedding, embed, TRUE);
  if (!look) /* the stream has jumped */
    return;
  tag_report_count (self, look, microseconds + g_get_monotonic_time () - begin);
  GST_OBJECT_LOCK (self);
  tag_identity_finished (&self->identity, look);
  GST_OBJECT_UNLOCK (self);
  tag_report_post (self, look);
  tag_report_post_events (self);
  clipmoe_stream_look_unref (look);
}

void
tag_look_follow (GstClipmoeTag *self) {
  g_mutex_lock (&self->looking);
  ClipmoeStreamLook *newest = g_steal_pointer (&self->newest);
  g_mutex_unlock (&self->looking);
  if (!newest)
    return;
  clipmoe_stream_look_unref (self->look);
  self->look = newest;
}
