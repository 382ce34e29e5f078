/* What is open between READY and PAUSED: the engine, the element's mailbox at it, and what makes pixels and
 * labels ready for it. */
#ifndef CLIPMOE_TAG_SESSION_H
#define CLIPMOE_TAG_SESSION_H

#include <gst/video/video.h>
#include <stream/still.h>
#include <stream/stream.h>
#include "taglabels.h"
#include "tagregions.h"
#include "tagsettings.h"

/* What goes with a request, and comes back with its answer. */
typedef struct {
  ClipmoeStreamFrame frame; /* its labels are kept */
  TagRegion *regions;       /* [n], one for each picture */
  guint n;                  /* 0: one picture, of the whole frame */
} TagRequest;

/* Reference counted: who is in the middle of a frame keeps it, also when a handler of his own message has
 * stopped the element meanwhile. */
typedef struct {
  gint refs;
  ClipmoeEngine *engine;
  ClipmoeMailbox *mailbox;
  TagLabelMaker *maker;
  ClipmoeLabels *labels;
  ClipmoePreprocessor *preprocessor;
  ClipmoeStill *still; /* the streaming thread's */
  guint embed;
  float *embedding; /* [pictures][embed], of tag_session_encode() */
  guint room;       /* pictures that there is room for in it */
  guint version;    /* of the engine, when the element last heard of it */
} TagSession;

/* What tag_session_submit() came to, in a thread of the mailbox's: an embedding for each picture, or NULL and
 * why. @owner is kept meanwhile. */
typedef void (*TagSessionAnswered) (GstElement *owner, const TagRequest *request, const float *embedding,
                                    guint embed, gint64 microseconds, const GError *error);

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
/* Streaming thread: brings the frame, or each of @regions (element-type TagRegion; NULL: the frame), to the
 * model's square, in the mailbox's request; nothing of @buffer is kept. */
gboolean tag_session_preprocess (TagSession *self, GstBuffer *buffer, const GstVideoInfo *info,
                                 ClipmoeGeometry geometry, GstVideoOrientationMethod direction,
                                 const GArray *regions, GError **error);
/* Streaming thread: the embeddings of those pictures in self->embedding; as clipmoe_mailbox_encode(). */
gboolean tag_session_encode (TagSession *self, GError **error);
/* Streaming thread: hands those pictures over with @frame, whose labels are kept, and the @regions that they
 * are of; as clipmoe_mailbox_submit(). */
gboolean tag_session_submit (TagSession *self, const ClipmoeStreamFrame *frame, const GArray *regions,
                             gboolean *replaced, GError **error);

#endif
