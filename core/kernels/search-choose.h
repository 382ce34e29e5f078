/* Which table for searching runs on this processor. */
#ifndef CLIPMOE_SEARCH_CHOOSE_H
#define CLIPMOE_SEARCH_CHOOSE_H

#include "search.h"

/* The best table for this processor, or of the tier that @forced names up to a comma ("generic", "avx2",
 * "avx512", "neon"); with ",-vnni" or ",-dotprod" behind it the table without these instructions. NULL when
 * @forced is unknown or lacks support here. @forced may be NULL. */
const ClipmoeSearchKernels *cm_search_kernels_get (const char *forced);

#endif
