#include "tagcontrol.h"

#include <math.h>
#include "clipmoecontrol.h"
#include "tagstream.h"

#define GST_CAT_DEFAULT clipmoe_tag_debug

void
tag_control_send_labels (GstClipmoeTag *self, TagSession *open) {
  ClipmoeLabels *labels = open->labels;
  GST_OBJECT_LOCK (self);
  gboolean same =
      labels == self->told_labels && g_strcmp0 (self->told_source, tag_element_source (self)) == 0;
  char *source = same ? NULL : g_strdup (tag_element_source (self));
  GST_OBJECT_UNLOCK (self);
  if (same)
    return;
  guint n = clipmoe_labels_get_n (labels);
  const char **names = g_new (const char *, n), **groups = g_new (const char *, n);
  for (guint i = 0; i < n; i++) {
    names[i] = clipmoe_labels_get (labels, i)->name;
    groups[i] = clipmoe_labels_get (labels, i)->group;
  }
  GST_DEBUG_OBJECT (self, "the stream %s has %u labels", source ? source : "", n);
  tag_control_forget (self);
  self->told_labels = clipmoe_labels_ref (labels);
  self->told_source = source;
  gst_pad_push_event (GST_BASE_TRANSFORM_SRC_PAD (self), clipmoe_labels_event_new (source, names, groups, n));
  g_free (names);
  g_free (groups);
}

GstEvent *
tag_control_name_camera (GstClipmoeTag *self, GstEvent *event) {
  if (!clipmoe_camera_event_is (event))
    return event;
  GST_OBJECT_LOCK (self); /* without either it is not known yet what the stream is called */
  char *source = self->settings.source || self->uri ? g_strdup (tag_element_source (self)) : NULL;
  GST_OBJECT_UNLOCK (self);
  event = source ? clipmoe_camera_event_name (event, source) : event;
  g_free (source);
  return event;
}

void
tag_control_forget (GstClipmoeTag *self) {
  g_clear_pointer (&self->told_labels, clipmoe_labels_unref);
  g_clear_pointer (&self->told_source, g_free);
}

gboolean
tag_control_is_off (GstClipmoeTag *self) {
  gboolean off = g_atomic_int_get (&self->off);
  if (off && !self->was_off)
    tag_stream_jump (self);
  self->was_off = off;
  return off;
}

void
tag_control_obey (GstClipmoeTag *self, GstEvent *event) {
  ClipmoeControl control;
  if (!clipmoe_control_event_read (event, &control))
    return;
  GST_OBJECT_LOCK (self);
  gboolean mine = g_strcmp0 (control.source, tag_element_source (self)) == 0;
  GST_OBJECT_UNLOCK (self);
  GST_INFO_OBJECT (self, "a command for %s, which is %s stream", control.source, mine ? "this" : "another");
  if (!mine)
    return;
  if (control.labels) /* in place of all */
    g_object_set (self, "labels", control.labels, "labels-file", NULL, NULL);
  if (!isnan (control.threshold))
    g_object_set (self, "threshold", control.threshold, NULL);
  if (control.enable >= 0)
    g_atomic_int_set (&self->off, !control.enable);
}
