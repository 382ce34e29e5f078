/* From a picture to a finished look: the engine encodes it, the element's stream turns the embedding into
 * tags. The streaming thread waits for it (mode=sync), or a later frame finds it (mode=latest). */
#ifndef CLIPMOE_TAG_LOOK_H
#define CLIPMOE_TAG_LOOK_H

#include "tagelement.h"

/* Streaming thread: looks at the picture that tag_session_preprocess() made and reports it; frames carry it
 * from now on. @begin: when work on the frame began (monotonic). FALSE: @error is set, STOPPED by a flush or
 * a stop.
 */
gboolean tag_look_now (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame, gint64 begin,
                       GError **error);
/* Streaming thread: hands that picture over. FALSE: @error is set. */
gboolean tag_look_later (GstClipmoeTag *self, TagSession *open, const ClipmoeStreamFrame *frame,
                         GError **error);
/* For tag_session_open(): what was handed over is encoded. */
void tag_look_answered (GstElement *element, const TagRequest *request, const float *embedding, guint embed,
                        gint64 microseconds, const GError *error);
/* Streaming thread: frames carry the newest look that was finished since, if there is one. */
void tag_look_follow (GstClipmoeTag *self);

#endif
