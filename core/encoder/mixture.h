/* The feed-forward layer of a block, or its mixture of experts. */
#ifndef CLIPMOE_MIXTURE_H
#define CLIPMOE_MIXTURE_H

#include "tower.h"

/* Adds block @block's feed-forward layer of @rows rows, whose residual stream is @z, to them: where they lie,
 * scratch.offsets and strides say. @following as in ClipmoeProduct. */
void clipmoe_packed_tower_feed_forward (ClipmoePackedTower *self, guint block, const ClipmoeRows *rows,
                                        float *z, const void *following);

#endif
