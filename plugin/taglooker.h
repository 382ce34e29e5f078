/* One look: pixels to an embedding, and that to the stream's next look. */
#ifndef CLIPMOE_TAG_LOOKER_H
#define CLIPMOE_TAG_LOOKER_H

#include <stream/stream.h>
#include "tagengine.h"

typedef struct _TagLooker TagLooker;

TagLooker *tag_looker_new (TagEngine *engine, ClipmoeStream *stream); /* keeps a reference; borrows @stream */
void tag_looker_free (TagLooker *self);
/* One caller at a time. NULL: @error is set. */
ClipmoeStreamLook *tag_looker_look (TagLooker *self, const float *pixels, const ClipmoeStreamFrame *frame,
                                    GError **error);

#endif
