#include "taglook.h"

#include "tagobjects.h"
#include "tagreport.h"
#include "tagstill.h"

#define GST_CAT_DEFAULT clipmoe_tag_debug

/* The look that @embedding is, and its events; NULL: @frame is of before a jump. @aside: frames find it by
 * tag_look_follow(). */
static ClipmoeStreamLook *
make (GstClipmoeTag *self, const ClipmoeStreamFrame *frame, const float *embedding, guint embed,
      gboolean aside) {
  ClipmoeStreamLook *found = NULL;
  tag_report_name_events (self);
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
  tag_report_latency (self);
  tag_report_post (self, look);
  tag_report_post_events (self);
  clipmoe_stream_look_unref (look);
  return TRUE;
}

gboolean
tag_look_later (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame, GError **error) {
  gboolean replaced;
  if (!tag_session_submit (open, frame, NULL, &replaced, error))
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
tag_look_answered (GstElement *element, const TagRequest *request, const float *embedding, guint embed,
                   gint64 microseconds, const GError *error) {
  GstClipmoeTag *self = (GstClipmoeTag *)element;
  const ClipmoeStreamFrame *frame = &request->frame;
  if (request->n) {
    tag_objects_answered (self, request, embedding, embed, microseconds, error);
    return;
  }
  if (error) {
    tag_still_forget (self);
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
