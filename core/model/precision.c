#include "precision.h"

const ClipmoeGemm *
clipmoe_precision_format (const ClipmoeTowerPlan *plan, ClipmoeRole role, guint block) {
  switch (plan->precision) {
  case CLIPMOE_PRECISION_HALF:
    return plan->kernels->half;
  case CLIPMOE_PRECISION_INT8:
    return plan->kernels->int8;
  default:
    return plan->kernels->f32;
  }
}
