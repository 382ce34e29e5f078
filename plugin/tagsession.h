/* What is open between READY and PAUSED: the engine, and what makes pixels and labels ready for it. */
#ifndef CLIPMOE_TAG_SESSION_H
#define CLIPMOE_TAG_SESSION_H

#include <gst/video/video.h>
#include "taglabels.h"
#include "taglooker.h"
#include "tagsettings.h"

typedef struct {
  TagEngine *engine;
  TagLooker *looker;
  TagLabelMaker *maker;
  ClipmoeLabels *labels;
  float *pixels; /* of a look in sync */
  ClipmoePreprocessor *preprocessor;
} TagSession;

/* @settings: borrowed strings, read once. Labels come after, by tag_session_set_labels(). */
gboolean tag_session_open (TagSession *self, const TagSettings *settings, GError **error);
void tag_session_close (TagSession *self);
/* Takes over @labels. */
void tag_session_set_labels (TagSession *self, ClipmoeLabels *labels);
/* How long a look takes, found by looking at nothing. */
gboolean tag_session_warm_up (TagSession *self, GstClockTime *took, GError **error);
/* Brings the frame to the model's square in @pixels; nothing of @buffer is kept. */
gboolean tag_session_preprocess (TagSession *self, GstBuffer *buffer, const GstVideoInfo *info,
                                 ClipmoeGeometry geometry, GstVideoOrientationMethod direction, float *pixels,
                                 GError **error);

#endif
