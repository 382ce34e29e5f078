/* Which arithmetic a product runs in. */
#ifndef CLIPMOE_PRECISION_H
#define CLIPMOE_PRECISION_H

#include "tower.h"

/* Numbers stand in files: never another meaning for one. */
typedef enum { CLIPMOE_ARITHMETIC_F32, CLIPMOE_ARITHMETIC_HALF, CLIPMOE_ARITHMETIC_INT8 } ClipmoeArithmetic;

/* NULL: these kernels have none, or no such number. */
const ClipmoeGemm *clipmoe_arithmetic_gemm (const ClipmoeKernels *kernels, guint arithmetic);
/* Of the patch embedding, where most is @most: pixels are what all else comes from, so it is f32 where 16
 * bits or weights of seven would lose much of all that is lost, for a hundredth of the work. */
ClipmoeArithmetic clipmoe_precision_of_pixels (const ClipmoeKernels *kernels, ClipmoeArithmetic most);
/* Of most matrices of a tower. */
ClipmoeArithmetic clipmoe_precision_arithmetic (ClipmoePrecision precision);

#endif
