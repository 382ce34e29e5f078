#include "tagreport.h"

#include <base/plain.h>
#include "clipmoemeta.h"

#define GST_CAT_DEFAULT clipmoe_tag_debug

/* With the object lock held; borrows all of it. */
static ClipmoeLook
describe_look (GstClipmoeTag *self, const ClipmoeStreamLook *found) {
  return tag_identity_describe (&self->identity, found, tag_element_source (self), self->model_id,
                                self->settings.attach_embedding);
}

/* With the object lock held. Returns (transfer full), or NULL: nobody asks for it. */
static GstStructure *
make_message (GstClipmoeTag *self, const ClipmoeStreamLook *found, gboolean changed) {
  TagPost post = self->settings.post;
  if (post != TAG_POST_ALL && !(post == TAG_POST_CHANGES && changed))
    return NULL;
  ClipmoeLook look = describe_look (self, found);
  look.fresh = TRUE;
  return clipmoe_look_to_message (&look, &found->frame);
}

/* Takes over @message. */
static void
post_message (GstClipmoeTag *self, GstStructure *message) {
  if (message)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self), message));
}

void
tag_report_post (GstClipmoeTag *self, ClipmoeStreamLook *found) {
  GST_OBJECT_LOCK (self);
  gboolean changed = !self->last || !clipmoe_look_same_labels (&found->look, &self->last->look);
  GstStructure *message = make_message (self, found, changed);
  clipmoe_stream_look_unref (self->last);
  self->last = clipmoe_stream_look_ref (found);
  GST_OBJECT_UNLOCK (self);
  post_message (self, message);
}

void
tag_report_post_object (GstClipmoeTag *self, ClipmoeStreamLook *found, gboolean changed) {
  GST_OBJECT_LOCK (self);
  GstStructure *message = make_message (self, found, changed);
  GST_OBJECT_UNLOCK (self);
  post_message (self, message);
}

/* Looks that no buffer carries go down by themselves. */
static void
send_looks (GstClipmoeTag *self, GList *looks) {
  for (GList *l = looks; l; l = l->next) {
    GST_OBJECT_LOCK (self);
    ClipmoeLook look = describe_look (self, l->data);
    look.fresh = TRUE;
    GstStructure *s = clipmoe_look_to_structure (CLIPMOE_LOOK_EVENT, &look);
    self->identity.carried = MAX (self->identity.carried, look.sequence);
    GST_OBJECT_UNLOCK (self);
    gst_pad_push_event (GST_BASE_TRANSFORM_SRC_PAD (self),
                        gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM, s));
  }
  g_list_free_full (looks, (GDestroyNotify)clipmoe_stream_look_unref);
}

void
tag_report_send_last (GstClipmoeTag *self) {
  GST_OBJECT_LOCK (self);
  GList *missed = tag_identity_take_missed (&self->identity, G_MAXUINT64);
  GST_OBJECT_UNLOCK (self);
  send_looks (self, missed);
}

static guint64
age_of (const ClipmoeLook *look, GstClockTime time) {
  return time > look->time ? time - look->time : look->time - time;
}

void
tag_report_name_events (GstClipmoeTag *self) {
  GST_OBJECT_LOCK (self);
  g_mutex_lock (&self->looking);
  tag_events_name (&self->events, tag_element_source (self), self->model_id, self->identity.tagger,
                   self->settings.post == TAG_POST_EVENTS);
  g_mutex_unlock (&self->looking);
  GST_OBJECT_UNLOCK (self);
}

void
tag_report_post_events (GstClipmoeTag *self) {
  TagEvents *e = &self->events;
  GstStructure *s;
  g_mutex_lock (&self->looking);
  gboolean mine = !e->posting;
  while (mine && (s = g_queue_pop_head (&e->posts))) {
    e->posting = TRUE;
    g_mutex_unlock (&self->looking);
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self), s));
    g_mutex_lock (&self->looking);
  }
  if (mine)
    e->posting = FALSE;
  g_mutex_unlock (&self->looking);
}

void
tag_report_send_events (GstClipmoeTag *self) {
  for (;;) {
    g_mutex_lock (&self->looking);
    GstStructure *s = g_queue_pop_head (&self->events.pushes);
    g_mutex_unlock (&self->looking);
    if (!s)
      return;
    gst_pad_push_event (GST_BASE_TRANSFORM_SRC_PAD (self),
                        gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM, s));
  }
}

void
tag_report_attach (GstClipmoeTag *self, GstBuffer *buffer, GstClockTime time, gboolean fresh) {
  const ClipmoeStreamLook *found = self->look;
  /* The lock is held to the end: the source may be set meanwhile, and a copy would cost an allocation. */
  GST_OBJECT_LOCK (self);
  GList *missed =
      tag_identity_take_missed (&self->identity, found->look.sequence); /* several finished since */
  ClipmoeLook look = describe_look (self, found);
  look.age = age_of (&look, time);
  look.fresh = fresh || found->look.sequence != self->identity.carried; /* its first buffer */
  self->identity.carried = found->look.sequence;
  clipmoe_meta_append (buffer, &look);
  GST_OBJECT_UNLOCK (self);
  send_looks (self, missed);
}

void
tag_report_attach_all (GstClipmoeTag *self, GstBuffer *buffer, GstClockTime time, GPtrArray *known) {
  GST_OBJECT_LOCK (self);
  guint64 carried = self->identity.carried;
  GList *finished = tag_identity_take_missed (&self->identity, G_MAXUINT64);
  guint n = 0, most = g_list_length (finished) + known->len;
  ClipmoeLook *looks = g_new (ClipmoeLook, most + 1);
  for (GList *l = finished; l; l = l->next) {
    looks[n] = describe_look (self, l->data);
    looks[n].fresh = TRUE;
    self->identity.carried = MAX (self->identity.carried, looks[n].sequence);
    n++;
  }
  for (guint i = 0; i < known->len; i++) { /* one that was finished this very moment: the next buffer's */
    const ClipmoeStreamLook *look = known->pdata[i];
    if (look->look.sequence <= carried)
      looks[n++] = describe_look (self, look);
  }
  guint *objects = g_new (guint, most + 1);
  for (guint i = n; i-- > 0;) { /* of several looks at an object the newest says what it is */
    looks[i].age = age_of (&looks[i], time);
    objects[i] = tag_regions_take_object (&self->regions, &looks[i], time);
  }
  if (n)
    clipmoe_meta_append_all (buffer, looks, objects, n);
  GST_OBJECT_UNLOCK (self);
  g_free (objects);
  g_free (looks);
  g_list_free_full (finished, (GDestroyNotify)clipmoe_stream_look_unref);
}

void
tag_report_latency (GstClipmoeTag *self) {
  GST_OBJECT_LOCK (self);
  gboolean other = clipmoe_statistics_latency_changed (&self->stats);
  GST_OBJECT_UNLOCK (self);
  if (other)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
}

void
tag_report_count (GstClipmoeTag *self, const ClipmoeStreamLook *look, gint64 microseconds) {
  GST_OBJECT_LOCK (self);
  clipmoe_statistics_add_look (&self->stats, microseconds);
  tag_trouble_went_well (&self->trouble, TAG_TROUBLE_MODEL);
  GST_OBJECT_UNLOCK (self);
  if (gst_debug_category_get_threshold (GST_CAT_DEFAULT) >= GST_LEVEL_LOG) {
    char *best = clipmoe_plain (look->look.n_tags ? look->look.tags[0].label : "nothing", -1);
    GST_LOG_OBJECT (self, "looked at %" GST_TIME_FORMAT " in %.1f ms: %u tags, %s %.3f",
                    GST_TIME_ARGS (look->look.time), (double)microseconds / 1000, look->look.n_tags, best,
                    look->look.n_tags ? look->look.tags[0].score : 0);
    g_free (best);
  }
}

gboolean
tag_report_pass_over (GstClipmoeTag *self, TagTroubleKind kind, const GError *error) {
  char *text = clipmoe_plain (error->message, -1);
  GST_OBJECT_LOCK (self);
  TagTroubleAnswer answer = tag_trouble_failed (&self->trouble, kind, g_get_monotonic_time ());
  guint64 n = ++self->stats.unusable;
  GST_OBJECT_UNLOCK (self);
  GST_DEBUG_OBJECT (self, "not looked at: %s", text);
  if (answer == TAG_TROUBLE_GIVE_UP) {
    g_atomic_int_set (&self->failed, TRUE);
    if (kind == TAG_TROUBLE_FRAME)
      GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", text), ("none of the first frames could be looked at"));
    else
      GST_ELEMENT_ERROR (self, LIBRARY, FAILED, ("%s", text),
                         ("none of the first frames could be looked at"));
  } else if (answer == TAG_TROUBLE_WARN) {
    GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("%s; it passes without being looked at", text),
                         ("%" G_GUINT64_FORMAT " so far; said once a minute", n));
  }
  GST_OBJECT_LOCK (self);
  g_free (self->trouble_text);
  self->trouble_text = text;
  GST_OBJECT_UNLOCK (self);
  return answer != TAG_TROUBLE_GIVE_UP;
}

void
tag_report_end (GstClipmoeTag *self) {
  GST_OBJECT_LOCK (self);
  char *text = tag_trouble_only (&self->trouble) ? g_strdup (self->trouble_text) : NULL;
  GST_OBJECT_UNLOCK (self);
  if (text && g_atomic_int_compare_and_exchange (&self->failed, FALSE, TRUE))
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", text), ("no frame could be looked at"));
  g_free (text);
}
