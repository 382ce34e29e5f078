/* The verdict of precision AUTO: measured once for a model and a processor (measure.c), and kept in the cache
 * folder. */
#ifndef CLIPMOE_VERDICT_H
#define CLIPMOE_VERDICT_H

#include "../encoder/arithmetic.h"

/* FALSE: none stands, and nothing is set. @why: (out): one sentence, free with g_free(). */
gboolean clipmoe_verdict_find (const ClipmoeModel *model, const ClipmoeKernels *kernels,
                               ClipmoePrecision *precision, char **why);
/* @precision is never AUTO; @why: one line. That it could not be written is no error. */
void clipmoe_verdict_keep (const ClipmoeModel *model, const ClipmoeKernels *kernels,
                           ClipmoePrecision precision, const char *why);

#endif
