/* What is open between READY and PAUSED: the engine, and what makes pixels and labels ready for it. */
#ifndef CLIPMOE_TAG_SESSION_H
#define CLIPMOE_TAG_SESSION_H

#include <gst/video/video.h>
#include "taglabels.h"
#include "taglooker.h"
#include "tagsettings.h"

/* Reference counted: who is in the middle of a frame keeps it, also when a handler of his own message has
 * stopped the element meanwhile. */
typedef struct {
  gint refs;
  TagEngine *engine;
  TagLooker *looker;
  TagLabelMaker *maker;
  ClipmoeLabels *labels;
  float *pixels; /* of a look in sync */
  ClipmoePreprocessor *preprocessor;
  guint version; /* of the engine, when the element last heard of it */
} TagSession;

/* @settings: borrowed strings, read once. @stream is borrowed. Labels come after, by
 * tag_session_set_labels(). NULL: @error is set. */
TagSession *tag_session_open (const TagSettings *settings, ClipmoeStream *stream, GError **error);
TagSession *tag_session_ref (TagSession *self);
void tag_session_unref (TagSession *self);
/* Takes over @labels. */
void tag_session_set_labels (TagSession *self, ClipmoeLabels *labels);
/* How long a look takes, found by looking at nothing. */
gboolean tag_session_warm_up (TagSession *self, GstClockTime *took, GError **error);
/* Brings the frame to the model's square in @pixels; nothing of @buffer is kept. */
gboolean tag_session_preprocess (TagSession *self, GstBuffer *buffer, const GstVideoInfo *info,
                                 ClipmoeGeometry geometry, GstVideoOrientationMethod direction, float *pixels,
                                 GError **error);

#endif
