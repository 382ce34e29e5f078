/* When a model's f32 weights are in memory: only while somebody holds them. A model whose file is known is
 * opened without them, and once an encoder has packed them they are freed. */
#ifndef CLIPMOE_RESIDENCE_H
#define CLIPMOE_RESIDENCE_H

#include "model-private.h"

/* Reads the weights if they are not in memory; they stay until each hold was dropped. Any thread; others wait
 * while one reads. Errors: IO (the file is gone or holds other weights now), MEMORY, ARGUMENT (opened for its
 * shapes alone). */
gboolean clipmoe_model_hold_weights (ClipmoeModel *self, GError **error);
void clipmoe_model_drop_weights (ClipmoeModel *self);

#endif
