/* What a precision means on this processor: the table of kernels, and the arithmetic of each matrix. */
#ifndef CLIPMOE_ARITHMETIC_H
#define CLIPMOE_ARITHMETIC_H

#include "../clipmoe/encoder.h"
#include "../kernels/kernels.h"
#include "../model/architecture.h"

/* How the weights of a matrix are stored and multiplied. These numbers stand in files: none may change its
 * meaning. */
typedef enum {
  CLIPMOE_ARITHMETIC_F32,
  CLIPMOE_ARITHMETIC_HALF,
  CLIPMOE_ARITHMETIC_INT8,
  CLIPMOE_N_ARITHMETICS
} ClipmoeArithmetic;

/* "f32", "half" or "int8"; @precision is never AUTO. */
const char *clipmoe_precision_name (ClipmoePrecision precision);
/* The opposite. FALSE: @name is none of these. */
gboolean clipmoe_precision_parse (const char *name, ClipmoePrecision *precision);

/* The kernels for this processor, or those that the environment variable CLIPMOE_CPU names. NULL
 * (UNSUPPORTED): that names none, or the processor lacks them. Any thread. */
const ClipmoeKernels *clipmoe_kernels_choose (GError **error);
/* Of the two tables in @kernels the one that suits @tower: mixtures run the more exact one. */
const ClipmoeKernels *clipmoe_kernels_for_tower (const ClipmoeKernels *kernels,
                                                 const ClipmoeArchitecture *tower);

/* The kernels' functions for an arithmetic. NULL: these kernels lack it, or there is no such number. */
const ClipmoeGemm *clipmoe_arithmetic_gemm (const ClipmoeKernels *kernels, guint arithmetic);
/* The arithmetic of most matrices of a tower. */
ClipmoeArithmetic clipmoe_precision_arithmetic (ClipmoePrecision precision);
/* The arithmetic of the patch embedding, where that of most matrices is @most. Everything depends on the
 * patches, and their product is a hundredth of the work: it stays in f32 where 16-bit weights, or 8-bit
 * weights of which 7 bits are used, would cause much of the total error. */
ClipmoeArithmetic clipmoe_precision_of_patches (const ClipmoeKernels *kernels, ClipmoeArithmetic most);
/* The precision of the text tower. Label texts are encoded once and reused for every frame; int8 gains
 * nothing. */
ClipmoePrecision clipmoe_precision_of_texts (const ClipmoeKernels *kernels, ClipmoePrecision precision);

#endif
