/* Whether there is nothing to see in a frame. */
#ifndef CLIPMOE_BLANK_H
#define CLIPMOE_BLANK_H

#include "small.h"

/* Black, white, or one colour: all of the small grey picture but the brightest and the darkest 2 % of it (a
 * station's logo, a clock) lies within 10 of 255 steps. Noise is gone at that size; what is seen in fog or at
 * night is not. */
gboolean clipmoe_is_blank (const guint8 luma[CLIPMOE_LUMA_SIDE * CLIPMOE_LUMA_SIDE]);

#endif
