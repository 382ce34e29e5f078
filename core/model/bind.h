/* Binds the weights of a checkpoint to their roles. */
#ifndef CLIPMOE_BIND_H
#define CLIPMOE_BIND_H

#include "canonical.h"
#include "model-private.h"

/* Sets @m's architectures: kinds and all sizes that shapes give (not heads, activation, eps, top_k). FORMAT:
 * a weight is missing or has an impossible shape; @m's architectures are unchanged then. */
gboolean clipmoe_bind_sizes (ClipmoeModel *m, const char *path, const ClipmoeWeights *weights,
                             GError **error);
/* Sets every pointer to weights, the counts of parameters and the sizes in @m->info; the architectures are
 * complete. The pointers are those of @weights, which must outlive @m. FORMAT: a weight is missing, has
 * another shape or has no role; the message uses the file's name for it. */
gboolean clipmoe_bind (ClipmoeModel *m, const char *path, const ClipmoeWeights *weights, GError **error);

/* Frees @n blocks, also those of a failed binding. NULL is allowed. */
void clipmoe_blocks_free (ClipmoeBlock *blocks, guint n);

#endif
