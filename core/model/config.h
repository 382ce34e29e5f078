/* What the files beside the weights say that shapes do not. */
#ifndef CLIPMOE_CONFIG_H
#define CLIPMOE_CONFIG_H

#include "find.h"
#include "../checkpoint/tensors.h"
#include "model-private.h"

/* Sets heads, activation, eps, k, mean and deviation; checks what files say against the shapes in @m and
 * against each other. @mixture: some block has a router. */
gboolean clipmoe_config_apply (ClipmoeModel *m, const ClipmoeFiles *files, const ClipmoeTensors *tensors,
                               gboolean mixture, const ClipmoeModelOptions *options, GPtrArray *assumed,
                               GError **error);
/* How many heads published towers of this width have; 0: none is known, and 64 does not divide it. */
guint clipmoe_config_default_heads (guint width, gboolean image);
/* What is taken for a model of this layout and width of the image tower where no file says which. */
ClipmoeActivation clipmoe_config_default_activation (const char *layout, guint width);

#endif
