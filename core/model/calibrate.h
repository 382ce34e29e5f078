/* int8: how channels are evened out, and which matrices stay in 16 bits. */
#ifndef CLIPMOE_CALIBRATE_H
#define CLIPMOE_CALIBRATE_H

#include "encoder-private.h"

/* Packs @tower, one of @encoder's, prepared by @plan for int8, after one run in f32 over a generated picture
 * or text, a block at a time. FALSE: no memory. */
gboolean clipmoe_calibrate (ClipmoeEncoder *encoder, ClipmoePackedTower *tower, const ClipmoeTowerPlan *plan);

#endif
