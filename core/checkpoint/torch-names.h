/* Which tensors a pickle of torch holds, and under what names. */
#ifndef CLIPMOE_TORCH_NAMES_H
#define CLIPMOE_TORCH_NAMES_H

#include "pickle-values.h"

typedef struct {
  char *name;
  const ClipmoePickleTensor *tensor;
} ClipmoeTorchEntry;

/* The tensors of the state dict, or of the tree of modules, that @top is or wraps: ClipmoeTorchEntry. @note:
 * (out): of several dicts which one that is; untouched where there is one. */
GArray *clipmoe_torch_list (const char *path, const ClipmoePickleValue *top, char **note, GError **error);

#endif
