/* The model and the labels that clipmoetag runs: opened before a pad takes data, closed after the last one.
 */
#ifndef CLIPMOE_TAG_MODEL_H
#define CLIPMOE_TAG_MODEL_H

#include "tagelement.h"

/* READY to PAUSED, before a pad is active. FALSE: an error was posted. */
gboolean tag_model_open (GstClipmoeTag *self);
/* After every pad was deactivated. A frame may still be lower on the stack: a handler of a message that it
 * posted may have stopped the element; it keeps its reference on the session. */
void tag_model_close (GstClipmoeTag *self);
/* Stores what `stats` and looks say of the model, if @open is still the open one; a verdict about the
 * precision may change it while it runs. Any thread. */
void tag_model_describe (GstClipmoeTag *self, TagSession *open, gboolean log);
/* Streaming thread: labels that the helper thread has finished are swapped in; changed settings are handed to
 * it, and the same ones again where a verdict about the precision has changed what vectors are made with. */
void tag_model_follow_texts (GstClipmoeTag *self, TagSession *open);

#endif
