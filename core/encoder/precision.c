#include "precision.h"

const ClipmoeGemm *
clipmoe_arithmetic_gemm (const ClipmoeKernels *kernels, guint arithmetic) {
  switch (arithmetic) {
  case CLIPMOE_ARITHMETIC_F32:
    return kernels->f32;
  case CLIPMOE_ARITHMETIC_HALF:
    return kernels->half;
  case CLIPMOE_ARITHMETIC_INT8:
    return kernels->int8;
  default:
    return NULL;
  }
}

ClipmoeArithmetic
clipmoe_precision_of_pixels (const ClipmoeKernels *kernels, ClipmoeArithmetic most) {
  if (most == CLIPMOE_ARITHMETIC_HALF ||
      (most == CLIPMOE_ARITHMETIC_INT8 && kernels->int8->weight_range < 127))
    return CLIPMOE_ARITHMETIC_F32;
  return most;
}

ClipmoeArithmetic
clipmoe_precision_arithmetic (ClipmoePrecision precision) {
  switch (precision) {
  case CLIPMOE_PRECISION_HALF:
    return CLIPMOE_ARITHMETIC_HALF;
  case CLIPMOE_PRECISION_INT8:
    return CLIPMOE_ARITHMETIC_INT8;
  default:
    return CLIPMOE_ARITHMETIC_F32;
  }
}
