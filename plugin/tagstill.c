#include "tagstill.h"

#include "tagreport.h"

#define GST_CAT_DEFAULT clipmoe_tag_debug

void
tag_still_forget (GstClipmoeTag *self) {
  g_atomic_int_set (&self->stirred, TRUE);
}

static gboolean
same_number (double a, double b) {
  return a == b || (isnan (a) && isnan (b));
}

static gboolean
same_rules (const ClipmoeRules *a, const ClipmoeRules *b) {
  return a->score == b->score && same_number (a->threshold, b->threshold) && a->top_k == b->top_k &&
         same_number (a->smoothing, b->smoothing) && same_number (a->hold, b->hold) &&
         same_number (a->settle, b->settle);
}

/* Whether the picture that is remembered was looked at as this one would be. */
static gboolean
same_way (const TagStill *last, const ClipmoeStreamFrame *frame, const TagStillHow *how) {
  return last->generation == frame->generation && last->geometry == how->geometry &&
         last->direction == how->direction && same_rules (&last->rules, &frame->rules);
}

/* A tag may go, or come, long after the picture that is remembered. Another set of labels is a look to
 * report, though no picture was encoded for it. */
static void
pass_time (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame) {
  ClipmoeStreamLook *look = NULL;
  tag_report_name_events (self);
  g_mutex_lock (&self->looking);
  ClipmoeStreamLook *before = self->newest ? self->newest : self->look;
  if (before && before->look.time == self->still.time) { /* else its own look is not finished yet */
    look = clipmoe_stream_add (self->stream, before->look.embedding, open->embed, frame);
    tag_events_add (&self->events, self->stream, look);
    if (clipmoe_look_same_labels (&look->look, &before->look))
      g_clear_pointer (&look, clipmoe_stream_look_unref);
    else
      g_clear_pointer (&self->newest, clipmoe_stream_look_unref);
  }
  g_mutex_unlock (&self->looking);
  tag_report_post_events (self);
  if (!look)
    return;
  self->still.time = frame->time;
  clipmoe_stream_look_unref (self->look);
  self->look = look;
  tag_report_post (self, look);
}

gboolean
tag_still_passes (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame,
                  const TagStillHow *how) {
  const float *pixels = clipmoe_mailbox_get_request (open->mailbox)->pixels;
  if (!(how->threshold > 0))
    return FALSE;
  if (g_atomic_int_get (&self->stirred) || !same_way (&self->still, frame, how))
    return FALSE;
  if (!clipmoe_still_is (open->still, pixels, how->now, how->threshold, how->most))
    return FALSE;
  GST_LOG_OBJECT (self, "%" GST_TIME_FORMAT " is still", GST_TIME_ARGS (frame->time));
  GST_OBJECT_LOCK (self);
  self->stats.still++;
  GST_OBJECT_UNLOCK (self);
  if (frame->rules.smoothing > 0 || frame->rules.hold > 0 || frame->rules.settle > 0)
    pass_time (self, open, frame);
  return TRUE;
}

void
tag_still_remember (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame,
                    const TagStillHow *how) {
  if (!(how->threshold > 0)) {
    clipmoe_still_forget (open->still);
    return;
  }
  g_atomic_int_set (&self->stirred, FALSE);
  clipmoe_still_remember (open->still, clipmoe_mailbox_get_request (open->mailbox)->pixels, how->now);
  self->still = (TagStill){.time = frame->time,
                           .generation = frame->generation,
                           .geometry = how->geometry,
                           .direction = how->direction,
                           .rules = frame->rules};
}
