/* What is open now: one pointer under the object lock, through which events, queries and frames of any thread
 * reach the engine, the mailbox and the labels. */
#ifndef CLIPMOE_TAG_OPEN_H
#define CLIPMOE_TAG_OPEN_H

#include "tagelement.h"

/* (transfer full): or NULL. */
TagSession *tag_open_get (GstClipmoeTag *self);
/* FALSE: a handler of one of our messages has stopped the element, or opened it anew, in the middle of a
 * frame. */
gboolean tag_open_is (GstClipmoeTag *self, const TagSession *open);
/* Takes over @open, which may be NULL. What was open before is stopped: nobody hears of its looks any more. A
 * frame may still be lower on the stack, which keeps its own reference. */
void tag_open_set (GstClipmoeTag *self, TagSession *open);

#endif
