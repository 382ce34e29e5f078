#include "arithmetic.h"

#include "../kernels/choose.h"

static const char *const names[] = {
    [CLIPMOE_PRECISION_F32] = "f32", [CLIPMOE_PRECISION_HALF] = "half", [CLIPMOE_PRECISION_INT8] = "int8"};

const char *
clipmoe_precision_name (ClipmoePrecision precision) {
  return names[precision];
}

gboolean
clipmoe_precision_parse (const char *name, ClipmoePrecision *precision) {
  for (guint i = CLIPMOE_PRECISION_F32; i <= CLIPMOE_PRECISION_INT8; i++)
    if (g_str_equal (name, names[i])) {
      *precision = (ClipmoePrecision)i;
      return TRUE;
    }
  return FALSE;
}

const ClipmoeKernels *
clipmoe_kernels_choose (GError **error) {
  const char *forced = g_getenv ("CLIPMOE_CPU"), *why = NULL;
  const ClipmoeKernels *kernels = cm_kernels_get (forced, &why);
  if (!kernels)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED, "CLIPMOE_CPU=%s: %s", forced, why);
  return kernels;
}

const char *
clipmoe_processor_get_tier (GError **error) {
  const ClipmoeKernels *kernels = clipmoe_kernels_choose (error);
  return kernels ? kernels->name : NULL;
}

const ClipmoeKernels *
clipmoe_kernels_for_tower (const ClipmoeKernels *kernels, const ClipmoeArchitecture *tower) {
  return clipmoe_architecture_is_mixture (tower) ? kernels->exact : kernels;
}

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

ClipmoeArithmetic
clipmoe_precision_of_patches (const ClipmoeKernels *kernels, ClipmoeArithmetic most) {
  if (most == CLIPMOE_ARITHMETIC_HALF ||
      (most == CLIPMOE_ARITHMETIC_INT8 && kernels->int8->weight_range < 127))
    return CLIPMOE_ARITHMETIC_F32;
  return most;
}

ClipmoePrecision
clipmoe_precision_of_texts (const ClipmoeKernels *kernels, ClipmoePrecision precision) {
  return precision == CLIPMOE_PRECISION_INT8 && kernels->half ? CLIPMOE_PRECISION_HALF : precision;
}
