/* What lasts from look to look of one source: smoothing, and which labels are open. Encoding is not its
 * business: it takes the embedding of a frame and gives the finished look. Pure: no clock, no threads. */
#ifndef CLIPMOE_STREAM_H
#define CLIPMOE_STREAM_H

#include "event.h"
#include "look.h"
#include "rules.h"

/* What is known of the frame that an embedding is of. */
typedef struct {
  guint64 time;          /* stream time in ns; a stream may run backwards */
  gint64 at;             /* UTC in microseconds, or 0 */
  guint generation;      /* another one than before: nothing of the looks before counts */
  ClipmoeLabels *labels; /* borrowed */
  ClipmoeRules rules;
  ClipmoeLookFrame frame; /* the rest of what is said of the frame */
} ClipmoeStreamFrame;

/* A finished look: immutable, reference counted. */
typedef struct {
  ClipmoeLook look; /* without source, model and age, which whoever reports it adds */
  ClipmoeLookFrame frame;
  ClipmoeLabels *labels; /* own the tags' labels */
} ClipmoeStreamLook;

ClipmoeStreamLook *clipmoe_stream_look_ref (ClipmoeStreamLook *self);
void clipmoe_stream_look_unref (ClipmoeStreamLook *self); /* NULL: nothing */

typedef struct _ClipmoeStream ClipmoeStream;

ClipmoeStream *clipmoe_stream_new (void);
void clipmoe_stream_free (ClipmoeStream *self); /* NULL: nothing */
/* The next look; @embedding: a unit vector of @embed floats, as long as the labels' vectors. One caller at a
 * time, any thread. The look's sequence is its number in this stream; the first one is 1. Returns (transfer
 * full). */
ClipmoeStreamLook *clipmoe_stream_add (ClipmoeStream *self, const float *embedding, guint embed,
                                       const ClipmoeStreamFrame *frame);
/* What the newest look said of each label, for clipmoe_events_add(): borrowed, until the next look. */
const ClipmoeLabelState *clipmoe_stream_get_labels (const ClipmoeStream *self, guint *n);

#endif
