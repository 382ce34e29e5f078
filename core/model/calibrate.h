/* int8: how channels are evened out, and which matrices stay in 16 bits. */
#ifndef CLIPMOE_CALIBRATE_H
#define CLIPMOE_CALIBRATE_H

#include "encoder-private.h"

/* By matrix of a tower, as a ClipmoeTowerPlan has them. */
typedef struct {
  guint n;
  guint8 *formats;
  float **factors;
} ClipmoeCalibration;

/* Of @tower, one of @encoder's, by one run in f32 over a generated picture or text, a block at a time. The
 * plan's weights are there. NULL: no memory. */
ClipmoeCalibration *clipmoe_calibrate (ClipmoeEncoder *encoder, ClipmoePackedTower *tower,
                                       const ClipmoeTowerPlan *plan);
void clipmoe_calibration_free (ClipmoeCalibration *self);

#endif
