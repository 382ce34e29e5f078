/* The events of clipmoetag: what its looks begin, continue and end, kept until it is posted on the bus and
 * sent downstream. Looks are finished by the streaming thread or the mailbox's; both find the state here. */
#ifndef CLIPMOE_TAG_EVENTS_H
#define CLIPMOE_TAG_EVENTS_H

#include <gst/gst.h>
#include <stream/stream.h>

/* Guarded by the element's lock `looking`. */
typedef struct {
  ClipmoeEvents *events;
  ClipmoeLookFrame frame;        /* of the newest look */
  guint64 time;                  /* of it, stream time */
  guint64 told;                  /* events so far: their sequence */
  char *source, *model, *tagger; /* of the next look */
  gboolean wanted;               /* messages are, too */
  GQueue posts, pushes;          /* of what is not posted or not sent yet, oldest first */
  gboolean posting;              /* a thread is at it */
} TagEvents;

void tag_events_init (TagEvents *self);
void tag_events_clear (TagEvents *self);
/* Whose the looks that follow are; copied where they are others than before. @wanted: their events are
 * posted. */
void tag_events_name (TagEvents *self, const char *source, const char *model, const char *tagger,
                      gboolean wanted);
/* The stream's newest look. */
void tag_events_add (TagEvents *self, const ClipmoeStream *stream, const ClipmoeStreamLook *found);
/* Remembers which look events come of that are told next, and who it is of: for an object's events. */
ClipmoeLook tag_events_prepare (TagEvents *self, const ClipmoeStreamFrame *frame);
/* As a #ClipmoeEventHandler, with @self. */
void tag_events_keep (const ClipmoeEvent *event, gpointer self);
#define TAG_EVENTS_UPDATE (G_GINT64_CONSTANT (5) * GST_SECOND) /* between two updates of an event */
/* The stream ends or jumps: what is open ends. */
void tag_events_finish (TagEvents *self);
/* Forgets what is not sent yet. */
void tag_events_drop (TagEvents *self);

#endif
