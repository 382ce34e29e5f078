/* The state of one source between its looks: smoothed cosines, which labels are open, the number of the look.
 * It takes the embedding of a frame and returns the finished look; encoding is the engine's part. Pure: no
 * clock, no threads. */
#ifndef CLIPMOE_STREAM_H
#define CLIPMOE_STREAM_H

#include "event.h"
#include "look.h"
#include "rules.h"

/* What is known of the frame that an embedding is of. */
typedef struct {
  guint64 time;     /* stream time in ns; a stream may run backwards */
  gint64 at;        /* UTC in microseconds, or 0 */
  guint generation; /* a new number resets the state: the stream jumped */
  guint connection; /* a new number does so unless the look comes less than `hold` after the last one: the
                       stream was interrupted */
  ClipmoeLabels *labels; /* borrowed */
  ClipmoeRules rules;
  ClipmoeLookFrame frame; /* for messages */
  gboolean has_region;    /* the embedding is of a part of the frame */
  double region[4];       /* as in the look */
  gboolean has_object;    /* with has_region: what is there is known by object_id */
  gint64 object_id;
} ClipmoeStreamFrame;

/* A finished look: immutable, reference counted. */
typedef struct {
  ClipmoeLook look; /* without source, model and age, which whoever reports it adds */
  ClipmoeLookFrame frame;
  ClipmoeLabels *labels; /* owns the tags' labels */
} ClipmoeStreamLook;

ClipmoeStreamLook *clipmoe_stream_look_ref (ClipmoeStreamLook *self);
void clipmoe_stream_look_unref (ClipmoeStreamLook *self); /* NULL: nothing */

typedef struct _ClipmoeStream ClipmoeStream;

ClipmoeStream *clipmoe_stream_new (void);
/* A stream of its own whose looks are counted together with those of @beside, so that no two have the same
 * number. One caller at a time for both, and @beside outlives it. */
ClipmoeStream *clipmoe_stream_new_beside (ClipmoeStream *beside);
void clipmoe_stream_free (ClipmoeStream *self); /* NULL: nothing */
/* The next look; @embedding: a unit vector of @embed floats, as long as the labels' vectors. One caller at a
 * time, any thread. The look's sequence is its number in this stream; the first one is 1. Returns (transfer
 * full). */
ClipmoeStreamLook *clipmoe_stream_add (ClipmoeStream *self, const float *embedding, guint embed,
                                       const ClipmoeStreamFrame *frame);
/* Nothing has been seen since the last look, and it is @time by now (stream time, ns, later than that look).
 * TRUE where that is @hold seconds and more: no label is open any more, which lasts until that look; the
 * stream's events are to be finished. The next look begins anew. */
gboolean clipmoe_stream_pause (ClipmoeStream *self, guint64 time, double hold);
/* What the newest look said of each label, for clipmoe_events_add(): borrowed, until the next look. */
const ClipmoeLabelState *clipmoe_stream_get_labels (const ClipmoeStream *self, guint *n);

#endif
