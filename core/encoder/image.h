/* The image tower, from pixels to rows of vectors. */
#ifndef CLIPMOE_IMAGE_TOWER_H
#define CLIPMOE_IMAGE_TOWER_H

#include "tower.h"

/* Runs @n pictures, [n][3][side][side] floats, at most as many as the scratch has sequences: their vectors
 * are left in scratch.embedded, a row each. With an observer there is no result. */
void clipmoe_image_run (ClipmoePackedTower *self, const float *pixels, guint n);
/* As far as the first @blocks blocks, all rows of each: they are left in scratch.z, a picture's tokens one
 * after the other. */
void clipmoe_image_run_blocks (ClipmoePackedTower *self, const float *pixels, guint n, guint blocks);

#endif
