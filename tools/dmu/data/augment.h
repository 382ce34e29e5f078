/* A sample's picture as input of the image tower, with random cropping, mirroring and colour jitter if asked
 * for. */
#ifndef DMU_AUGMENT_H
#define DMU_AUGMENT_H

#include "dataset.h"

typedef struct {
  double least_area; /* least share of the picture's area in a crop, 0 to 1; 1 = the usual centre crop */
  gboolean mirror;   /* half of the pictures */
  double jitter;     /* brightness, contrast and saturation change by up to this share; 0 = off */
} DmuAugment;

/* All random choices follow from @seed. @out [3][side][side]. */
gboolean dmu_augment (const DmuSample *sample, const DmuAugment *how, guint64 seed,
                      const ClipmoeModelInfo *info, ClipmoePreprocessor *preprocessor, float *out,
                      GError **error);

#endif
