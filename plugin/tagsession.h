/* What is open between READY and PAUSED: the engine, the element's mailbox at it, and what makes pixels and
 * labels ready for it. */
#ifndef CLIPMOE_TAG_SESSION_H
#define CLIPMOE_TAG_SESSION_H

#include <gst/video/video.h>
#include <stream/stream.h>
#include "taglabels.h"
#include "tagsettings.h"

/* Reference counted: who is in the middle of a frame keeps it, also when a handler of his own message has
 * stopped the element meanwhile. */
typedef struct {
  gint refs;
  ClipmoeEngine *engine;
  ClipmoeMailbox *mailbox;
  TagLabelMaker *maker;
  ClipmoeLabels *labels;
  ClipmoePreprocessor *preprocessor;
  guint embed;
  float *embedding; /* [embed], of tag_session_encode() */
  guint version;    /* of the engine, when the element last heard of it */
} TagSession;

/* What tag_session_submit() came to, in a thread of the mailbox's: @embedding, or NULL and why. @owner is
 * kept meanwhile. */
typedef void (*TagSessionAnswered) (GstElement *owner, const ClipmoeStreamFrame *frame,
                                    const float *embedding, guint embed, gint64 microseconds,
                                    const GError *error);

/* @settings: borrowed strings, read once. @owner: the element, no reference is kept. Labels come after, by
 * tag_session_set_labels(). NULL: @error is set. */
TagSession *tag_session_open (const TagSettings *settings, TagSessionAnswered answered, GstElement *owner,
                              GError **error);
TagSession *tag_session_ref (TagSession *self);
void tag_session_unref (TagSession *self);
/* Takes over @labels. */
void tag_session_set_labels (TagSession *self, ClipmoeLabels *labels);
/* How long a look takes, found by looking at nothing. */
gboolean tag_session_warm_up (TagSession *self, GstClockTime *took, GError **error);
/* Streaming thread: brings the frame to the model's square, in the mailbox's request; nothing of @buffer is
 * kept. */
gboolean tag_session_preprocess (TagSession *self, GstBuffer *buffer, const GstVideoInfo *info,
                                 ClipmoeGeometry geometry, GstVideoOrientationMethod direction,
                                 GError **error);
/* Streaming thread: the embedding of that picture in self->embedding; as clipmoe_mailbox_encode(). */
gboolean tag_session_encode (TagSession *self, GError **error);
/* Streaming thread: hands that picture over with @frame, whose labels are kept; as clipmoe_mailbox_submit().
 */
gboolean tag_session_submit (TagSession *self, const ClipmoeStreamFrame *frame, gboolean *replaced,
                             GError **error);

#endif
