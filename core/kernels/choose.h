/* Which table of kernels runs on this processor. */
#ifndef CLIPMOE_CHOOSE_H
#define CLIPMOE_CHOOSE_H

#include "kernels.h"

/* The best table for this processor, or what @forced names: a tier ("generic", "avx2", …), perhaps with
 * refinements to leave out ("avx512,-bf16") or to take even where they do not pay ("avx512,+bf16"). NULL when
 * @forced is not that or the processor lacks it; @why (may be NULL) then gets a sentence that is valid until
 * this thread's next call. @forced may be NULL. Tables are never freed. Any thread may call it; the first
 * call for a choice measures for some milliseconds. */
const ClipmoeKernels *cm_kernels_get (const char *forced, const char **why);

#endif
