/* One connection to a camera: a pipeline of its own that reads, chooses the video, and decodes. Nothing that
 * happens in it, an error, an end, a stop that hangs, reaches the pipeline of the element. */
#ifndef CLIPMOE_SRC_ATTEMPT_H
#define CLIPMOE_SRC_ATTEMPT_H

#include "srcaddress.h"
#include "srclane.h"
#include "srctimes.h"

typedef struct _SrcAttempt SrcAttempt;

typedef struct {
  const SrcAddress *address; /* all that is pointed to is read by src_attempt_new() alone, but for @times */
  const char *protocols;     /* of rtspsrc */
  guint latency;             /* ms, of its jitter buffer */
  gint64 patience;           /* µs that a peer may be silent */
  GstClock *clock;           /* running times are by this clock … */
  GstClockTime base_time;    /* … from here on */
  SrcTimes *times;           /* used by this connection alone, until it has been freed */
  SrcLane *pictures, *coded; /* coded: NULL where nobody wants it */
  /* From any of its threads: something below has changed. */
  void (*changed) (gpointer data);
  /* The source was made, and is not running yet. */
  void (*setup) (gpointer data, GstElement *source);
  gpointer data;
} SrcAttemptOptions;

typedef struct {
  guint64 pictures;     /* so far */
  gint64 last;          /* monotonic time of the last one, in µs */
  gboolean units;       /* something was there to be decoded */
  gboolean ended;       /* the camera, or the file */
  gboolean unreachable; /* with failed: nobody answered */
  const char *failed;   /* a sentence, which lives as long as the attempt; or NULL */
} SrcAttemptState;

/* NULL with a sentence: it can never work so. */
SrcAttempt *src_attempt_new (const SrcAttemptOptions *options, GError **error);
void src_attempt_start (SrcAttempt *self);
void src_attempt_get_state (SrcAttempt *self, SrcAttemptState *state);
/* Any thread: nothing more goes into the lanes, and what waits for the clock does not. */
void src_attempt_abort (SrcAttempt *self);
/* Stops it, which may take as long as the camera's network code likes. */
void src_attempt_free (SrcAttempt *self);

#endif
