/* Which looks and events a publisher has seen: whether the look on a buffer is a new one, and whether its
 * labels have changed. (A look is one inference on one frame; later frames carry it again.) */
#ifndef CLIPMOE_SENT_LOOKS_H
#define CLIPMOE_SENT_LOOKS_H

#include "clipmoemeta.h"

typedef struct _ClipmoeSentLooks ClipmoeSentLooks;

typedef struct {
  gboolean seen;    /* seen before, on another buffer */
  gboolean changed; /* not seen before, and with other labels than the same tagger's previous look, of the
                       same object where it is of a region */
} ClipmoeSentNews;

ClipmoeSentLooks *clipmoe_sent_looks_new (void);
void clipmoe_sent_looks_free (ClipmoeSentLooks *self);
/* The looks that follow belong to this stream. Streams may alternate. */
void clipmoe_sent_looks_set_stream (ClipmoeSentLooks *self, GstEvent *stream_start);
/* After a seek: forgets the labels last seen, and looks without identity. */
void clipmoe_sent_looks_jump (ClipmoeSentLooks *self);
/* Remembers @look, the @index-th of its buffer. */
ClipmoeSentNews clipmoe_sent_looks_see (ClipmoeSentLooks *self, const ClipmoeLook *look, guint index);
/* Whether the event with this number of @tagger's was seen before; remembers it. */
gboolean clipmoe_sent_looks_see_event (ClipmoeSentLooks *self, const char *tagger, guint64 sequence);
/* How many taggers and streams are remembered. */
guint clipmoe_sent_looks_get_size (const ClipmoeSentLooks *self);

#endif
