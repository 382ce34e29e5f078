/* Binds the weights of a checkpoint to their roles. */
#ifndef CLIPMOE_BIND_H
#define CLIPMOE_BIND_H

#include "canonical.h"
#include "model-private.h"

/* Sets every size that shapes say. */
gboolean clipmoe_bind_sizes (ClipmoeModel *m, const char *path, const ClipmoeWeights *weights,
                             GError **error);
/* Sets every pointer and count, after the configuration is known. A weight that is missing, has another shape
 * or has no role is named as the file names it. */
gboolean clipmoe_bind (ClipmoeModel *m, const char *path, const ClipmoeWeights *weights, GError **error);

/* Of @n blocks; a failed binding may have left some out. NULL is nothing to do. */
void clipmoe_blocks_free (ClipmoeBlock *blocks, guint n);

#endif
