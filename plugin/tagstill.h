/* Frames of a scene that stands still are answered from memory: the last look's tags stay. */
#ifndef CLIPMOE_TAG_STILL_H
#define CLIPMOE_TAG_STILL_H

#include "tagelement.h"

/* What decides whether a frame is still; read once a frame. */
typedef struct {
  double threshold; /* 0 = none is */
  double most;      /* seconds */
  gint64 now;       /* tag_clock_rising() */
  ClipmoeGeometry geometry;
  GstVideoOrientationMethod direction;
} TagStillHow;

/* Streaming thread: whether the picture that tag_session_preprocess() made needs no look. If so it is
 * counted, and what `smoothing` and `hold` make of the time that has passed is brought up to date. */
gboolean tag_still_passes (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame,
                           const TagStillHow *how);
/* Streaming thread: the next frames are compared with that picture; it is not handed over yet. */
void tag_still_remember (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame,
                         const TagStillHow *how);
/* Any thread: the next frame is looked at, since the last look came to nothing, or what it stood for has
 * changed. */
void tag_still_forget (GstClipmoeTag *self);

#endif
