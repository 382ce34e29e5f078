/* LoRA adapters as PEFT saves them: two thin matrices for some of a model's, whose product is added. */
#ifndef CLIPMOE_ADAPTER_H
#define CLIPMOE_ADAPTER_H

#include "canonical.h"

/* Of its file in a folder; NULL ends the list. */
extern const char *const clipmoe_adapter_names[];

/* Adds the adapter @path (adapter_model.safetensors or .bin, or the folder with it; adapter_config.json lies
 * beside it) to @weights: W + alpha / r · B A, or alpha / √r where use_rslora says so, in double precision. A
 * weight that is changed counts as stored in F32. Weights without values are checked alone. Errors: IO,
 * FORMAT, MISMATCH (sizes), UNSUPPORTED (an adapter of another kind); @weights are of no use then. */
gboolean clipmoe_adapter_merge (ClipmoeWeights *weights, const char *path, GError **error);

#endif
