/* Which table for resizing runs on this processor. */
#ifndef CLIPMOE_RESIZE_CHOOSE_H
#define CLIPMOE_RESIZE_CHOOSE_H

#include "resize.h"

/* The best table for this processor, or the one that @forced names up to a comma ("generic", "avx2",
 * "avx512", "neon"); NULL when @forced is unknown or lacks support here. @forced may be NULL. */
const ClipmoeResizeKernels *cm_resize_kernels_get (const char *forced);

#endif
