/* A model's weights in memory: there while somebody makes something of them. A model that was read before is
 * opened without, and one that was packed has no use for them any more. */
#ifndef CLIPMOE_RESIDENCE_H
#define CLIPMOE_RESIDENCE_H

#include "model-private.h"

/* Reads them if they are not there; they stay until as many drops. FALSE: the file is gone or is another one
 * by now, no memory, or a model opened for its shapes alone. Any thread. */
gboolean clipmoe_model_hold_weights (ClipmoeModel *self, GError **error);
void clipmoe_model_drop_weights (ClipmoeModel *self);

#endif
