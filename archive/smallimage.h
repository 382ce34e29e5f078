/* Somebody's pixels become a small picture. */
#ifndef CLIPMOE_SMALL_IMAGE_H
#define CLIPMOE_SMALL_IMAGE_H

#include "../core/clipmoe/image.h"
#include "small.h"

/* Each pixel is the mean of those it stands for, of four rows at most. @image: its planes hold what its sizes
 * and strides say. (transfer full): NULL: of a format that this does not know (words of 10 bits in their low
 * bits). */
ClipmoeSmall *clipmoe_small_from_image (const ClipmoeImage *image);

#endif
