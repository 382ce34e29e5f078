/* Which arithmetic a product runs in. */
#ifndef CLIPMOE_PRECISION_H
#define CLIPMOE_PRECISION_H

#include "tower.h"

typedef enum {
  CLIPMOE_ROLE_FIRST, /* patches to tokens */
  CLIPMOE_ROLE_IN_PROJ,
  CLIPMOE_ROLE_OUT_PROJ,
  CLIPMOE_ROLE_C_FC,
  CLIPMOE_ROLE_C_PROJ,
} ClipmoeRole;

const ClipmoeGemm *clipmoe_precision_format (const ClipmoeTowerPlan *plan, ClipmoeRole role, guint block);

#endif
