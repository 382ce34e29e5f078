/* What torch.save and torch.jit.save write, without torch: tensors described by a pickle that is interpreted,
 * never executed, and raw storages. */
#ifndef CLIPMOE_TORCH_H
#define CLIPMOE_TORCH_H

#include "../base/file.h"
#include "tensors.h"

/* A zip archive: state dicts since torch 1.6, and TorchScript modules, whose parameters get dotted names. */
gboolean clipmoe_torch_zip_read (ClipmoeTensors *self, ClipmoeFile *file, GError **error);
/* The form before 1.6: five pickles, then the storages one behind the other. */
gboolean clipmoe_torch_legacy_read (ClipmoeTensors *self, ClipmoeFile *file, GError **error);

#endif
