/* The image tower's positions for pictures of another side than it was trained with. */
#ifndef CLIPMOE_POSITIONS_H
#define CLIPMOE_POSITIONS_H

#include "canonical.h"

/* Stretches the grid of "visual.positional_embedding" to @side pixels with patches of @patch, as OpenCLIP and
 * torch do: bicubic (a = -0.5), pixel centres aligned, antialiased where the grid becomes smaller; the class
 * token's row stays. Weights without values get the shape alone. ARGUMENT: @side is no multiple of @patch, or
 * above 4096; FORMAT: the positions are no square; MEMORY. */
gboolean clipmoe_positions_stretch (ClipmoeWeights *weights, const char *path, guint patch, guint side,
                                    GError **error);

#endif
