/* What a publisher has sent: whether a look that a buffer carries is a new one, and says something new. */
#ifndef CLIPMOE_SENT_LOOKS_H
#define CLIPMOE_SENT_LOOKS_H

#include "clipmoemeta.h"

typedef struct _ClipmoeSentLooks ClipmoeSentLooks;

typedef struct {
  gboolean seen;    /* was here before, on another buffer */
  gboolean changed; /* not seen, and its set of labels is not that of the tagger's look before it */
} ClipmoeSentNews;

ClipmoeSentLooks *clipmoe_sent_looks_new (void);
void clipmoe_sent_looks_free (ClipmoeSentLooks *self);
/* The looks that follow belong to this stream. Streams may alternate. */
void clipmoe_sent_looks_set_stream (ClipmoeSentLooks *self, GstEvent *stream_start);
/* A jump: what has no identity of its own, and what was last said, counts no more. */
void clipmoe_sent_looks_jump (ClipmoeSentLooks *self);
/* Remembers @look, the @index-th of its buffer. */
ClipmoeSentNews clipmoe_sent_looks_see (ClipmoeSentLooks *self, const ClipmoeLook *look, guint index);
/* How many taggers and streams are remembered. */
guint clipmoe_sent_looks_get_size (const ClipmoeSentLooks *self);

#endif
