/* The key of an entry of the cache folder: two entries that depend on different things never share one. */
#ifndef CLIPMOE_CACHEKEY_H
#define CLIPMOE_CACHEKEY_H

#include "../model/model-private.h"
#include "arithmetic.h"

/* 64 hex digits that stand for all of @model that its answers depend on (architecture, settings, fingerprint
 * of the weights), the version of this library and of its kernels, the tier, and
 * @precision: of @kernels what that precision packs with, and so which refinements of other precisions a
 *   process has chosen makes no difference; AUTO: all of @kernels
 * @abi: of what is kept, 0 where there is none
 * @entry: the kind of entry and its own version, the processor, …, with separators
 *
 * The vocabulary is left out: nothing that is kept depends on which words the tokens are. Free with
 * g_free(). */
char *clipmoe_cache_key (const ClipmoeModel *model, const ClipmoeKernels *kernels, ClipmoePrecision precision,
                         guint64 abi, const char *entry);

#endif
