/* The configuration that shapes do not give: from files beside the weights, metadata and options. */
#ifndef CLIPMOE_CONFIG_H
#define CLIPMOE_CONFIG_H

#include "find.h"
#include "../checkpoint/tensors.h"
#include "model-private.h"

/* Sets heads, activation, eps and top_k of @m's architectures, mean and deviation of its info;
 * clipmoe_bind_sizes() was called before. What files give must agree with the shapes and with each other.
 * @mixture: some block has a router. @assumed: gets a sentence (char *) for each value that no file gives and
 * each file or key that was not read. Errors: IO, FORMAT, MISMATCH, UNSUPPORTED, ARGUMENT. */
gboolean clipmoe_config_apply (ClipmoeModel *m, const ClipmoeFiles *files, const ClipmoeTensors *tensors,
                               gboolean mixture, const ClipmoeModelOptions *options, GPtrArray *assumed,
                               GError **error);
/* The number of heads of published towers of this width; 0: unknown, and not a multiple of 64. */
guint clipmoe_config_default_heads (guint width, gboolean image);
/* The activation that is assumed for this layout and width of the image tower where no file gives it. */
ClipmoeActivation clipmoe_config_default_activation (const char *layout, guint width);

#endif
