#include "tagevents.h"

#include "clipmoeevent.h"

void
tag_events_keep (const ClipmoeEvent *event, gpointer data) {
  TagEvents *self = data;
  self->told++;
  if (self->wanted)
    g_queue_push_tail (&self->posts, clipmoe_event_to_message (event, self->time, &self->frame));
  g_queue_push_tail (&self->pushes, clipmoe_event_to_structure (event, self->tagger, self->told));
}

void
tag_events_init (TagEvents *self) {
  *self = (TagEvents){0};
  self->events = clipmoe_events_new (TAG_EVENTS_UPDATE, tag_events_keep, self);
  g_queue_init (&self->posts);
  g_queue_init (&self->pushes);
}

void
tag_events_clear (TagEvents *self) {
  clipmoe_events_free (self->events);
  g_queue_clear_full (&self->posts, (GDestroyNotify)gst_structure_free);
  g_queue_clear_full (&self->pushes, (GDestroyNotify)gst_structure_free);
  g_free (self->source);
  g_free (self->model);
  g_free (self->tagger);
}

static void
keep_name (char **kept, const char *name) {
  if (g_strcmp0 (*kept, name) == 0)
    return;
  g_free (*kept);
  *kept = g_strdup (name);
}

void
tag_events_name (TagEvents *self, const char *source, const char *model, const char *tagger,
                 gboolean wanted) {
  keep_name (&self->source, source);
  keep_name (&self->model, model);
  keep_name (&self->tagger, tagger);
  self->wanted = wanted;
}

void
tag_events_add (TagEvents *self, const ClipmoeStream *stream, const ClipmoeStreamLook *found) {
  guint n;
  const ClipmoeLabelState *labels = clipmoe_stream_get_labels (stream, &n);
  ClipmoeLook look = found->look;
  look.source = self->source;
  look.model = self->model;
  look.tagger = self->tagger;
  self->frame = found->frame;
  self->time = look.time;
  clipmoe_events_add (self->events, &look, labels, n);
}

ClipmoeLook
tag_events_prepare (TagEvents *self, const ClipmoeStreamFrame *frame) {
  self->frame = frame->frame;
  self->time = frame->time;
  return (ClipmoeLook){.source = self->source, .model = self->model, .tagger = self->tagger};
}

void
tag_events_finish (TagEvents *self) {
  clipmoe_events_finish (self->events);
}

void
tag_events_drop (TagEvents *self) {
  g_queue_clear_full (&self->pushes, (GDestroyNotify)gst_structure_free);
}
