/* Which arithmetic a product runs in. */
#ifndef CLIPMOE_PRECISION_H
#define CLIPMOE_PRECISION_H

#include "tower.h"

/* Numbers stand in files: never another meaning for one. */
typedef enum { CLIPMOE_ARITHMETIC_F32, CLIPMOE_ARITHMETIC_HALF, CLIPMOE_ARITHMETIC_INT8 } ClipmoeArithmetic;

/* NULL: these kernels have none, or no such number. */
const ClipmoeGemm *clipmoe_arithmetic_gemm (const ClipmoeKernels *kernels, guint arithmetic);
/* Of the patch embedding in a tower of @most: pixels are what all else comes from. A hundredth of the work,
 * and much of what 16 bits lose, and 8 bits of weights of 7. */
ClipmoeArithmetic clipmoe_precision_of_pixels (const ClipmoeKernels *kernels, ClipmoeArithmetic most);
/* Of most matrices of a tower. */
ClipmoeArithmetic clipmoe_precision_arithmetic (ClipmoePrecision precision);

#endif
