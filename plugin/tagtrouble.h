/* Frames that cannot be looked at: one bad buffer ends no stream, a stream of nothing else does. The caller
 * locks. */
#ifndef CLIPMOE_TAG_TROUBLE_H
#define CLIPMOE_TAG_TROUBLE_H

#include <gst/gst.h>

/* What is wrong: with the frame, or with what the model makes of it. */
typedef enum { TAG_TROUBLE_FRAME, TAG_TROUBLE_MODEL, TAG_N_TROUBLES } TagTroubleKind;

/* All zero: nothing was tried yet. */
typedef struct {
  struct {
    guint failed; /* in a row, from the first on */
    gboolean went_well;
  } of[TAG_N_TROUBLES];
  gint64 told; /* when there was a warning, or 0 */
} TagTrouble;

typedef enum {
  TAG_TROUBLE_QUIET,  /* count it */
  TAG_TROUBLE_WARN,   /* and say it: the first of this minute */
  TAG_TROUBLE_GIVE_UP /* none of the first ten went well: they never will */
} TagTroubleAnswer;

/* Frames of other caps come. */
void tag_trouble_new_caps (TagTrouble *self);
void tag_trouble_went_well (TagTrouble *self, TagTroubleKind kind);
/* At the end of the stream: whether frames came, and none of them went well. */
gboolean tag_trouble_only (const TagTrouble *self);
/* @now: monotonic time in microseconds. */
TagTroubleAnswer tag_trouble_failed (TagTrouble *self, TagTroubleKind kind, gint64 now);

#endif
