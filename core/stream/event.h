/* Events: a label of a stream opens, goes on and ends. The hysteresis of the stream decides when; this module
 * keeps an event's identity and figures, and reports it. Pure: no clock, no threads. */
#ifndef CLIPMOE_EVENT_H
#define CLIPMOE_EVENT_H

#include "hysteresis.h"
#include "look.h"

typedef enum { CLIPMOE_EVENT_START, CLIPMOE_EVENT_UPDATE, CLIPMOE_EVENT_END } ClipmoeEventType;

/* Strings are borrowed. Times are stream time in ns, as the looks have it. */
typedef struct {
  ClipmoeEventType type;
  const char *id; /* the same from start to end; no other event of any process ever has it */
  const char *source, *label, *model;
  const char *group; /* of labels that exclude each other, or NULL */
  guint64 start;     /* of the first look at the threshold, before settle is over */
  guint64 end;       /* with CLIPMOE_EVENT_END: of the first look below, or else of the last look */
  double peak, mean; /* of the scores of its looks so far */
  guint64 peak_time;
  double score; /* the newest */
  gint64 at;    /* UTC of the start in microseconds since 1970, 0 where it is not known */
  gboolean has_object;
  gint64 object_id;     /* with has_object */
  const char *snapshot; /* where a picture of it is, or NULL */
} ClipmoeEvent;

/* Returns (transfer full): an event that borrows nothing; free with clipmoe_event_free(). */
ClipmoeEvent *clipmoe_event_copy (const ClipmoeEvent *event);
void clipmoe_event_free (ClipmoeEvent *event); /* NULL: nothing */

/* What the newest look said of one label. */
typedef struct {
  const char *label, *group; /* the group, or NULL */
  double score;
  ClipmoeHysteresis hysteresis;   /* after the look */
  ClipmoeHysteresisChange change; /* by the look */
} ClipmoeLabelState;

/* @event is valid during the call. */
typedef void (*ClipmoeEventHandler) (const ClipmoeEvent *event, gpointer data);

typedef struct _ClipmoeEvents ClipmoeEvents;

/* @handler is called with every event by the functions below. @update: an event that goes on is told again
 * when its peak has become higher, but not before so many ns of stream time have passed; 0 = its start and
 * its end alone. */
ClipmoeEvents *clipmoe_events_new (gint64 update, ClipmoeEventHandler handler, gpointer data);
void clipmoe_events_free (ClipmoeEvents *self); /* does not end what is open; NULL: nothing */
/* The next look of one stream, or of one object of it; one caller at a time. Reads @look's source, model,
 * time, at, tagger and sequence, which must be those of a tagger. @labels: one state for each of the @n
 * labels; another source, model or list of labels than before ends what is open. */
void clipmoe_events_add (ClipmoeEvents *self, const ClipmoeLook *look, const ClipmoeLabelState *labels,
                         guint n);
/* The stream ends, or jumps: ends what is open. More may follow. */
void clipmoe_events_finish (ClipmoeEvents *self);

#endif
