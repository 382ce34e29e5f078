/* A sample's picture as the tower's pixels, optionally cropped, mirrored and recoloured at random. */
#ifndef DMU_AUGMENT_H
#define DMU_AUGMENT_H

#include "dataset.h"

typedef struct {
  double least_area; /* of the picture that a crop keeps, 0 to 1; 1 = the usual centre crop */
  gboolean mirror;   /* half of the pictures */
  double jitter;     /* brightness, contrast and saturation change by up to this share; 0 = not at all */
} DmuAugment;

/* @seed determines all random choices. @out [3][side][side]. */
gboolean dmu_augment (const DmuSample *sample, const DmuAugment *how, guint64 seed,
                      const ClipmoeModelInfo *info, ClipmoePreprocessor *preprocessor, float *out,
                      GError **error);

#endif
