/* What clipmoe calibrate says of a label. */
#ifndef CLIPMOE_CALIBRATE_PRINT_H
#define CLIPMOE_CALIBRATE_PRINT_H

#include <clipmoe/labels.h>
#include "threshold.h"

typedef struct {
  const ClipmoeLabel *label;
  ClipmoeThreshold found;
  guint unreadable, twice, examples; /* pictures that were not counted */
} ClipmoeCalibrated;

typedef struct {
  const char *model, *score, *file; /* @file: the one that is written, or NULL */
  guint64 seed;
  double close_ratio;
  gboolean explain; /* what the figures are */
} ClipmoeCalibration;

void clipmoe_calibrate_print (GString *out, const ClipmoeCalibrated *label, const ClipmoeCalibration *how);
/* A line of JSON. */
void clipmoe_calibrate_print_json (GString *out, const ClipmoeCalibrated *label,
                                   const ClipmoeCalibration *how);

#endif
