/* Which matrices of a tower need more than the precision says: int8 is told by a run, 16 bits by their range.
 */
#ifndef CLIPMOE_CALIBRATE_H
#define CLIPMOE_CALIBRATE_H

#include "../encoder/encoder-private.h"

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
/* half: matrices with weights beyond 65504, which 16-bit floats of 5 bits of exponent do not hold, stay in
 * f32. NULL: there are none. */
ClipmoeCalibration *clipmoe_calibrate_range (ClipmoePackedTower *tower, const ClipmoeTowerPlan *plan);
void clipmoe_calibration_free (ClipmoeCalibration *self);

#endif
