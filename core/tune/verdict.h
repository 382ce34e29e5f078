/* What precision=auto comes to: measured once for a model and a processor, and kept in the cache folder. */
#ifndef CLIPMOE_VERDICT_H
#define CLIPMOE_VERDICT_H

#include "../clipmoe/encoder.h"
#include "../kernels/kernels.h"

/* FALSE: none stands. @why: (out): one sentence, free with g_free(). */
gboolean clipmoe_verdict_find (const ClipmoeModel *model, const ClipmoeKernels *kernels,
                               ClipmoePrecision *precision, char **why);

#endif
