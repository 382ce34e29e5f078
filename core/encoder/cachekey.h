/* What an entry of the cache folder is made from: two that differ in any of it never share one. */
#ifndef CLIPMOE_CACHEKEY_H
#define CLIPMOE_CACHEKEY_H

#include "../kernels/kernels.h"
#include "../model/model-private.h"

/* 64 hex digits that stand for all of @model that its answers depend on, for the version of this library and
 * of its kernels, for which of these @kernels are, and for @more: the kind of entry, its own version, the
 * precision, the processor, …, with what parts them.
 *
 * The vocabulary is left out, since nothing that is kept depends on which words the tokens are. Free with
 * g_free(). */
char *clipmoe_cache_key (const ClipmoeModel *model, const ClipmoeKernels *kernels, const char *more);

#endif
